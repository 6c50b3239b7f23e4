// What a socket forgets of its ended calls, and when.
#define CAF_SUITE actors.socket_history

#include "tests/actors/socket_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::actors;
using namespace flow::actors::test;

CAF_TEST_FIXTURE_SCOPE(socket_history_tests, socket_fixture)

CAF_TEST(a call that is too old is forgotten with its key and its place in trees) {
  wiring.retention.age_ms = 3'600'000;
  tell(wiring);
  auto run = [&](const char* key) {
    wire::submit what;
    what.options.key = key;
    auto id = submit(what);
    commit();
    finish(seen->dispatches.back().lease);
    commit_all();
    return id;
  };
  auto old = run("order 1");
  pass(1'800'000);
  auto young = run("order 2");
  pass(1'800'000);
  commit_all();
  CAF_CHECK(!storage::read_ended(*shared->store, old)->has_value());
  CAF_CHECK(storage::read_ended(*shared->store, young)->has_value());
  CAF_CHECK_EQUAL(rows_of(storage::children_of(old)), 0u);
  CAF_CHECK_EQUAL(rows_of(storage::children_of(young)), 1u);
  CAF_CHECK_EQUAL(rows_of(storage::ended_in_time(own, false)), 1u);
  await(old);
  auto refused = take<wire::refused>();
  CAF_REQUIRE_EQUAL(refused.size(), 1u);
  CAF_CHECK(refused[0].why.code == ec::result_gone);
  CAF_CHECK(run("order 1") != old); // its key is free
  CAF_CHECK_EQUAL(seen->dispatches.size(), 3u);
}

CAF_TEST(a call that lives again is not forgotten) {
  wiring.retention.age_ms = 3'600'000;
  tell(wiring);
  auto id = submit();
  commit();
  attempts_command failure;
  failure.ends.emplace_back().lease = seen->dispatches[0].lease;
  failure.ends.back().why = {ec::task_failed, "KeyError", "", {}};
  tell(std::move(failure));
  commit_all();
  time.now_ms += 5 * 3'600'000;
  tell(revive_command{
      {std::make_shared<const ended_call>(**storage::read_ended(*shared->store, id))}});
  finish(seen->dispatches.back().lease); // both are on their way to the disk
  tell(trim_history{});
  commit_all();
  auto ended = storage::read_ended(*shared->store, id);
  CAF_REQUIRE(ended && *ended);
  CAF_CHECK((*ended)->state == call_state::finished);
}

CAF_TEST(more history than is wanted goes in small batches oldest first) {
  std::vector<call_id> ids;
  tell(window_changed{1'000});
  for (int i = 0; i < 300; ++i) {
    ids.push_back(submit());
    ++time.now_ms;
  }
  commit_all();
  for (size_t next = 0; next < ids.size(); ++next) {
    ++time.now_ms;
    finish(seen->dispatches.at(next).lease);
  }
  commit_all();
  wiring.retention = {0, 10'000};
  tell(wiring);
  pass(60'000);
  CAF_REQUIRE_EQUAL(seen->rows.size(), 1u);
  CAF_CHECK_LESS(seen->rows[0].rows.mutations.size(), 200u * 5);
  commit_all();
  auto left = rows_of(storage::ended_in_time(own, false));
  CAF_CHECK_GREATER(left, 10u);
  CAF_CHECK_LESS(left, 100u);
  CAF_CHECK(!storage::read_ended(*shared->store, ids.front())->has_value());
}

CAF_TEST_FIXTURE_SCOPE_END()
