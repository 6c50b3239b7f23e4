#define CAF_SUITE codeloader.worker_languages

#include <algorithm>
#include <csignal>

#include "worker_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;
using namespace flow::codeloader::test;

namespace {

std::string shown(const worker_result& r) {
  if (r.failure.code != ec::none) return r.failure.type + ": " + r.failure.message;
  return to_json_text(r.returned);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct languages_fixture : worker_fixture {
  worker_spec of(const std::string& language, const std::string& file) {
    auto s = spec("sample");
    s.language = language;
    s.file = s.import_root + "/" + file;
    if (language == "native") {
      s.file = CODELOADER_SAMPLE_NATIVE;
      s.import_root = s.checkout_dir = s.file.substr(0, s.file.rfind('/'));
    }
    if (language == "bash")
      s.functions = {{"echo_value", {{"v", {}, {}, "json"}}, {}, {}, false, false},
                     {"add", {{"a", {}, {}, "int"}, {"b", {}, "10", "int"}}, {}, {}, false, false}};
    return s;
  }
  worker_spec node() { return of("node", "sample.js"); }
  worker_spec bash() { return of("bash", "sample.sh"); }
  worker_spec native() { return of("native", {}); }

  worker_number ready(worker_spec s) {
    auto w = started(std::move(s));
    if (book(w).ready != 1) CAF_FAIL(book(w).exit.reason << book(w).failure.message);
    return w;
  }

  void check_echo(worker_number w, const std::string& function,
                  const std::vector<std::string>& texts) {
    for (const auto& text : texts) {
      auto v = json(text.c_str());
      auto r = run(w, function, {v});
      CAF_CHECK_EQUAL(shown(r), to_json_text(v));
      CAF_CHECK(r.returned == v);
    }
  }

  /// The call shows its output before it ends, which it never does.
  void check_live_output(worker_number w, const std::string& function) {
    auto handle = send(w, function, {json("\"soon\"")});
    CAF_CHECK(await(w, [&](const auto& book) {
      for (const auto& log : book.logs)
        if (log.handle == handle && log.text == "soon\n" && !log.is_stderr) return true;
      return false;
    }));
    host->kill(w);
    CAF_CHECK_EQUAL(exit_of(w).signal, SIGKILL);
  }
};

const std::vector<std::string> values_of_all_kinds{
    "null",
    "true",
    "false",
    "0",
    "23",
    "24",
    "255",
    "256",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "9007199254740991",
    "9007199254740992",
    "-9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "-24",
    "-25",
    "-257",
    "-9223372036854775808",
    "-9223372036854775809",
    "-18446744073709551616",
    "-18446744073709551617",
    "123456789012345678901234567890123456789012345678901234567890",
    "1.5",
    "-0.0",
    "1e300",
    "\"\"",
    "\"text\"",
    "\"\\u00e4\\u20ac\\ud83d\\ude00\"",
    "[]",
    "{}",
    "[1,[2,[3,{\"a\":[]}]]]",
    "{\"\":1,\"k\":{\"x\":null},\"__proto__\":{\"y\":1}}",
    "{\"$bytes\":\"AAEC/w==\"}",
    "{\"$float\":\"nan\"}",
    "{\"$float\":\"inf\"}",
    "{\"$float\":\"-inf\"}"};

} // namespace

CAF_TEST_FIXTURE_SCOPE(worker_languages_tests, languages_fixture)

CAF_TEST(values of every kind come back exactly in every language) {
  check_echo(ready(node()), "echo", values_of_all_kinds);
  check_echo(ready(native()), "echo", values_of_all_kinds);
  auto w = ready(bash());
  check_echo(w, "echo_value", values_of_all_kinds);
  check_echo(w, "echo_text", {"\"\"", "\"plain\"", "\"$(id) `id` ; * \\\"\\n-n\""});
}

CAF_TEST(arguments are positional and keyword in every language) {
  for (const auto& s : {node(), bash(), native()}) {
    auto w = ready(s);
    CAF_CHECK_EQUAL(shown(run(w, "add", {json("1")})), "11");
    CAF_CHECK_EQUAL(shown(run(w, "add", {json("1"), json("2")})), "3");
    CAF_CHECK_EQUAL(shown(run(w, "add", {json("1")}, {{"b", json("5")}})), "6");
    CAF_CHECK_EQUAL(shown(run(w, "add", {}, {{"b", json("5")}, {"a", json("2")}})), "7");
    CAF_CHECK_EQUAL(run(w, "add", {json("1")}, {{"a", json("5")}}).failure.code, ec::bad_arguments);
    CAF_CHECK_EQUAL(run(w, "add", {json("1")}, {{"c", json("5")}}).failure.code, ec::bad_arguments);
    auto none = run(w, "nothing_here");
    CAF_CHECK_EQUAL(none.failure.code, ec::unknown_function);
    CAF_CHECK(has(none.failure.message, "nothing_here"));
  }
}

CAF_TEST(a failure has type message traceback and its output) {
  auto w = ready(node());
  auto r = run(w, "fails", {json("\"too far\"")});
  CAF_CHECK_EQUAL(shown(r), "RangeError: too far");
  CAF_CHECK(has(r.failure.traceback, "sample.js:"));
  CAF_CHECK(!has(r.failure.traceback, "worker.js"));
  CAF_CHECK_EQUAL(r.err, "before it failed\n");
  CAF_CHECK_EQUAL(shown(run(w, "failsLater", {json("\"late\"")})), "TypeError: late");

  w = ready(bash());
  r = run(w, "fails");
  CAF_CHECK_EQUAL(r.failure.code, ec::task_failed);
  CAF_CHECK_EQUAL(shown(r), "ExitStatus: fails ended with status 2");
  CAF_CHECK(has(r.failure.traceback, "ls /nothing/here: status 2"));
  CAF_CHECK(has(r.failure.traceback, "at inner_failure ("));
  CAF_CHECK(has(r.failure.traceback, "at fails ("));
  CAF_CHECK(r.err.starts_with("before it failed\n"));
  CAF_CHECK_EQUAL(shown(run(w, "fails_well")), "ShopClosed: come back at nine");
  CAF_CHECK(has(shown(run(w, "exits")), "was killed by signal 11"));
  CAF_CHECK_EQUAL(run(w, "not_json").failure.code, ec::not_a_value);

  w = ready(native());
  r = run(w, "fails", {json("\"too far\"")});
  CAF_CHECK_EQUAL(shown(r), "std::runtime_error: too far");
  CAF_CHECK(has(r.failure.traceback, "caused by in fails: "));
  CAF_CHECK(has(r.failure.traceback, "std::out_of_range: inner"));
  CAF_CHECK_EQUAL(r.err, "before it failed\n");
  auto wrong = run(w, "add", {json("\"x\"")});
  CAF_CHECK_EQUAL(wrong.failure.code, ec::bad_arguments);
  CAF_CHECK(has(wrong.failure.message, "argument a: wanted int of 64 bits, not text"));
  CAF_CHECK_EQUAL(run(w, "bad_text").failure.code, ec::not_a_value);
  CAF_CHECK_EQUAL(shown(run(w, "add", {json("1")})), "11");
  send(w, "crashes");
  CAF_CHECK_EQUAL(exit_of(w).signal, SIGSEGV);
}

CAF_TEST(output belongs to its call in every language) {
  for (const auto& s : {node(), bash(), native()}) {
    auto w = ready(s);
    auto r = run(w, "prints", {json("\"one\"")});
    CAF_CHECK_EQUAL(r.failure.message, "");
    CAF_CHECK_EQUAL(r.out.substr(0, 3), "one");
    CAF_CHECK_EQUAL(r.err, "one again\n");
    if (s.language != "native") CAF_CHECK_EQUAL(r.out, "one\none by a child\n");
    CAF_CHECK_EQUAL(run(w, "prints", {json("\"two\"")}).err, "two again\n");
    CAF_CHECK_EQUAL(run(w, "add", {json("1")}).out, "");
  }
  check_live_output(ready(node()), "printsAndWaits");
  check_live_output(ready(bash()), "prints_and_waits");
  check_live_output(ready(native()), "prints_and_waits");
}

CAF_TEST(outputs are routed and kept by name in every language) {
  for (const auto& s : {node(), native()}) {
    auto w = ready(s);
    auto r = run(w, "routes", {json("4")});
    CAF_CHECK_EQUAL(shown(r), "4");
    CAF_REQUIRE_EQUAL(r.plugs.size(), 1u);
    CAF_CHECK_EQUAL(r.plugs[0].first + to_json_text(r.plugs[0].second), "eventrue");
    CAF_REQUIRE_EQUAL(r.artifacts.size(), 1u);
    CAF_CHECK_EQUAL(to_json_text(r.artifacts[0].second), R"({"value":4})");
    r = run(w, s.language == "node" ? "returnsPlugs" : "returns_plugs", {json("5")});
    CAF_CHECK_EQUAL(shown(r), "5");
    CAF_REQUIRE_EQUAL(r.plugs.size(), 1u);
    CAF_CHECK_EQUAL(to_json_text(r.plugs[0].second), "[5]");
  }
  auto r = run(ready(bash()), "routes", {json("4")});
  CAF_CHECK_EQUAL(shown(r), "\"done\"");
  CAF_REQUIRE_EQUAL(r.plugs.size(), 2u);
  CAF_CHECK_EQUAL(r.plugs[0].first + to_json_text(r.plugs[0].second), "even\"4\"");
  CAF_CHECK_EQUAL(r.plugs[1].first + to_json_text(r.plugs[1].second), R"(odd{"n":[1]})");
  CAF_REQUIRE_EQUAL(r.artifacts.size(), 1u);
}

CAF_TEST(what is no value or too large fails its call alone) {
  auto w = ready(node());
  auto r = run(w, "notAValue");
  CAF_CHECK_EQUAL(r.failure.code, ec::not_a_value);
  CAF_CHECK(has(r.failure.message, "result.inner[1] is a function"));
  for (auto each : {w, ready(native())}) {
    CAF_CHECK_EQUAL(run(each, "huge", {json("70")}).failure.code, ec::output_too_large);
    CAF_CHECK_EQUAL(shown(run(each, "add", {json("1")})), "11");
  }
}

CAF_TEST(a function can ask for its call in every language) {
  for (const auto& s : {node(), bash(), native()}) {
    auto w = ready(s);
    auto call = make_call("call");
    call.attempt = 3;
    auto id = to_string(call.id);
    auto handle = call.handle;
    host->send(w, {call});
    auto text = shown(result_of(w, handle));
    CAF_CHECK(has(text, id));
    CAF_CHECK(has(text, "3"));
  }
}

CAF_TEST(a module that cannot be loaded is told with its reason) {
  auto w = started(of("node", "broken.js"));
  exit_of(w);
  CAF_CHECK_EQUAL(book(w).broken, 1);
  CAF_CHECK(has(book(w).failure.message, "nothing_here.js"));
  w = started(of("bash", "broken.sh"));
  exit_of(w);
  CAF_CHECK_EQUAL(book(w).broken, 1);
  CAF_CHECK(has(book(w).failure.traceback, "/nothing/here.sh"));
  auto missing = native();
  missing.file += "_not";
  w = started(missing);
  CAF_CHECK(has(exit_of(w).reason, "did not start"));
}

CAF_TEST(modules of the newer kind are loaded too and their first words are of no call) {
  auto w = ready(of("node", "sample.mjs"));
  CAF_CHECK_EQUAL(shown(run(w, "hello", {json("\"you\"")})), "\"hello you\"");
  CAF_CHECK_EQUAL(shown(run(w, "hello", {json("\"you\""), json(R"({"loud":true})")})),
                  "\"HELLO YOU\"");
  CAF_CHECK_EQUAL(shown(run(w, "twice", {json("21")})), "42");
  auto logs = book(w).logs;
  CAF_REQUIRE_EQUAL(logs.size(), 1u);
  CAF_CHECK_EQUAL(logs[0].handle, 0u);
  CAF_CHECK_EQUAL(logs[0].text, "loading\n");
}

CAF_TEST(a replacement takes the place of a function in Node and bash) {
  auto s = node();
  s.replacements = {{"add", "function add(a, b) { return [a, b, echo('x')]; }"}};
  CAF_CHECK_EQUAL(shown(run(ready(s), "add", {json("1"), json("2")})), R"([1,2,"x"])");
  s.replacements = {{"add", "function add( {"}};
  auto w = started(s);
  exit_of(w);
  CAF_CHECK_EQUAL(book(w).failure.type, "SyntaxError");
  s = bash();
  s.replacements = {{"add", "add() { flow_result \"replaced $1\"; }"}};
  CAF_CHECK_EQUAL(shown(run(ready(s), "add", {json("1")})), "\"replaced 1\"");
}

CAF_TEST(only functions of the file can be called in bash) {
  auto w = ready(bash());
  for (const auto* name : {"eval", "ls", "flow_fail", "not_a_function", "exec"})
    CAF_CHECK_EQUAL(run(w, name, {json("\"id\"")}).failure.code, ec::unknown_function);
  CAF_CHECK_EQUAL(shown(run(w, "count", {json("\"a b\""), json("\"-e\""), json("null")})), "\"3\"");
}

CAF_TEST(a hundred calls at once are answered in order in every language) {
  for (const auto& s : {node(), bash(), native()}) {
    auto w = ready(s);
    std::vector<worker_call> calls;
    for (int i = 0; i < 100; ++i)
      calls.push_back(make_call("add", {json(std::to_string(i).c_str())}));
    auto last = calls.back().handle;
    host->send(w, calls);
    CAF_CHECK_EQUAL(shown(result_of(w, last)), "109");
    CAF_CHECK(std::ranges::is_sorted(book(w).order));
    CAF_CHECK_EQUAL(book(w).results.size(), 100u);
    host->stop(w);
    CAF_CHECK_EQUAL(exit_of(w).exit_code, 0);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
