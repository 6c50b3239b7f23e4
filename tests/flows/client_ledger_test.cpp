#define CAF_SUITE flows.client_ledger

#include "flows/client_ledger.hpp"

#include "flows/limits.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;

namespace {

struct fixture {
  client_ledger ledger{std::string(16, 's'), "test"};
  std::vector<std::string> told;

  uint64_t submit(const std::string& socket, bool push = true, size_t bytes = 0) {
    wire::submit what;
    what.socket = socket;
    what.time_ms = 1'000;
    what.args.positional.append(bytes, 'x');
    on::ended ended;
    if (push)
      ended = [this, socket](result<call_outcome> r) {
        told.push_back(socket
                       + (r ? " ended " + std::string{to_string(r->state)}
                            : " lost " + std::string{describe(r.error().code).name}));
      };
    return ledger.submit(
        std::move(what),
        [this, socket](result<call_id> r) {
          told.push_back(
              socket
              + (r ? " accepted" : " refused " + std::string{describe(r.error().code).name}));
        },
        ended);
  }
  uint64_t request(const std::string& verb) {
    return ledger.request(verb, value{"\xa0"}, [this, verb](result<value> r) {
      told.push_back(verb
                     + (r ? " replied" : " refused " + std::string{describe(r.error().code).name}));
    });
  }
  /// What the wire takes now.
  std::vector<wire::client_message> take() {
    std::vector<wire::client_message> all;
    wire_batch batch;
    while (ledger.next_batch(batch)) {
      auto messages = wire::decode_client_frame(wire::frame_of(batch.count, batch.items));
      CAF_REQUIRE(messages.has_value());
      for (auto& m : *messages)
        all.push_back(std::move(m));
    }
    return all;
  }
  void hear(wire::node_message message) {
    std::vector<answer> answers;
    ledger.on_message(std::move(message), answers);
    deliver(answers);
  }
  void lose() {
    std::vector<answer> answers;
    ledger.lost(answers);
    deliver(answers);
  }
  void deliver(std::vector<answer>& answers) {
    for (auto& one : answers)
      one.deliver();
  }
  std::vector<std::string> news() { return std::exchange(told, {}); }
};

using texts = std::vector<std::string>;

call_id id_of(uint64_t n) {
  return make_call_id(5, partition_id{1}, n << 10);
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(client_ledger_tests, fixture)

CAF_TEST(a call is accepted once and ends once) {
  ledger.opened();
  auto seq = submit("a");
  auto sent = take();
  CAF_REQUIRE_EQUAL(sent.size(), 1u);
  CAF_CHECK(std::get<wire::submit>(sent[0]).push_end);
  CAF_CHECK(!std::get<wire::submit>(sent[0]).again);
  hear(wire::accepted{seq, id_of(1)});
  hear(wire::accepted{seq, id_of(1)});
  CAF_CHECK_EQUAL(news(), texts{"a accepted"});
  hear(wire::ended{seq, id_of(1)});
  hear(wire::ended{seq, id_of(1)});
  CAF_CHECK_EQUAL(news(), texts{"a ended finished"});
  CAF_CHECK_EQUAL(ledger.unanswered(), 0u);
}

CAF_TEST(a call whose end is not wanted is forgotten when it is accepted) {
  ledger.opened();
  auto seq = submit("a", false);
  CAF_CHECK(!std::get<wire::submit>(take()[0]).push_end);
  hear(wire::accepted{seq, id_of(1)});
  CAF_CHECK_EQUAL(ledger.unanswered(), 0u);
}

CAF_TEST(after a lost connection submits go out again and waits go by id in order) {
  ledger.opened();
  auto first = submit("first");
  auto second = submit("second");
  auto sent = take();
  hear(wire::accepted{first, id_of(1)});
  news();
  lose();
  auto third = submit("third");
  CAF_CHECK(take().empty());
  ledger.opened();
  auto again = take();
  CAF_REQUIRE_EQUAL(again.size(), 3u);
  CAF_CHECK_EQUAL(std::get<wire::wait>(again[0]).seq, first);
  CAF_CHECK(std::get<wire::wait>(again[0]).id == id_of(1));
  auto& repeat = std::get<wire::submit>(again[1]);
  CAF_CHECK_EQUAL(repeat.seq, second);
  CAF_CHECK_EQUAL(repeat.time_ms, std::get<wire::submit>(sent[1]).time_ms);
  CAF_CHECK(repeat.again);
  CAF_CHECK_EQUAL(std::get<wire::submit>(again[2]).seq, third);
  CAF_CHECK(!std::get<wire::submit>(again[2]).again);
  CAF_CHECK(news().empty());
  hear(wire::ended{first, id_of(1)});
  hear(wire::accepted{second, id_of(2)});
  hear(wire::ended{second, id_of(2), call_state::failed});
  CAF_CHECK_EQUAL(news(),
                  (texts{"first ended finished", "second accepted", "second ended failed"}));
}

CAF_TEST(a submit that never left is not marked as sent before) {
  ledger.opened();
  submit("a");
  lose(); // the batch was never taken
  ledger.opened();
  CAF_CHECK(!std::get<wire::submit>(take()[0]).again);
  lose();
  ledger.opened();
  CAF_CHECK(std::get<wire::submit>(take()[0]).again);
  lose(); // and the mark stays
  ledger.opened();
  lose();
  ledger.opened();
  CAF_CHECK(std::get<wire::submit>(take()[0]).again);
}

CAF_TEST(
    a request that may have happened is answered as lost and one that never left is asked later) {
  ledger.opened();
  request("seen");
  take();
  request("unseen");
  lose();
  CAF_CHECK_EQUAL(news(), texts{"seen refused connection_lost"});
  ledger.opened();
  auto again = take();
  CAF_REQUIRE_EQUAL(again.size(), 1u);
  CAF_CHECK_EQUAL(std::get<wire::request>(again[0]).verb, "unseen");
}

CAF_TEST(an end that arrives in place of an acceptance brings both) {
  ledger.opened();
  auto seq = submit("a");
  hear(wire::ended{seq, id_of(1)});
  CAF_CHECK_EQUAL(news(), (texts{"a accepted", "a ended finished"}));
}

CAF_TEST(giving up answers everything once and what was accepted with its end) {
  ledger.opened();
  auto seq = submit("a");
  submit("b");
  request("v");
  hear(wire::accepted{seq, id_of(1)});
  news();
  std::vector<answer> answers;
  ledger.give_up(make_error(ec::connection_lost, "gone"), answers);
  deliver(answers);
  auto last = news();
  std::sort(last.begin(), last.end());
  CAF_CHECK_EQUAL(last, (texts{"a lost connection_lost", "b refused connection_lost",
                               "v refused connection_lost"}));
  CAF_CHECK_EQUAL(ledger.unanswered(), 0u);
}

CAF_TEST(a subscription is made again after a reconnect and told ready only once) {
  int ready = 0;
  int events = 0;
  ledger.opened();
  auto seq = ledger.subscribe(
      "task", value{"\xa0"}, [&](result<value>) { ++ready; }, [&](const value&) { ++events; });
  take();
  hear(wire::reply{seq, {}});
  hear(wire::event{seq, {}});
  lose();
  ledger.opened();
  auto again = take();
  CAF_CHECK_EQUAL(std::get<wire::subscribe>(again.at(0)).channel, "task");
  hear(wire::reply{seq, {}});
  hear(wire::event{seq, {}});
  CAF_CHECK_EQUAL(ready, 1);
  CAF_CHECK_EQUAL(events, 2);
  ledger.forget(seq);
  auto last = take();
  CAF_CHECK_EQUAL(std::get<wire::forget>(last.at(0)).seq, seq);
  hear(wire::event{seq, {}});
  CAF_CHECK_EQUAL(events, 2);
}

CAF_TEST(a submit that nobody listens to any more is still delivered) {
  auto seq = submit("a");
  ledger.forget(seq);
  ledger.opened();
  CAF_CHECK_EQUAL(take().size(), 1u);
  hear(wire::accepted{seq, id_of(1)});
  CAF_CHECK(news().empty());
  CAF_CHECK_EQUAL(ledger.unanswered(), 0u);
}

CAF_TEST(room is bounded by calls and by bytes and comes back) {
  for (size_t i = 0; i < limits::api_calls_in_flight_max; ++i) {
    CAF_REQUIRE(ledger.has_room(0));
    submit("a");
  }
  CAF_CHECK(!ledger.has_room(0));
  ledger.opened();
  hear(wire::refused{1, make_error(ec::queue_full, "full")});
  CAF_CHECK(ledger.has_room(0));

  client_ledger other{std::string(16, 's'), "test"};
  CAF_CHECK(other.has_room(limits::payload_bytes_max));
  wire::submit large;
  large.args.positional.resize(limits::api_send_queue_bytes_max - 1'000);
  other.submit(std::move(large), {}, {});
  CAF_CHECK(other.has_room(100));
  CAF_CHECK(!other.has_room(1'000));
}

CAF_TEST(a batch never holds more messages than a frame may) {
  for (size_t i = 0; i < limits::api_calls_in_flight_max; ++i)
    submit("a");
  for (size_t i = 0; i < 10; ++i)
    request("v");
  ledger.opened();
  wire_batch batch;
  size_t all = 0;
  while (ledger.next_batch(batch)) {
    CAF_CHECK(batch.count <= limits::api_frame_messages_max);
    all += batch.count;
  }
  CAF_CHECK_EQUAL(all, limits::api_calls_in_flight_max + 10);
}

CAF_TEST_FIXTURE_SCOPE_END()
