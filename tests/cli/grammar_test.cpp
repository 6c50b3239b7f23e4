#define CAF_SUITE cli.grammar

#include "cli/parse.hpp"
#include "cli/resolve.hpp"
#include "scripted_server.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::cli;
using flow::cli::test::flow_run;

namespace {

const char* no_queues = R"({"items": [], "next": null})";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(kinds may be written in the singular the plural and short) {
  for (auto word : {"queue", "queues", "q"}) {
    flow_run flow;
    flow.node.answer("object.list", no_queues);
    CAF_CHECK_EQUAL(flow("ls " + std::string{word}), 0);
    CAF_CHECK_EQUAL(flow.last_params()["kind"], "queue");
  }
}

CAF_TEST(options may stand before between and after the words) {
  for (auto line : {"-o json ls queues", "ls -o json queues", "ls queues -o json",
                    "ls queues --output=json", "ls queues -ojson"}) {
    flow_run flow;
    flow.node.answer("object.list", no_queues);
    CAF_CHECK_EQUAL(flow(line), 0);
    CAF_CHECK_EQUAL(flow.out_json()["kind"], "QueueList");
  }
}

CAF_TEST(a typo of a command kind option or choice is wrong usage with what was meant) {
  struct {
    const char* line;
    const char* hint;
  } table[] = {
      {"lss queues", "did you mean \"ls\"?"},
      {"ls quues", "did you mean \"queues\"?"},
      {"queue puase q", "did you mean \"pause\"?"},
      {"ls queues --limt 3", "did you mean \"--limit\"?"},
      {"add queue q --type drect", "did you mean \"direct\"?"},
      {"task rum S", "did you mean \"run\"?"},
      {"contxt ls", "did you mean \"context\"?"},
  };
  for (auto& [line, hint] : table) {
    flow_run flow;
    CAF_CHECK_EQUAL(flow(line), 2);
    CAF_MESSAGE(flow.err);
    CAF_CHECK(contains(flow.err, hint));
    CAF_CHECK(flow.out.empty());
    CAF_CHECK_EQUAL(flow.node.connections, 0u);
  }
}

CAF_TEST(every command at one edit from its name is suggested) {
  for (const auto& cmd : registry()) {
    const auto space = cmd.path.find(' ');
    if (cmd.is_hidden || space == std::string::npos) continue;
    auto typo = cmd.path;
    typo.insert(space + 2, "x"); // "proc pxause"
    auto second = cmd.path.substr(space + 1);
    if (second.size() < 3) continue; // an edit of a word of two letters is another word
    flow_run flow;
    CAF_CHECK_EQUAL(flow(typo), 2);
    CAF_MESSAGE(typo << ": " << flow.err);
    CAF_CHECK(contains(flow.err, "did you mean") && contains(flow.err, "\"" + second));
  }
}

CAF_TEST(an option without its value says so) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow("ls queues --limit"), 2);
  CAF_CHECK(contains(flow.err, "--limit needs a value"));
}

CAF_TEST(a surplus word is wrong usage) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow("status of"), 2);
  CAF_CHECK(contains(flow.err, "what is \"of\"?"));
}

CAF_TEST(words after two dashes are never options) {
  flow_run flow;
  flow.node.answer("object.show", R"({"name": "-x"})");
  CAF_CHECK_EQUAL(flow("show queue -- -x"), 0);
  CAF_CHECK_EQUAL(flow.last_params()["name"], "-x");
}

CAF_TEST(values keep their brackets blanks and marks) {
  const auto* cmd = find_command("task run");
  CAF_REQUIRE(cmd != nullptr);
  for (std::string text :
       {"['some data']", "[1,2]", "{}", "", "-", "a=b", "%%", "\"x\"", "--", "-5"}) {
    auto parsed = parse(*cmd, {"S", "--data", text});
    CAF_REQUIRE(parsed);
    CAF_CHECK_EQUAL(parsed->text_or("data", "?"), text);
    auto joined = parse(*cmd, {"S", "--data=" + text});
    CAF_REQUIRE(joined);
    CAF_CHECK_EQUAL(joined->text_or("data", "?"), text);
    CAF_CHECK_EQUAL(joined->words, std::vector<std::string>{"S"});
  }
}

CAF_TEST(words keep their order) {
  flow_run flow;
  flow.node.answer("object.delete", R"({"deleted": []})");
  CAF_CHECK_EQUAL(flow("delete queue a b --cascade -y c"), 0);
  CAF_CHECK_EQUAL(flow.last_params()["names"], (test::json{"a", "b", "c"}));
}

CAF_TEST(each cause of failure has its exit code) {
  struct {
    ec code;
    int exit;
  } table[] = {{ec::bad_value, 2},      {ec::unknown_object, 3}, {ec::not_allowed, 4},
               {ec::already_exists, 5}, {ec::timed_out, 6},      {ec::queue_full, 7},
               {ec::some_failed, 8},    {ec::internal, 9},       {ec::task_failed, 1},
               {ec::unknown_socket, 3}, {ec::not_logged_in, 4}};
  for (auto [code, exit] : table) {
    flow_run flow;
    flow.node.refuse("object.list", make_error(code, "the reason", "the way out"));
    CAF_CHECK_EQUAL(flow("ls queues"), exit);
    CAF_CHECK_EQUAL(flow.err, "error[" + code_text(code) + "]: the reason\n  hint: the way out\n");
    CAF_CHECK(flow.out.empty());
  }
}

CAF_TEST(without a server the exit code is 7 and the hint says how to start one) {
  flow_run flow;
  flow.node.no_connection = make_error(ec::no_server, "refused");
  CAF_CHECK_EQUAL(flow("status"), 7);
  CAF_CHECK_EQUAL(flow.err,
                  "error[F0701]: no server at 127.0.0.1:7717 (from default)\n"
                  "  hint: start one with \"flow up\", or choose another: flow context use NAME\n");
}

CAF_TEST(an error is one JSON object on stderr when JSON is wanted) {
  for (auto line : {"show queue q -o json", "show queue q -o jsonl"}) {
    flow_run flow;
    flow.node.refuse("object.show",
                     make_error(ec::unknown_object, "no queue \"q\"", "see: flow ls queues"));
    CAF_CHECK_EQUAL(flow(line), 3);
    CAF_CHECK_EQUAL(flow.err_json(), (test::json{{"code", "F0302"},
                                                 {"message", "no queue \"q\""},
                                                 {"hint", "see: flow ls queues"},
                                                 {"retryable", false},
                                                 {"docs", "flow help F0302"}}));
    CAF_CHECK(flow.out.empty());
  }
  flow_run usage;
  CAF_CHECK_EQUAL(usage("lss -o json"), 2);
  CAF_CHECK_EQUAL(usage.err_json()["code"], "F0101");
}
