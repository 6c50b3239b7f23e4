#define CAF_SUITE nodes.rest

#include "nodes/rest.hpp"

#include <random>

#include "flows/limits.hpp"
#include "flows/workflow_text.hpp"
#include "nodes/rest_target.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::nodes;

namespace {

constexpr uint64_t now_ms = 1'700'000'000'000;

rest_exchange begun(std::string method, std::string target, std::string body = {}) {
  auto got = rest_exchange::begin({std::move(method), std::move(target), std::move(body), "", ""},
                                  now_ms);
  CAF_REQUIRE(got.has_value());
  return *got;
}

unsigned status_of(std::string method, std::string target, std::string body = {}) {
  auto got = rest_exchange::begin({std::move(method), std::move(target), std::move(body), "", ""},
                                  now_ms);
  return got ? 0 : got.error().status;
}

const wire::request& only_request(const std::vector<wire::client_message>& messages) {
  CAF_REQUIRE_EQUAL(messages.size(), 1u);
  return std::get<wire::request>(messages[0]);
}

value json(const char* text) {
  return *value_of_json(text);
}

call_id some_id() {
  return make_call_id(now_ms, partition_id{3}, 99);
}

} // namespace

CAF_TEST(targets are taken apart and decoded) {
  auto got = parse_target("/a%20b/c?x=1&y=%26+%3D&flag&z=#fragment");
  CAF_REQUIRE(got.has_value());
  CAF_CHECK_EQUAL(got->path, "/a b/c");
  using pairs = std::vector<std::pair<std::string, std::string>>;
  CAF_CHECK((got->query == pairs{{"x", "1"}, {"y", "& ="}, {"flag", ""}, {"z", ""}}));
  for (auto* bad : {"", "a", "*", "http://host/", "/%", "/%1", "/%zz", "/x?a=%", "/%00"})
    CAF_CHECK(!parse_target(bad));
}

CAF_TEST(random targets and bodies are answered or refused but never more) {
  const auto seed = std::random_device{}();
  CAF_MESSAGE("seed " << seed);
  std::mt19937 random{seed};
  for (int i = 0; i < 5'000; ++i) {
    std::string target = "/api/v1/calls";
    std::string body = R"({"socket": "a", "args": [1], "wait_ms": 5})";
    for (auto n = random() % 8; n > 0; --n)
      target.insert(random() % (target.size() + 1), 1, static_cast<char>(random()));
    for (auto n = random() % 4; n > 0; --n)
      body[random() % body.size()] = static_cast<char>(random());
    auto got = rest_exchange::begin({random() % 2 ? "POST" : "GET", target, body, "", ""}, now_ms);
    if (!got) CAF_CHECK(got.error().status >= 400 && got.error().status < 500);
  }
}

CAF_TEST(a call is submitted as its body says and headers fill in) {
  auto got = rest_exchange::begin(
      {"POST", "/api/v1/calls",
       R"({"socket": "s", "args": [1], "kwargs": {"a": 2}, "delay_ms": 5, "expires_ms": 6})", "k",
       "t"},
      now_ms);
  CAF_REQUIRE(got.has_value());
  auto messages = got->take_messages();
  auto& m = std::get<wire::submit>(messages.at(0));
  CAF_CHECK_EQUAL(m.socket, "s");
  CAF_CHECK_EQUAL(m.time_ms, now_ms);
  CAF_CHECK_EQUAL(m.args.positional, "\x81\x01");
  CAF_CHECK_EQUAL(m.args.keyword, "\xa1\x61"
                                  "a\x02");
  CAF_CHECK((m.options == wire::submit_options{4, "k", 5, "", "t", 6}));
  auto answer = got->on_message(wire::accepted{m.seq, some_id()});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 201u);
  CAF_CHECK(answer->body.find("scheduled") != std::string::npos);
  CAF_CHECK_EQUAL(answer->location, "/api/v1/calls/" + to_string(some_id()));
}

CAF_TEST(the text of a workflow is submitted as its bytes and arguments) {
  auto exchange = begun("POST", "/api/v1/calls",
                        R"json({"flow": "pipeline([a(1), b])('x')", "key": "k"})json");
  auto messages = exchange.take_messages();
  auto& m = std::get<wire::submit>(messages.at(0));
  CAF_CHECK_EQUAL(m.socket, "");
  CAF_CHECK(m.options.flow == encode(parse_workflow("pipeline([a(1), b])")->what));
  CAF_CHECK_EQUAL(m.args.positional, "\x81\x61x");
  auto given = begun("POST", "/api/v1/calls", R"({"flow": "a", "args": [1]})").take_messages();
  CAF_CHECK_EQUAL(std::get<wire::submit>(given.at(0)).args.positional, "\x81\x01");
  for (auto* bad :
       {R"json({"flow": "pipeline([])"})json", R"({"flow": "a", "socket": "b"})", R"({"flow": 1})",
        R"json({"flow": "a(1)(2)", "args": [3]})json", R"({"flow": ""})"})
    CAF_CHECK_EQUAL(status_of("POST", "/api/v1/calls", bad), 400u);
}

CAF_TEST(a failed call is an answer with its failure) {
  auto exchange = begun("POST", "/api/v1/calls", R"({"socket": "s", "wait_ms": 50})");
  CAF_CHECK_EQUAL(exchange.wait_ms(), 50u);
  exchange.take_messages();
  CAF_CHECK(!exchange.on_message(wire::accepted{1, some_id()}));
  auto answer = exchange.on_message(wire::ended{
      1, some_id(), call_state::failed, {}, {ec::task_failed, "KeyError", "'x'", "tb"}, 3});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 200u);
  for (auto* part :
       {R"("state":"failed")", R"("type":"KeyError")", R"("code":"F0201")", R"("attempts":3)"})
    CAF_CHECK(answer->body.find(part) != std::string::npos);
}

CAF_TEST(a short wait does not turn a slow acknowledgement into an error) {
  auto exchange = begun("POST", "/api/v1/calls", R"({"socket": "s", "wait_ms": 50})");
  exchange.take_messages();
  CAF_CHECK(!exchange.time_is_up());
  CAF_CHECK_EQUAL(exchange.wait_ms(), limits::request_timeout_ms_default - 50);
  auto answer = exchange.on_message(wire::accepted{1, some_id()});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 201u);
  auto other = begun("POST", "/api/v1/calls", R"({"socket": "s"})");
  auto late = other.time_is_up();
  CAF_REQUIRE(late.has_value());
  CAF_CHECK_EQUAL(late->status, 504u);
}

CAF_TEST(showing with a wait shows then waits by the full id then shows again) {
  auto exchange = begun("GET", "/api/v1/calls/0190ab?wait_ms=70");
  auto first = exchange.take_messages();
  CAF_CHECK_EQUAL(only_request(first).verb, "call.show");
  auto running
      = json(("{\"id\": \"" + to_string(some_id()) + "\", \"state\": \"running\"}").c_str());
  CAF_CHECK(!exchange.on_message(wire::reply{only_request(first).seq, running}));
  auto second = exchange.take_messages();
  CAF_REQUIRE_EQUAL(second.size(), 1u);
  CAF_CHECK(std::get<wire::wait>(second[0]).id == some_id());
  CAF_CHECK_EQUAL(exchange.wait_ms(), 70u);
  CAF_CHECK(!exchange.on_message(wire::ended{2, some_id()}));
  auto third = exchange.take_messages();
  CAF_CHECK_EQUAL(only_request(third).verb, "call.show");
  auto answer
      = exchange.on_message(wire::reply{only_request(third).seq, json(R"({"state": "finished"})")});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->body, "{\"state\":\"finished\"}\n");
}

CAF_TEST(showing what has ended waits for nothing) {
  auto exchange = begun("GET", "/api/v1/calls/0190ab?wait_ms=70");
  exchange.take_messages();
  auto answer = exchange.on_message(wire::reply{1, json(R"({"id": "x", "state": "dead"})")});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 200u);
}

CAF_TEST(a cancel that did not happen is a conflict) {
  auto exchange = begun("DELETE", "/api/v1/calls/0190");
  auto messages = exchange.take_messages();
  CAF_CHECK_EQUAL(to_json_text(only_request(messages).params), R"({"ids":["0190"]})");
  CAF_CHECK_EQUAL(
      exchange.on_message(wire::reply{1, json(R"({"items": [{"id": "0190", "ok": true}]})")})
          ->status,
      200u);
  for (auto [code, status] : {std::pair{"F0503", 409u}, {"F0303", 404u}, {"unheard", 409u}}) {
    auto told = R"({"items": [{"id": "0190", "ok": false, "error": {"code": ")" + std::string{code}
                + R"(", "message": "it has ended: finished"}}]})";
    auto answer = exchange.on_message(wire::reply{1, json(told.c_str())});
    CAF_REQUIRE(answer.has_value());
    CAF_CHECK_EQUAL(answer->status, status);
    CAF_CHECK_EQUAL(answer->content_type, "application/problem+json");
    CAF_CHECK(answer->body.find("it has ended: finished") != std::string::npos);
  }
}

CAF_TEST(what is refused is a problem with the status of its code) {
  auto exchange = begun("POST", "/api/v1/verbs/proc.stop", R"({"name": "p"})");
  auto answer = exchange.on_message(
      wire::refused{1, make_error(ec::wrong_state, "p is stopped", "start it")});
  CAF_REQUIRE(answer.has_value());
  CAF_CHECK_EQUAL(answer->status, 409u);
  CAF_CHECK_EQUAL(answer->content_type, "application/problem+json");
  for (auto* part : {R"("code":"F0503")", R"("hint":"start it")", R"("retryable":)",
                     R"("detail":"p is stopped")", R"("status":409)"})
    CAF_CHECK(answer->body.find(part) != std::string::npos);
}

CAF_TEST(every code has a status that tells whose fault it is) {
  for (auto& info : all_error_codes()) {
    auto status = http_status(info.code);
    auto group = static_cast<int>(info.code) / 100;
    if (group >= 1 && group <= 5) CAF_CHECK(status >= 400 && status < 500);
    if (group >= 8) CAF_CHECK_EQUAL(status, 500u);
  }
  CAF_CHECK_EQUAL(http_status(ec::unknown_socket), 404u);
  CAF_CHECK_EQUAL(http_status(ec::result_gone), 410u);
  CAF_CHECK_EQUAL(http_status(ec::store_full), 507u);
  CAF_CHECK_EQUAL(http_status(ec::shutting_down), 503u);
}

CAF_TEST(what is not there or not possible is told) {
  CAF_CHECK_EQUAL(status_of("GET", "/api/v2/calls"), 404u);
  CAF_CHECK_EQUAL(status_of("GET", "/api/v1/callsx"), 404u);
  CAF_CHECK_EQUAL(status_of("GET", "/api/v1/calls/"), 404u);
  CAF_CHECK_EQUAL(status_of("POST", "/api/v1/verbs/"), 404u);
  CAF_CHECK_EQUAL(status_of("PATCH", "/api/v1/calls"), 405u);
  CAF_CHECK_EQUAL(status_of("POST", "/api/v1/calls/0190"), 405u);
  CAF_CHECK_EQUAL(status_of("GET", "/api/v1/verbs/node.status"), 405u);
  CAF_CHECK_EQUAL(status_of("POST", "/api/v1/verbs/node.status", "[]"), 400u);
  CAF_CHECK_EQUAL(status_of("GET", "/api/v1/calls/x?wait_ms=99999999999"), 400u);
  CAF_CHECK_EQUAL(status_of("GET", "/api/v1/calls/x?wait=1"), 400u);
}
