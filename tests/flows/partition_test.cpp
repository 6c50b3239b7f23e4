// The queue of a partition and the life of its calls: what each command makes durable, and what it
// sets in motion. (Plugs and joins: partition_edges_test.cpp.)
#define CAF_SUITE flows.partition

#include "tests/flows/partition_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

struct fixture : partition_fixture {
  ~fixture() { CAF_CHECK_EQUAL(trouble, ""); }

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
      call.args = make_arguments({value_of_json('"' + std::string(bytes, 'x') + '"').value()});
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
};

std::vector<call_id> ids_of(const std::vector<call_ptr>& calls) {
  std::vector<call_id> ids;
  for (const auto& call : calls)
    ids.push_back(call->id);
  return ids;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_tests, fixture)

// -- submission ---------------------------------------------------------------

CAF_TEST(a submission is one row and an answer that waits for it) {
  auto call = make_call();
  auto out = submit({call});
  CAF_CHECK(out.is_refusable);
  CAF_REQUIRE_EQUAL(out.rows.size(), 1u);
  CAF_CHECK(std::get<put_call>(out.rows[0]).call == call);
  CAF_REQUIRE_EQUAL(out.accepted.size(), 1u);
  CAF_CHECK(out.accepted[0].id == call->id);
  CAF_CHECK(out.pending == std::vector{call->id});
  commit(out);
  CAF_CHECK(rows.calls.contains(call->id));
  CAF_CHECK(state_of(call) == call_state::queued);
}

CAF_TEST(a refused submission leaves nothing behind) {
  auto call = make_keyed("order 1");
  auto out = refuse(submit({call}));
  CAF_CHECK(out.rows.empty());
  CAF_CHECK(!machine->contains(call->id));
  CAF_CHECK_EQUAL(machine->counts().bytes, 0u);
  auto again = make_keyed("order 1");
  CAF_CHECK(submit({again}).accepted[0].id == again->id);
}

CAF_TEST(a repeat is acknowledged with the first call and only after its commit) {
  auto call = make_call();
  auto first = submit({call});
  auto repeat = submit({call});
  CAF_CHECK(repeat.pending == std::vector{call->id});
  CAF_CHECK_EQUAL(machine->counts().queued, 1u);
  commit(first);
  commit(repeat);
  auto late = submit({call});
  CAF_CHECK(late.rows.empty());
  CAF_CHECK(late.accepted[0].id == call->id);
}

CAF_TEST(a repeat that is written outlives the refusal of the first try) {
  auto call = make_keyed("order 1");
  auto first = submit({call});
  auto repeat = submit({make_keyed("order 1")});
  CAF_CHECK(repeat.accepted[0].id == call->id);
  refuse(first);
  commit(repeat);
  CAF_CHECK(state_of(call) == call_state::queued);
  CAF_CHECK(rows.calls.contains(call->id));
  CAF_CHECK(rows.keys.contains({own, "order 1"}));
}

CAF_TEST(an idempotency key names one call) {
  auto call = add(make_keyed("order 1"));
  CAF_CHECK(rows.keys.at({own, "order 1"}) == call->id);
  auto same = submit({make_keyed("order 1")});
  CAF_CHECK(same.accepted[0].id == call->id);
  CAF_CHECK(!same.accepted[0].has_ended);
  auto next = make_keyed("order 2");
  CAF_CHECK(submit({next}).accepted[0].id == next->id);
}

CAF_TEST(a key or id that the store knows is answered with the call that ended) {
  auto call = add(make_keyed("order 1"));
  run_one();
  submit_command command;
  command.items.push_back({{1, 1}, make_keyed("order 1"), true, call->id, true});
  auto out = run(std::move(command));
  CAF_CHECK(out.rows.empty());
  CAF_REQUIRE_EQUAL(out.accepted.size(), 1u);
  CAF_CHECK(out.accepted[0].id == call->id);
  CAF_CHECK(out.accepted[0].has_ended);
  CAF_CHECK(out.accepted[0].push_end);
}

CAF_TEST(a queue that is full refuses and takes again once a call has ended) {
  policy.calls_max = 2;
  reconfigure();
  add_many(2);
  auto out = submit({make_call()});
  CAF_CHECK(out.accepted.empty());
  CAF_CHECK(out.rows.empty());
  CAF_REQUIRE_EQUAL(out.refused.size(), 1u);
  CAF_CHECK(out.refused[0].why.code == ec::queue_full);
  run_one();
  CAF_CHECK_EQUAL(submit({make_call()}).accepted.size(), 1u);
}

CAF_TEST(a queue is full by bytes too) {
  policy.bytes_max = 3'000;
  reconfigure();
  CAF_CHECK_EQUAL(submit({make_large(2'000)}).accepted.size(), 1u);
  auto out = submit({make_large(2'000)});
  CAF_REQUIRE_EQUAL(out.refused.size(), 1u);
  CAF_CHECK(out.refused[0].why.code == ec::queue_full);
}

CAF_TEST(calls that other partitions made are taken even when the queue is full) {
  policy.calls_max = 1;
  reconfigure();
  auto child = make_call();
  rows.calls[child->id] = child;
  add();
  CAF_CHECK(run(arrive_command{{child}}).rows.empty());
  run(arrive_command{{child}});
  CAF_CHECK_EQUAL(machine->counts().queued, 2u);
}

// -- taking -------------------------------------------------------------------

CAF_TEST(no more calls are handed over than the window says) {
  auto calls = add_many(5);
  CAF_CHECK_EQUAL(taken.size(), 0u);
  window(2);
  CAF_CHECK_EQUAL(taken.size(), 2u);
  CAF_CHECK_EQUAL(machine->counts().taken, 2u);
  end(success(taken[0].lease));
  CAF_CHECK_EQUAL(taken.size(), 3u);
  window(1);
  end(success(taken[1].lease));
  CAF_CHECK_EQUAL(taken.size(), 3u);
  window(10);
  CAF_CHECK_EQUAL(taken.size(), 5u);
  CAF_CHECK(ids_taken() == ids_of(calls));
}

CAF_TEST(a higher priority goes first and equal ones in order of arrival) {
  std::vector<call_ptr> wanted(20);
  for (size_t i = 0; i < 20; ++i) {
    auto priority = static_cast<uint8_t>(i * 7 % 10);
    wanted[(9u - priority) * 2 + (i < 10 ? 0 : 1)] = add_with_priority(priority);
  }
  window(100);
  CAF_CHECK(ids_taken() == ids_of(wanted));
}

CAF_TEST(a paused socket hands nothing over) {
  policy.is_paused = true;
  reconfigure();
  add();
  window(1);
  CAF_CHECK(taken.empty());
  policy.is_paused = false;
  reconfigure();
  CAF_CHECK_EQUAL(taken.size(), 1u);
}

CAF_TEST(what was given back is next again and no attempt is counted) {
  auto calls = add_many(4);
  window(3);
  run(returned_command{{taken[0].lease, taken[1].lease, taken[2].lease}, true});
  CAF_REQUIRE_EQUAL(taken.size(), 6u);
  for (size_t i = 0; i < 3; ++i) {
    CAF_CHECK(taken[3 + i].call->id == calls[i]->id);
    CAF_CHECK_EQUAL(taken[3 + i].attempt, 1u);
    CAF_CHECK(taken[3 + i].is_solo);
    CAF_CHECK(taken[3 + i].lease != taken[i].lease);
  }
}

CAF_TEST(a position counts only those who still wait) {
  auto calls = add_many(3);
  CAF_CHECK_EQUAL(machine->find(calls[2]->id)->position, 3u);
  run(cancel_command{{calls[0]->id}});
  CAF_CHECK_EQUAL(machine->find(calls[2]->id)->position, 2u);
}

// -- attempts -----------------------------------------------------------------

CAF_TEST(a finished call moves to history whole) {
  auto call = add();
  window(1);
  now_ms += 50;
  auto how = success(lease(), number(42));
  how.run_us = 30'000;
  how.out = "printed";
  how.artifacts.emplace_back("plot", number(3));
  auto out = end(how);
  CAF_REQUIRE_EQUAL(out.ended.size(), 1u);
  CAF_CHECK(rows.calls.empty());
  CAF_CHECK(has_ended_as(call, call_state::finished));
  const auto& row = *rows.ended.at(call->id);
  CAF_CHECK(row.result == number(42));
  CAF_CHECK(row.call->args == call->args);
  CAF_CHECK_EQUAL(row.attempts, 1u);
  CAF_CHECK_EQUAL(row.started_ms, now_ms - 30);
  CAF_CHECK_EQUAL(row.ended_ms, now_ms);
  CAF_CHECK_EQUAL(row.out, "printed");
  CAF_CHECK_EQUAL(row.artifacts.size(), 1u);
  CAF_CHECK(!row.is_dead_letter);
  CAF_CHECK_EQUAL(machine->counts().finished, 1u);
}

CAF_TEST(large arguments of a finished call are kept as a hash) {
  auto call = add(make_large(limits::arguments_kept_bytes_max + 1));
  run_one();
  CAF_CHECK(rows.ended.at(call->id)->call->args == arguments{});
  CAF_CHECK(!rows.ended.at(call->id)->arguments_hash.empty());
}

CAF_TEST(a failed attempt is tried again after a delay that grows) {
  policy.retries = 2;
  reconfigure();
  auto call = add();
  window(1);
  uint64_t base_ms = 1'000;
  for (uint32_t attempt = 1; attempt <= 2; ++attempt, base_ms *= 2) {
    CAF_CHECK_EQUAL(taken.back().attempt, attempt);
    auto out = end(failed(lease()));
    CAF_CHECK(state_of(call) == call_state::waiting);
    const auto& progress = rows.progress.at(call->id);
    CAF_CHECK_EQUAL(progress.attempts, attempt);
    CAF_CHECK_EQUAL(progress.last.type, "KeyError");
    CAF_CHECK_EQUAL(out.wake_at_ms, progress.due_ms);
    CAF_CHECK_GREATER_OR_EQUAL(out.wake_at_ms, now_ms + base_ms);
    CAF_CHECK_LESS(out.wake_at_ms, now_ms + base_ms + base_ms / 4);
    now_ms = out.wake_at_ms - 1;
    run(tick_command{});
    CAF_CHECK_EQUAL(taken.size(), attempt);
    ++now_ms;
    run(tick_command{});
    CAF_CHECK_EQUAL(taken.size(), attempt + 1);
  }
  end(failed(lease()));
  CAF_CHECK(has_ended_as(call, call_state::failed));
  CAF_CHECK(rows.ended.at(call->id)->is_dead_letter);
  CAF_CHECK_EQUAL(rows.ended.at(call->id)->attempts, 3u);
  CAF_CHECK(rows.progress.empty());
}

CAF_TEST(a crash between two attempts forgets neither their number nor their time) {
  policy.retries = 1;
  reconfigure();
  auto call = add();
  window(1);
  end(failed(lease()));
  auto due_ms = rows.progress.at(call->id).due_ms;
  auto out = open();
  CAF_CHECK_EQUAL(out.wake_at_ms, due_ms);
  CAF_CHECK(state_of(call) == call_state::waiting);
  now_ms = due_ms;
  window(1);
  run(tick_command{});
  CAF_REQUIRE_EQUAL(taken.size(), 1u);
  CAF_CHECK_EQUAL(taken[0].attempt, 2u);
  end(failed(lease()));
  CAF_CHECK(has_ended_as(call, call_state::failed));
}

CAF_TEST(a call that ran too long ends as timed out) {
  auto call = add();
  window(1);
  end(failed(lease(), ec::task_timed_out));
  CAF_CHECK(has_ended_as(call, call_state::timed_out));
  CAF_CHECK(rows.ended.at(call->id)->is_dead_letter);
}

CAF_TEST(a function that does not exist is not tried again) {
  policy.retries = 5;
  reconfigure();
  auto call = add();
  window(1);
  end(failed(lease(), ec::unknown_function));
  CAF_CHECK(has_ended_as(call, call_state::failed));
}

CAF_TEST(a call that kills its workers runs alone and fails in the end) {
  auto call = add();
  window(1);
  CAF_CHECK(!taken.back().is_solo);
  end(died(lease()));
  CAF_REQUIRE_EQUAL(taken.size(), 2u);
  CAF_CHECK(taken.back().is_solo);
  for (uint32_t deaths = 2; deaths < limits::worker_deaths_max; ++deaths) {
    auto out = end(died(lease()));
    CAF_CHECK(state_of(call) == call_state::waiting);
    now_ms = out.wake_at_ms;
    run(tick_command{});
    CAF_CHECK(taken.back().is_solo);
  }
  end(died(lease()));
  CAF_CHECK(has_ended_as(call, call_state::failed));
  CAF_CHECK(rows.ended.at(call->id)->why.code == ec::worker_lost);
  CAF_CHECK(rows.ended.at(call->id)->is_dead_letter);
}

CAF_TEST(the death of a worker does not use up a retry) {
  policy.retries = 1;
  reconfigure();
  auto call = add();
  window(1);
  end(died(lease()));
  auto out = end(failed(lease()));
  CAF_CHECK(state_of(call) == call_state::waiting);
  CAF_CHECK_LESS(out.wake_at_ms, now_ms + 1'250);
  now_ms = out.wake_at_ms;
  run(tick_command{});
  end(failed(lease()));
  CAF_CHECK(has_ended_as(call, call_state::failed));
}

// -- fencing ------------------------------------------------------------------

CAF_TEST(an old lease changes nothing) {
  auto call = add();
  window(1);
  auto old = lease();
  run(returned_command{{old}, false});
  auto out = end(success(old, number(1)));
  CAF_CHECK(out.rows.empty());
  CAF_CHECK(out.ended.empty());
  CAF_CHECK(state_of(call) == call_state::taken);
  end(success(lease(), number(2)));
  CAF_CHECK(rows.ended.at(call->id)->result == number(2));
  CAF_CHECK(end(success(lease(), number(3))).rows.empty());
  run(returned_command{{lease()}, false});
  CAF_CHECK_EQUAL(machine->counts().queued, 0u);
}

CAF_TEST(a lease of an earlier life changes nothing) {
  auto call = add();
  window(1);
  auto old = lease();
  open();
  CAF_CHECK(state_of(call) == call_state::queued);
  window(1);
  CAF_CHECK(end(success(old)).rows.empty());
  CAF_CHECK(state_of(call) == call_state::taken);
}

CAF_TEST(an end that comes before its submission is durable waits for it) {
  window(1);
  auto call = make_call();
  auto written = submit({call});
  CAF_REQUIRE_EQUAL(taken.size(), 1u);
  auto early = end(success(lease(), number(5)));
  CAF_CHECK(early.rows.empty());
  CAF_CHECK(early.ended.empty());
  CAF_CHECK(end(failed(lease())).rows.empty());
  run(returned_command{{lease()}, false});
  CAF_CHECK_EQUAL(taken.size(), 1u);
  auto out = commit(written);
  CAF_CHECK_EQUAL(out.ended.size(), 1u);
  CAF_CHECK(rows.ended.at(call->id)->result == number(5));
}

CAF_TEST(an early end of a submission that was refused is dropped) {
  window(1);
  auto call = make_call();
  auto written = submit({call});
  end(success(lease()));
  auto out = refuse(written);
  CAF_CHECK(out.rows.empty());
  CAF_CHECK(out.ended.empty());
  CAF_CHECK(out.revokes == std::vector{taken[0].lease});
  CAF_CHECK(rows.ended.empty());
  CAF_CHECK(end(success(taken[0].lease)).rows.empty());
}

// -- cancelling ---------------------------------------------------------------

CAF_TEST(calls that wait are cancelled at once) {
  policy.retries = 1;
  reconfigure();
  auto retried = add();
  window(1);
  end(failed(lease()));
  window(0);
  auto queued = add();
  auto scheduled = add_due(now_ms + 60'000);
  auto out = run(cancel_command{{queued->id, scheduled->id, retried->id, make_call()->id}});
  CAF_CHECK_EQUAL(out.ended.size(), 3u);
  CAF_CHECK_EQUAL(out.wake_at_ms, 0u);
  for (const auto& call : {queued, scheduled, retried}) {
    CAF_CHECK(has_ended_as(call, call_state::cancelled));
    CAF_CHECK(rows.ended.at(call->id)->why.code == ec::task_cancelled);
    CAF_CHECK(!rows.ended.at(call->id)->is_dead_letter);
  }
}

CAF_TEST(a running call is killed and ends as cancelled however it dies) {
  policy.retries = 3;
  reconfigure();
  auto call = add();
  window(1);
  auto out = run(cancel_command{{call->id}});
  CAF_CHECK(out.kills == std::vector{lease()});
  CAF_CHECK(out.rows.empty());
  CAF_CHECK(run(cancel_command{{call->id}}).kills.empty());
  end(died(lease()));
  CAF_CHECK(has_ended_as(call, call_state::cancelled));
}

CAF_TEST(a call that finished before its kill has finished) {
  auto call = add();
  window(1);
  run(cancel_command{{call->id}});
  end(success(lease()));
  CAF_CHECK(has_ended_as(call, call_state::finished));
}

CAF_TEST(a cancelled call that had not started is not handed over again) {
  auto call = add();
  window(1);
  run(cancel_command{{call->id}});
  run(returned_command{{lease()}, false});
  CAF_CHECK(has_ended_as(call, call_state::cancelled));
  CAF_CHECK_EQUAL(taken.size(), 1u);
}

CAF_TEST(a call that is not durable yet is cancelled with its commit) {
  auto queued = make_call();
  auto written = submit({queued});
  CAF_CHECK(run(cancel_command{{queued->id}}).rows.empty());
  window(1);
  CAF_CHECK(taken.empty());
  commit(written);
  CAF_CHECK(has_ended_as(queued, call_state::cancelled));

  auto running = make_call();
  written = submit({running});
  CAF_CHECK_EQUAL(run(cancel_command{{running->id}}).kills.size(), 1u);
  end(died(lease()));
  CAF_CHECK(!rows.ended.contains(running->id));
  commit(written);
  CAF_CHECK(has_ended_as(running, call_state::cancelled));
}

// -- time ---------------------------------------------------------------------

CAF_TEST(a call with a time waits for it) {
  auto call = add_due(now_ms + 5'000);
  CAF_CHECK(state_of(call) == call_state::scheduled);
  auto out = window(1);
  CAF_CHECK(taken.empty());
  CAF_CHECK_EQUAL(out.wake_at_ms, now_ms + 5'000);
  now_ms += 5'000;
  CAF_CHECK_EQUAL(run(tick_command{}).wake_at_ms, 0u);
  CAF_CHECK_EQUAL(taken.size(), 1u);
}

CAF_TEST(a call that is not taken in time is a dead letter) {
  auto call = add(make_expiring(now_ms + 1'000));
  auto out = window(0);
  CAF_CHECK_EQUAL(out.wake_at_ms, now_ms + 1'000);
  now_ms += 1'000;
  window(1);
  CAF_CHECK(taken.empty());
  run(tick_command{});
  CAF_CHECK(has_ended_as(call, call_state::dead));
  const auto& row = *rows.ended.at(call->id);
  CAF_CHECK(row.is_dead_letter);
  CAF_CHECK(row.why.code == ec::call_dead);
  CAF_CHECK_EQUAL(row.started_ms, 0u);
}

CAF_TEST(a call that was taken in time needs no timer and does not expire) {
  policy.retries = 1;
  reconfigure();
  auto call = add(make_expiring(now_ms + 500));
  CAF_CHECK_EQUAL(window(1).wake_at_ms, 0u);
  auto out = end(failed(lease()));
  CAF_CHECK_GREATER_OR_EQUAL(out.wake_at_ms, now_ms + 1'000);
  now_ms = out.wake_at_ms;
  run(tick_command{});
  CAF_REQUIRE_EQUAL(taken.size(), 2u);
  end(success(lease()));
  CAF_CHECK(has_ended_as(call, call_state::finished));
}

CAF_TEST(a call that comes back untried after its time is a dead letter) {
  auto call = add(make_expiring(now_ms + 500));
  window(1);
  now_ms += 600;
  run(tick_command{});
  CAF_CHECK(state_of(call) == call_state::taken);
  auto out = run(returned_command{{lease()}, false});
  CAF_CHECK_EQUAL(taken.size(), 1u);
  CAF_CHECK_LESS_OR_EQUAL(out.wake_at_ms, now_ms);
  CAF_CHECK_NOT_EQUAL(out.wake_at_ms, 0u);
  run(tick_command{});
  CAF_CHECK(has_ended_as(call, call_state::dead));
}

CAF_TEST(a call that expires before it is durable is a dead letter after its commit) {
  auto call = make_expiring(now_ms + 10);
  auto written = submit({call});
  now_ms += 20;
  window(1);
  run(tick_command{});
  CAF_CHECK(machine->contains(call->id));
  CAF_CHECK_LESS_OR_EQUAL(commit(written).wake_at_ms, now_ms);
  run(tick_command{});
  CAF_CHECK(has_ended_as(call, call_state::dead));
}

CAF_TEST(a time to live that is set later holds for calls that wait already) {
  auto call = add();
  policy.ttl_ms = 2'000;
  CAF_CHECK_EQUAL(run(policy_command{policy}).wake_at_ms, call->queued_ms + 2'000);
  policy.ttl_ms = 9'000;
  CAF_CHECK_EQUAL(run(policy_command{policy}).wake_at_ms, call->queued_ms + 9'000);
  now_ms += 9'000;
  run(tick_command{});
  CAF_CHECK(has_ended_as(call, call_state::dead));
}

// -- by hand ------------------------------------------------------------------

CAF_TEST(a purge makes dead letters of all that wait and leaves what runs) {
  auto running = add();
  window(1);
  auto queued = add();
  auto scheduled = add_due(now_ms + 1'000);
  auto out = run(bury_command{"purged by ann"});
  CAF_CHECK_EQUAL(out.ended.size(), 2u);
  CAF_CHECK_EQUAL(out.wake_at_ms, 0u);
  CAF_CHECK(has_ended_as(queued, call_state::dead));
  CAF_CHECK(has_ended_as(scheduled, call_state::dead));
  CAF_CHECK_EQUAL(rows.ended.at(queued->id)->why.message, "purged by ann");
  CAF_CHECK(state_of(running) == call_state::taken);
}

CAF_TEST(a call that is retried by hand lives again) {
  auto call = add();
  window(1);
  end(failed(lease()));
  auto ended = rows.ended.at(call->id);
  run(revive_command{{ended}});
  CAF_CHECK(rows.ended.empty());
  CAF_REQUIRE(rows.calls.contains(call->id));
  CAF_CHECK_EQUAL(rows.calls.at(call->id)->generation, 1u);
  CAF_CHECK_EQUAL(taken.back().attempt, 1u);
  CAF_CHECK(taken.back().call->args == call->args);
  CAF_CHECK(run(revive_command{{ended}}).rows.empty());
  end(success(lease()));
  CAF_CHECK(has_ended_as(call, call_state::finished));
}

CAF_TEST(an expired call that is retried by hand has its time to live again) {
  auto call = add(make_expiring(now_ms + 1'000));
  now_ms += 5'000;
  run(tick_command{});
  run(revive_command{{rows.ended.at(call->id)}});
  auto out = run(tick_command{});
  CAF_CHECK(state_of(call) == call_state::queued);
  CAF_CHECK_EQUAL(out.wake_at_ms, now_ms + 1'000);
  window(1);
  CAF_CHECK_EQUAL(taken.size(), 1u);
}

// -- memory -------------------------------------------------------------------

CAF_TEST(arguments above the limit are only in the store until they are needed) {
  constexpr size_t large = 8u << 20;
  std::vector<call_ptr> calls;
  for (size_t bytes = 0; bytes <= limits::resident_arguments_bytes_max + large; bytes += large)
    calls.push_back(add(make_large(large)));
  window(calls.size());
  CAF_CHECK(!taken.front().read_arguments);
  CAF_CHECK(taken.front().call->args == calls.front()->args);
  CAF_CHECK(taken.back().read_arguments);
  CAF_CHECK(taken.back().call->args == arguments{});
  CAF_CHECK(rows.calls.at(calls.back()->id)->args == calls.back()->args);
  end(failed(lease()));
  CAF_CHECK(rows.ended.at(calls.back()->id)->call->args == calls.back()->args);
}

CAF_TEST(a restart keeps arguments above the limit in the store) {
  constexpr size_t large = 8u << 20;
  for (size_t bytes = 0; bytes <= limits::resident_arguments_bytes_max + large; bytes += large)
    add(make_large(large));
  open();
  window(100);
  CAF_CHECK(std::ranges::any_of(taken, &dispatch::read_arguments));
  CAF_CHECK(!std::ranges::all_of(taken, &dispatch::read_arguments));
}

CAF_TEST(a restart keeps the order in which calls came whatever their ids) {
  std::vector<call_ptr> calls;
  for (size_t i = 0; i < 20; ++i)
    calls.push_back(
        add(make_call([&](call_record& call, call_extras&) { call.queued_ms = now_ms - i; })));
  open();
  window(100);
  CAF_CHECK(ids_taken() == ids_of({calls.rbegin(), calls.rend()}));
}

CAF_TEST_FIXTURE_SCOPE_END()
