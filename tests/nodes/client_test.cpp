#define CAF_SUITE nodes.client

#include "flows/client.hpp"

#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "flows/client_actor.hpp"
#include "flows/limits.hpp"
#include "flows/typed_socket.hpp"

#include "client_fixture.hpp"
#include "cut_proxy.hpp"
#include "fake_node.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

CAF_TEST_FIXTURE_SCOPE(client_tests, fixture)

// -- connecting ---------------------------------------------------------------

CAF_TEST(a client learns who it is and where) {
  auto c = connected();
  CAF_CHECK_EQUAL(c.node_name(), "n1");
  CAF_CHECK_EQUAL(c.user(), "admin");
}

CAF_TEST(a wrong token and a wrong address are told at once) {
  auto wrong = client::connect(to_node("wrong"));
  CAF_REQUIRE(!wrong);
  CAF_CHECK(wrong.error().code == ec::not_logged_in);
  CAF_CHECK(to_string(wrong.error()).find("wrong") == std::string::npos);
  auto to = to_node();
  stop();
  auto nobody = client::connect(to);
  CAF_REQUIRE(!nobody);
  CAF_CHECK(nobody.error().code == ec::no_server);
  CAF_CHECK(nobody.error().text.find(to.address) != std::string::npos);
  to.address = "nonsense";
  auto unreadable = client::connect(to);
  CAF_REQUIRE(!unreadable);
  CAF_CHECK(unreadable.error().code == ec::bad_usage);
}

CAF_TEST(a server that says nothing is given up after the time to connect) {
  // Listens, and never accepts.
  auto silent = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(silent, reinterpret_cast<sockaddr*>(&here), sizeof here);
  ::listen(silent, 1);
  socklen_t size = sizeof here;
  ::getsockname(silent, reinterpret_cast<sockaddr*>(&here), &size);
  auto to = to_node();
  to.address = "127.0.0.1:" + std::to_string(ntohs(here.sin_port));
  to.connect_timeout = 100ms;
  auto got = client::connect(to);
  CAF_REQUIRE(!got);
  CAF_CHECK(got.error().code == ec::no_server);
  CAF_CHECK(got.error().text.find("100 ms") != std::string::npos);
  ::close(silent);
}

// -- calls --------------------------------------------------------------------

CAF_TEST(a call returns its value) {
  auto c = connected();
  auto got = c.call("shop.price", make_arguments({value_of(std::string{"tea"}), value_of(2)}), 30s);
  CAF_REQUIRE(got.has_value());
  CAF_CHECK_EQUAL(to_json_text(*got), to_json_text(value{"\x82\x63tea\x02"}));
}

CAF_TEST(a launched call is found again by its id) {
  calls->set(call_book::mode::hold);
  auto c = connected();
  auto handle = c.launch("shop.price", numbers(5), {.priority = 9, .key = "k"});
  CAF_REQUIRE(handle.has_value());
  CAF_CHECK(handle->id().partition() == partition_id{1});
  CAF_CHECK_EQUAL(int{calls->last.back().options.priority}, 9);
  auto early = handle->wait(10ms);
  CAF_REQUIRE(!early);
  CAF_CHECK(early.error().code == ec::timed_out);
  calls->release();
  auto other = connected();
  auto outcome = other.find(handle->id()).wait(30s);
  CAF_REQUIRE(outcome.has_value());
  CAF_CHECK(outcome->ok());
  auto mine = handle->get(30s);
  CAF_CHECK(mine.has_value());
  CAF_CHECK(handle->cancel().has_value());
}

CAF_TEST(waiting again and again for one call costs its owner one watcher) {
  calls->set(call_book::mode::hold);
  auto c = connected();
  auto handle = c.launch("shop.price", numbers(5));
  CAF_REQUIRE(handle.has_value());
  for (int i = 0; i < 20; ++i)
    CAF_CHECK(!handle->wait(1ms));
  calls->release();
  CAF_CHECK(handle->wait(30s).has_value());
  std::lock_guard lock{calls->mutex};
  CAF_CHECK_EQUAL(calls->awaited, 2u); // one while it ran, one afterwards at most
}

CAF_TEST(an unknown socket and a full queue are errors with a hint) {
  auto c = connected();
  auto unknown = c.call("shop.prise", {}, 30s);
  CAF_REQUIRE(!unknown);
  CAF_CHECK(unknown.error().code == ec::unknown_socket);
  CAF_CHECK(unknown.error().hint.find("shop.price") != std::string::npos);
  calls->set(call_book::mode::refuse);
  auto full = c.launch("shop.price", {});
  CAF_REQUIRE(!full);
  CAF_CHECK(full.error().code == ec::queue_full);
  auto gone = c.find(make_call_id(1'000, partition_id{999}, 1)).wait(30s);
  CAF_REQUIRE(!gone);
  CAF_CHECK(gone.error().code == ec::unknown_call);
}

CAF_TEST(bad values and too large arguments never reach a socket) {
  auto c = connected();
  arguments no_text;
  no_text.positional = "\x81\x61\xff";
  auto bad = c.launch("shop.price", no_text);
  CAF_REQUIRE(!bad);
  CAF_CHECK(bad.error().code == ec::bad_value);
  arguments large;
  large.positional.resize(limits::payload_bytes_max + 1);
  auto too_large = c.launch("shop.price", large);
  CAF_REQUIRE(!too_large);
  CAF_CHECK(too_large.error().code == ec::payload_too_large);
  CAF_CHECK_EQUAL(calls->submissions, 0u);
}

CAF_TEST(large arguments and results pass whole) {
  auto c = connected();
  std::string blob(20u << 20, 'x');
  auto got = c.call("shop.price", make_arguments({value_of(blob)}), 30s);
  CAF_REQUIRE(got.has_value());
  CAF_CHECK(*got == value{make_arguments({value_of(blob)}).positional});
}

CAF_TEST(a user without the right cannot call) {
  auto c = client::connect(to_node("reader"));
  CAF_REQUIRE(c.has_value());
  auto refused = c->call("shop.price", {}, 30s);
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == ec::not_allowed);
  CAF_CHECK(c->request("call.list", value{"\xa0"}).has_value());
  CAF_CHECK(!c->request("node.drain", value{"\xa0"}));
}

CAF_TEST(a hundred thousand calls in a pipeline are each answered once) {
  constexpr size_t n = 100'000;
  auto c = connected();
  tally all{n};
  for (size_t i = 0; i < n; ++i)
    all.submit(c, i);
  CAF_CHECK(all.all_ended.reaches(n));
  CAF_CHECK(all.each_once());
  CAF_CHECK_EQUAL(all.wrong.now(), 0u);
}

CAF_TEST(no more calls are in flight than allowed and the rest waits in the client) {
  calls->set(call_book::mode::hold);
  auto c = connected();
  constexpr auto n = limits::api_calls_in_flight_max + 1'000;
  tally all{n};
  std::atomic<size_t> submitted = 0;
  std::thread program{[&] {
    for (size_t i = 0; i < n; ++i, ++submitted)
      all.submit(c, i);
  }};
  CAF_CHECK(calls->arrived.reaches(limits::api_calls_in_flight_max));
  CAF_CHECK(submitted <= limits::api_calls_in_flight_max);
  CAF_CHECK_EQUAL(calls->arrived.now(), limits::api_calls_in_flight_max);
  // Requests are not held up by calls.
  CAF_CHECK(c.request("node.status", value{"\xa0"}).has_value());
  calls->release();
  CAF_CHECK(all.all_ended.reaches(n));
  program.join();
  CAF_CHECK(all.each_once());
  CAF_CHECK_EQUAL(all.refused.now(), 0u);
}

CAF_TEST(blocking inside of a callback is refused instead of hanging) {
  auto c = connected();
  std::promise<result<value>> inner;
  c.submit("shop.price", {}, {},
           [&](result<call_id>) { inner.set_value(c.call("shop.price", {}, 30s)); }, {});
  auto got = inner.get_future().get();
  CAF_REQUIRE(!got);
  CAF_CHECK(got.error().code == ec::bad_usage);
}

// -- verbs and events ---------------------------------------------------------

CAF_TEST(verbs bring their answer or their refusal) {
  auto c = connected();
  auto got
      = c.request("object.list", value_of(std::map<std::string, std::string>{{"kind", "queue"}}));
  CAF_REQUIRE(got.has_value());
  CAF_CHECK_EQUAL(to_json_text(*got), R"({"kind":"queue"})");
  auto refused = c.request("queue.purge", value{"\xa0"});
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == ec::unknown_object);
  auto unknown = c.request("no.verb", value{"\xa0"});
  CAF_REQUIRE(!unknown);
  CAF_CHECK(unknown.error().code == ec::unknown_command);
}

CAF_TEST(a verb that is not answered in time says so) {
  verbs->is_silent = true;
  auto to = to_node();
  to.request_timeout = 20ms;
  auto c = client::connect(to);
  auto got = c->request("node.status", value{"\xa0"});
  CAF_REQUIRE(!got);
  CAF_CHECK(got.error().code == ec::timed_out);
}

CAF_TEST(events flow until their handle is dropped) {
  auto c = connected();
  counter events;
  auto subscription = c.subscribe("task", value{"\xa0"}, [&](const value&) { events.add(); });
  CAF_REQUIRE(subscription.has_value());
  auto publish = [&] {
    std::lock_guard lock{verbs->mutex};
    for (auto& [seq, session] : verbs->subscriptions) {
      session_output output;
      output.messages.emplace_back(wire::event{seq, {}});
      caf::anon_send(session, std::move(output));
    }
    return verbs->subscriptions.size();
  };
  CAF_CHECK_EQUAL(publish(), 1u);
  CAF_CHECK(events.reaches(1));
  subscription = result<std::shared_ptr<void>>{nullptr};
  // Answered behind the forgetting.
  CAF_CHECK(c.request("node.status", value{"\xa0"}).has_value());
  CAF_CHECK_EQUAL(publish(), 0u);
  auto unknown = c.subscribe("nothing", value{"\xa0"}, [](const value&) {});
  CAF_REQUIRE(!unknown);
  CAF_CHECK(unknown.error().code == ec::bad_value);
}

// -- lost connections ---------------------------------------------------------

CAF_TEST(a restart of the server in the middle loses no call and repeats none) {
  constexpr size_t n = 20'000;
  auto c = connected();
  tally all{n};
  std::thread program{[&] {
    for (size_t i = 0; i < n; ++i)
      all.submit(c, i);
  }};
  for (size_t restart = 1; restart <= 3; ++restart) {
    CAF_CHECK(calls->arrived.reaches(restart * n / 5));
    stop();
    CAF_REQUIRE(start());
  }
  program.join();
  CAF_CHECK(all.all_ended.reaches(n));
  CAF_CHECK(all.each_once());
  CAF_CHECK_EQUAL(all.refused.now(), 0u);
  CAF_CHECK_EQUAL(all.wrong.now(), 0u);
  std::lock_guard lock{calls->mutex};
  CAF_CHECK_EQUAL(calls->known.size(), n); // one id each, however often it was sent
}

CAF_TEST(connections that are cut anywhere lose no call and repeat none) {
  const auto seed = std::random_device{}();
  CAF_MESSAGE("seed " << seed);
  std::mt19937 random{seed};
  cut_proxy proxy{server->port()};
  auto to = to_node();
  to.address = "127.0.0.1:" + std::to_string(proxy.port());
  auto c = client::connect(to);
  CAF_REQUIRE(c.has_value());
  constexpr size_t n = 20'000;
  tally all{n};
  std::thread program{[&] {
    for (size_t i = 0; i < n; ++i)
      all.submit(*c, i);
  }};
  for (size_t at = 0; at < n;) {
    at = std::min<size_t>(n, at + 1 + random() % 4'000);
    CAF_CHECK(all.all_ended.reaches(at));
    proxy.cut();
  }
  program.join();
  CAF_CHECK(all.all_ended.reaches(n));
  CAF_CHECK(all.each_once());
  CAF_CHECK_EQUAL(all.refused.now(), 0u);
  CAF_CHECK_EQUAL(all.wrong.now(), 0u);
  CAF_CHECK(proxy.connections() > 1);
  std::lock_guard lock{calls->mutex};
  CAF_CHECK_EQUAL(calls->known.size(), n);
}

CAF_TEST(unacknowledged submits are sent again as such and accepted calls are waited for by id) {
  calls->set(call_book::mode::hold_unaccepted);
  auto c = connected();
  tally all{2};
  all.submit(c, 0);
  CAF_CHECK(calls->arrived.reaches(1));
  calls->set(call_book::mode::hold);
  all.submit(c, 1);
  CAF_CHECK(calls->arrived.reaches(2));
  stop();
  CAF_REQUIRE(start());
  CAF_CHECK(calls->arrived.reaches(4)); // the first as a repeat, the second as a wait
  {
    std::lock_guard lock{calls->mutex};
    CAF_CHECK(calls->repeats >= 1);
    CAF_CHECK_EQUAL(calls->known.size(), 2u);
  }
  calls->release();
  CAF_CHECK(all.all_ended.reaches(2));
  CAF_CHECK_EQUAL(int{all.accepted[0]}, 1);
  CAF_CHECK_EQUAL(int{all.accepted[1]}, 1);
}

CAF_TEST(a socket that dies with answers due makes the client ask its successor) {
  calls->set(call_book::mode::hold_unaccepted);
  auto c = connected();
  tally all{1};
  all.submit(c, 0);
  CAF_CHECK(calls->arrived.reaches(1));
  calls->set(call_book::mode::end_now);
  auto successor = system.spawn(fake_owner, calls);
  auto routes = std::make_shared<actors::routes>(*directory.view());
  for (auto& [name, route] : routes->by_name)
    route.owner = successor;
  for (auto& [partition, route] : routes->by_partition)
    route.owner = successor;
  directory.publish(std::move(routes));
  caf::anon_send_exit(owner, caf::exit_reason::kill);
  CAF_CHECK(all.all_ended.reaches(1));
  CAF_CHECK(all.each_once());
  CAF_CHECK_EQUAL(calls->known.size(), 1u);
  owner = successor;
}

CAF_TEST(a server that does not come back ends everything with the cause) {
  calls->set(call_book::mode::hold);
  auto to = to_node();
  to.reconnect_for = 50ms;
  auto c = client::connect(to);
  CAF_REQUIRE(c.has_value());
  std::promise<call_outcome> ended;
  std::promise<result<call_id>> accepted;
  c->submit(
      "shop.price", {}, {}, [&](result<call_id> id) { accepted.set_value(id); },
      [&](const call_outcome& outcome) { ended.set_value(outcome); });
  auto id = accepted.get_future().get();
  CAF_REQUIRE(id.has_value());
  stop();
  auto outcome = ended.get_future().get();
  CAF_CHECK(!outcome.ok());
  CAF_CHECK(!is_ended(outcome.state));
  CAF_CHECK(outcome.why.code == ec::connection_lost);
  CAF_CHECK(outcome.id == *id);
  auto later = c->call("shop.price", {}, 30s);
  CAF_REQUIRE(!later);
  CAF_CHECK(later.error().code == ec::connection_lost);
}

CAF_TEST(a client that is closed tells what is unanswered) {
  calls->set(call_book::mode::hold);
  counter ended;
  {
    auto c = connected();
    std::promise<void> accepted;
    c.submit(
        "shop.price", {}, {}, [&](result<call_id>) { accepted.set_value(); },
        [&](const call_outcome&) { ended.add(); });
    accepted.get_future().get();
  }
  CAF_CHECK_EQUAL(ended.now(), 1u);
  CAF_CHECK(verbs->sessions_ended.reaches(1));
}

CAF_TEST(a handle that goes away inside of its own callback is no harm) {
  std::promise<void> done;
  auto c = std::make_shared<client>(connected());
  auto* plain = c.get();
  plain->submit("shop.price", {}, {},
                [c = std::move(c), &done](result<call_id>) mutable {
                  c.reset();
                  done.set_value();
                },
                {});
  done.get_future().get();
  CAF_CHECK(verbs->sessions_ended.reaches(1));
}

// -- actors -------------------------------------------------------------------

CAF_TEST(an actor of the caller calls launches waits and asks) {
  auto c = connected();
  caf::scoped_actor self{system};
  auto speaker = c.spawn_actor(system);
  self->request(speaker, 30s, call_socket{"shop.price", numbers(3)})
      .receive([](const call_outcome& outcome) { CAF_CHECK(outcome.ok()); },
               [](const caf::error& why) { CAF_FAIL(error_of(why).text); });
  call_id id;
  self->request(speaker, 30s, launch_call{"shop.price", numbers(4)})
      .receive([&](const call_launched& launched) { id = launched.id; },
               [](const caf::error& why) { CAF_FAIL(error_of(why).text); });
  self->request(speaker, 30s, await_call{id})
      .receive([&](const call_outcome& outcome) { CAF_CHECK(outcome.id == id && outcome.ok()); },
               [](const caf::error& why) { CAF_FAIL(error_of(why).text); });
  self->request(speaker, 30s, ask_node{"node.status", value{"\xa0"}})
      .receive([](const node_answered& answered) { CAF_CHECK_EQUAL(answered.answer.cbor, "\xa0"); },
               [](const caf::error& why) { CAF_FAIL(error_of(why).text); });
  self->request(speaker, 30s, call_socket{"shop.prise", {}})
      .receive([](const call_outcome&) { CAF_FAIL("there is no such socket"); },
               [](const caf::error& why) {
                 CAF_CHECK(error_of(why).code == ec::unknown_socket);
                 CAF_CHECK(error_of(why).hint.find("shop.price") != std::string::npos);
               });
}

CAF_TEST(an event based actor is answered through a handle that it does not keep) {
  auto c = connected();
  std::promise<bool> told;
  system.spawn([&](caf::event_based_actor* self) {
    self->request(c.spawn_actor(self->system()), 30s, call_socket{"shop.price", numbers(3)})
        .then([&told](const call_outcome& outcome) { told.set_value(outcome.ok()); },
              [&told](const caf::error&) { told.set_value(false); });
  });
  CAF_CHECK(told.get_future().get());
}

// -- typed sockets ------------------------------------------------------------

CAF_TEST(a typed socket turns values over and back) {
  auto c = connected();
  auto echo = c.socket<std::vector<value>(std::string, int)>("shop.price");
  CAF_REQUIRE(echo.has_value());
  auto got = (*echo)("tea", 2);
  CAF_REQUIRE(got.has_value());
  CAF_REQUIRE_EQUAL(got->size(), 2u);
  CAF_CHECK_EQUAL(*value_as<std::string>((*got)[0]), "tea");
  CAF_CHECK_EQUAL(*value_as<int>((*got)[1]), 2);
  auto launched = echo->launch("mug", 1);
  CAF_REQUIRE(launched.has_value());
  CAF_CHECK(launched->get(30s).has_value());
  auto wrong = c.socket<double(int)>("shop.price");
  CAF_REQUIRE(wrong.has_value());
  auto mismatch = (*wrong)(1);
  CAF_REQUIRE(!mismatch);
  CAF_CHECK(mismatch.error().code == ec::bad_value);
}

CAF_TEST_FIXTURE_SCOPE_END()
