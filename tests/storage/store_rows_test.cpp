// The rows that a store keeps about itself: what was written is read, and nothing else.
#define CAF_SUITE storage.store_rows

#include "storage/internal/store_rows.hpp"

#include "flows/cbor.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::storage::internal;

namespace {

const store_state some_state{7, 3, 2, 1'000, -5, {0, 1, 2, 7, 4}};

template <class Decode>
void check_truncations(const std::string& bytes, Decode decode) {
  for (size_t length = 0; length < bytes.size(); ++length)
    CAF_CHECK(!decode(std::string_view{bytes}.substr(0, length)));
  CAF_CHECK(!decode(bytes + '\0'));
}

} // namespace

CAF_TEST(a state row comes back as it was written) {
  auto bytes = encode_state(some_state);
  auto state = decode_state(bytes);
  CAF_REQUIRE(state);
  CAF_CHECK(*state == some_state);
  check_truncations(bytes, decode_state);
}

CAF_TEST(an end row comes back as it was written) {
  auto bytes = encode_end(1'234'567);
  auto end = decode_end(bytes);
  CAF_REQUIRE(end);
  CAF_CHECK_EQUAL(*end, 1'234'567u);
  check_truncations(bytes, decode_end);
}

CAF_TEST(a state row of before there were end rows says that no family has ended) {
  std::string bytes;
  cbor::writer out{bytes};
  out.array(5).unsigned_integer(7).unsigned_integer(3).unsigned_integer(2);
  out.unsigned_integer(1'000).integer(-5);
  auto state = decode_state(bytes);
  CAF_REQUIRE(state);
  CAF_CHECK(*state == (store_state{7, 3, 2, 1'000, -5, {}}));
  check_truncations(bytes, decode_state);
}
