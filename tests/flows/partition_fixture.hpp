// One partition under test: commands go in, its rows are kept as a store would keep them, and after
// each command everything that must always hold is checked.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "flows/cbor.hpp"
#include "flows/partition.hpp"

namespace flow::test {

/// Rows as a store would have them. `trouble` tells of a change that makes no sense.
struct row_book {
  std::map<call_id, call_ptr> calls;
  std::map<call_id, call_progress> progress;
  std::map<call_id, ended_ptr> ended;
  std::set<std::pair<call_id, call_id>> children;
  std::map<std::pair<partition_id, std::string>, call_id> keys;
  std::string trouble;

  void apply(const std::vector<row_change>& changes) {
    for (const auto& change : changes)
      std::visit([this](const auto& row) { on(row); }, change);
  }

  std::vector<restored_call> of(partition_id owner) const {
    std::vector<restored_call> rows;
    for (const auto& [id, call] : calls) {
      if (id.partition() != owner) continue;
      auto& row = rows.emplace_back(restored_call{call, {}});
      if (auto found = progress.find(id); found != progress.end()) row.progress = found->second;
    }
    return rows;
  }

private:
  void require(bool is_so, const char* what, const call_id& id) {
    if (!is_so && trouble.empty()) trouble = what + to_string(id);
  }
  void on(const put_call& row) {
    require(!ended.contains(row.call->id), "a call lives that has ended: ", row.call->id);
    calls[row.call->id] = row.call;
  }
  void on(const put_progress& row) {
    require(calls.contains(row.id), "progress of no call: ", row.id);
    progress[row.id] = row.progress;
  }
  void on(const erase_call& row) {
    require(calls.erase(row.id) == 1, "erases a call that is not there: ", row.id);
    require(progress.erase(row.id) == row.has_progress, "leaves progress behind: ", row.id);
  }
  void on(const put_ended& row) {
    const auto& id = row.ended->call->id;
    require(!calls.contains(id), "ends a call that still lives: ", id);
    require(ended.emplace(id, row.ended).second, "ends a call twice: ", id);
  }
  void on(const erase_ended& row) {
    const auto& id = row.ended->call->id;
    require(ended.erase(id) == 1, "takes from history what is not there: ", id);
  }
  void on(const put_child& row) { children.emplace(row.parent, row.child); }
  void on(const erase_child& row) {
    require(children.erase({row.parent, row.child}) == 1, "forgets no child: ", row.child);
  }
  void on(const put_key& row) { keys[{row.owner, row.key}] = row.id; }
};

inline value number(int64_t n) {
  return value_of_json(std::to_string(n)).value();
}

/// A text with so many characters.
inline value text_of_bytes(size_t bytes) {
  value v;
  v.cbor.clear();
  cbor::writer{v.cbor}.text(std::string(bytes, 'x'));
  return v;
}

inline attempt_end success(lease_id lease, value returned = {}) {
  attempt_end end;
  end.lease = lease;
  end.returned = std::move(returned);
  return end;
}

inline attempt_end failed(lease_id lease, ec code = ec::task_failed) {
  attempt_end end;
  end.lease = lease;
  end.why = {code, "KeyError", "no such key", "line 1"};
  return end;
}

inline attempt_end died(lease_id lease) {
  auto end = failed(lease, ec::worker_lost);
  end.worker_died = true;
  return end;
}

inline std::vector<call_id> ids_of(const std::vector<call_ptr>& calls) {
  std::vector<call_id> ids;
  for (const auto& call : calls)
    ids.push_back(call->id);
  return ids;
}

class partition_fixture {
public:
  static constexpr partition_id own{7};
  static constexpr partition_id other{8};

  partition_fixture() {
    policy.socket = "shop.price";
    policy.retry_delay_ms = 1'000;
    open();
  }

  /// A new life of the machine, from the rows that are on disk.
  transition open() {
    machine.emplace(own, policy, ++incarnation);
    machine->read_arguments_with([this](const call_id& id) -> std::optional<arguments> {
      auto found = rows.calls.find(id);
      return found == rows.calls.end() ? std::nullopt : std::optional{found->second->args};
    });
    taken.clear();
    auto out = machine->restore(rows.of(own), now_ms);
    settle(out);
    return out;
  }

  /// The rows of refusable work stay out of `rows` until `commit`.
  transition run(partition_command command) {
    auto out = machine->apply(std::move(command), now_ms);
    taken.insert(taken.end(), out.dispatches.begin(), out.dispatches.end());
    settle(out);
    return out;
  }

  transition commit(const transition& written) {
    if (written.is_refusable) rows.apply(written.rows);
    return run(committed_command{written.pending});
  }

  transition refuse(const transition& written) {
    return run(uncommitted_command{written.pending, make_error(ec::store_full, "full")});
  }

  template <class Change>
  call_ptr make_call(Change change) {
    auto call = std::make_shared<call_record>();
    call->id = make_call_id(now_ms, own, stable_hash("entropy", ++entropy));
    call->root = call->id;
    call->args = make_arguments({number(1)});
    call->queued_ms = now_ms;
    call_extras more;
    change(*call, more);
    call->set_extras(std::move(more));
    return call;
  }
  call_ptr make_call() {
    return make_call([](call_record&, call_extras&) {});
  }

  transition submit(const std::vector<call_ptr>& calls) {
    submit_command command;
    for (const auto& call : calls)
      command.items.push_back({{1, ++seq}, call, false, {}, false});
    return run(std::move(command));
  }
  /// Submits and commits one call.
  call_ptr add(call_ptr call) {
    commit(submit({call}));
    return call;
  }
  call_ptr add() { return add(make_call()); }

  transition window(uint64_t calls) { return run(window_command{calls}); }

  /// The last lease that was given out.
  lease_id lease() const { return taken.back().lease; }

  transition end(attempt_end how) {
    attempts_command command;
    command.ends.push_back(std::move(how));
    return run(std::move(command));
  }
  /// Takes what is next, which must be there, and ends it.
  transition run_one(const value& returned = {}) {
    window(machine->counts().taken + 1);
    return end(success(lease(), returned));
  }

  std::optional<call_state> state_of(const call_ptr& call) const {
    auto view = machine->find(call->id);
    return view ? std::optional{view->state} : std::nullopt;
  }

  // -- shorthands

  std::vector<call_ptr> add_many(size_t count) {
    std::vector<call_ptr> calls;
    for (size_t i = 0; i < count; ++i)
      calls.push_back(add());
    return calls;
  }
  call_ptr add_with_priority(uint8_t priority) {
    return add(make_call([&](call_record& call, call_extras&) { call.priority = priority; }));
  }
  call_ptr add_due(uint64_t due_ms) {
    return add(make_call([&](call_record& call, call_extras&) { call.due_ms = due_ms; }));
  }
  call_ptr make_expiring(uint64_t expires_ms) {
    return make_call([&](call_record&, call_extras& more) { more.expires_ms = expires_ms; });
  }
  call_ptr make_keyed(std::string key) {
    return make_call([&](call_record&, call_extras& more) { more.key = key; });
  }
  call_ptr make_large(size_t bytes) {
    return make_call([&](call_record& call, call_extras&) {
      call.args = make_arguments({text_of_bytes(bytes)});
    });
  }
  void reconfigure() { run(policy_command{policy}); }
  bool has_ended_as(const call_ptr& call, call_state state) const {
    auto row = rows.ended.find(call->id);
    return row != rows.ended.end() && row->second->state == state && !machine->contains(call->id);
  }
  std::vector<call_id> ids_taken() const {
    std::vector<call_id> ids;
    for (const auto& item : taken)
      ids.push_back(item.call->id);
    return ids;
  }

  uint64_t now_ms = 1'700'000'000'000;
  partition_policy policy;
  std::optional<partition> machine;
  row_book rows;
  std::vector<dispatch> taken; ///< since the machine was opened
  uint32_t incarnation = 0;
  /// The first thing that was ever wrong.
  std::string trouble;

private:
  void settle(const transition& out) {
    if (!out.is_refusable) rows.apply(out.rows);
    if (trouble.empty()) trouble = machine->check();
    if (trouble.empty()) trouble = rows.trouble;
  }

  uint64_t entropy = 0;
  uint64_t seq = 0;
};

} // namespace flow::test
