#include "actors/journal_actor.hpp"

#include "caf/all.hpp"

#include "actors/tell.hpp"
#include "flows/limits.hpp"

namespace flow::actors {

namespace {

constexpr auto recover_delay = std::chrono::milliseconds{200};

size_t size_bytes(const storage::batch& rows) {
  size_t bytes = 0;
  for (const auto& m : rows.mutations)
    bytes += m.key.size() + m.value.size();
  return bytes;
}

/// Answers gathered by receiver, so that one commit costs one message each.
class answers {
public:
  void durable(const append_rows& rows) { of(rows.from).tickets.push_back(rows.ticket); }
  void refused(const append_rows& rows, const error& why) {
    of(rows.from).refused.emplace_back(rows.ticket, why);
  }
  void send(journal_actor::pointer self) {
    for (auto& [to, what] : by_receiver_)
      tell(self, to, std::move(what));
  }

private:
  rows_committed& of(const caf::actor& to) {
    for (auto& [receiver, what] : by_receiver_)
      if (receiver == to) return what;
    return by_receiver_.emplace_back(to, rows_committed{}).second;
  }
  std::vector<std::pair<caf::actor, rows_committed>> by_receiver_;
};

} // namespace

void journal_state::append(append_rows& rows) {
  if (!status.is_writable && rows.is_refusable) {
    answers out;
    out.refused(rows, status.last_error);
    out.send(self);
    return;
  }
  if (waiting.empty()) set_oldest(clock->steady_ms());
  waiting.push_back(std::move(rows));
  arm();
}

void journal_state::set_oldest(uint64_t since_ms) {
  oldest_waiting_ms = since_ms;
  health->journal_busy_since(since_ms);
}

void journal_state::arm() {
  if (is_flush_armed || !status.is_writable || waiting.empty()) return;
  is_flush_armed = true;
  self->send(self, flush_now{});
}

void journal_state::flush() {
  is_flush_armed = false;
  if (!status.is_writable || waiting.empty()) return;
  std::vector<append_rows> taken;
  std::vector<storage::batch> batches;
  for (size_t bytes = 0; !waiting.empty() && bytes < limits::commit_bytes_max;
       waiting.pop_front()) {
    bytes += size_bytes(waiting.front().rows);
    batches.push_back(std::move(waiting.front().rows));
    taken.push_back(std::move(waiting.front()));
  }
  ++status.commits;
  status.batches += batches.size();
  auto done = store->commit(batches);
  if (done)
    settle(taken, batches, *done);
  else
    keep_or_refuse(taken, batches, done.error());
  set_oldest(waiting.empty() ? 0 : clock->steady_ms());
  arm();
}

void journal_state::settle(std::vector<append_rows>& taken, std::vector<storage::batch>&,
                           const std::vector<storage::outcome>& outcomes) {
  answers out;
  for (size_t i = 0; i < taken.size(); ++i) {
    if (outcomes[i])
      out.durable(taken[i]);
    else
      out.refused(taken[i], outcomes[i].error());
  }
  out.send(self);
}

void journal_state::keep_or_refuse(std::vector<append_rows>& taken,
                                   std::vector<storage::batch>& batches, const error& why) {
  status.is_writable = false;
  status.last_error = why;
  health->set("journal", "the store cannot be written: " + why.text);
  answers out;
  for (size_t i = taken.size(); i-- > 0;) {
    // Rows of unknown outcome are never refused: they are written again, which changes nothing if
    // they are there.
    if (taken[i].is_refusable && why.code != ec::outcome_unknown) {
      out.refused(taken[i], why);
      continue;
    }
    taken[i].rows = std::move(batches[i]);
    waiting.push_front(std::move(taken[i]));
  }
  out.send(self);
  self->delayed_send(self, recover_delay, try_recover{});
}

void journal_state::recover() {
  if (status.is_writable) return;
  if (auto recovered = store->recover(); !recovered) {
    status.last_error = recovered.error();
    self->delayed_send(self, recover_delay, try_recover{});
    return;
  }
  status.is_writable = true;
  health->clear("journal");
  arm();
}

journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self,
                                     std::shared_ptr<storage::store> store,
                                     const flow::clock* clock,
                                     std::shared_ptr<health_board> health) {
  auto& state = self->state;
  state.self = self;
  state.store = std::move(store);
  state.clock = clock;
  state.health = std::move(health);
  return {
      [self](append_rows& rows) { self->state.append(rows); },
      [self](flush_now) { self->state.flush(); },
      [self](try_recover) { self->state.recover(); },
      [self](describe) {
        auto status = self->state.status;
        status.waiting = self->state.waiting.size();
        status.stalled_ms = status.waiting == 0
                                ? 0
                                : self->state.clock->steady_ms() - self->state.oldest_waiting_ms;
        return status;
      },
  };
}

} // namespace flow::actors
