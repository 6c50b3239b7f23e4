#define CAF_SUITE cli.help

#include "cli/help.hpp"
#include "cli/parse.hpp"
#include "cli/resolve.hpp"
#include "scripted_server.hpp"

#include <fstream>
#include <iterator>
#include <set>

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::cli;
using flow::cli::test::flow_run;
using flow::cli::test::json;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(every command has a summary examples and help in two lengths) {
  for (const auto& cmd : registry()) {
    if (cmd.is_hidden) continue;
    CAF_MESSAGE(cmd.path);
    CAF_CHECK(!cmd.summary.empty() && !cmd.summary.ends_with("."));
    CAF_CHECK(!cmd.examples.empty());
    flow_run flow;
    CAF_CHECK_EQUAL(flow(cmd.path + " --help"), 0);
    CAF_CHECK(contains(flow.out, "examples\n"));
    CAF_CHECK(contains(flow.out, "usage: flow " + cmd.path));
    CAF_CHECK_EQUAL(flow(cmd.path + " -h"), 0);
    CAF_CHECK(contains(flow.out, "usage: flow " + cmd.path));
    CAF_CHECK(contains(flow.out, "flow " + cmd.path + " --help"));
    CAF_CHECK_EQUAL(flow("help " + cmd.path), 0);
    CAF_CHECK(contains(flow.out, "usage: flow " + cmd.path));
  }
}

CAF_TEST(no command has one option name twice) {
  for (const auto& cmd : registry()) {
    std::set<std::string> seen;
    for (const auto& opt : options_of(cmd))
      for (const auto& name : names_of(opt))
        CAF_CHECK(seen.insert(name).second);
  }
}

CAF_TEST(every command takes - o json and its stdout is JSON whatever the node says) {
  for (const auto& cmd : registry()) {
    if (cmd.is_hidden || cmd.path == "up" || cmd.path == "listen" || cmd.path == "init") continue;
    flow_run flow;
    auto any = [](const json&) {
      return value_of_json(
          R"({"items":[{"id":"a","ok":true}],"next":null,"name":"n","state":"finished","result":1,"deleted":[],
      "id":"018bcfe5-6800-7000-8000-00000a000007","call":{"id":"a","socket":"s"},"children":[]})");
    };
    for (auto verb :
         {"object.add",  "object.update", "object.delete", "object.list",  "object.show",
          "proc.start",  "proc.stop",     "proc.pause",    "proc.resume",  "proc.restart",
          "proc.remove", "proc.scale",    "call.list",     "call.show",    "call.result",
          "call.logs",   "call.why",      "call.cancel",   "call.retry",   "dlq.list",
          "dlq.replay",  "dlq.drop",      "queue.pause",   "queue.resume", "queue.purge",
          "node.status", "task.code",     "join.list"})
      flow.node.verbs[verb] = any;
    flow.node.on_call
        = [](const test::submitted&) -> result<call_outcome> { return call_outcome{}; };
    auto line = cmd.path + " -o json -y";
    for (size_t i = 0; i < std::min<size_t>(cmd.words_max, 1); ++i)
      line += cmd.path == "help"              ? " exit-codes"
              : cmd.path == "completion"      ? " bash"
              : cmd.path.starts_with("call ") ? " 018bcfe5-6800-7000-8000-00000a000007"
                                              : " a";
    if (cmd.path == "proc scale") line += " 2";
    if (cmd.path == "task code") line += " --remove";
    if (cmd.path.starts_with("update "))
      line += cmd.path == "update argument" ? " --task t" : " --unset " + key_of(cmd.options[0]);
    if (cmd.path == "context set") line += " --address x:1";
    if (cmd.path == "task run") line += " --nodata";
    if (cmd.path.starts_with("add "))
      for (auto each :
           {"git", "module", "processor", "task", "source", "target", "plug", "argument", "node"})
        for (const auto& opt : cmd.options)
          if (key_of(opt) == each) line += " --" + std::string{each} + " x";
    if (cmd.path == "context use" || cmd.path == "context rm" || cmd.path == "context show")
      flow("context set a --address x:1 -q");
    CAF_MESSAGE(line);
    CAF_CHECK_EQUAL(flow(line), 0);
    CAF_MESSAGE(flow.err);
    CAF_CHECK(!json::parse(flow.out, nullptr, false).is_discarded());
  }
}

CAF_TEST(every error code has help without a network) {
  for (const auto& each : all_error_codes()) {
    flow_run flow;
    CAF_CHECK_EQUAL(flow("help " + code_text(each.code)), 0);
    CAF_CHECK(contains(flow.out, code_text(each.code)));
    CAF_CHECK(contains(flow.out, "exit code " + std::to_string(exit_code(each.code))));
    CAF_CHECK_EQUAL(flow.node.connections, 0u);
  }
  CAF_CHECK(contains(std::string{error_page("F0301")}, "unknown_socket"));
  flow_run flow;
  CAF_CHECK_EQUAL(flow("help f0301"), 0);
  CAF_CHECK_EQUAL(flow("help F0000"), 3);
}

CAF_TEST(topics and what is not one) {
  flow_run flow;
  for (const auto& [name, page] : help_topics()) {
    CAF_CHECK_EQUAL(flow("help " + name), 0);
    CAF_CHECK_EQUAL(flow.out, page);
  }
  CAF_CHECK_EQUAL(flow("help exit-code"), 3);
  CAF_CHECK(contains(flow.err, "did you mean \"exit-codes\"?"));
  CAF_CHECK_EQUAL(flow("help queue"), 0);
  CAF_CHECK(contains(flow.out, "flow queue pause NAME"));
}

CAF_TEST(flow alone prints help and every command is in it) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow(""), 0);
  for (const auto& word : words_after(""))
    CAF_CHECK(contains(flow.out, "\n  " + word));
  CAF_CHECK_EQUAL(flow("-h"), 0);
  CAF_CHECK_EQUAL(flow("queue -h"), 0);
  CAF_CHECK_EQUAL(flow("--version"), 0);
  CAF_CHECK_EQUAL(flow.out, std::string{"flow "} + MILLRACE_VERSION + "\n");
}

CAF_TEST(the page docs / cli.md is what the program says) {
  std::ifstream file{MILLRACE_SOURCE_DIR "/docs/cli.md"};
  const std::string page{std::istreambuf_iterator<char>{file}, {}};
  for (const auto& cmd : registry())
    if (!cmd.is_hidden) CAF_CHECK(contains(page, "### flow " + cmd.path + "\n"));
  CAF_CHECK(page == reference_page()); // else: flow __reference > docs/cli.md
}
