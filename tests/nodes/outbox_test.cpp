#define CAF_SUITE nodes.outbox

#include "nodes/outbox.hpp"

#include "flows/limits.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::nodes;

namespace {

std::vector<wire::node_message> replies(size_t n, size_t bytes = 0) {
  std::vector<wire::node_message> all;
  value blob{"\xf6"};
  if (bytes > 0)
    blob.cbor = std::string{"\x5a"} + static_cast<char>(bytes >> 24)
                + static_cast<char>(bytes >> 16) + static_cast<char>(bytes >> 8)
                + static_cast<char>(bytes) + std::string(bytes, 'x');
  for (size_t i = 0; i < n; ++i)
    all.emplace_back(wire::reply{i, blob});
  return all;
}

struct fixture {
  int wakes = 0;
  outbox box{[this] { ++wakes; }, 1u << 20};
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(outbox_tests, fixture)

CAF_TEST(all that waits goes out in one frame and wakes once) {
  for (int i = 0; i < 10; ++i)
    box.deliver(replies(3));
  CAF_CHECK_EQUAL(wakes, 1);
  auto news = box.take();
  CAF_REQUIRE(news.frame.has_value());
  CAF_CHECK_EQUAL(news.frame->count, 30u);
  CAF_CHECK(wire::decode_node_frame(wire::frame_of(30, news.frame->items)).has_value());
}

CAF_TEST(what comes during a write waits for its end without waking) {
  box.deliver(replies(1));
  auto first = box.take();
  box.deliver(replies(2));
  box.deliver(replies(2));
  CAF_CHECK_EQUAL(wakes, 1);
  CAF_CHECK(!box.take().frame);
  box.written(first.frame->items.size());
  auto second = box.take();
  CAF_REQUIRE(second.frame.has_value());
  CAF_CHECK_EQUAL(second.frame->count, 4u);
}

CAF_TEST(more than may wait cuts the client off even during a write) {
  box.deliver(replies(1));
  auto first = box.take();
  for (int i = 0; i < 30; ++i)
    box.deliver(replies(1, 100'000));
  CAF_CHECK_EQUAL(wakes, 2);
  auto news = box.take();
  CAF_CHECK(news.is_too_slow);
  CAF_CHECK(!news.frame);
  box.deliver(replies(1));
  box.written(first.frame->items.size());
  CAF_CHECK(!box.take().frame);
}

CAF_TEST(what is written counts no longer) {
  for (int i = 0; i < 100; ++i) {
    box.deliver(replies(5, 100'000));
    auto news = box.take();
    CAF_REQUIRE(!news.is_too_slow);
    CAF_REQUIRE(news.frame.has_value());
    box.written(news.frame->items.size());
  }
}

CAF_TEST(the end comes after what was delivered before it) {
  box.deliver(replies(1));
  box.end(make_error(ec::bad_frame, "first"));
  box.end(make_error(ec::internal, "second"));
  auto news = box.take();
  CAF_REQUIRE(news.frame.has_value());
  box.written(news.frame->items.size());
  auto last = box.take();
  CAF_CHECK(!last.frame);
  CAF_REQUIRE(last.ended.has_value());
  CAF_CHECK_EQUAL(last.ended->text, "first");
}

CAF_TEST(consumed bytes are reported once) {
  box.consumed(5);
  box.consumed(6);
  CAF_CHECK_EQUAL(box.take().consumed, 11u);
  CAF_CHECK_EQUAL(box.take().consumed, 0u);
}

CAF_TEST(nobody is woken after it is shut) {
  box.shut();
  box.deliver(replies(1));
  box.consumed(1);
  box.end(make_error(ec::internal, "late"));
  CAF_CHECK_EQUAL(wakes, 0);
  CAF_CHECK(!box.take().frame);
}

CAF_TEST(a frame never holds more messages than may be) {
  outbox large{[] {}, 1u << 30};
  large.deliver(replies(limits::api_frame_messages_max + 5));
  auto first = large.take();
  CAF_CHECK_EQUAL(first.frame->count, limits::api_frame_messages_max);
  large.written(first.frame->items.size());
  CAF_CHECK_EQUAL(large.take().frame->count, 5u);
}

CAF_TEST_FIXTURE_SCOPE_END()
