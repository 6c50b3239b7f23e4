// The queue of a partition: how calls enter it, in which order they leave it, and what a restart
// makes of it. (Attempts: partition_attempts_test.cpp; plugs and joins: partition_edges_test.cpp.)
#define CAF_SUITE flows.partition

#include "tests/flows/partition_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

struct fixture : partition_fixture {
  ~fixture() { CAF_CHECK_EQUAL(trouble, ""); }
};

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
