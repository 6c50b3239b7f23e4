#define CAF_SUITE flows.arguments

#include "flows/cbor.hpp"
#include "flows/value.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace std::string_literals;

namespace {

value parsed(std::string_view text) {
  return value_of_json(text).value();
}

} // namespace

CAF_TEST(arguments are made of values and taken apart again) {
  auto args = make_arguments({parsed("1"), parsed("[2]")}, {{"k", parsed("\"v\"")}});
  auto positional = positional_values(args);
  auto keyword = keyword_values(args);
  CAF_REQUIRE(positional && keyword);
  CAF_REQUIRE_EQUAL(positional->size(), 2u);
  CAF_CHECK(positional->at(1) == parsed("[2]"));
  CAF_REQUIRE_EQUAL(keyword->size(), 1u);
  CAF_CHECK_EQUAL(keyword->front().first, "k");
  CAF_CHECK(keyword->front().second == parsed("\"v\""));
  CAF_CHECK(make_arguments({}) == arguments{});
  CAF_CHECK_EQUAL(arguments{}.size_bytes(), 2u);
}

CAF_TEST(a value is put before the positional arguments at every count) {
  arguments args = make_arguments({}, {{"k", parsed("0")}});
  for (int i = 1; i <= 300; ++i) {
    value v{{}};
    cbor::writer{v.cbor}.integer(i);
    args = prepend(v, args);
  }
  auto positional = positional_values(args);
  CAF_REQUIRE(positional);
  CAF_REQUIRE_EQUAL(positional->size(), 300u);
  CAF_CHECK(positional->front() == parsed("300"));
  CAF_CHECK(positional->back() == parsed("1"));
  CAF_CHECK_EQUAL(keyword_values(args)->size(), 1u);
}

CAF_TEST(arguments from outside are an array and a map with text keys) {
  CAF_CHECK(arguments_of_cbor("\x81\x01", "\xa1\x61\x61\x02").has_value());
  for (auto [positional, keyword] : {std::pair{"\xa0"s, "\xa0"s},
                                     {"\x80"s, "\x80"s},
                                     {"\x80"s, "\xa1\x01\x02"s},
                                     {""s, "\xa0"s},
                                     {"\x80"s, "\xa2\x61\x61\x01\x61\x61\x01"s},
                                     {"\x81\x61\xff"s, "\xa0"s}}) {
    auto args = arguments_of_cbor(positional, keyword);
    CAF_REQUIRE(!args);
    CAF_CHECK(args.error().code == ec::bad_value);
    CAF_CHECK(args.error().text.find("arguments") != std::string::npos);
  }
  CAF_CHECK(positional_values({"\x82\x01", "\xa0"}).error().code == ec::bad_value);
  CAF_CHECK(keyword_values({"\x80", "\xa1\x01\x02"}).error().code == ec::bad_value);
}
