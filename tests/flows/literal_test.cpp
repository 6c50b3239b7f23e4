#define CAF_SUITE flows.literal

#include <filesystem>
#include <fstream>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "flows/value.hpp"
#include "random_value.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace std::string_literals;

namespace {

std::string read(std::string_view text) {
  auto v = value_of_literal(text);
  return v ? to_json_text(*v) : "refused: " + v.error().text;
}

error refusal(std::string_view text) {
  auto v = value_of_literal(text);
  if (!v) return v.error();
  CAF_CHECK(!"accepted");
  return make_error(ec::none, to_json_text(*v));
}

// literals.json: "same_as_python" (of its sets none has more than one item, for Python and we order
// them differently) and "refused", here and, except for the kinds of value that only Python has, by
// Python.
std::vector<std::string> texts_of(const char* table) {
  std::ifstream file{MILLRACE_FLOWS_TESTS "/literals.json"};
  CAF_REQUIRE(file.good());
  return nlohmann::json::parse(file).at(table).get<std::vector<std::string>>();
}

std::string expected_form(std::string text) {
  // {"set": [...]} of the reference is a list here.
  for (size_t at = 0; (at = text.find("{\"set\": [", at)) != std::string::npos;) {
    auto close = text.find("]}", at);
    // Of nested lists the last closing pair is the one of the set; the table has one set a text at
    // most.
    close = text.find_last_of('}', text.size() - 2);
    while (close != std::string::npos && text.compare(close - 1, 2, "]}") != 0)
      close = text.find_last_of('}', close - 1);
    text.erase(close, 1);
    text.erase(at, 8);
  }
  return text;
}

std::vector<std::string> python_says(const std::vector<std::string>& texts) {
  auto path
      = std::filesystem::temp_directory_path() / ("millrace_literals_" + std::to_string(getpid()));
  std::ofstream{path} << nlohmann::json(texts).dump();
  int ends[2];
  CAF_REQUIRE_EQUAL(pipe(ends), 0);
  posix_spawn_file_actions_t redirect;
  posix_spawn_file_actions_init(&redirect);
  posix_spawn_file_actions_adddup2(&redirect, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&redirect, ends[0]);
  std::vector<std::string> words{"/usr/bin/python3", "-I",
                                 MILLRACE_FLOWS_TESTS "/literal_reference.py", path.string()};
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t python = 0;
  CAF_REQUIRE_EQUAL(posix_spawn(&python, argv[0], &redirect, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&redirect);
  close(ends[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    output.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = -1;
  CAF_REQUIRE_EQUAL(waitpid(python, &status, 0), python);
  CAF_REQUIRE_EQUAL(status, 0);
  std::filesystem::remove(path);
  std::vector<std::string> lines;
  std::istringstream in{output};
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  CAF_REQUIRE_EQUAL(lines.size(), texts.size());
  return lines;
}

} // namespace

CAF_TEST(literals mean what they mean in Python) {
  auto same_as_python = texts_of("same_as_python");
  auto lines = python_says(same_as_python);
  CAF_REQUIRE(lines.size() >= 100);
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto& text = same_as_python[i];
    if (lines[i] == "null") CAF_FAIL("Python refuses " << text);
    auto expected = value_of_json(expected_form(lines[i]));
    if (!expected) CAF_FAIL(text << ": " << to_string(expected.error()));
    auto wrapped = R"({"value":)" + read(text) + "}";
    if (wrapped != to_json_text(*expected))
      CAF_FAIL(text << " is " << wrapped << " and not " << to_json_text(*expected));
  }
}

CAF_TEST(what Python refuses is refused) {
  // Python accepts a few of these as values that we have not: complex numbers, the ellipsis, keys
  // that are not text.
  auto refused = texts_of("refused");
  for (const auto& text : refused) {
    auto v = value_of_literal(text);
    if (v) CAF_FAIL(text << " is accepted as " << to_json_text(*v));
    CAF_CHECK(v.error().code == ec::bad_literal);
    if (v.error().text.find("line ") != 0)
      CAF_FAIL(text << " without a position: " << v.error().text);
  }
  auto lines = python_says(refused);
  for (size_t i = 0; i < lines.size(); ++i)
    if (auto& text = refused[i]; lines[i] != "null")
      CAF_CHECK(text == "1j" || text == "1+2j" || text == "2.5J" || text == "..."
                || text == "[...]");
}

CAF_TEST(JSON is read as JSON) {
  CAF_CHECK_EQUAL(read(R"([true, false, null, "\/", {"a": 1.5}])"),
                  R"([true,false,null,"/",{"a":1.5}])");
  CAF_CHECK_EQUAL(read(R"({"$bytes":"AP8="})"), R"({"$bytes":"AP8="})");
  CAF_CHECK_EQUAL(read(R"({'a': true, "b": [null, None]})"), R"({"a":true,"b":[null,null]})");
  test::random_engine random{test::seed_of("flows.literal")};
  for (int round = 0; round < 5'000; ++round) {
    auto v = test::random_value(random);
    auto text = to_json_text(v);
    // A comment makes it a literal that is no JSON.
    auto literal = value_of_literal(text + " # comment");
    CAF_REQUIRE(value_of_literal(text).value() == v);
    if (!literal || *literal != v) CAF_FAIL("as a literal differs: " << text);
  }
}

CAF_TEST(sets keep each item once in the order written) {
  CAF_CHECK_EQUAL(read("{3, 1, 3, 2, 1}"), "[3,1,2]");
  CAF_CHECK_EQUAL(read("{'a', 'b', 'a'}"), R"(["a","b"])");
  CAF_CHECK_EQUAL(read("[{(1, 2), (1, 2), (1,)}, 4]"), "[[[1,2],[1]],4]");
}

CAF_TEST(surrogate pairs are one character and halves are refused) {
  CAF_CHECK_EQUAL(read(R"('\ud83d\ude00')"), "\"😀\"");
  CAF_CHECK_EQUAL(refusal(R"('x\ud83d')").text, "line 1, column 3: this escape is no character");
  CAF_CHECK_EQUAL(refusal(R"('\ud83d\u0041')").text,
                  "line 1, column 2: this escape is no character");
}

CAF_TEST(refusals say what and where and what to write) {
  struct row {
    std::string text;
    std::string_view message;
  };
  for (const auto& [text, message] : std::vector<row>{
           {"", "line 1, column 1: the text is empty"},
           {"hello", "line 1, column 1: \"hello\" is a bare word"},
           {"['a', b]", "line 1, column 7: \"b\" is a bare word"},
           {"['a'\n 'b'\n  5]", "line 3, column 3: expected , or ]"},
           {"print('x')", "line 1, column 1: calls are not evaluated"},
           {"1 + 1", "line 1, column 3: expressions are not evaluated; the value ends before this"},
           {"'a' % ()",
            "line 1, column 5: expressions are not evaluated; the value ends before this"},
           {"[1j]", "line 1, column 2: complex numbers are no values"},
           {"f'{x}'", "line 1, column 1: an f-string is code, and nothing here is evaluated"},
           {"{1: 2}", "line 1, column 2: keys of a dictionary must be text"},
           {"{'a': 1, b'b': 2}", "line 1, column 10: keys of a dictionary must be text, not bytes"},
           {"{'a': 1, 'a': 2}", "line 1, column 10: the key \"a\" occurs twice in one object"},
           {"['ä', 'b]", "line 1, column 7: this text has no closing quote"},
           {"b'ä'", "line 1, column 3: a character that is not ASCII in bytes"},
           {"['a' b'b']", "line 1, column 6: bytes and text side by side"},
           {"'\\N{BULLET}'", "line 1, column 2: characters by name are not read"},
           {"'\\x4'", "line 1, column 2: this escape takes 2 hexadecimal digits"},
           {"[017]", "line 1, column 2: an integer has no leading zeros"},
           {"[12abc]", "line 1, column 2: a malformed number"},
           {"-'a'", "line 1, column 2: a sign stands before a number only"},
           {"{'$bytes': 5}", "line 1, column 1: \"$bytes\" takes base64 text"},
           {"'\xff'", "line 1, column 2: this is not UTF-8"},
           {"[nan]", "line 1, column 2: \"nan\" is not a literal"},
           {"1, 2, x", "line 1, column 7: \"x\" is a bare word"},
       }) {
    auto why = refusal(text);
    CAF_CHECK(why.code == ec::bad_literal);
    CAF_CHECK_EQUAL(why.text, message);
  }
  CAF_CHECK_EQUAL(refusal("hello").hint,
                  "text stands in quotes, inside those of the shell: '\"hello\"'");
  CAF_CHECK_EQUAL(refusal("017").hint, "octal numbers are written 0o17");
}

CAF_TEST(depth and size are bounded) {
  auto wrap
      = [](size_t n, const std::string& open, const std::string& inner, const std::string& close) {
          std::string text;
          for (size_t i = 0; i < n; ++i)
            text += open;
          text += inner;
          for (size_t i = 0; i < n; ++i)
            text += close;
          return text + " # a literal";
        };
  auto max = limits::value_depth_max;
  CAF_CHECK(value_of_literal(wrap(max, "[", "", "]")).has_value());
  CAF_CHECK(value_of_literal(wrap(max, "(", "", ",)")).has_value() == false); // (,) is no tuple
  CAF_CHECK(value_of_literal(wrap(max, "(", "1", ",)")).has_value());
  CAF_CHECK(value_of_literal(wrap(max, "{'a':", "1", "}")).has_value());
  CAF_CHECK_EQUAL(read(wrap(max, "(", "1", ")")), "1");
  CAF_CHECK(value_of_literal(wrap(max, "[(", "", ")]")).has_value() == false);
  for (auto [open, close] : {std::pair{"["s, "]"s},
                             {"("s, ",)"s},
                             {"{"s, "}"s},
                             {"{'a':"s, "}"s},
                             {"[("s, ",)]"s},
                             {"{("s, ",)}"s}}) {
    auto why = refusal(wrap(max + 1, open, "1", close));
    CAF_CHECK(why.text.find("deep") != std::string::npos);
  }
  for (auto open : {"[", "(", "{", "{'a':", "-[", "[{("})
    CAF_CHECK(!value_of_literal(wrap(1'000'000, open, "", "")).has_value());
  CAF_CHECK(refusal("0x" + std::string(10'000'000, 'f') + "#").text.find("an integer of more than")
            != std::string::npos);
}

CAF_TEST(random edits of literals are values or errors) {
  constexpr std::string_view alphabet = "[](){},:'\"\\rbu01_.ejx-+ #\nN";
  auto same_as_python = texts_of("same_as_python");
  test::random_engine random{test::seed_of("flows.literal edits")};
  size_t accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    auto text = same_as_python[test::below(random, same_as_python.size())];
    for (auto edits = test::below(random, 4); edits > 0; --edits)
      text.insert(test::below(random, text.size() + 1), 1,
                  alphabet[test::below(random, alphabet.size())]);
    // A copy without room behind it, for the sanitizer.
    std::vector<char> exact(text.begin(), text.end());
    auto v = value_of_literal({exact.data(), exact.size()});
    if (!v) continue;
    ++accepted;
    if (auto checked = value_of_cbor(v->cbor); !checked)
      CAF_FAIL(text << ": " << to_string(checked.error()));
    if (value_of_json(to_json_text(*v)).value() != *v) CAF_FAIL("came back differently: " << text);
  }
  CAF_CHECK(accepted > 10'000);
}
