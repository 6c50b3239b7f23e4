#define CAF_SUITE actors.node_actor

#include "tests/actors/node_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

CAF_TEST_FIXTURE_SCOPE(node_actor_tests, node_fixture)

// -- start --------------------------------------------------------------------

CAF_TEST(a node starts what its catalog says and a call goes all the way) {
  start();
  auto status = ask<node_status>(subject, actors::describe{});
  CAF_CHECK_EQUAL(status.sockets.size(), 2u);
  CAF_CHECK_EQUAL(status.plugs.size(), 1u);
  CAF_REQUIRE_EQUAL(status.processors.size(), 1u);
  CAF_CHECK(status.processors[0].state == processor_state::running);
  CAF_CHECK(status.unhealthy.empty());
  auto id = submit("shop.price");
  finish(runner_of(id));
  CAF_CHECK(has_ended(id));
  CAF_CHECK_EQUAL(ends_told(), 1u);
  finish(runner_of(child_of(id)));
  CAF_CHECK(has_ended(child_of(id)));
}

CAF_TEST(calls of an earlier life of the node run without being asked for) {
  auto call = std::make_shared<call_record>();
  auto socket = plan.all.find(object_kind::socket, "shop.bill");
  call->id = make_call_id(time.now_ms, partition_id{static_cast<uint32_t>(socket->number)}, 1);
  storage::batch rows;
  storage::append(rows, std::vector<row_change>{put_call{call}});
  CAF_REQUIRE(shared->store->commit({&rows, 1}));
  start();
  CAF_CHECK(runner_of(call->id) != 0);
}

CAF_TEST(what a catalog change makes is there when it has been told) {
  start();
  plan.add(object_kind::queue, "more", "{}");
  plan.add(object_kind::socket, "shop.other", R"({"processor":"p","task":"bill","queue":"more"})");
  tell(subject, catalog_changed{std::make_shared<const catalog>(plan.all), plan.last.changes});
  auto id = submit("shop.other");
  CAF_CHECK(runner_of(id) != 0);
  auto owner_then = owner("shop.other");
  plan.remove(object_kind::socket, {"shop.other"}, true);
  tell(subject, catalog_changed{std::make_shared<const catalog>(plan.all), plan.last.changes});
  CAF_CHECK(!shared->sockets->view()->by_name.contains("shop.other"));
  CAF_CHECK(!is_alive(owner_then));
}

// -- children that fail -------------------------------------------------------

CAF_TEST(a socket that fails is started again from its rows and says so meanwhile) {
  start();
  auto id = submit("shop.price");
  auto first = owner("shop.price");
  kill(first);
  sched.run();
  CAF_CHECK_EQUAL(shared->health->problems(time.now_ms).size(), 1u);
  advance(limits::restart_delay_ms_min - 1);
  CAF_CHECK(owner("shop.price") == first);
  advance(1);
  CAF_REQUIRE(owner("shop.price") != first);
  CAF_CHECK(shared->health->problems(time.now_ms).empty());
  CAF_CHECK_EQUAL(ask<node_status>(subject, actors::describe{}).restarts, 1u);
  // The attempt of the former life is void, the call runs again.
  auto runner = runner_of(id);
  finish(runner);
  CAF_CHECK(!has_ended(id));
  finish(runner_of(id));
  CAF_CHECK(has_ended(id));
}

CAF_TEST(a child that fails again waits longer each time) {
  start();
  uint64_t delay_ms = limits::restart_delay_ms_min;
  for (uint32_t i = 0; i < limits::restarts_per_minute_max; ++i, delay_ms *= 2) {
    auto before = owner("shop.price");
    kill(before);
    sched.run();
    advance(delay_ms - 1);
    CAF_CHECK(owner("shop.price") == before);
    advance(1);
    CAF_CHECK(owner("shop.price") != before);
  }
  CAF_CHECK(!has_ended());
  kill(owner("shop.price"));
  sched.run();
  CAF_CHECK(has_ended()); // too often: the node cannot help it
}

CAF_TEST(failures long ago are forgotten) {
  start();
  for (uint32_t i = 0; i < 3 * limits::restarts_per_minute_max; ++i) {
    kill(owner("shop.price"));
    sched.run();
    advance(60'000);
  }
  CAF_CHECK(!has_ended());
}

CAF_TEST(a socket is read only when what its last life wrote is on disk) {
  start();
  auto id = submit("shop.price");
  fill_store();
  finish(runner_of(id)); // its end waits in the journal
  auto first = owner("shop.price");
  kill(first);
  sched.run();
  advance(10'000);
  CAF_CHECK(owner("shop.price") == first);
  make_room();
  CAF_REQUIRE(owner("shop.price") != first);
  CAF_CHECK(has_ended(id));
  CAF_CHECK_EQUAL(runner_of(id), 0u); // it does not run again
}

CAF_TEST(a child that a failed socket did not live to hand over runs) {
  start();
  auto id = submit("shop.price");
  fill_store();
  finish(runner_of(id));
  kill(owner("shop.price"));
  sched.run();
  make_room();
  CAF_REQUIRE(has_ended(id));
  advance(limits::restart_delay_ms_min);
  finish(runner_of(child_of(id)));
  CAF_CHECK(has_ended(child_of(id)));
}

CAF_TEST(a child that a failed plug had runs) {
  start();
  auto id = submit("shop.price");
  kill(state().plugs.at("then"));
  sched.run();
  finish(runner_of(id));
  CAF_REQUIRE(has_ended(id));
  CAF_CHECK_EQUAL(runner_of(child_of(id)), 0u);
  advance(limits::restart_delay_ms_min);
  finish(runner_of(child_of(id)));
  auto next = submit("shop.price"); // the new plug is in place
  finish(runner_of(next));
  CAF_CHECK(runner_of(child_of(next)) != 0);
}

CAF_TEST(a processor that fails is started again and its calls run there) {
  start();
  auto id = submit("shop.price");
  auto first = runner_of(id);
  CAF_REQUIRE(first != 0);
  kill(state().processors.at("p").actor);
  sched.run();
  CAF_CHECK(processes->at(first).is_killed);
  processes->reap();
  advance(limits::restart_delay_ms_min);
  ready_all();
  auto second = runner_of(id);
  CAF_REQUIRE(second != 0 && second != first);
  finish(second);
  CAF_CHECK(has_ended(id));
}

CAF_TEST(a socket that was removed while it was down stays away and its name is free) {
  start();
  kill(owner("shop.price"));
  sched.run();
  plan.remove(object_kind::socket, {"shop.price"}, true);
  tell(subject, catalog_changed{std::make_shared<const catalog>(plan.all), plan.last.changes});
  plan.socket("shop.price", "price");
  tell(subject, catalog_changed{std::make_shared<const catalog>(plan.all), plan.last.changes});
  auto only = owner("shop.price");
  advance(10'000);
  CAF_CHECK(owner("shop.price") == only);
  CAF_CHECK(shared->health->problems(time.now_ms).empty());
}

CAF_TEST(without its journal a node ends with an error) {
  start();
  kill(shared->journal);
  sched.run();
  CAF_CHECK(has_ended());
}

CAF_TEST(without its catalog a node ends with an error) {
  start();
  kill(state().catalog_owner);
  sched.run();
  CAF_CHECK(has_ended());
}

// -- processors ---------------------------------------------------------------

CAF_TEST(a verb on a processor is done and remembered) {
  start();
  auto status
      = ask<processor_status>(subject, control_processor{"p", processor_verb::pause, 0, {}});
  CAF_CHECK(status.state == processor_state::paused);
  sched.run();
  CAF_CHECK(state().objects->find(object_kind::processor, "p")->as<processor_spec>().desired
            == desired_state::paused);
  status = ask<processor_status>(subject, control_processor{"p", processor_verb::resume, 0, {}});
  CAF_CHECK(status.state == processor_state::running);
}

CAF_TEST(a drain stops every processor and says what is left) {
  start();
  auto id = submit("shop.price");
  auto left = nothing_seen<drained>();
  own(sys.spawn([left, to = subject](caf::event_based_actor* asker) {
    asker->request(to, caf::infinite, drain_node{5'000}).then([left](drained& d) {
      left->push_back(d);
    });
  }));
  sched.run();
  CAF_CHECK(left->empty());
  finish(runner_of(id));
  processes->reap();
  sched.run();
  CAF_CHECK_EQUAL(left->size(), 1u);
  CAF_CHECK(has_ended(id));
}

CAF_TEST_FIXTURE_SCOPE_END()
