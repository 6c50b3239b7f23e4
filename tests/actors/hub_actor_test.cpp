// The hub between those who tell and those who listen.
#define CAF_SUITE actors.hub_actor

#include <memory>

#include "caf/all.hpp"

#include "actors/hub_actor.hpp"
#include "flows/params.hpp"
#include "tests/support/catalog_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::actors;

namespace {

struct listener_state {
  std::vector<uint64_t> heard; ///< the numbers of the subscriptions
  std::vector<error> refused;
};

caf::behavior listener(caf::event_based_actor*, std::shared_ptr<listener_state> seen) {
  return {[seen](session_output& output) {
    for (auto& message : output.messages) {
      if (auto* event = std::get_if<wire::event>(&message)) seen->heard.push_back(event->seq);
      if (auto* no = std::get_if<wire::refused>(&message)) seen->refused.push_back(no->why);
    }
  }};
}

struct fixture : test_coordinator_fixture<> {
  fixture() {
    test::catalog_fixture made;
    made.shop();
    made.socket("do_something", "do_it");
    shared->objects->publish(std::make_shared<const catalog>(made.all));
    client = sys.spawn(listener, seen);
    subject = sys.spawn(hub, services_ptr{shared});
    sched.run();
  }

  ~fixture() {
    caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
    sched.run();
  }

  void subscribe(uint64_t seq, const std::string& channel, const std::string& name) {
    wire::subscribe what{seq, channel, map_builder{}.text("name", name).finish()};
    caf::anon_send(subject, subscribe_session{client, std::move(what)});
    sched.run();
  }

  /// The subscriptions that hear of a call of the socket.
  std::vector<uint64_t> heard_of_a_call() {
    happened event;
    event.where = channel::task;
    event.processor = "p";
    event.socket = "do_something";
    caf::anon_send(subject, std::move(event));
    sched.run();
    return std::exchange(seen->heard, {});
  }

  std::shared_ptr<services> shared = std::make_shared<services>();
  std::shared_ptr<listener_state> seen = std::make_shared<listener_state>();
  caf::actor client;
  hub_actor subject;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(hub_actor_tests, fixture)

CAF_TEST(a call is heard by its socket processor queue and the older form) {
  uint64_t seq = 0;
  for (auto name : {"", "do_something", "p", "q", "q.p", "q.p.do_it"})
    subscribe(++seq, "task", name);
  CAF_CHECK(seen->refused.empty());
  CAF_CHECK_EQUAL(heard_of_a_call(), (std::vector<uint64_t>{1, 2, 3, 4, 5, 6}));
  caf::anon_send(subject, forget_session{client, 3, false});
  CAF_CHECK_EQUAL(heard_of_a_call(), (std::vector<uint64_t>{1, 2, 4, 5, 6}));
}

CAF_TEST(another channel hears nothing of it) {
  for (auto channel : {"result", "log", "event"})
    subscribe(1, channel, "p");
  CAF_CHECK(seen->refused.empty());
  CAF_CHECK(heard_of_a_call().empty());
}

CAF_TEST(a name that nothing has is refused with the nearest) {
  subscribe(1, "task", "do_somthing");
  subscribe(2, "task", "q.p2");
  subscribe(3, "tasks", "");
  CAF_REQUIRE_EQUAL(seen->refused.size(), 3u);
  CAF_CHECK_EQUAL(seen->refused[0].code, ec::unknown_object);
  CAF_CHECK_EQUAL(seen->refused[0].text, "no processor, socket or queue \"do_somthing\"");
  CAF_CHECK_EQUAL(seen->refused[0].hint, "did you mean \"do_something\"?");
  CAF_CHECK_EQUAL(seen->refused[1].code, ec::unknown_object);
  CAF_CHECK_EQUAL(seen->refused[2].code, ec::bad_usage);
  CAF_CHECK(heard_of_a_call().empty());
}

CAF_TEST(events are made only while someone listens) {
  CAF_CHECK(!shared->is_watched->load());
  subscribe(1, "task", "");
  CAF_CHECK(shared->is_watched->load());
  caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
  sched.run();
  CAF_CHECK(!shared->is_watched->load());
}

CAF_TEST_FIXTURE_SCOPE_END()
