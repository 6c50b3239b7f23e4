#define CAF_SUITE cli.run_lines

#include "flows/limits.hpp"
#include "scripted_server.hpp"

#include <thread>

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::cli::test::flow_run;
using flow::cli::test::id_of;
using flow::cli::test::json;
using flow::cli::test::submitted;

CAF_TEST(each line is one call and the results keep the order of the lines) {
  flow_run flow;
  flow.node.end_later = 5; // the last of five ends first
  std::string wanted;
  for (int i = 0; i < 100; ++i) {
    flow.stdin_text += "{\"n\": " + std::to_string(i) + "}\n";
    wanted += "{\"n\":" + std::to_string(i) + "}\n";
  }
  CAF_CHECK_EQUAL(flow("task run S --jsonl --arg k=1"), 0);
  CAF_CHECK_EQUAL(flow.out, wanted);
  CAF_CHECK_EQUAL(flow.node.calls.size(), 100u);
  CAF_CHECK_EQUAL(flow.node.calls[7].positional, R"([{"n":7}])");
  CAF_CHECK_EQUAL(flow.node.calls[7].keyword, R"({"k":1})");
}

CAF_TEST(more lines than may be in flight all come through) {
  flow_run flow;
  const size_t lines = limits::cli_lines_in_flight_max * 3;
  for (size_t i = 0; i < lines; ++i)
    flow.stdin_text += std::to_string(i) + "\n";
  CAF_CHECK_EQUAL(flow("task run S --jsonl"), 0);
  CAF_CHECK_EQUAL(flow.out, flow.stdin_text);
}

CAF_TEST(a failed line is an error line and the exit code is 8) {
  flow_run flow;
  flow.node.on_call = [](const submitted& call) -> result<call_outcome> {
    call_outcome outcome;
    if (call.positional == "[2]") return make_error(ec::queue_full, "the queue is full");
    if (call.positional != "[1]") return outcome;
    outcome.state = call_state::failed;
    outcome.why = {ec::task_failed, "KeyError", "'x'", ""};
    return outcome;
  };
  flow.stdin_text = "0\n1\n2\nnonsense\n4";
  CAF_CHECK_EQUAL(flow("task run S --jsonl"), 8);
  std::vector<json> lines;
  std::istringstream out{flow.out};
  for (std::string line; std::getline(out, line);)
    lines.push_back(json::parse(line));
  CAF_REQUIRE_EQUAL(lines.size(), 5u);
  CAF_CHECK(lines[0].is_null());
  CAF_CHECK_EQUAL(lines[1]["error"]["type"], "KeyError");
  CAF_CHECK_EQUAL(lines[1]["error"]["call"], to_string(id_of(1)));
  CAF_CHECK_EQUAL(lines[2]["error"]["code"], "F0702");
  CAF_CHECK_EQUAL(lines[2]["error"]["retryable"], true);
  CAF_CHECK(lines[3]["error"]["message"].get<std::string>().starts_with("line 4: "));
  CAF_CHECK(lines[4].is_null());
}

CAF_TEST(blank lines make no call and keys count from the first line) {
  flow_run flow;
  flow.stdin_text = "\"a\"\n\n  \r\n\"b\"\n";
  CAF_CHECK_EQUAL(flow("task run S --jsonl --key-prefix run7-"), 0);
  CAF_REQUIRE_EQUAL(flow.node.calls.size(), 2u);
  CAF_CHECK_EQUAL(flow.node.calls[0].options.key, "run7-0");
  CAF_CHECK_EQUAL(flow.node.calls[1].options.key, "run7-3");
  CAF_CHECK_EQUAL(flow.out, "\"a\"\n\"b\"\n");
}

CAF_TEST(detached lines give ids) {
  flow_run flow;
  flow.node.never_ends = true;
  flow.stdin_text = "1\n2\n";
  CAF_CHECK_EQUAL(flow("task run S --jsonl --detach"), 0);
  CAF_CHECK_EQUAL(flow.out, to_string(id_of(0)) + "\n" + to_string(id_of(1)) + "\n");
}

CAF_TEST(a cause that every line would meet ends the reading) {
  flow_run flow;
  flow.node.on_call = [](const submitted&) -> result<call_outcome> {
    return make_error(ec::unknown_socket, "no socket \"S\"");
  };
  for (int i = 0; i < 1000; ++i)
    flow.stdin_text += "1\n";
  CAF_CHECK_EQUAL(flow("task run S --jsonl"), 3);
  CAF_CHECK_EQUAL(flow.node.calls.size(), 1u);
  CAF_CHECK(flow.err.starts_with("error[F0301]: no socket \"S\""));
}

CAF_TEST(a lost connection is the cause and not a failed task) {
  flow_run flow;
  flow.node.on_call = [](const submitted&) -> result<call_outcome> {
    call_outcome outcome;
    outcome.state = call_state::queued; // the client gave the connection up
    outcome.why = {ec::connection_lost, "connection_lost", "the node is gone", ""};
    return outcome;
  };
  flow.stdin_text = "1\n2\n";
  CAF_CHECK_EQUAL(flow("task run S --jsonl"), 7);
  CAF_CHECK_EQUAL(flow("task run S --nodata"), 7);
  CAF_CHECK(flow.err.find("the node is gone") != std::string::npos);
}

CAF_TEST(options that say other data contradict) {
  for (auto line :
       {"task run S --jsonl --data 1", "task run S --jsonl --key k", "task run S --jsonl --tree"}) {
    flow_run flow;
    CAF_CHECK_EQUAL(flow(line), 2);
  }
}

CAF_TEST(nothing on stdin is nothing to do) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow("task run S --jsonl"), 0);
  CAF_CHECK_EQUAL(flow.out, "");
}
