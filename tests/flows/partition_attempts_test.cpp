// The life of a call in its partition: attempts, leases, cancelling, and time.
#define CAF_SUITE flows.partition_attempts

#include "tests/flows/partition_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

struct fixture : partition_fixture {
  ~fixture() { CAF_CHECK_EQUAL(trouble, ""); }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_attempts_tests, fixture)

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

CAF_TEST(no delay is longer than the longest) {
  policy.retries = 5;
  policy.retry_delay_ms = 1'000;
  policy.retry_delay_ms_max = 2'000;
  std::set<uint64_t> delays;
  for (int i = 0; i < 50; ++i) {
    reconfigure();
    add();
    window(1);
    for (int attempt = 1; attempt < 6; ++attempt) {
      auto out = end(failed(lease()));
      auto delay_ms = out.wake_at_ms - now_ms;
      CAF_CHECK_LESS_OR_EQUAL(delay_ms, 2'000u);
      if (attempt == 5) delays.insert(delay_ms);
      now_ms = out.wake_at_ms;
      run(tick_command{});
    }
    end(success(lease()));
  }
  CAF_CHECK(delays.size() > 10); // spread also at the longest
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

CAF_TEST_FIXTURE_SCOPE_END()
