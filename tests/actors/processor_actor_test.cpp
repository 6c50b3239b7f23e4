// Calls and workers of a processor. Its life cycle: processor_life_cycle_test.cpp.
#define CAF_SUITE actors.processor_actor

#include "tests/actors/processor_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

std::vector<lease_id> leases(std::initializer_list<uint64_t> numbers) {
  std::vector<lease_id> all;
  for (auto number : numbers)
    all.push_back(lease_id{number});
  return all;
}

codeloader::worker_result ran_for(uint64_t run_us) {
  codeloader::worker_result result;
  result.run_us = run_us;
  return result;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(processor_actor_tests, processor_fixture)

CAF_TEST(a worker of unknown speed has one call at a time and the rest waits) {
  bring_up();
  auto socket = probe("a");
  CAF_CHECK_EQUAL(socket.window(), 4u);
  give(socket, 1, 4);
  CAF_CHECK_EQUAL(handles(1).size(), 1u);
  CAF_CHECK_EQUAL(handles(2).size(), 1u);
  auto now = status();
  CAF_CHECK_EQUAL(now.running, 2u);
  CAF_CHECK_EQUAL(now.waiting, 2u);
  finish(1);
  CAF_CHECK_EQUAL(socket.ended().size(), 1u);
  CAF_CHECK_EQUAL(status().waiting, 0u);
}

CAF_TEST(quick calls raise the credit and a slow one lowers it at once) {
  config.slots = 1;
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 1);
  finish(1, ran_for(10));
  CAF_CHECK_EQUAL(socket.window(), 400u); // twice 2,000 us of work ahead
  give(socket, 2, 300);
  CAF_CHECK_EQUAL(handles(1).size(), 200u);
  finish(1, ran_for(1'000'000));
  CAF_CHECK_EQUAL(socket.window(), 2u);
  CAF_CHECK_EQUAL(handles(1).size(), 199u); // what was given stays, nothing is added
}

CAF_TEST(sockets take turns however much one of them has) {
  config.slots = 1;
  bring_up();
  auto greedy = probe("greedy");
  auto modest = probe("modest");
  give(greedy, 1, 50);
  give(modest, 101, 3);
  std::vector<uint64_t> order;
  for (int i = 0; i < 8; ++i) {
    order.push_back(handles(1).at(0));
    finish(1, ran_for(1'000'000));
  }
  auto turns = std::ranges::count_if(order, [](uint64_t handle) { return handle > 100; });
  CAF_CHECK_EQUAL(turns, 3);
  CAF_CHECK(order[5] > 100 || order[6] > 100 || order[4] > 100);
  CAF_CHECK_EQUAL(modest.ended().size(), 3u);
}

CAF_TEST(a call that must be alone gets a worker without company) {
  config.slots = 1;
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 1);
  finish(1, ran_for(10));
  give(socket, 2, 2);
  give(socket, 10, 1, true);
  give(socket, 20, 2);
  CAF_CHECK_EQUAL(handles(1).size(), 2u); // the lonely one waits, and what came after it
  finish(1, ran_for(10));
  CAF_CHECK_EQUAL(handles(1), std::vector<uint64_t>{3});
  finish(1, ran_for(10));
  CAF_CHECK_EQUAL(handles(1), std::vector<uint64_t>{10});
  give(socket, 30, 1);
  CAF_CHECK_EQUAL(handles(1), std::vector<uint64_t>{10});
  finish(1, ran_for(10));
  CAF_CHECK_EQUAL(handles(1), (std::vector<uint64_t>{20, 21, 30}));
}

CAF_TEST(calls of different functions do not share a message) {
  config.slots = 1;
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 1);
  finish(1, ran_for(10));
  give(socket, 2, 1, false, "price");
  give(socket, 3, 1, false, "tax");
  CAF_CHECK_EQUAL(processes->at(1).calls.at(0).function, "price");
  CAF_CHECK_EQUAL(processes->at(1).calls.at(1).function, "tax");
}

CAF_TEST(a lease that is taken back before it runs comes back and never runs) {
  config.slots = 1;
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 3);
  tell(subject, end_leases{socket.actor, leases({3}), false});
  CAF_CHECK(socket.returned_leases() == leases({3}));
  finish(1, ran_for(1'000'000));
  finish(1, ran_for(1'000'000));
  CAF_CHECK(handles(1).empty());
  CAF_CHECK_EQUAL(socket.ended().size(), 2u);
}

CAF_TEST(a socket that leaves gets back what waits and what runs still ends) {
  config.slots = 1;
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 3);
  tell(subject, detach_socket{socket.actor});
  CAF_CHECK(socket.returned_leases() == leases({2, 3}));
  finish(1);
  CAF_CHECK_EQUAL(socket.ended().size(), 1u);
  give(socket, 4, 1); // sent before it knew
  CAF_CHECK(socket.returned_leases() == leases({2, 3, 4}));
}

CAF_TEST(a worker that dies is replaced at once and its call is blamed) {
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 2);
  processes->exit(1, "killed by signal 9", false);
  sched.run();
  CAF_CHECK_EQUAL(processes->live().size(), 2u);
  auto ended = socket.ended();
  CAF_REQUIRE_EQUAL(ended.size(), 1u);
  CAF_CHECK(ended[0].worker_died);
  CAF_CHECK(ended[0].why.code == ec::worker_lost);
  CAF_CHECK_EQUAL(ended[0].why.message, "killed by signal 9");
  auto now = status();
  CAF_CHECK(now.state == processor_state::running);
  CAF_CHECK_EQUAL(now.restarts, 1u);
  CAF_CHECK(now.text.find("killed by signal 9") != std::string::npos);
}

CAF_TEST(a crash loop backs off further and further until a call has ended) {
  config.slots = 1;
  bring_up();
  auto socket = probe("a");
  auto crash = [&] {
    processes->exit(processes->live().at(0), "exited with code 3", false);
    sched.run();
  };
  crash();
  CAF_REQUIRE_EQUAL(processes->live().size(), 1u); // the first at once
  uint64_t last_delay_ms = 0;
  for (int i = 0; i < 6; ++i) {
    crash();
    uint64_t delay_ms = 0;
    while (processes->live().empty() && delay_ms < 60'000) {
      advance(50);
      delay_ms += 50;
    }
    CAF_CHECK(delay_ms >= 2 * last_delay_ms && delay_ms > 0);
    last_delay_ms = delay_ms;
  }
  CAF_CHECK(last_delay_ms >= 2'000);
  ready_all();
  give(socket, 1, 1);
  finish(processes->live().at(0));
  crash();
  CAF_CHECK_EQUAL(processes->live().size(), 1u);
  CAF_CHECK_EQUAL(status().restarts, 8u);
}

CAF_TEST(the wait of a crash loop has a limit) {
  config.slots = 1;
  bring_up();
  for (int i = 0; i < 30; ++i) {
    processes->exit(processes->live().at(0), "exited with code 3", false);
    sched.run();
    advance(limits::restart_delay_ms_max);
    CAF_REQUIRE_EQUAL(processes->live().size(), 1u);
  }
}

CAF_TEST(a processor that fails leaves no process and no worker behind) {
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 2);
  caf::anon_send_exit(subject, caf::exit_reason::kill);
  sched.run();
  CAF_CHECK(processes->at(1).is_killed);
  CAF_CHECK(processes->at(2).is_killed);
  reap();
  // Nobody is to blame: these calls go to others.
  CAF_CHECK(socket.ended().empty());
  CAF_CHECK(socket.returned_leases() == leases({1, 2}));
}

CAF_TEST(a worker actor that fails takes its process and its processor with it) {
  bring_up();
  auto socket = probe("a");
  processes->throws = true;
  give(socket, 1, 1);
  CAF_CHECK(!is_alive(caf::actor_cast<caf::actor>(subject)));
  CAF_CHECK(processes->at(1).is_killed);
  CAF_CHECK(processes->at(2).is_killed);
}

CAF_TEST(a processor that is removed gives back what waits) {
  config.slots = 1;
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 3);
  caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
  sched.run();
  reap();
  CAF_CHECK(socket.ended().empty());
  CAF_CHECK(socket.returned_leases() == leases({2, 3, 1}));
}

CAF_TEST_FIXTURE_SCOPE_END()
