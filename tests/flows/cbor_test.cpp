#define CAF_SUITE flows.cbor

#include <bit>
#include <cmath>
#include <limits>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "random_bytes.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using cbor::kind;
using cbor::reader;
using cbor::writer;
using namespace std::string_literals;

namespace {

template <class Write>
std::string written(Write write) {
  std::string out;
  writer w{out};
  write(w);
  return out;
}

bool is_one_item(std::string_view bytes) {
  reader in{bytes};
  in.raw();
  return !in.failed() && in.at_end();
}

std::string nested_arrays(size_t depth) {
  return std::string(depth - 1, '\x81') + '\x80';
}

} // namespace

CAF_TEST(integers have their shortest form at every boundary) {
  struct row {
    uint64_t n;
    size_t bytes;
  };
  for (auto [n, bytes] : {row{0, 1},
                          {23, 1},
                          {24, 2},
                          {255, 2},
                          {256, 3},
                          {65535, 3},
                          {65536, 5},
                          {4294967295, 5},
                          {4294967296, 9},
                          {UINT64_MAX, 9}}) {
    auto positive = written([&](writer& out) { out.unsigned_integer(n); });
    auto negative = written([&](writer& out) { out.negative_integer(n); });
    CAF_CHECK_EQUAL(positive.size(), bytes);
    CAF_CHECK_EQUAL(negative.size(), bytes);
    CAF_CHECK_EQUAL(reader{positive}.unsigned_integer(), n);
    CAF_CHECK_EQUAL(reader{negative}.negative_integer(), n);
    CAF_CHECK(reader{positive}.peek() == kind::unsigned_integer);
    CAF_CHECK(reader{negative}.peek() == kind::negative_integer);
  }
}

CAF_TEST(signed integers round - trip and those out of range fail) {
  for (int64_t n :
       {int64_t{0}, int64_t{-1}, int64_t{23}, int64_t{-24}, int64_t{-25}, INT64_MAX, INT64_MIN}) {
    auto bytes = written([&](writer& out) { out.integer(n); });
    reader in{bytes};
    CAF_CHECK_EQUAL(in.integer(), n);
    CAF_CHECK(in.finish("n").has_value());
  }
  auto large = written([](writer& out) { out.unsigned_integer(uint64_t{1} << 63); });
  auto small = written([](writer& out) { out.negative_integer(uint64_t{1} << 63); });
  for (const auto& bytes : {large, small}) {
    reader in{bytes};
    in.integer();
    CAF_CHECK(in.failed());
  }
}

CAF_TEST(the examples of the standard read as it says) {
  CAF_CHECK_EQUAL(reader{"\x18\x64"}.unsigned_integer(), 100u);
  CAF_CHECK_EQUAL(reader{"\x39\x03\xe7"}.integer(), -1000);
  CAF_CHECK_EQUAL(reader{"\xf9\x3c\x00"s}.floating(), 1.0);
  CAF_CHECK_EQUAL(reader{"\xf9\x7b\xff"}.floating(), 65504.0);
  CAF_CHECK_EQUAL(reader{"\xf9\x00\x01"s}.floating(), 5.960464477539063e-8);
  CAF_CHECK_EQUAL(reader{"\xf9\xc4\x00"s}.floating(), -4.0);
  CAF_CHECK_EQUAL(reader{"\xfa\x47\xc3\x50\x00"s}.floating(), 100000.0);
  CAF_CHECK_EQUAL(reader{"\xfb\xc0\x10\x66\x66\x66\x66\x66\x66"}.floating(), -4.1);
  CAF_CHECK(std::isnan(reader{"\xf9\x7e\x00"s}.floating()));
  CAF_CHECK(reader{"\xf9\xfc\x00"s}.floating() == -INFINITY);
  bool negative = false;
  auto two_to_64 = "\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00"s;
  CAF_CHECK_EQUAL(reader{two_to_64}.big_integer(negative), two_to_64.substr(2));
  CAF_CHECK(!negative);
  CAF_CHECK_EQUAL(written([](writer& out) { out.array(3).integer(1).text("a").null(); }),
                  "\x83\x01\x61\x61\xf6");
  CAF_CHECK_EQUAL(written([](writer& out) { out.map(1).text("b").boolean(true); }),
                  "\xa1\x61\x62\xf5");
}

CAF_TEST(floats keep every bit and integers read as floats with one rounding) {
  for (double d : {0.0, -0.0, 1.5, 5e-324, std::numeric_limits<double>::max(), -double{INFINITY}}) {
    auto bytes = written([&](writer& out) { out.floating(d); });
    CAF_CHECK_EQUAL(std::bit_cast<uint64_t>(reader{bytes}.floating()), std::bit_cast<uint64_t>(d));
  }
  auto floating_of = [](auto write) {
    auto bytes = written(write);
    reader in{bytes};
    auto d = in.floating();
    CAF_CHECK(in.finish("d").has_value());
    return d;
  };
  CAF_CHECK_EQUAL(floating_of([](writer& out) { out.unsigned_integer(UINT64_MAX); }), 0x1p64);
  CAF_CHECK_EQUAL(floating_of([](writer& out) { out.negative_integer(UINT64_MAX); }), -0x1p64);
  CAF_CHECK_EQUAL(floating_of([](writer& out) { out.negative_integer((1ull << 53) + 1); }),
                  -0x1.0000000000001p53);
  CAF_CHECK_EQUAL(floating_of([](writer& out) { out.integer(-7); }), -7.0);
}

CAF_TEST(every first byte is an item or refused as the subset says) {
  for (unsigned first = 0; first < 256; ++first) {
    unsigned major = first >> 5;
    unsigned info = first & 31;
    bool head_is_whole = info < 24;
    bool expected = false;
    if (major < 2) expected = head_is_whole;
    if (major >= 2 && major < 6) expected = info == 0; // empty; more would need content
    if (major == 7) expected = info >= 20 && info <= 22;
    std::string bytes{static_cast<char>(first)};
    CAF_CHECK_EQUAL(is_one_item(bytes), expected);
    CAF_CHECK(!expected || reader{bytes}.peek() != kind::none);
    // With a whole argument of zero behind it: reserved and indefinite lengths stay refused.
    if (info < 24 || info > 27) {
      CAF_CHECK(info < 24 || !is_one_item(bytes + std::string(8, '\0')));
      continue;
    }
    auto longer = bytes + std::string(size_t{1} << (info - 24), '\0');
    bool is_item = major < 6 || (major == 7 && info >= 25);
    CAF_CHECK_EQUAL(is_one_item(longer), is_item);
  }
}

CAF_TEST(tags are those of big integers around bytes only) {
  CAF_CHECK(is_one_item("\xc2\x41\x01"));
  CAF_CHECK(is_one_item("\xc3\x40"));
  CAF_CHECK(!is_one_item("\xc2\x01"));         // not bytes
  CAF_CHECK(!is_one_item("\xc2\xc2\x41\x01")); // a tag in a tag
  CAF_CHECK(!is_one_item("\xc0\x61\x61"));     // a date
  CAF_CHECK(!is_one_item("\xd8\x20\x61\x61")); // an address
  CAF_CHECK(!is_one_item("\xc2\x42\x01"));     // bytes that end too early
}

CAF_TEST(announced lengths beyond the input are refused without being allocated) {
  for (auto head : {"\x5b", "\x7b", "\x9b", "\xbb"}) {
    auto bytes = head + "\x7f\xff\xff\xff\xff\xff\xff\xff"s + "abc";
    CAF_CHECK(!is_one_item(bytes));
    reader in{bytes};
    if (in.peek() == kind::array) CAF_CHECK_EQUAL(in.array(), 0u);
    if (in.peek() == kind::map) CAF_CHECK_EQUAL(in.map(), 0u);
  }
  // A map of two thirds of the bytes cannot be whole: each pair takes two.
  reader in{"\xa2\x61\x61\x61"};
  CAF_CHECK_EQUAL(in.map(), 0u);
  CAF_CHECK(in.failed());
}

CAF_TEST(nesting ends at the limit) {
  CAF_CHECK(is_one_item(nested_arrays(limits::value_depth_max)));
  CAF_CHECK(!is_one_item(nested_arrays(limits::value_depth_max + 1)));
  CAF_CHECK(!is_one_item(nested_arrays(1'000'000)));
}

CAF_TEST(an item cut at any byte is refused) {
  auto whole = written([](writer& out) {
    out.map(3).text("numbers").array(4).integer(-300).unsigned_integer(UINT64_MAX).floating(2.5);
    out.big_integer(true, "\x01\x02\x03\x04\x05\x06\x07\x08\x09");
    out.text("text").text("grün").text("rest").array(3).bytes("\x00\xff"s).boolean(false).null();
  });
  CAF_CHECK(is_one_item(whole));
  for (size_t size = 0; size < whole.size(); ++size)
    CAF_CHECK(!is_one_item(std::string_view{whole}.substr(0, size)));
  CAF_CHECK(!is_one_item(whole + '\xf6'));
}

CAF_TEST(the first mismatch fails the reader and everything after it reads as nothing) {
  auto bytes = written([](writer& out) { out.array(2).text("a").integer(5); });
  reader in{bytes};
  CAF_CHECK_EQUAL(in.array(), 2u);
  CAF_CHECK_EQUAL(in.integer(), 0);
  CAF_CHECK(in.failed());
  CAF_CHECK(in.at_end());
  CAF_CHECK_EQUAL(in.text(), "");
  CAF_CHECK_EQUAL(in.unsigned_integer(), 0u);
  CAF_CHECK_EQUAL(in.raw(), "");
  CAF_CHECK(in.peek() == kind::none);
  auto end = in.finish("a row");
  CAF_REQUIRE(!end);
  CAF_CHECK(end.error().code == ec::bad_frame);
  CAF_CHECK(end.error().text.find("a row") != std::string::npos);
}

CAF_TEST(bytes left over are told by finish) {
  reader in{"\x01\x02"};
  CAF_CHECK_EQUAL(in.unsigned_integer(), 1u);
  CAF_CHECK(!in.failed());
  CAF_CHECK(!in.finish("n").has_value());
}

CAF_TEST(raw returns the bytes of an item and stands behind it) {
  auto inner = written([](writer& out) { out.array(2).text("x").map(1).text("k").bytes("v"); });
  auto bytes = written([&](writer& out) { out.array(2).raw(inner).integer(9); });
  reader in{bytes};
  in.array();
  CAF_CHECK_EQUAL(in.raw(), inner);
  CAF_CHECK_EQUAL(in.integer(), 9);
}

CAF_TEST(random bytes never read beyond their end and accepted items are stable) {
  auto seed = test::seed_of("flows.cbor");
  test::random_engine random{seed};
  size_t accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    // A copy of its own, so that a sanitizer sees the first byte too far.
    auto bytes = test::random_bytes(random, test::below(random, 24));
    std::vector<char> exact(bytes.begin(), bytes.end());
    reader in{{exact.data(), exact.size()}};
    auto item = in.raw();
    if (in.failed()) {
      CAF_REQUIRE(item.empty());
      continue;
    }
    ++accepted;
    CAF_REQUIRE_EQUAL(item.size(), in.offset());
    CAF_REQUIRE(is_one_item(item));
    CAF_REQUIRE(reader{item}.peek() != kind::none);
  }
  CAF_CHECK(accepted > 10'000);
}
