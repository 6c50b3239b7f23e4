#define CAF_SUITE flows.value

#include <nlohmann/json.hpp>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "flows/value.hpp"
#include "random_value.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace std::string_literals;
using nlohmann::json;

namespace {

value parsed(std::string_view text) {
  auto v = value_of_json(text);
  if (!v) CAF_FAIL(std::string{text.substr(0, 80)} << ": " << to_string(v.error()));
  return *v;
}

std::string again(std::string_view text) {
  return to_json_text(parsed(text));
}

std::string refusal(std::string_view text) {
  auto v = value_of_json(text);
  if (v) return "accepted as " + to_json_text(*v);
  CAF_CHECK(v.error().code == ec::bad_value);
  return v.error().text;
}

std::string nested(size_t depth, const std::string& open, const std::string& inner,
                   const std::string& close) {
  std::string text;
  for (size_t i = 0; i < depth; ++i)
    text += open;
  text += inner;
  for (size_t i = 0; i < depth; ++i)
    text += close;
  return text;
}

std::string cbor_refusal(std::string bytes) {
  auto v = value_of_cbor(std::move(bytes));
  if (v) return "accepted";
  CAF_CHECK(v.error().code == ec::bad_value);
  return v.error().text;
}

} // namespace

// -- JSON ---------------------------------------------------------------------

CAF_TEST(JSON reads and writes back in one line) {
  CAF_CHECK_EQUAL(again(" { \"b\" : [ 1 , -2.50, true,false , null ] ,\n\t\"a\":\"x\"} "),
                  R"({"b":[1,-2.5,true,false,null],"a":"x"})");
  CAF_CHECK_EQUAL(again("[]"), "[]");
  CAF_CHECK_EQUAL(again("{}"), "{}");
  CAF_CHECK_EQUAL(again("\"\""), "\"\"");
  CAF_CHECK_EQUAL(again("\xef\xbb\xbf 1"), "1");
}

CAF_TEST(integers keep their digits whatever their size) {
  for (std::string digits :
       {"0", "18446744073709551615", "18446744073709551616", "-9223372036854775808",
        "-9223372036854775809", "-18446744073709551616", "-18446744073709551617",
        "123456789012345678901234567890"})
    CAF_CHECK_EQUAL(again(digits), digits);
  auto googol = "1" + std::string(1000, '0');
  CAF_CHECK_EQUAL(again(googol), googol);
  CAF_CHECK_EQUAL(again("-" + googol), "-" + googol);
  CAF_CHECK_EQUAL(again("-0"), "0");
  CAF_CHECK_EQUAL(parsed("18446744073709551615").cbor, "\x1b\xff\xff\xff\xff\xff\xff\xff\xff");
  CAF_CHECK_EQUAL(parsed("18446744073709551616").cbor,
                  "\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00"s);
  CAF_CHECK_EQUAL(parsed("-18446744073709551616").cbor, "\x3b\xff\xff\xff\xff\xff\xff\xff\xff");
  CAF_CHECK_EQUAL(parsed("-18446744073709551617").cbor,
                  "\xc3\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00"s);
}

CAF_TEST(an integer beyond the limit is refused at once) {
  CAF_CHECK(refusal("[1, " + std::string(100'000'000, '9') + "]")
                .find("line 1, column 5: an integer of more than")
            == 0);
  std::string largest = "\xc2\x59\x10\x00"s + std::string(limits::integer_bytes_max, '\xff');
  auto v = value_of_cbor(largest);
  CAF_REQUIRE(v);
  CAF_CHECK_EQUAL(parsed(to_json_text(*v)).cbor, largest);
  CAF_CHECK(cbor_refusal("\xc2\x59\x10\x01" + std::string(limits::integer_bytes_max + 1, '\xff'))
                .find("too large")
            != std::string::npos);
}

CAF_TEST(floats stay floats) {
  CAF_CHECK_EQUAL(again("1.0"), "1.0");
  CAF_CHECK_EQUAL(again("-0.0"), "-0.0");
  CAF_CHECK_EQUAL(again("1e2"), "100.0");
  CAF_CHECK_EQUAL(again("1E+300"), "1e+300");
  CAF_CHECK_EQUAL(again("0.1"), "0.1");
  CAF_CHECK_EQUAL(again("5e-324"), "5e-324");
  CAF_CHECK_EQUAL(again("2.2250738585072011e-308"), "2.225073858507201e-308");
  CAF_CHECK_EQUAL(again("1.7976931348623157e308"), "1.7976931348623157e+308");
  CAF_CHECK_EQUAL(again("1e-400"), "0.0");
  CAF_CHECK_EQUAL(again("0." + std::string(400, '0') + "1"), "0.0");
  CAF_CHECK_EQUAL(again("0." + std::string(400, '0') + "1e401"), "1.0");
  CAF_CHECK_EQUAL(again("0.0e99999999999999999999"), "0.0");
  CAF_CHECK(refusal("1e400").find("too large") != std::string::npos);
  CAF_CHECK(refusal("-1e99999999999999999999").find("too large") != std::string::npos);
  CAF_CHECK_EQUAL(again(R"([{"$float":"nan"},{"$float":"inf"},{"$float":"-inf"}])"),
                  R"([{"$float":"nan"},{"$float":"inf"},{"$float":"-inf"}])");
}

CAF_TEST(texts hold every character) {
  CAF_CHECK_EQUAL(
      to_plain_text(parsed(R"("\"\\\/\b\f\n\r\t\u0041\u00e4\u20ac\ud83d\ude00\u0000")")),
      "\"\\/\b\f\n\r\tAä€😀\0"s);
  CAF_CHECK_EQUAL(again(R"("\u0001\u001f\u007f\u0000")"), R"("\u0001\u001f\u007f\u0000")");
  CAF_CHECK_EQUAL(again("\"grün 😀\""), "\"grün 😀\"");
  for (auto half : {R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\ud83d\n")",
                    R"("\ud83d\ud83d")", R"("\ud83d\u0041")"})
    CAF_CHECK_EQUAL(refusal(half), "line 1, column 2: half of a surrogate pair");
}

CAF_TEST(bytes are base64 in an object of their own) {
  CAF_CHECK_EQUAL(parsed(R"({"$bytes":"AP8="})").cbor, "\x42\x00\xff"s);
  for (std::string bytes : {""s, "f"s, "fo"s, "foo"s, "foob"s, "\x00\xff\x80"s}) {
    value v{{}};
    cbor::writer{v.cbor}.bytes(bytes);
    CAF_CHECK(parsed(to_json_text(v)) == v);
  }
  CAF_CHECK_EQUAL(again(R"({"$bytes":"Zm9vYg=="})"), R"({"$bytes":"Zm9vYg=="})");
  for (auto bad :
       {R"({"$bytes":"Zg"})", R"({"$bytes":"Zh=="})", R"({"$bytes":"Z==="})",
        R"({"$bytes":"===="})", R"({"$bytes":"Z g="})", R"({"$bytes":5})", R"({"$bytes":null})",
        R"({"$bytes":["AA=="]})", R"({"$bytes":{"$bytes":"AA=="}})"})
    CAF_CHECK_EQUAL(refusal(bad), "line 1, column 1: \"$bytes\" takes base64 text");
}

CAF_TEST(objects whose keys look like those are told apart) {
  CAF_CHECK_EQUAL(parsed(R"({"$object":{"$bytes":"AP8="}})").cbor, "\xa1\x66$bytes\x64"
                                                                   "AP8=");
  for (auto text :
       {R"({"$object":{"$bytes":1,"$float":2,"a":3}})",
        R"({"$object":{"a":1,"$int":{"$bytes":"AA=="}}})", R"({"$object":{"$object":{}}})",
        R"({"$object":{"$object":{"$object":{"$int":[]}}}})"})
    CAF_CHECK_EQUAL(again(text), text);
  CAF_CHECK_EQUAL(again(R"({"$object":{"a":1}})"), R"({"a":1})");
  CAF_CHECK_EQUAL(again(R"({"$int":"-123456789012345678901234567890"})"),
                  "-123456789012345678901234567890");
  CAF_CHECK_EQUAL(again(R"({"$inty":1,"bytes":2})"), R"({"$inty":1,"bytes":2})");
  for (auto bad : {R"({"$bytes":"AA==","a":1})", R"({"a":1,"$bytes":"AA=="})",
                   R"({"$object":{},"$object":{}})"})
    CAF_CHECK(refusal(bad).find("has another key") != std::string::npos);
  for (auto bad : {R"({"$object":[]})", R"({"$int":"1.5"})", R"({"$int":""})", R"({"$int":"-"})",
                   R"({"$int":7})", R"({"$float":"NaN"})", R"({"$float":1.5})"})
    CAF_CHECK(refusal(bad).find(" takes ") != std::string::npos);
}

CAF_TEST(duplicate keys are refused where the second stands) {
  CAF_CHECK_EQUAL(refusal("{\"a\": 1,\n \"b\": {\"a\": 2},\n  \"a\": 3}"),
                  "line 3, column 3: the key \"a\" occurs twice in one object");
  CAF_CHECK_EQUAL(refusal(R"({"a":1,"\u0061":2})"),
                  "line 1, column 8: the key \"a\" occurs twice in one object");
}

CAF_TEST(errors name line and column in characters) {
  struct row {
    std::string text;
    std::string_view message;
  };
  for (const auto& [text, message] : std::vector<row>{
           {"", "line 1, column 1: the text ends where a value is expected"},
           {" \n ", "line 2, column 2: the text ends where a value is expected"},
           {"[1, 2", "line 1, column 6: expected , or ]"},
           {"[1 2]", "line 1, column 4: expected , or ]"},
           {"[1,]", "line 1, column 4: a value cannot begin with \"]\""},
           {"[,1]", "line 1, column 2: a value cannot begin with \",\""},
           {"{\"ä\" 1}", "line 1, column 6: expected : after the key \"ä\""},
           {"{\"a\":1,}", "line 1, column 8: expected a key in double quotes"},
           {"{a:1}", "line 1, column 2: expected a key in double quotes"},
           {"{\"a\":1 \"b\":2}", "line 1, column 8: expected , or }"},
           {"['a']", "line 1, column 2: a value cannot begin with '"},
           {"\"ab", "line 1, column 1: this text has no closing quote"},
           {"\"a\nb\"", "line 1, column 3: a control character in a text"},
           {"\"\\x41\"", "line 1, column 2: no such escape"},
           {"\"\\u12g4\"", "line 1, column 2: no such escape"},
           {"\"\\u12", "line 1, column 2: no such escape"},
           {"01", "line 1, column 1: a number has no leading zeros"},
           {"-", "line 1, column 2: expected a digit"},
           {"1.", "line 1, column 3: expected a digit after the point"},
           {".5", "line 1, column 1: a value cannot begin with \".\""},
           {"1e", "line 1, column 3: expected a digit in the exponent"},
           {"+1", "line 1, column 1: a value cannot begin with \"+\""},
           {"1 2", "line 1, column 3: more text after the end of the value"},
           {"nul", "line 1, column 1: a value cannot begin with \"n\""},
           {"True", "line 1, column 1: a value cannot begin with \"T\""},
           {"NaN", "line 1, column 1: a value cannot begin with \"N\""},
           {"\"ä\xff\"", "line 1, column 3: this is not UTF-8"},
           {"1 \0"s, "line 1, column 3: more text after the end of the value"},
       })
    CAF_CHECK_EQUAL(refusal(text), message);
}

CAF_TEST(depth is counted in values and bounded for any text) {
  auto max = limits::value_depth_max;
  CAF_CHECK(value_of_json(nested(max, "[", "", "]")).has_value());
  CAF_CHECK(value_of_json(nested(max, "{\"a\":", "1", "}")).has_value());
  CAF_CHECK(refusal(nested(max + 1, "[", "", "]")).find("levels deep") != std::string::npos);
  CAF_CHECK(refusal(nested(max + 1, "{\"a\":", "1", "}")).find("levels deep") != std::string::npos);
  CAF_CHECK(refusal(nested(max, "[", "{}", "]")).find("levels deep") != std::string::npos);
  // What stands for a scalar, or for the object inside, is no level.
  CAF_CHECK(value_of_json(nested(max, "[", R"({"$bytes":""})", "]")).has_value());
  CAF_CHECK(value_of_json(nested(max, R"({"$object":{"$int":)", "1", "}}")).has_value());
  CAF_CHECK(!value_of_json(nested(max + 1, R"({"$object":{"$int":)", "1", "}}")).has_value());
  CAF_CHECK(refusal(std::string(5'000'000, '[')).find("deep") != std::string::npos);
  CAF_CHECK(refusal(nested(1'000'000, "{\"a\":", "", "")).find("deep") != std::string::npos);
}

CAF_TEST(the same texts are JSON here and to a library of repute) {
  // Edits of good texts; where the two differ by design (duplicate keys, size, our own keys)
  // nothing is compared.
  std::vector<std::string> seeds{R"({"a":[1,-2.5e3,true,null],"b":{"c":"x\u00e4\n"}})",
                                 R"([0.1,"\ud83d\ude00",-0,1E5])", R"("a\\\"b")", "[[],{},[{}]]"};
  constexpr std::string_view alphabet = "[]{},:\"\\0123e.-+tfnu ald8\n";
  test::random_engine random{test::seed_of("flows.value differential")};
  size_t accepted = 0;
  for (int round = 0; round < 30'000; ++round) {
    auto text = seeds[test::below(random, seeds.size())];
    for (auto edits = test::below(random, 3) + 1; edits > 0; --edits) {
      auto at = test::below(random, text.size());
      switch (test::below(random, 3)) {
      case 0:
        text.erase(at, 1);
        break;
      case 1:
        text.insert(at, 1, alphabet[test::below(random, alphabet.size())]);
        break;
      default:
        text[at] = alphabet[test::below(random, alphabet.size())];
      }
      if (text.empty()) text = "0";
    }
    auto theirs = json::parse(text, nullptr, false);
    auto ours = value_of_json(text);
    if (!ours && ours.error().text.find("occurs twice") != std::string::npos) continue;
    if (theirs.is_discarded() != ours.has_error()) CAF_FAIL("differ on " << text);
    if (!ours) continue;
    ++accepted;
    if (json_of_value(*ours) != theirs) CAF_FAIL("read differently: " << text);
  }
  CAF_CHECK(accepted > 2'500);
}

// -- every kind of value ------------------------------------------------------

CAF_TEST(random values come back from JSON and from trees and are valid) {
  test::random_engine random{test::seed_of("flows.value")};
  for (int round = 0; round < 20'000; ++round) {
    auto v = test::random_value(random);
    auto checked = value_of_cbor(v.cbor);
    if (!checked) CAF_FAIL(to_string(checked.error()));
    auto text = to_json_text(v);
    if (parsed(text) != v) CAF_FAIL("came back differently: " << text);
    // Trees sort their keys, so one more turn through a tree makes them comparable.
    auto sorted = value_of_json_tree(json_of_value(v));
    CAF_REQUIRE(value_of_json_tree(json_of_value(sorted)) == sorted);
    CAF_REQUIRE_EQUAL(sorted.cbor.size(), v.cbor.size());
  }
}

CAF_TEST(random bytes are a value only if they are shown and read back) {
  test::random_engine random{test::seed_of("flows.value bytes")};
  size_t accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    auto bytes = test::random_bytes(random, test::below(random, 16) + 1);
    auto v = value_of_cbor(bytes);
    if (!v) continue;
    ++accepted;
    auto text = to_json_text(*v);
    if (to_json_text(parsed(text)) != text) CAF_FAIL("came back differently: " << text);
  }
  CAF_CHECK(accepted > 1'000);
}

CAF_TEST(bytes from outside are refused with what is wrong and where) {
  CAF_CHECK_EQUAL(cbor_refusal(""), "not a value: the bytes end too early at byte 0");
  CAF_CHECK_EQUAL(cbor_refusal("\x01\x02"),
                  "not a value: there are more bytes behind the value at byte 1");
  CAF_CHECK_EQUAL(cbor_refusal("\x82\x01"),
                  "not a value: an array longer than the value at byte 0");
  CAF_CHECK_EQUAL(cbor_refusal("\x82\x01\x63"
                               "ab"),
                  "not a value: a text longer than the value at byte 2");
  CAF_CHECK_EQUAL(cbor_refusal("\x63"
                               "a\xff"
                               "b"),
                  "not a value: a text that is not UTF-8 at byte 2");
  CAF_CHECK_EQUAL(cbor_refusal("\xa1\x01\x02"),
                  "not a value: a key of a map that is not text at byte 1");
  CAF_CHECK_EQUAL(cbor_refusal("\xa1\x61\xff\x02"),
                  "not a value: a text that is not UTF-8 at byte 2");
  CAF_CHECK_EQUAL(cbor_refusal("\xa2\x61\x61\x01\x61\x61\x02"),
                  "not a value: a map with two equal keys at byte 0");
  CAF_CHECK_EQUAL(cbor_refusal("\x9f\x01\xff"),
                  "not a value: an item that is cut off or not of the subset at byte 0");
  CAF_CHECK_EQUAL(cbor_refusal("\x81\xf7"),
                  "not a value: an item that is cut off or not of the subset at byte 1");
  CAF_CHECK_EQUAL(cbor_refusal("\x81\xc2\x01"), "not a value: a malformed integer at byte 1");
  CAF_CHECK_EQUAL(cbor_refusal("\x81\xfb\x01"),
                  "not a value: an item that is cut off or not of the subset at byte 1");
  CAF_CHECK_EQUAL(cbor_refusal("\x81\x42\x01"),
                  "not a value: bytes longer than the value at byte 1");
  CAF_CHECK_EQUAL(cbor_refusal("\xba\xff\xff\xff\xff"),
                  "not a value: a map longer than the value at byte 0");
}

CAF_TEST(equal keys are found in large maps too) {
  value v{{}};
  cbor::writer out{v.cbor};
  out.map(1'000);
  for (int i = 0; i < 999; ++i)
    out.text("key" + std::to_string(i)).integer(i);
  auto unique = v;
  cbor::writer{unique.cbor}.text("last").null();
  CAF_CHECK(value_of_cbor(unique.cbor).has_value());
  out.text("key500").null();
  CAF_CHECK(cbor_refusal(v.cbor).find("two equal keys") != std::string::npos);
}

CAF_TEST(depth of bytes from outside is bounded) {
  CAF_CHECK(value_of_cbor(std::string(limits::value_depth_max, '\x81') + '\xf6').has_value());
  CAF_CHECK(cbor_refusal(std::string(limits::value_depth_max + 1, '\x81') + '\xf6').find("too deep")
            != std::string::npos);
  CAF_CHECK(cbor_refusal(std::string(1'000'000, '\x81')).find("too deep") != std::string::npos);
}

CAF_TEST(plain text is a string without quotes and JSON for anything else) {
  CAF_CHECK_EQUAL(to_plain_text(parsed(R"("HI \"THERE\"!\n")")), "HI \"THERE\"!\n");
  CAF_CHECK_EQUAL(to_plain_text(parsed(R"(["a"])")), R"(["a"])");
  CAF_CHECK_EQUAL(to_plain_text(value{}), "null");
}

CAF_TEST(trees have binaries and large integers as the header says) {
  auto tree = json_of_value(parsed(
      R"({"b":{"$bytes":"AP8="},"n":18446744073709551616,"s":-9223372036854775808,"t":-9223372036854775809})"));
  CAF_CHECK(tree["b"].is_binary());
  CAF_CHECK_EQUAL(tree["n"], (json{{"$int", "18446744073709551616"}}));
  CAF_CHECK_EQUAL(tree["s"], INT64_MIN);
  CAF_CHECK_EQUAL(tree["t"], (json{{"$int", "-9223372036854775809"}}));
  CAF_CHECK_EQUAL(to_json_text(value_of_json_tree(json::parse(R"({"$bytes":"AP8="})"))),
                  R"({"$bytes":"AP8="})");
  CAF_CHECK_EQUAL(to_json_text(value_of_json_tree(json::parse(R"({"$int":"x"})"))),
                  R"({"$object":{"$int":"x"}})");
  CAF_CHECK_EQUAL(to_json_text(value_of_json_tree(json(std::string{"a\xff"}))),
                  "\"a\xef\xbf\xbd\"");
  CAF_CHECK_EQUAL(to_json_text(value_of_json_tree(json(std::numeric_limits<double>::infinity()))),
                  R"({"$float":"inf"})");
  json deep;
  for (size_t i = 0; i <= limits::value_depth_max; ++i)
    deep = json::array({deep});
  CAF_CHECK_EQUAL(value_of_json_tree(deep[0]).cbor.size(), limits::value_depth_max + 1);
  bool thrown = false;
  try {
    value_of_json_tree(deep);
  } catch (const std::length_error&) {
    thrown = true;
  }
  CAF_CHECK(thrown);
}
