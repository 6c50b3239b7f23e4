#define CAF_SUITE cli.table

#include "cli/table.hpp"
#include "cli/tree_text.hpp"

#include <nlohmann/json.hpp>

#include "caf/test/dsl.hpp"

using namespace flow::cli;
using json = nlohmann::json;

CAF_TEST(width counts what a terminal shows) {
  CAF_CHECK_EQUAL(display_width("abc"), 3u);
  CAF_CHECK_EQUAL(display_width("äöü"), 3u);
  CAF_CHECK_EQUAL(display_width("日本"), 4u);
  CAF_CHECK_EQUAL(display_width("e\xcc\x81"), 1u); // a combining accent
  CAF_CHECK_EQUAL(display_width("\xff\xfe"), 2u);
  CAF_CHECK_EQUAL(display_width(""), 0u);
}

CAF_TEST(cutting never breaks a character) {
  CAF_CHECK_EQUAL(cut_to_width("abcdef", 6), "abcdef");
  CAF_CHECK_EQUAL(cut_to_width("abcdef", 4), "abc…");
  CAF_CHECK_EQUAL(cut_to_width("日本語", 4), "日…");
  CAF_CHECK_EQUAL(cut_to_width("日本語", 1), "…");
  CAF_CHECK_EQUAL(cut_to_width("abc", 0), "");
}

CAF_TEST(text from outside stays on its line) {
  CAF_CHECK_EQUAL(one_line("a\nb\tc\x1b[31md"), "a⏎b c\xef\xbf\xbd[31md");
  CAF_CHECK_EQUAL(one_line("ok \xff"), "ok \xef\xbf\xbd");
  CAF_CHECK_EQUAL(one_line("\xc2\x9b"
                           "31m"),
                  "\xef\xbf\xbd"
                  "31m"); // the one-character form of ESC [
}

CAF_TEST(columns line up whatever the script) {
  CAF_CHECK_EQUAL(
      format_table({{"NAME", ""}, {"N", "", cell::number}}, {{"日本", "1"}, {"abcde", "200"}}, {}),
      "NAME     N\n日本     1\nabcde  200\n");
}

CAF_TEST(only text is cut to fit and the widest first) {
  const std::vector<column> columns{{"A", ""}, {"ID", "", cell::id}, {"B", ""}};
  const auto text = format_table(columns, {{"aaaaaaaaaaaaaaaaaaaa", "0123456789", "bbbbbbbbbbbb"}},
                                 {34, false, false});
  CAF_CHECK_EQUAL(text, "aaaaaaaaa…  0123456789  bbbbbbbbb…\n");
  const auto narrow = format_table(
      columns, {{"aaaaaaaaaaaaaaaaaaaa", "0123456789", "bbbbbbbbbbbb"}}, {5, false, false});
  CAF_CHECK_EQUAL(narrow, "aaaaaaa…  0123456789  bbbbbbb…\n"); // no narrower than can be read
}

CAF_TEST(state words have colours only when asked for) {
  const std::vector<column> columns{{"STATE", "", cell::state}, {"X", ""}};
  CAF_CHECK_EQUAL(format_table(columns, {{"failed", "x"}}, {0, false, true}),
                  "\x1b[31mfailed\x1b[0m  x\n");
  CAF_CHECK_EQUAL(format_table(columns, {{"failed", "x"}}, {0, false, false}), "failed  x\n");
}

CAF_TEST(paths find the first that is there) {
  const auto tree = json::parse(R"({"a":{"b":1},"c":null,"d":"x"})");
  CAF_CHECK_EQUAL(item_at(tree, "a.b"), 1);
  CAF_CHECK_EQUAL(item_at(tree, "c|d"), "x");
  CAF_CHECK_EQUAL(item_at(tree, "a.x|d.y|a.b"), 1);
  CAF_CHECK(item_at(tree, "nothing").is_null());
  CAF_CHECK(item_at(json(3), "a").is_null());
}

CAF_TEST(quantities are short) {
  CAF_CHECK_EQUAL(age_text(12'000), "12s");
  CAF_CHECK_EQUAL(age_text(180'000), "3m");
  CAF_CHECK_EQUAL(age_text(3 * 3'600'000), "3h");
  CAF_CHECK_EQUAL(age_text(72ull * 3'600'000), "3d");
  CAF_CHECK_EQUAL(elapsed_text(850), "850us");
  CAF_CHECK_EQUAL(elapsed_text(3'240), "3.2ms");
  CAF_CHECK_EQUAL(elapsed_text(1'500'000), "1.5s");
  CAF_CHECK_EQUAL(elapsed_text(130'000'000), "2m10s");
  CAF_CHECK_EQUAL(elapsed_text(7'260'000'000), "2h1m");
  CAF_CHECK_EQUAL(size_text(512), "512");
  CAF_CHECK_EQUAL(size_text(1536), "1.5K");
  CAF_CHECK_EQUAL(size_text(64ull << 20), "64M");
}

CAF_TEST(JSON is pretty for people and says bytes and big numbers) {
  const auto tree
      = json::parse(R"({"a":[1,{"b":[]}],"c":{},"n":{"$int":"123456789012345678901234567890"}})");
  CAF_CHECK_EQUAL(pretty_json(tree),
                  "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {},\n"
                  "  \"n\": 123456789012345678901234567890\n}");
  CAF_CHECK_EQUAL(json::parse(pretty_json(json::parse(R"(["\"\\\u0001é"])"))),
                  json::parse(R"(["\"\\\u0001é"])"));
}

CAF_TEST(YAML nests sequences and quotes what would be read as something else) {
  CAF_CHECK_EQUAL(
      yaml_text(json::parse(R"({"a":"yes","b":"plain-text","e":"1","f":"","no":"a: b"})")),
      "a: \"yes\"\nb: plain-text\ne: \"1\"\nf: \"\"\n\"no\": \"a: b\"\n");
  CAF_CHECK_EQUAL(yaml_text(json::parse(R"({"c":[1,[2,3],{"x":1,"z":{"w":2}}],"d":{},"g":[]})")),
                  "c:\n  - 1\n  - - 2\n    - 3\n  - x: 1\n    z:\n      w: 2\nd: {}\ng: []\n");
  CAF_CHECK_EQUAL(yaml_text(json("text with blanks")), "\"text with blanks\"\n");
}

CAF_TEST(CSV quotes as RFC 4180 says) {
  CAF_CHECK_EQUAL(csv_field("plain"), "plain");
  CAF_CHECK_EQUAL(csv_field("a,b"), "\"a,b\"");
  CAF_CHECK_EQUAL(csv_field("say \"x\"\n"), "\"say \"\"x\"\"\n\"");
}
