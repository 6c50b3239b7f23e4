#define CAF_SUITE cli.task_run

#include "scripted_server.hpp"

#include <filesystem>
#include <fstream>

#include "flows/workflow_text.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::cli::test::flow_run;
using flow::cli::test::id_of;
using flow::cli::test::json;
using flow::cli::test::submitted;

namespace {

result<call_outcome> give(const std::string& json_text) {
  call_outcome outcome;
  outcome.returned = *value_of_json(json_text);
  return outcome;
}

result<call_outcome> key_error(const submitted&) {
  call_outcome outcome;
  outcome.state = call_state::failed;
  outcome.why = {ec::task_failed, "KeyError", "'cup'",
                 "Traceback (most recent call last):\n  File \"shop.py\", line 3, in price\n    "
                 "return table[item]\nKeyError: 'cup'\n"};
  outcome.attempts = 3;
  return outcome;
}

} // namespace

CAF_TEST(every form of input becomes the arguments that it says) {
  struct {
    std::vector<std::string> args;
    std::string positional;
    std::string keyword;
  } table[] = {
      {{"--data", "['some data']"}, R"([["some data"]])", "{}"},
      {{"--data", "\"World\""}, R"(["World"])", "{}"},
      {{"-d", "{'a': None, 'b': (1, 2)}"}, R"([{"a":null,"b":[1,2]}])", "{}"},
      {{"--data", "18446744073709551616"}, "[18446744073709551616]", "{}"},
      {{"--args", "[1, 'two']"}, R"([1,"two"])", "{}"},
      {{"--arg", "item=tea", "--arg", "qty=2"}, "[]", R"({"item":"tea","qty":2})"},
      {{"--arg", "text=\"2\"", "--arg", "eq=a=b", "--arg", "list=[1]"},
       "[]",
       R"({"text":"2","eq":"a=b","list":[1]})"},
      {{"--data", "1", "--arg", "k=true"}, "[1]", R"({"k":true})"},
      {{"--nodata"}, "[]", "{}"},
      {{}, "[]", "{}"},
  };
  for (const auto& each : table) {
    flow_run flow;
    std::vector<std::string> args{"task", "run", "S"};
    args.insert(args.end(), each.args.begin(), each.args.end());
    CAF_CHECK_EQUAL(flow.with(args), 0);
    CAF_MESSAGE(flow.err);
    CAF_REQUIRE_EQUAL(flow.node.calls.size(), 1u);
    CAF_CHECK_EQUAL(flow.node.calls[0].positional, each.positional);
    CAF_CHECK_EQUAL(flow.node.calls[0].keyword, each.keyword);
  }
}

CAF_TEST(the socket may be a word a name or an option) {
  for (auto line : {"task run S --nodata", "task run -s S --nodata", "task run --socket S --nodata",
                    "task run -n S --nodata", "task run --socket=S -nd"}) {
    flow_run flow;
    CAF_CHECK_EQUAL(flow(line), 0);
    CAF_REQUIRE_EQUAL(flow.node.calls.size(), 1u);
    CAF_CHECK_EQUAL(flow.node.calls[0].socket, "S");
  }
  flow_run two;
  CAF_CHECK_EQUAL(two("task run S -s T"), 2);
  CAF_CHECK_EQUAL(two("task run"), 2);
}

CAF_TEST(piped text without its last line end is the argument) {
  struct {
    std::string typed;
    std::string positional;
  } table[] = {{"HI THERE!\n", R"(["HI THERE!"])"},
               {"two\nlines\n\n", R"(["two\nlines\n"])"},
               {"no end", R"(["no end"])"},
               {"[1,2]\n", R"(["[1,2]"])"},
               {"\n", R"([""])"},
               {"", "[]"},
               {"dos\r\n", R"(["dos"])"}};
  for (const auto& [typed, positional] : table) {
    flow_run flow;
    flow.stdin_is_piped = true;
    flow.stdin_text = typed;
    CAF_CHECK_EQUAL(flow("task run -s A"), 0);
    CAF_CHECK_EQUAL(flow.node.calls.at(0).positional, positional);
  }
}

CAF_TEST(stdin is left alone when the data comes from elsewhere) {
  for (auto line : {"task run S --data 1", "task run S --arg a=1", "task run S --nodata",
                    "task run S --args []"}) {
    flow_run flow;
    flow.stdin_is_piped = true;
    flow.stdin_text = "not this";
    CAF_CHECK_EQUAL(flow(line), 0);
    CAF_CHECK(flow.node.calls.at(0).positional.find("not") == std::string::npos);
  }
  flow_run not_piped;
  not_piped.stdin_text = "not this";
  CAF_CHECK_EQUAL(not_piped("task run S"), 0);
  CAF_CHECK_EQUAL(not_piped.node.calls.at(0).positional, "[]");
}

CAF_TEST(data comes from a file or from stdin as a literal) {
  flow_run flow;
  const auto path = flow.config_dir + "/data.json";
  std::ofstream{path} << "{\"a\": [1]}\n";
  CAF_CHECK_EQUAL(flow("task run S --data @" + path), 0);
  CAF_CHECK_EQUAL(flow.node.calls[0].positional, R"([{"a":[1]}])");
  flow.stdin_text = "(1, 2)\n";
  CAF_CHECK_EQUAL(flow("task run S --data -"), 0);
  CAF_CHECK_EQUAL(flow.node.calls[1].positional, "[[1,2]]");
  CAF_CHECK_EQUAL(flow("task run S --data @/no/such/file"), 2);
  CAF_CHECK(flow.err.find("\"/no/such/file\"") != std::string::npos);
}

CAF_TEST(what cannot be read is wrong usage before anything is sent) {
  for (std::vector<std::string> args : std::vector<std::vector<std::string>>{
           {"--data", "World"},
           {"--data", "__import__('os')"},
           {"--args", "{}"},
           {"--arg", "novalue"},
           {"--arg", "=1"},
           {"--arg", "a=1", "--arg", "a=2"},
           {"--data", "1", "--args", "[1]"},
           {"--data", "1", "--nodata"},
           {"--priority", "10"},
           {"--in", "soon"},
           {"--timeout", "x"},
           {"--key-prefix", "p"},
       }) {
    flow_run flow;
    args.insert(args.begin(), {"task", "run", "S"});
    CAF_CHECK_EQUAL(flow.with(args), 2);
    CAF_CHECK(flow.node.calls.empty());
    CAF_CHECK(!flow.err.empty());
    CAF_CHECK(flow.out.empty());
  }
}

CAF_TEST(a string result is raw others are JSON and json is always JSON) {
  struct {
    std::string returned;
    std::string text;
    std::string as_json;
  } table[]
      = {{R"("Hello, World!")", "Hello, World!\n", "\"Hello, World!\"\n"},
         {R"({"b":1,"a":[2,null]})", "{\"b\":1,\"a\":[2,null]}\n", "{\"b\":1,\"a\":[2,null]}\n"},
         {"7.0", "7.0\n", "7.0\n"},
         {"null", "null\n", "null\n"},
         {"123456789012345678901234567890", "123456789012345678901234567890\n",
          "123456789012345678901234567890\n"},
         {R"("two\nlines")", "two\nlines\n", "\"two\\nlines\"\n"}};
  for (const auto& each : table) {
    flow_run flow;
    flow.node.on_call = [&](const submitted&) { return give(each.returned); };
    CAF_CHECK_EQUAL(flow("task run S --nodata"), 0);
    CAF_CHECK_EQUAL(flow.out, each.text);
    CAF_CHECK_EQUAL(flow.err, "");
    CAF_CHECK_EQUAL(flow("task run S --nodata -o json"), 0);
    CAF_CHECK_EQUAL(flow.out, each.as_json);
  }
}

CAF_TEST(options of the call reach the node) {
  flow_run flow;
  CAF_CHECK_EQUAL(
      flow("task run S --data 1 --key order-17 --priority 9 --in 1m --expires 1h -a one"), 0);
  wire::submit_options wanted;
  wanted.key = "order-17";
  wanted.priority = 9;
  wanted.delay_ms = 60'000;
  wanted.expires_ms = 3'600'000;
  wanted.argument = "one";
  CAF_CHECK(flow.node.calls.at(0).options == wanted);
  CAF_CHECK(flow.node.calls.at(0).wants_end);
}

CAF_TEST(a workflow takes the place of a socket) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow.with({"task", "run", "--flow", "pipeline([a, b(2)])", "--data", "1"}), 0);
  CAF_CHECK_EQUAL(flow.node.calls.at(0).positional, "[1]");
  CAF_CHECK(flow.node.calls.at(0).options.flow
            == encode(parse_workflow("pipeline([a, b(2)])")->what));
  CAF_CHECK_EQUAL(flow.with({"task", "run", "--flow", "a('x', 2)(1)", "--key", "k"}), 0);
  CAF_CHECK_EQUAL(flow.node.calls.at(1).positional, "[1]");
  CAF_CHECK_EQUAL(flow.node.calls.at(1).options.key, "k");
  for (std::vector<std::string> args :
       std::vector<std::vector<std::string>>{{"--flow", "pipeline([])"},
                                             {"--flow", "a", "S"},
                                             {"--flow", "a", "--jsonl"},
                                             {"--flow", "a(1)(2)", "--data", "3"},
                                             {"--flow", "a", "--arg", "b=1"},
                                             {"--flow", "@/no/such/file"}}) {
    args.insert(args.begin(), {"task", "run"});
    CAF_CHECK_EQUAL(flow.with(args), 2);
  }
  CAF_CHECK_EQUAL(flow.node.calls.size(), 2u);
}

CAF_TEST(a detached call prints only its id and awaits no end) {
  flow_run flow;
  flow.node.never_ends = true;
  CAF_CHECK_EQUAL(flow("task run S --nodata --detach"), 0);
  CAF_CHECK_EQUAL(flow.out, to_string(id_of(0)) + "\n");
  CAF_CHECK_EQUAL(flow.err, "");
  CAF_CHECK(!flow.node.calls.at(0).wants_end);
  CAF_CHECK_EQUAL(flow("task run S --nodata --detach -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["id"], to_string(id_of(1)));
}

CAF_TEST(a failed task is told on stderr with its frames and the exit code is 1) {
  flow_run flow;
  flow.node.on_call = key_error;
  flow.node.answer(
      "call.show",
      R"({"node":"lab","commit":"4c1f9aa0b0c0","kwargs":{"item":"cup","qty":1},"args":[]})");
  CAF_CHECK_EQUAL(flow("task run shop.price --arg item=cup --arg qty=1"), 1);
  const auto id = to_string(id_of(0)).substr(0, 13);
  CAF_CHECK_EQUAL(flow.out, "");
  CAF_CHECK_EQUAL(flow.err, "task failed: shop.price  call " + id
                                + "  attempt 3/3  node lab  commit 4c1f9aa\n"
                                  "  KeyError: 'cup'   input: {\"item\":\"cup\",\"qty\":1}\n"
                                  "    File \"shop.py\", line 3, in price\n"
                                  "      return table[item]\n"
                                  "  retry: flow call retry "
                                + id + "      logs: flow call logs " + id + "\n");
  CAF_CHECK_EQUAL(flow("task run shop.price --nodata -o json"), 1);
  CAF_CHECK_EQUAL(flow.out, "");
  CAF_CHECK_EQUAL(flow.err_json()["code"], "F0201");
  CAF_CHECK_EQUAL(flow.err_json()["type"], "KeyError");
  CAF_CHECK_EQUAL(flow.err_json()["call"], to_string(id_of(1)));
  CAF_CHECK_EQUAL(flow.err_json()["retryable"], false);
}

CAF_TEST(each other end of a call is told by its name) {
  for (auto [state, word] : {std::pair{call_state::timed_out, "task timed out: S"},
                             std::pair{call_state::cancelled, "task cancelled: S"},
                             std::pair{call_state::dead, "task dead: S"}}) {
    flow_run flow;
    flow.node.on_call = [&, ends_as = state](const submitted&) -> result<call_outcome> {
      call_outcome outcome;
      outcome.state = ends_as;
      return outcome;
    };
    CAF_CHECK_EQUAL(flow("task run S --nodata"), 1);
    CAF_CHECK(flow.err.starts_with(word));
  }
}

CAF_TEST(a call that is refused prints why) {
  flow_run flow;
  flow.node.on_call = [](const submitted&) -> result<call_outcome> {
    return make_error(ec::unknown_socket, "no socket \"shop.prise\"",
                      "did you mean \"shop.price\"?");
  };
  CAF_CHECK_EQUAL(flow("task run shop.prise --nodata"), 3);
  CAF_CHECK_EQUAL(flow.err,
                  "error[F0301]: no socket \"shop.prise\"\n  hint: did you mean \"shop.price\"?\n");
}

CAF_TEST(a call that outlasts the patience goes on and says how to find it) {
  flow_run flow;
  flow.node.never_ends = true;
  CAF_CHECK_EQUAL(flow("task run S --nodata --timeout 1ms"), 6);
  CAF_CHECK(flow.err.find("hint: flow call wait " + to_string(id_of(0))) != std::string::npos);
}

CAF_TEST(the tree goes to stderr and the result alone to stdout) {
  flow_run flow;
  flow.node.on_call = [](const submitted&) { return give("16.0"); };
  flow.node.answer(
      "call.tree",
      R"({"call":{"id":"01910000-0000-7000-8000-000000000001","socket":"shop.total","state":"finished","result":16.0,"run_us":3000,"node":"lab"},"children":[]})");
  CAF_CHECK_EQUAL(flow("task run shop.total --nodata --tree"), 0);
  CAF_CHECK_EQUAL(flow.out, "16.0\n");
  CAF_CHECK_EQUAL(flow.err, "shop.total  16.0  3.0ms  lab  01910000-0000\n");
  CAF_CHECK_EQUAL(flow.last_params()["id"], to_string(id_of(0)));
}

CAF_TEST(a file that holds no value is named with the place) {
  flow_run flow;
  const auto path = flow.config_dir + "/bad.json";
  std::ofstream{path} << "[1,\n import]";
  CAF_CHECK_EQUAL(flow.with({"task", "run", "S", "--data", "@" + path}), 2);
  CAF_CHECK(flow.err.starts_with("error[F0107]: " + path + ": line 2, column 2"));
  CAF_CHECK(flow.node.calls.empty());
}

CAF_TEST(a dry run of a call shows its arguments as JSON too) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow("task run S --args '[1, \"x\"]' --arg k=2 --dry-run -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json(),
                  (json{{"socket", "S"}, {"args", {1, "x"}}, {"kwargs", {{"k", 2}}}}));
  CAF_CHECK(flow.node.calls.empty());
}

CAF_TEST(bytes that are not text are refused with the way to give them) {
  flow_run flow;
  flow.stdin_is_piped = true;
  flow.stdin_text = "ab\xff";
  CAF_CHECK_EQUAL(flow("task run S"), 2);
  CAF_CHECK(flow.err.find("byte 2 is not UTF-8") != std::string::npos);
  CAF_CHECK(flow.err.find("$bytes") != std::string::npos);
}
