#define CAF_SUITE codeloader.worker_python

#include <cstring>

#include "flows/cbor.hpp"
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

} // namespace

CAF_TEST_FIXTURE_SCOPE(worker_python_tests, worker_fixture)

CAF_TEST(values of every kind come back exactly as they went) {
  auto w = started();
  for (const char* text : {"null",
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
                           "18446744073709551615",
                           "18446744073709551616",
                           "-1",
                           "-24",
                           "-25",
                           "-256",
                           "-257",
                           "-4294967297",
                           "-9223372036854775808",
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
                           "{\"\":1,\"k\":{\"x\":null}}",
                           "{\"$bytes\":\"AAEC/w==\"}",
                           "{\"$float\":\"nan\"}",
                           "{\"$float\":\"inf\"}",
                           "{\"$float\":\"-inf\"}"}) {
    auto v = json(text);
    auto r = run(w, "identity", {v});
    CAF_CHECK_EQUAL(shown(r), to_json_text(v));
    CAF_CHECK(r.returned == v);
  }
  std::string large(300'000, 'x');
  auto v = json("\"" + large + "\"");
  CAF_CHECK(run(w, "identity", {v}).returned == v);
}

CAF_TEST(arguments are positional and keyword) {
  auto w = started();
  CAF_CHECK_EQUAL(shown(run(w, "echo", {json("1"), json("[2]")}, {{"k", json("{\"a\":1}")}})),
                  R"([[1,[2]],{"k":{"a":1}}])");
  CAF_CHECK_EQUAL(shown(run(w, "add", {json("1")}, {{"c", json("5")}})), "16");
  auto wrong = run(w, "add");
  CAF_CHECK_EQUAL(wrong.failure.code, ec::task_failed);
  CAF_CHECK_EQUAL(wrong.failure.type, "TypeError");
  CAF_CHECK(wrong.failure.message.find("missing 1 required positional argument: 'a'")
            != std::string::npos);
}

CAF_TEST(objects of Python that are values in disguise are taken) {
  auto w = started();
  CAF_CHECK_EQUAL(
      shown(run(w, "python_kinds")),
      to_json_text(
          json(R"({"point":{"x":1,"tags":["a"]},"colour":1,"pair":[1,2],"ordered":{"z":1,"a":2},)"
               R"("view":{"$bytes":"YWJj"},"array":{"$bytes":"YWJj"}})")));
}

CAF_TEST(what is no value is told with its path) {
  auto w = started();
  auto check = [&](const char* function, const char* beginning) {
    auto r = run(w, function);
    CAF_CHECK_EQUAL(r.failure.code, ec::not_a_value);
    CAF_CHECK_EQUAL(r.failure.type, "not_a_value");
    CAF_CHECK_EQUAL(r.failure.message.substr(0, std::strlen(beginning)), beginning);
  };
  check("bad_set", "result.items[3] is of type set, which is not a value");
  check("bad_key", "result[0][1] is a key of type int");
  check("bad_surrogate", "result is text with half of a surrogate pair at position 1");
  check("bad_lambda", "result is of type function");
  check("bad_plug", "plugs.x is of type set");
  check("bad_integer", "result is an integer of 125001 bytes");
  auto cycle = run(w, "bad_cycle");
  CAF_CHECK_EQUAL(cycle.failure.code, ec::not_a_value);
  CAF_CHECK(cycle.failure.message.find("is nested deeper than 64 levels") != std::string::npos);
  CAF_CHECK_EQUAL(shown(run(w, "count")), "1");
}

CAF_TEST(an exception has type message and the frames of the author) {
  auto w = started();
  auto r = run(w, "raises");
  CAF_CHECK_EQUAL(r.failure.code, ec::task_failed);
  CAF_CHECK_EQUAL(r.failure.type, "RuntimeError");
  CAF_CHECK_EQUAL(r.failure.message, "no such thing");
  const auto& trace = r.failure.traceback;
  CAF_CHECK(trace.find("File \"sample.py\", line") != std::string::npos);
  CAF_CHECK(trace.find("in raises") != std::string::npos);
  CAF_CHECK(trace.find("in helper") != std::string::npos);
  CAF_CHECK(trace.find("KeyError: 'missing'") != std::string::npos);
  CAF_CHECK(trace.find("millrace_worker") == std::string::npos);
  auto later = run(w, "fails_later");
  CAF_CHECK_EQUAL(later.failure.type, "ValueError");
  CAF_CHECK(later.failure.traceback.find("in fails_later") != std::string::npos);
  CAF_CHECK(later.failure.traceback.find("asyncio") == std::string::npos);
  CAF_CHECK_EQUAL(run(w, "exits").failure.type, "SystemExit");
  CAF_CHECK_EQUAL(run(w, "exits").failure.message, "3");
  CAF_CHECK_EQUAL(run(w, "interrupts").failure.type, "KeyboardInterrupt");
  CAF_CHECK_EQUAL(run(w, "recurses").failure.type, "RecursionError");
  CAF_CHECK(run(w, "recurses").failure.traceback.size() < limits::error_text_bytes_max);
  CAF_CHECK_EQUAL(run(w, "raises_mute").failure.type, "Mute");
  CAF_CHECK_EQUAL(shown(run(w, "count")), "1"); // and the worker still lives
}

CAF_TEST(an unknown function is told with those that are near) {
  auto w = started();
  auto r = run(w, "nop");
  CAF_CHECK_EQUAL(r.failure.code, ec::unknown_function);
  CAF_CHECK(r.failure.message.find("module sample has no function nop; did you mean noop?")
            != std::string::npos);
}

CAF_TEST(asynchronous functions are awaited) {
  auto w = started();
  CAF_CHECK_EQUAL(shown(run(w, "later", {json("5")})), "5");
}

CAF_TEST(output belongs to its call) {
  auto w = started();
  auto r = run(w, "prints");
  CAF_CHECK_EQUAL(r.out, "to stdout\nbytes\n");
  CAF_CHECK_EQUAL(r.err, "to stderr\n");
  r = run(w, "noop");
  CAF_CHECK_EQUAL(r.out + r.err, "");
  r = run(w, "prints_below");
  CAF_CHECK_EQUAL(r.out, "raw out\nfrom a child\n");
  CAF_CHECK_EQUAL(r.err, "raw err\n");
  r = run(w, "noop");
  CAF_CHECK_EQUAL(r.out + r.err, "");
  r = run(w, "prints_bad_text");
  CAF_CHECK_EQUAL(r.failure.code, ec::none);
  CAF_CHECK_EQUAL(r.out, "\\ud800\n\\xff\\xfe");
  auto calls
      = std::vector<worker_call>{make_call("prints"), make_call("noop"), make_call("prints_below")};
  auto first = calls[0].handle;
  host->send(w, calls);
  CAF_CHECK_EQUAL(result_of(w, first + 2).err, "raw err\n");
  CAF_CHECK_EQUAL(result_of(w, first).err, "to stderr\n");
  CAF_CHECK_EQUAL(result_of(w, first + 1).err, "");
}

CAF_TEST(a great deal of output is cut and says so) {
  auto w = started();
  for (const char* function : {"prints_a_million_lines", "floods_descriptors"}) {
    auto r = run(w, function);
    CAF_CHECK_EQUAL(r.failure.code, ec::none);
    CAF_CHECK(r.out.size() >= limits::call_output_bytes_max);
    CAF_CHECK(r.out.size() <= 4 * limits::call_output_bytes_max + 100);
    CAF_CHECK(r.out.find("more characters were cut]") != std::string::npos);
  }
  CAF_CHECK_EQUAL(run(w, "noop").out, "");
}

CAF_TEST(the output of a call that takes long is shown while it runs) {
  auto w = started();
  auto call = send(w, "prints_then_waits", {json("\"/tmp/gate\"")});
  CAF_CHECK(await(w, [&](const auto& book) {
    std::string out, err;
    for (const auto& log : book.logs)
      if (log.handle == call) (log.is_stderr ? err : out) += log.text;
    return out == "early\n" && err == "early err\n";
  }));
  CAF_CHECK_EQUAL(book(w).results.count(call), 0u);
  host->kill(w);
  exit_of(w);
}

CAF_TEST(what the module prints when imported is shown as the output of no call) {
  auto w = started();
  auto logs = book(w).logs;
  CAF_REQUIRE_EQUAL(logs.size(), 1u);
  CAF_CHECK_EQUAL(logs[0].text, "imported\n");
  CAF_CHECK_EQUAL(logs[0].handle, 0u);
}

CAF_TEST(outputs are routed by plugs and kept by name) {
  auto w = started();
  auto r = run(w, "with_plugs", {json("3")});
  CAF_CHECK_EQUAL(shown(r), "3");
  CAF_REQUIRE_EQUAL(r.plugs.size(), 1u);
  CAF_CHECK_EQUAL(r.plugs[0].first, "odd");
  CAF_CHECK_EQUAL(to_json_text(r.plugs[0].second), "3");
  CAF_REQUIRE_EQUAL(r.artifacts.size(), 1u);
  CAF_CHECK_EQUAL(r.artifacts[0].first, "double");
  CAF_CHECK_EQUAL(to_json_text(r.artifacts[0].second), "6");
  r = run(w, "with_plugs", {json("4")}); // fresh dictionaries each time
  CAF_REQUIRE_EQUAL(r.plugs.size(), 1u);
  CAF_CHECK_EQUAL(r.plugs[0].first, "even");
  r = run(w, "returns_plugs", {json("5")});
  CAF_CHECK_EQUAL(shown(r), "5");
  CAF_REQUIRE_EQUAL(r.plugs.size(), 1u);
  CAF_CHECK_EQUAL(to_json_text(r.plugs[0].second), "25");
  r = run(w, "returns_empty_plugs");
  CAF_CHECK_EQUAL(shown(r), "7");
  CAF_CHECK_EQUAL(shown(run(w, "returns_alike")), R"({"result":7,"plugs":{},"more":1})");
}

CAF_TEST(a function can ask for its call) {
  auto w = started();
  auto call = make_call("says_context");
  call.attempt = 3;
  host->send(w, {call});
  auto r = result_of(w, call.handle);
  CAF_CHECK_EQUAL(shown(r), "[\"" + to_string(call.id) + "\",3,\"says_context\"]");
  CAF_CHECK_EQUAL(r.out, "logged\n");
}

CAF_TEST(a result above the limit is refused and the worker lives) {
  auto w = started();
  auto r = run(w, "big", {json("67108865")});
  CAF_CHECK_EQUAL(r.failure.code, ec::output_too_large);
  CAF_CHECK(r.failure.message.find("larger than 67108864 bytes") != std::string::npos);
  r = run(w, "big_plugs", {json("40000000")});
  CAF_CHECK_EQUAL(r.failure.code, ec::output_too_large);
  r = run(w, "big", {json("60000000")});
  CAF_CHECK_EQUAL(r.failure.code, ec::none);
  CAF_CHECK_EQUAL(r.returned.cbor.size(), 60'000'005u);
  CAF_CHECK_EQUAL(shown(run(w, "count")), "1");
}

CAF_TEST(a replacement takes the place of a function) {
  auto s = spec();
  s.replacements = {{"add", "def add(a, b=0):\n  return [a, b, count()]\n"}};
  auto w = started(s);
  CAF_CHECK_EQUAL(shown(run(w, "add", {json("5")})), "[5,0,1]");
  s.replacements = {{"add", "def add(:\n"}};
  w = started(s);
  exit_of(w);
  CAF_CHECK_EQUAL(book(w).failure.type, "SyntaxError");
}

CAF_TEST(a fork of the function neither answers nor goes on) {
  auto w = started();
  auto r = run(w, "forks");
  CAF_CHECK_EQUAL(shown(r), "\"parent\"");
  CAF_CHECK_EQUAL(shown(run(w, "count")), "1");
  CAF_CHECK_EQUAL(book(w).results.size(), 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()
