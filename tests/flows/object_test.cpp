#define CAF_SUITE flows.object

#include "flows/object.hpp"

#include "flows/cbor.hpp"
#include "flows/ids.hpp"
#include "tests/support/catalog_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;

namespace {

object processor() {
  object it;
  it.name = "shop-1";
  it.number = limits::partitions_max + 7;
  processor_spec spec;
  spec.repository = "https://example.org/shop.git";
  spec.module = "shop.prices";
  spec.environment = {{"A", "1"}, {"B", "ü"}};
  spec.retry_backoff = 1.75;
  it.spec = spec;
  it.labels = {{"team", "blue"}};
  it.created_ms = 1'700'000'000'000;
  it.updated_ms = 1'700'000'000'009;
  it.by = "ann";
  it.revision = 12;
  it.code.wanted_revision = 11;
  it.code.commit = std::string(40, 'b');
  it.code.is_known = true;
  it.code.functions
      = {flow::test::function("price", {"item", "*rest", "**more"}), flow::test::function("tax")};
  it.code.failure = "none";
  it.code.replacement_versions = {{"price", 3}};
  return it;
}

} // namespace

CAF_TEST(an object is the same after encoding and decoding) {
  auto it = processor();
  auto back = decode_object(encode_object(it));
  CAF_REQUIRE(back);
  CAF_CHECK(*back == it);
  object socket;
  socket.name = "s";
  socket.number = 1;
  socket.spec = socket_spec{"p", "t", "q", 5, "", "", join_mode::automatic, "", 0};
  CAF_CHECK(*decode_object(encode_object(socket)) == socket);
}

CAF_TEST(fields that a later version adds at the end are ignored) {
  auto bytes = encode_object(processor());
  CAF_REQUIRE_EQUAL(static_cast<uint8_t>(bytes[1]), 0x80 + 10);
  bytes[1] = static_cast<char>(0x80 + 12);
  cbor::writer{bytes}.text("later").map(1).text("k").unsigned_integer(1);
  auto back = decode_object(bytes);
  CAF_REQUIRE(back);
  CAF_CHECK(*back == processor());
}

CAF_TEST(damaged rows are errors and never anything else) {
  auto bytes = encode_object(processor());
  CAF_CHECK(decode_object("").error().code == ec::store_corrupt);
  for (size_t size = 1; size < bytes.size(); ++size)
    CAF_CHECK(decode_object(std::string_view{bytes}.substr(0, size)).error().code
              == ec::store_corrupt);
  CAF_CHECK(decode_object(bytes + "x").error().code == ec::store_corrupt);
  size_t refused = 0;
  for (size_t at = 1; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 << bit));
      if (auto read = decode_object(damaged); !read) {
        CAF_CHECK(read.error().code == ec::store_corrupt);
        ++refused;
      }
    }
  }
  CAF_CHECK(refused > bytes.size());
}

CAF_TEST(a row of a newer version or an unknown kind is refused) {
  auto bytes = encode_object(processor());
  auto newer = bytes;
  newer[0] = 2;
  CAF_CHECK(decode_object(newer).error().code == ec::store_newer);
  auto older = bytes;
  older[0] = 0;
  CAF_CHECK(decode_object(older).error().code == ec::store_corrupt);
  for (char kind : {'\x00', '\x0c', '\x17'}) {
    auto unknown = bytes;
    unknown[2] = kind;
    CAF_CHECK(decode_object(unknown).error().code == ec::store_corrupt);
  }
}

CAF_TEST(the id is a version 7 UUID that tells the time of creation) {
  auto it = processor();
  auto id = parse_call_id(object_id(it));
  CAF_REQUIRE(id);
  CAF_CHECK_EQUAL(id->time_ms(), it.created_ms);
  auto updated = it;
  updated.updated_ms += 5;
  updated.revision += 5;
  CAF_CHECK_EQUAL(object_id(updated), object_id(it));
  auto other = it;
  other.number += 1;
  CAF_CHECK_NOT_EQUAL(object_id(other), object_id(it));
}

CAF_TEST(the value has the documented keys in order and what is added at the end) {
  std::vector<std::pair<std::string_view, value>> more{
      {"status", flow::test::json(R"({"queued":3})")}, {"created", flow::test::json("true")}};
  object it;
  it.name = "q1";
  it.number = limits::partitions_max;
  it.spec = queue_spec{};
  it.labels = {{"a", "b"}};
  it.created_ms = 1'000;
  it.updated_ms = 2'000;
  it.by = "ann";
  auto text = to_json_text(to_value(it, more));
  auto wanted
      = R"({"kind":"queue","name":"q1","id":")" + object_id(it)
        + R"(","labels":{"a":"b"},"created_ms":1000,"updated_ms":2000,"by":"ann","spec":{"type":"direct","ttl_ms":0,)"
          R"("max_length":2000000,"max_bytes":8589934592,"overflow":"block","expires_ms":0,"paused":false},)"
          R"("status":{"queued":3},"created":true})";
  CAF_CHECK_EQUAL(text, wanted);
  CAF_CHECK(value_of_cbor(to_value(processor()).cbor));
}
