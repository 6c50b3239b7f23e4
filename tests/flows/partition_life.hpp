// A partition that lives at random over a store made of its rows, and dies between any two writes.
#pragma once

#include <algorithm>
#include <deque>

#include "tests/flows/partition_fixture.hpp"
#include "tests/flows/random_bytes.hpp"
#include "tests/flows/row_text.hpp"

#include "caf/test/dsl.hpp"

namespace flow::test {

constexpr partition_id own{7};
constexpr partition_id other{8};

/// One partition, its store and all that happens to them.
class life {
public:
  explicit life(uint64_t seed) : random_{seed} {
    policy_.socket = "shop.price";
    policy_.edges = {{"next", "result", other, {}},
                     {"second", "result", other, "x"},
                     {"low", "low", other, {}},
                     {"alarm", "error", other, {}}};
    policy_.join = {{"a", parameter_kind::positional_or_keyword, {}, {}},
                    {"b", parameter_kind::positional_or_keyword, {}, {}}};
    policy_.join_by = static_cast<join_mode>(draw(4));
    if (draw(2) == 0) policy_.join_sources = {{other}, {other}};
    if (draw(3) == 0) policy_.join_sources = {{own, other}, {}};
    policy_.calls_max = 60;
    open();
  }

  /// The first thing that is wrong, or "".
  std::string run(int steps) {
    for (step_ = 0; step_ < steps && trouble_.empty(); ++step_)
      step();
    if (trouble_.empty()) finish();
    if (trouble_.empty()) replay();
    return trouble_;
  }

  size_t crashes() const { return crashes_; }
  size_t ended() const { return book_.ended.size(); }

private:
  size_t draw(size_t n) { return below(random_, n); }

  void require(bool is_so, std::string_view what, const call_id& id = {}) {
    if (is_so || !trouble_.empty()) return;
    trouble_ = "step " + std::to_string(step_) + ": " + std::string{what};
    if (id) trouble_ += to_string(id);
  }

  void step() {
    now_ms_ += draw(400);
    switch (draw(20)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return submit();
    case 4:
      return arrive();
    case 5:
      return (void)apply(window_command{draw(7)});
    case 6:
    case 7:
    case 8:
      return end_some();
    case 9:
      return complete_old_lease();
    case 10:
      return give_back();
    case 11:
      return (void)apply(cancel_command{{random_call()}});
    case 12:
      return revive();
    case 13:
      if (draw(8) == 0) apply(bury_command{"purged"});
      return;
    case 14:
      return change_policy();
    case 15:
      if (draw(3) == 0) crash();
      return;
    case 16:
      return refuse();
    default:
      commit(1 + draw(4));
      if (wake_at_ms_ != 0 && wake_at_ms_ <= now_ms_) apply(tick_command{});
    }
  }

  // -- the machine ------------------------------------------------------------

  void open() {
    for (const auto& [lease, id] : leases_)
      old_leases_.push_back(lease);
    leases_.clear();
    journal_.clear();
    log_.clear();
    written_.clear();
    first_policy_ = policy_;
    first_rows_ = book_.of(own);
    opened_ms_ = now_ms_;
    machine_.emplace(own, policy_, ++incarnation_);
    absorb(machine_->restore(first_rows_, now_ms_));
  }

  transition apply(partition_command command) {
    log_.emplace_back(now_ms_, command);
    auto out = machine_->apply(std::move(command), now_ms_);
    auto copy = out;
    absorb(std::move(out));
    return copy;
  }

  /// What the owner of the machine does with a transition: rows to the journal, leases to workers.
  void absorb(transition out) {
    if (auto wrong = machine_->check(); !wrong.empty()) require(false, wrong);
    for (const auto& row : out.rows)
      written_.push_back(text_of(row));
    for (const auto& item : out.dispatches)
      require(leases_.emplace(item.lease, item.call->id).second, "a lease is given out twice");
    for (auto lease : out.revokes)
      forget(lease);
    wake_at_ms_ = out.wake_at_ms;
    for (const auto& ended : out.ended)
      check_children(*ended, out);
    if (out.rows.empty())
      after_commit(out);
    else
      journal_.push_back(std::move(out));
  }

  void after_commit(const transition& out) {
    for (const auto& item : out.accepted)
      acknowledged_.insert(item.id);
    for (const auto& ended : out.ended)
      require(book_.ended.contains(ended->call->id), "an end is told that is not in the store");
  }

  void forget(lease_id lease) {
    leases_.erase(lease);
    old_leases_.push_back(lease);
  }

  // -- the journal ------------------------------------------------------------

  /// The first `count` batches become durable, and their owner learns of it.
  void commit(size_t count) {
    std::vector<call_id> durable;
    for (; count > 0 && !journal_.empty(); --count) {
      auto out = std::move(journal_.front());
      journal_.pop_front();
      book_.apply(out.rows);
      after_commit(out);
      durable.insert(durable.end(), out.pending.begin(), out.pending.end());
    }
    check_book();
    if (!durable.empty()) apply(committed_command{std::move(durable)});
  }

  /// The store is full: new work of some of the next batches is refused, what must be written
  /// stays.
  void refuse() {
    std::vector<std::vector<call_id>> refused;
    auto last = journal_.begin() + static_cast<std::ptrdiff_t>(draw(journal_.size() + 1));
    for (auto batch = journal_.begin(); batch != last; ++batch)
      if (batch->is_refusable) refused.push_back(batch->pending);
    journal_.erase(std::remove_if(journal_.begin(), last,
                                  [](const transition& batch) { return batch.is_refusable; }),
                   last);
    for (auto& ids : refused)
      apply(uncommitted_command{std::move(ids), make_error(ec::store_full, "full")});
  }

  /// Some more batches reach the disk, of which no one is told; the rest and the machine are lost.
  void crash() {
    ++crashes_;
    if (draw(4) == 0) replay();
    for (auto count = draw(journal_.size() + 1); count > 0; --count) {
      book_.apply(journal_.front().rows);
      journal_.pop_front();
    }
    open();
    check_book();
  }

  bool is_in_journal(const call_id& id) const {
    return std::ranges::any_of(journal_, [&](const transition& batch) {
      return std::ranges::any_of(batch.ended,
                                 [&](const ended_ptr& ended) { return ended->call->id == id; });
    });
  }

  // -- commands ---------------------------------------------------------------

  call_id new_id(partition_id owner) {
    return make_call_id(now_ms_, owner, stable_hash("id", ++ids_made_));
  }

  call_ptr make_call(const call_id& id, const call_id& parent, call_extras more) {
    auto call = std::make_shared<call_record>();
    call->id = id;
    call->parent = parent;
    call->root = parent ? parent : id;
    call->args = make_arguments({number(static_cast<int64_t>(draw(100)))});
    call->queued_ms = now_ms_;
    call->priority = static_cast<uint8_t>(draw(10));
    if (draw(5) == 0) call->due_ms = now_ms_ + draw(2'000);
    if (draw(5) == 0) more.expires_ms = now_ms_ + draw(2'000);
    call->set_extras(std::move(more));
    return call;
  }

  std::string random_argument() { return draw(2) == 0 ? "a" : "b"; }

  void submit() {
    submit_command command;
    for (auto count = 1 + draw(3); count > 0; --count) {
      call_extras more;
      if (draw(4) == 0) more.key = std::to_string(draw(6));
      if (draw(5) == 0) more.argument = random_argument();
      if (draw(3) == 0) more.join_key = std::to_string(draw(6));
      bool again = !submitted_.empty() && draw(5) == 0;
      auto call = again ? submitted_[draw(submitted_.size())] : make_call(new_id(own), {}, more);
      if (!again) submitted_.push_back(call);
      command.items.push_back({{1, ++seq_}, call, draw(2) == 0, {}, false});
      look_up(command.items.back());
    }
    apply(std::move(command));
  }

  /// The facts from the store that come with a submission, as the socket finds them.
  void look_up(submission& item) {
    auto text = idempotency_text(*item.call);
    auto key = book_.keys.find({own, text});
    if (!text.empty() && key != book_.keys.end()) item.known = key->second;
    auto id = item.known ? item.known : item.call->id;
    if (machine_->contains(id)) return;
    if (is_in_journal(id) || book_.ended.contains(id)) {
      item.known = id;
      item.known_has_ended = book_.ended.contains(id);
    }
  }

  /// A child that another partition has made: sometimes an argument, sometimes told twice.
  void arrive() {
    if (roots_.empty() || draw(2) == 0) roots_.push_back(new_id(other));
    const auto& root = roots_[draw(roots_.size())];
    call_extras more;
    if (draw(3) != 0) more.argument = random_argument();
    if (draw(3) != 0) more.join_key = std::to_string(draw(6));
    auto child = make_call(new_id(own), root, std::move(more));
    book_.apply({put_call{child}, put_child{root, child->id}});
    if (draw(8) == 0) return crash(); // before its owner was told
    apply(arrive_command{{child}});
    if (draw(4) == 0 && machine_->contains(child->id)) apply(arrive_command{{child}});
  }

  lease_id random_lease() { return std::next(leases_.begin(), draw(leases_.size()))->first; }

  attempt_end random_end(lease_id lease) {
    switch (draw(5)) {
    case 0:
      return failed(lease, draw(2) == 0 ? ec::task_failed : ec::task_timed_out);
    case 1:
      return died(lease);
    default: {
      auto end = success(lease, number(static_cast<int64_t>(draw(100))));
      if (draw(3) == 0) end.plugs.emplace_back("low", number(1));
      if (draw(3) == 0) end.plugs.emplace_back("next", number(2));
      return end;
    }
    }
  }

  void end_some() {
    attempts_command command;
    for (auto count = 1 + draw(3); count > 0 && !leases_.empty(); --count) {
      auto lease = random_lease();
      auto id = leases_.at(lease);
      auto end = random_end(lease);
      forget(lease);
      outputs_[id] = end.plugs;
      command.ends.push_back(std::move(end));
    }
    apply(std::move(command));
  }

  /// A worker that was thought dead comes back.
  void complete_old_lease() {
    if (old_leases_.empty()) return;
    attempts_command command;
    command.ends.push_back(random_end(old_leases_[draw(old_leases_.size())]));
    auto out = apply(std::move(command));
    require(out.rows.empty() && out.ended.empty(), "an old lease changed something");
  }

  void give_back() {
    returned_command command{{}, draw(2) == 0};
    for (auto count = draw(3); count > 0 && !leases_.empty(); --count) {
      command.leases.push_back(random_lease());
      forget(command.leases.back());
    }
    if (!old_leases_.empty()) command.leases.push_back(old_leases_[draw(old_leases_.size())]);
    apply(std::move(command));
  }

  call_id random_call() {
    std::vector<call_id> ids;
    machine_->each([&](const call_view& view) {
      ids.push_back(view.call->id);
      return true;
    });
    std::ranges::sort(ids);
    return ids.empty() ? call_id{} : ids[draw(ids.size())];
  }

  void revive() {
    std::vector<ended_ptr> choice;
    for (const auto& [id, ended] : book_.ended)
      if (ended->state != call_state::finished && !machine_->contains(id)) choice.push_back(ended);
    if (!choice.empty()) apply(revive_command{{choice[draw(choice.size())]}});
  }

  void change_policy() {
    policy_.retries = static_cast<uint32_t>(draw(3));
    policy_.retry_delay_ms = draw(2) * 300;
    policy_.ttl_ms = draw(3) == 0 ? 1'000 + draw(2'000) : 0;
    policy_.is_paused = draw(6) == 0;
    policy_.join_timeout_ms = draw(3) == 0 ? 500 + draw(2'000) : 0;
    if (draw(5) == 0) policy_.join_by = static_cast<join_mode>(draw(4));
    policy_.join[1].default_text.reset();
    if (draw(4) == 0) policy_.join[1].default_text = "0";
    apply(policy_command{policy_});
  }

  // -- what must always hold --------------------------------------------------

  /// A call that ends makes one child for each of its plugs that fires, in the same write.
  void check_children(const ended_call& ended, const transition& out) {
    const auto& id = ended.call->id;
    std::multiset<std::string> made;
    for (const auto& row : out.rows)
      if (const auto* put = std::get_if<put_call>(&row))
        if (put->call->parent == id && put->call->id.partition() == other)
          made.insert(put->call->more().edge);
    std::multiset<std::string> wanted;
    bool is_delivery = !ended.call->more().argument.empty();
    if (ended.state == call_state::finished && !is_delivery) {
      wanted = {"next", "second"};
      for (const auto& [name, v] : outputs_[id])
        if (name == "low") wanted.insert("low");
    } else if (ended.is_dead_letter) {
      wanted = {"alarm"};
    }
    require(made == wanted, "wrong children of ", id);
    children_[id][ended.call->generation] = wanted.size();
  }

  size_t children_before(const call_id& id, uint32_t generation) const {
    size_t count = 0;
    if (auto found = children_.find(id); found != children_.end())
      for (const auto& [lived, made] : found->second)
        if (lived < generation) count += made;
    return count;
  }

  void check_book() {
    require(book_.trouble.empty(), book_.trouble);
    for (const auto& id : acknowledged_)
      require(book_.calls.contains(id) != book_.ended.contains(id),
              "an acknowledged call is lost, or there twice: ", id);
    std::map<call_id, size_t> made;
    for (const auto& [parent, child] : book_.children) {
      if (child.partition() == other) ++made[parent];
    }
    for (const auto& [id, call] : book_.calls)
      require(made[id] == children_before(id, call->generation),
              "a call that has not ended has children: ", id);
    for (const auto& [id, ended] : book_.ended)
      require(made[id] == children_before(id, ended->call->generation + 1),
              "a call that ended has the wrong number of children: ", id);
    for (const auto& [id, progress] : book_.progress)
      require(book_.calls.contains(id), "progress of a call that is not in flight");
    if (journal_.empty()) check_counters();
  }

  /// With nothing on its way to the disk, memory and rows are the same.
  void check_counters() {
    auto rows = book_.of(own);
    const auto& counts = machine_->counts();
    require(counts.joining + counts.scheduled + counts.queued + counts.taken == rows.size(),
            "the counters differ from the rows");
    for (const auto& row : rows) {
      auto view = machine_->find(row.call->id);
      require(view && *view->call == *row.call, "a call differs from its row");
      auto attempts = row.progress ? row.progress->attempts : 0;
      require(view && view->progress.attempts == attempts, "progress differs from its row");
    }
  }

  /// The same commands on the same rows write the same.
  void replay() {
    std::vector<std::string> again;
    partition twin{own, first_policy_, incarnation_};
    auto keep = [&](const transition& out) {
      for (const auto& row : out.rows)
        again.push_back(text_of(row));
    };
    keep(twin.restore(first_rows_, opened_ms_));
    for (const auto& [now_ms, command] : log_)
      keep(twin.apply(command, now_ms));
    require(again == written_, "a replay wrote other rows");
  }

  /// When nothing stands in its way, every call ends; only half a set may wait for the other half.
  void finish() {
    policy_.is_paused = false;
    apply(policy_command{policy_});
    apply(window_command{1'000});
    for (int rounds = 0; rounds < 1'000 && trouble_.empty(); ++rounds) {
      commit(journal_.size());
      if (!leases_.empty()) end_some();
      now_ms_ = std::max(now_ms_, wake_at_ms_);
      apply(tick_command{});
      const auto& counts = machine_->counts();
      bool is_idle = counts.queued + counts.scheduled + counts.taken == 0;
      if (is_idle && journal_.empty()) return check_book();
    }
    require(false, "calls are stuck: " + std::to_string(machine_->counts().queued) + " queued, "
                       + std::to_string(machine_->counts().scheduled) + " scheduled, "
                       + std::to_string(machine_->counts().taken) + " taken");
  }

  random_engine random_;
  uint64_t now_ms_ = 1'700'000'000'000;
  partition_policy policy_;
  std::optional<partition> machine_;
  row_book book_;
  std::deque<transition> journal_;
  uint64_t wake_at_ms_ = 0;
  uint32_t incarnation_ = 0;
  uint64_t ids_made_ = 0;
  uint64_t seq_ = 0;
  std::vector<call_ptr> submitted_;
  std::vector<call_id> roots_;
  std::map<lease_id, call_id> leases_; ///< at workers
  std::vector<lease_id> old_leases_;   ///< ended, given back, or of an earlier life
  std::map<call_id, std::vector<std::pair<std::string, value>>> outputs_;
  std::map<call_id, std::map<uint32_t, size_t>> children_; ///< by generation
  std::set<call_id> acknowledged_;
  // since the machine was opened
  partition_policy first_policy_;
  std::vector<restored_call> first_rows_;
  uint64_t opened_ms_ = 0;
  std::vector<std::pair<uint64_t, partition_command>> log_;
  std::vector<std::string> written_;
  int step_ = 0;
  size_t crashes_ = 0;
  std::string trouble_;
};

} // namespace flow::test
