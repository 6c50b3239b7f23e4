#define CAF_SUITE flows.wire

#include "flows/wire.hpp"

#include <random>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::wire;

namespace {

call_id some_id(uint64_t entropy = 7) {
  return make_call_id(1'700'000'000'000, partition_id{42}, entropy);
}

submit full_submit() {
  submit m;
  m.seq = 1'000'000;
  m.time_ms = 1'700'000'000'123;
  m.socket = "shop.price";
  m.args.positional = "\x82\x01\x61\x61"; // [1, "a"]
  m.args.keyword = "\xa1\x61\x6b\xf5";    // {"k": true}
  m.options = {9, "order-17", 500, "qty", "00-aa-bb-01", 60'000, "\x01\x80"};
  m.push_end = true;
  m.again = true;
  return m;
}

std::vector<client_message> all_client_messages() {
  return {client_hello{1, 3, std::string(16, '\x01'), "test"},
          full_submit(),
          submit{2, 3, "plain", {}, {}, false, false},
          wait{77, some_id()},
          request{5, "object.list", value{"\xa1\x64kind\x65queue"}},
          forget{6},
          subscribe{8, "task", value{"\xa0"}}};
}

std::vector<node_message> all_node_messages() {
  return {
      node_hello{1, 0, "n1", "admin", 1'700'000'000'000},
      accepted{1, some_id()},
      ended{2, some_id(), call_state::finished, value{"\x18\x2a"}, {}, 3},
      ended{
          3, some_id(9), call_state::failed, {}, {ec::task_failed, "KeyError", "'x'", "line 1"}, 4},
      reply{4, value{"\x80"}},
      refused{5, make_error(ec::unknown_socket, "no socket \"a\"", "did you mean \"b\"?")},
      event{6, value{"\xa0"}}};
}

template <class Message>
std::string frame_with(const std::vector<Message>& messages) {
  std::string items;
  for (auto& m : messages)
    encode(items, m);
  return frame_of(messages.size(), items);
}

template <class Message>
std::string bytes_of(const Message& message) {
  std::string items;
  encode(items, message);
  return items;
}

/// Encoding is injective on what the structs hold, so equal bytes are equal messages.
template <class Message>
void check_same(const std::vector<Message>& got, const std::vector<Message>& expected) {
  CAF_REQUIRE_EQUAL(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    CAF_CHECK(bytes_of(got[i]) == bytes_of(expected[i]));
}

} // namespace

CAF_TEST(every message of a client comes back as it was) {
  auto sent = all_client_messages();
  auto got = decode_client_frame(frame_with(sent));
  CAF_REQUIRE(got.has_value());
  check_same(*got, sent);
  auto& m = std::get<submit>((*got)[1]);
  auto expected = full_submit();
  CAF_CHECK_EQUAL(m.seq, expected.seq);
  CAF_CHECK_EQUAL(m.time_ms, expected.time_ms);
  CAF_CHECK_EQUAL(m.socket, expected.socket);
  CAF_CHECK(m.args == expected.args);
  CAF_CHECK(m.options == expected.options);
  CAF_CHECK(m.push_end);
  CAF_CHECK(m.again);
  CAF_CHECK(std::get<submit>((*got)[2]).options == submit_options{});
  CAF_CHECK(std::get<wait>((*got)[3]).id == some_id());
  CAF_CHECK_EQUAL(std::get<subscribe>((*got)[6]).channel, "task");
}

CAF_TEST(every message of a node comes back as it was) {
  auto sent = all_node_messages();
  auto got = decode_node_frame(frame_with(sent));
  CAF_REQUIRE(got.has_value());
  check_same(*got, sent);
  auto& failed = std::get<ended>((*got)[3]);
  CAF_CHECK(failed.state == call_state::failed);
  CAF_CHECK(failed.why == std::get<ended>(sent[3]).why);
  CAF_CHECK_EQUAL(failed.attempts, 4u);
  CAF_CHECK(std::get<refused>((*got)[5]).why == std::get<refused>(sent[5]).why);
  CAF_CHECK_EQUAL(std::get<node_hello>((*got)[0]).wall_ms, 1'700'000'000'000u);
}

CAF_TEST(a frame cut at any byte is refused) {
  auto from_client = frame_with(all_client_messages());
  for (size_t n = 0; n < from_client.size(); ++n) {
    auto got = decode_client_frame(std::string_view{from_client}.substr(0, n));
    CAF_REQUIRE(!got);
    CAF_CHECK(got.error().code == ec::bad_frame);
  }
  auto from_node = frame_with(all_node_messages());
  for (size_t n = 0; n < from_node.size(); ++n)
    CAF_REQUIRE(!decode_node_frame(std::string_view{from_node}.substr(0, n)));
}

CAF_TEST(bytes after a frame are refused) {
  CAF_CHECK(!decode_client_frame(frame_with(all_client_messages()) + "\xf6"));
  CAF_CHECK(!decode_node_frame(frame_with(all_node_messages()) + "\xf6"));
}

CAF_TEST(items that a later minor version adds are ignored) {
  std::string items;
  cbor::writer w{items};
  w.array(4).unsigned_integer(5).unsigned_integer(9).text("later").map(1).text("a").null();
  auto got = decode_client_frame(frame_of(1, items));
  CAF_REQUIRE(got.has_value());
  CAF_CHECK_EQUAL(std::get<forget>(got->front()).seq, 9u);
}

CAF_TEST(a message of unknown type or of too few items is refused) {
  CAF_CHECK(!decode_client_frame(frame_of(1, "\x82\x07\x01")));
  CAF_CHECK(!decode_client_frame(frame_of(1, "\x82\x00\x01")));
  CAF_CHECK(!decode_client_frame(frame_of(1, "\x81\x05")));
  CAF_CHECK(!decode_node_frame(frame_of(1, "\x82\x18\x63\x01")));
  CAF_CHECK(!decode_node_frame("\xf6"));
  CAF_CHECK(!decode_node_frame(""));
}

CAF_TEST(positional arguments that are no array and keywords that are no map are refused) {
  auto m = full_submit();
  std::swap(m.args.positional, m.args.keyword);
  std::string items;
  encode(items, m);
  CAF_CHECK(!decode_client_frame(frame_of(1, items)));
}

CAF_TEST(a state or a priority out of range is refused) {
  auto m = full_submit();
  m.options.priority = 10;
  std::string items;
  encode(items, m);
  CAF_CHECK(!decode_client_frame(frame_of(1, items)));
  ended e;
  e.state = static_cast<call_state>(11);
  items.clear();
  encode(items, node_message{e});
  CAF_CHECK(!decode_node_frame(frame_of(1, items)));
}

CAF_TEST(a frame that announces more messages than are allowed is refused before any is read) {
  std::string items;
  for (size_t i = 0; i <= limits::api_frame_messages_max; ++i)
    encode(items, client_message{forget{i}});
  auto got = decode_client_frame(frame_of(limits::api_frame_messages_max + 1, items));
  CAF_REQUIRE(!got);
  CAF_CHECK(got.error().text.find("at most") != std::string::npos);
  // And one that announces them without having them.
  CAF_CHECK(!decode_client_frame("\x9a\xff\xff\xff\xff"));
}

CAF_TEST(arguments that are no text where text must be are refused by the check of values) {
  auto m = full_submit();
  CAF_CHECK(check_values(m).has_value());
  CAF_CHECK(m.args == full_submit().args);
  m.args.positional = "\x81\x61\xff"; // one text that is not UTF-8
  CAF_CHECK(check_values(m).error().code == ec::bad_value);
  m = full_submit();
  m.options.key = "\xff";
  CAF_CHECK(check_values(m).error().code == ec::bad_value);
  value keyed_by_number{"\xa1\x01\x02"};
  CAF_CHECK(check_values(keyed_by_number).error().code == ec::bad_value);
}

CAF_TEST(random bytes and random changes never do more than be refused) {
  const auto seed = std::random_device{}();
  CAF_MESSAGE("seed " << seed);
  std::mt19937 random{seed};
  auto from_client = frame_with(all_client_messages());
  auto from_node = frame_with(all_node_messages());
  size_t refused_frames = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto frame = round % 2 ? from_client : from_node;
    for (auto changes = random() % 4 + 1; changes > 0; --changes) {
      auto at = random() % frame.size();
      switch (random() % 3) {
      case 0:
        frame[at] = static_cast<char>(random());
        break;
      case 1:
        frame.insert(at, 1, static_cast<char>(random()));
        break;
      default:
        frame.erase(at, 1);
        break;
      }
    }
    // What is accepted must be encodable, and then mean the same.
    if (auto got = decode_client_frame(frame)) {
      auto again = decode_client_frame(frame_with(*got));
      CAF_REQUIRE(again.has_value());
      check_same(*again, *got);
    } else {
      ++refused_frames;
    }
    if (auto got = decode_node_frame(frame))
      CAF_REQUIRE(decode_node_frame(frame_with(*got)).has_value());
    std::string noise(random() % 64, '\0');
    for (auto& c : noise)
      c = static_cast<char>(random());
    decode_client_frame(noise);
    decode_node_frame(noise);
  }
  CAF_CHECK(refused_frames > 1'000);
}
