// A socket between its session, its processor and a journal that commits when the test says so.
#define CAF_SUITE actors.socket_actor

#include "tests/actors/socket_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::actors;
using namespace flow::actors::test;

CAF_TEST_FIXTURE_SCOPE(socket_actor_tests, socket_fixture)

CAF_TEST(a call is acknowledged after its commit and not before) {
  auto id = submit();
  CAF_CHECK(seen->answers.empty());
  commit();
  auto accepted = take<wire::accepted>();
  CAF_REQUIRE_EQUAL(accepted.size(), 1u);
  CAF_CHECK(accepted[0].id == id);
  CAF_CHECK_EQUAL(accepted[0].seq, seq);
}

CAF_TEST(a call that the store has no room for is refused and revoked) {
  auto id = submit();
  CAF_REQUIRE_EQUAL(seen->dispatches.size(), 1u);
  auto ticket = seen->rows.front().ticket;
  CAF_CHECK(seen->rows.front().is_refusable);
  seen->rows.clear();
  tell(rows_committed{{}, {{ticket, make_error(ec::store_full, "full")}}});
  auto refused = take<wire::refused>();
  CAF_REQUIRE_EQUAL(refused.size(), 1u);
  CAF_CHECK(refused[0].why.code == ec::store_full);
  CAF_CHECK(seen->ended_leases == std::vector{seen->dispatches[0].lease});
  finish(seen->dispatches[0].lease);
  CAF_CHECK(seen->rows.empty());
  await(id);
  CAF_CHECK_EQUAL(take<wire::refused>().size(), 1u);
}

CAF_TEST(arguments that do not fit are refused before anything is written) {
  close();
  wiring.known
      = signature{"price", {{"item", parameter_kind::positional_or_keyword, {}, {}}}, {}, {}};
  open();
  submit();
  auto refused = take<wire::refused>();
  CAF_REQUIRE_EQUAL(refused.size(), 1u);
  CAF_CHECK(refused[0].why.code == ec::bad_arguments);
  CAF_CHECK(seen->rows.empty());
}

CAF_TEST(an end is told only once it and its submission are durable) {
  wire::submit what;
  what.push_end = true;
  auto id = submit(what);
  CAF_REQUIRE_EQUAL(seen->dispatches.size(), 1u);
  finish(seen->dispatches[0].lease);
  CAF_CHECK_EQUAL(seen->rows.size(), 1u);
  commit();
  CAF_CHECK_EQUAL(take<wire::accepted>().size(), 1u);
  CAF_REQUIRE_EQUAL(seen->rows.size(), 1u);
  CAF_CHECK(!seen->rows.front().is_refusable);
  CAF_CHECK(take<wire::ended>().empty());
  CAF_CHECK(seen->children.empty());
  commit();
  auto ended = take<wire::ended>();
  CAF_REQUIRE_EQUAL(ended.size(), 1u);
  CAF_CHECK(ended[0].id == id);
  CAF_CHECK_EQUAL(to_json_text(ended[0].result), "42");
  CAF_REQUIRE_EQUAL(seen->children.size(), 1u);
  CAF_CHECK(seen->children[0]->parent == id);
  CAF_CHECK(storage::read_call(*shared->store, seen->children[0]->id)->has_value());
}

CAF_TEST(ends that no batch could hold together are divided and told after the last part) {
  constexpr size_t bytes = 20u << 20;
  for (size_t i = 0; i < 3; ++i) {
    wire::submit what;
    what.push_end = true;
    submit(what);
  }
  commit_all();
  attempts_command command;
  for (const auto& item : seen->dispatches) {
    auto& end = command.ends.emplace_back();
    end.lease = item.lease;
    end.returned = value_of_json('"' + std::string(bytes, 'x') + '"').value();
  }
  tell(std::move(command));
  CAF_REQUIRE_EQUAL(seen->rows.size(), 2u);
  commit();
  CAF_CHECK(take<wire::ended>().empty());
  close(); // between the two parts
  auto after_crash = seen->dispatches.size();
  seen->rows.clear();
  open();
  // Two ended whole, with their children; one runs again.
  CAF_REQUIRE_EQUAL(seen->dispatches.size(), after_crash + 1);
  finish(seen->dispatches.back().lease);
  commit_all();
  size_t children = 0;
  auto read = shared->store->scan(storage::family::in_flight, storage::calls_of(other),
                                  [&](std::string_view, std::string_view) { return ++children; });
  CAF_CHECK(read);
  CAF_CHECK_EQUAL(children, 3u);
}

CAF_TEST(who waits for a call is told its end whenever the wait begins) {
  auto id = submit();
  commit();
  await(id);
  finish(seen->dispatches[0].lease);
  await(id); // the end is on its way to the disk
  CAF_CHECK(take<wire::ended>().empty());
  CAF_CHECK(take<wire::refused>().empty());
  commit_all();
  CAF_CHECK_EQUAL(take<wire::ended>().size(), 2u);
  await(id);
  auto late = take<wire::ended>();
  CAF_REQUIRE_EQUAL(late.size(), 1u);
  CAF_CHECK_EQUAL(late[0].seq, seq);
  await(make_call_id(time.now_ms, own, 1));
  auto refused = take<wire::refused>();
  CAF_REQUIRE_EQUAL(refused.size(), 1u);
  CAF_CHECK(refused[0].why.code == ec::unknown_call);
}

CAF_TEST(a submission that is repeated runs once whenever it is repeated) {
  auto id = submit();
  submit_again(id);
  commit_all();
  finish(seen->dispatches[0].lease);
  submit_again(id); // the end is on its way to the disk
  commit_all();
  submit_again(id);
  CAF_CHECK_EQUAL(take<wire::accepted>().size(), 4u);
  CAF_CHECK_EQUAL(take<wire::ended>().size(), 3u);
  CAF_CHECK_EQUAL(seen->dispatches.size(), 1u);
  CAF_CHECK(seen->rows.empty());
}

CAF_TEST(calls of an earlier life go on after a restart and old leases are void) {
  auto id = submit();
  commit();
  auto old = seen->dispatches[0].lease;
  close();
  open();
  CAF_REQUIRE_EQUAL(seen->dispatches.size(), 2u);
  CAF_CHECK(seen->dispatches[1].call->id == id);
  finish(old);
  CAF_CHECK(seen->rows.empty());
  finish(seen->dispatches[1].lease);
  CAF_CHECK_EQUAL(seen->rows.size(), 1u);
}

CAF_TEST(a damaged row keeps the socket closed and says so) {
  auto id = submit();
  commit();
  close();
  storage::batch damage;
  damage.put(storage::family::in_flight, storage::call_key(id), "\x01");
  CAF_REQUIRE(shared->store->commit({&damage, 1}));
  open();
  socket_status status;
  auto asked = self->request(subject, caf::infinite, actors::describe{});
  sched.run();
  asked.receive([&](const socket_status& told) { status = told; },
                [&](const caf::error& why) { CAF_FAIL(sys.render(why)); });
  CAF_CHECK(!status.is_open);
  CAF_CHECK(status.broken.code == ec::store_corrupt);
  CAF_CHECK_EQUAL(shared->health->problems(time.now_ms).size(), 1u);
  submit();
  auto refused = take<wire::refused>();
  CAF_REQUIRE_EQUAL(refused.size(), 1u);
  CAF_CHECK(refused[0].why.code == ec::store_corrupt);
}

CAF_TEST(a call with a delay runs when its time has come) {
  wire::submit what;
  what.options.delay_ms = 60'000;
  submit(what);
  commit();
  CAF_CHECK(seen->dispatches.empty());
  time.now_ms += 60'000;
  advance_time(std::chrono::minutes{1});
  sched.run();
  CAF_CHECK_EQUAL(seen->dispatches.size(), 1u);
}

CAF_TEST(a retry by hand of what history has no longer changes nothing) {
  auto id = submit();
  commit();
  tell(cancel_command{{id}});
  attempts_command killed;
  killed.ends.emplace_back().lease = seen->dispatches[0].lease;
  killed.ends.back().why = {ec::task_cancelled, "cancelled", "", {}};
  tell(std::move(killed));
  commit_all();
  auto read = storage::read_ended(*shared->store, id);
  CAF_REQUIRE(read && *read);
  auto first = std::make_shared<const ended_call>(**read);
  tell(revive_command{{first}});
  commit_all();
  CAF_REQUIRE_EQUAL(seen->dispatches.size(), 2u);
  finish(seen->dispatches[1].lease);
  commit_all();
  tell(revive_command{{first}});
  CAF_CHECK(seen->rows.empty());
  CAF_CHECK_EQUAL(seen->dispatches.size(), 2u);
}

CAF_TEST(a child that is sent again while its end is on its way to the disk runs once) {
  auto call = child(1);
  arrive(call, false);
  finish(seen->dispatches.at(0).lease);
  CAF_REQUIRE_EQUAL(seen->rows.size(), 1u);
  arrive(call, true);
  CAF_CHECK_EQUAL(seen->dispatches.size(), 1u);
  commit();
  arrive(call, true);
  CAF_CHECK_EQUAL(seen->dispatches.size(), 1u);
  CAF_CHECK(seen->rows.empty());
}

CAF_TEST(durable calls that nobody told of are taken up once) {
  auto told = child(1);
  arrive(told, false);
  auto ending = child(2);
  arrive(ending, false);
  CAF_REQUIRE_EQUAL(seen->dispatches.size(), 2u);
  finish(seen->dispatches[1].lease);
  time.now_ms += 60'000; // long after it was opened
  auto untold = child(3);
  tell(adopt_rows{});
  CAF_REQUIRE_EQUAL(seen->dispatches.size(), 3u);
  CAF_CHECK(seen->dispatches[2].call->id == untold->id);
  tell(adopt_rows{});
  CAF_CHECK_EQUAL(seen->dispatches.size(), 3u);
  finish(seen->dispatches[2].lease);
  commit_all();
  arrive(untold, false); // its message was only late
  CAF_CHECK_EQUAL(seen->dispatches.size(), 3u);
}

CAF_TEST(calls that a failed processor had are taken back and run by its successor) {
  auto id = submit();
  commit();
  auto old = seen->dispatches[0].lease;
  caf::anon_send_exit(wiring.processor, caf::exit_reason::kill);
  sched.run();
  wiring.processor = sys.spawn(processor, seen);
  tell(configure_socket{wiring});
  CAF_CHECK_EQUAL(seen->dispatches.size(), 1u); // no window yet
  tell(window_changed{10});
  CAF_REQUIRE_EQUAL(seen->dispatches.size(), 2u);
  CAF_CHECK(seen->dispatches[1].call->id == id);
  CAF_CHECK_EQUAL(seen->dispatches[1].attempt, 1u);
  finish(old);
  CAF_CHECK(seen->rows.empty());
}

CAF_TEST(the last word of a former processor does not close the window of the new one) {
  auto former = wiring.processor;
  wiring.processor = sys.spawn(processor, seen);
  tell(configure_socket{wiring});
  submit();
  CAF_CHECK(seen->dispatches.empty()); // the new one has not said what it takes
  tell(window_changed{10});
  CAF_CHECK_EQUAL(seen->dispatches.size(), 1u);
  sys.spawn([this, former](caf::event_based_actor*) {
    caf::actor_cast<caf::abstract_actor*>(subject)->enqueue(
        caf::actor_cast<caf::strong_actor_ptr>(former), caf::make_message_id(),
        caf::make_message(window_changed{0}), nullptr);
  });
  sched.run();
  submit();
  CAF_CHECK_EQUAL(seen->dispatches.size(), 2u);
  caf::anon_send_exit(former, caf::exit_reason::user_shutdown);
}

CAF_TEST(when a courier was started again its targets look for what it had) {
  auto adopted = std::make_shared<int>(0);
  auto target = sys.spawn([adopted](caf::event_based_actor*) -> caf::behavior {
    return {[adopted](adopt_rows) { ++*adopted; }};
  });
  auto routes = std::make_shared<actors::routes>();
  routes->by_partition.emplace(other, socket_route{other, target, {}});
  shared->sockets->publish(std::move(routes));
  tell(configure_socket{wiring});
  CAF_CHECK_EQUAL(*adopted, 0);
  caf::anon_send_exit(wiring.plugs[0].courier, caf::exit_reason::kill);
  wiring.plugs[0].courier = sys.spawn(courier, seen);
  tell(configure_socket{wiring});
  CAF_CHECK_EQUAL(*adopted, 1);
  caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
}

CAF_TEST_FIXTURE_SCOPE_END()
