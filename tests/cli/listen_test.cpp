#define CAF_SUITE cli.listen

#include "scripted_server.hpp"

#include <fstream>
#include <iterator>

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::cli::test::flow_run;
using flow::cli::test::json;

namespace {

const char* running
    = R"({"channel":"task","state":"running","call":"018bcfe5-6800-7000-8000-00000a000007","socket":"shop.price","time_ms":1700000000000})";
const char* finished
    = R"({"channel":"task","state":"finished","call":"018bcfe5-6800-7000-8000-00000a000007","socket":"shop.price","time_ms":1700000000005})";

void give_two(flow_run& flow) {
  flow.node.events = {*value_of_json(running), *value_of_json(finished)};
}

std::string text_of(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

} // namespace

CAF_TEST(events are one line each) {
  flow_run flow;
  give_two(flow);
  CAF_CHECK_EQUAL(flow("listen shop.price --limit 2"), 0);
  CAF_CHECK_EQUAL(flow.node.subscriptions.at(0),
                  (json{{"channel", "task"}, {"name", "shop.price"}}));
  CAF_CHECK_EQUAL(flow.out, "2023-11-14T22:13:20.000Z  018bcfe5-6800  shop.price  running\n"
                            "2023-11-14T22:13:20.005Z  018bcfe5-6800  shop.price  finished\n");
  CAF_CHECK_EQUAL(flow.err, "listening to shop.price, channel task; Ctrl-C ends it\n");
}

CAF_TEST(events in JSON are what the node sent one a line) {
  for (auto line : {"listen --limit 2 -q -o json", "listen --limit 2 -q -o jsonl"}) {
    flow_run flow;
    give_two(flow);
    CAF_CHECK_EQUAL(flow(line), 0);
    CAF_CHECK_EQUAL(flow.out, std::string{running} + "\n" + finished + "\n");
    CAF_CHECK_EQUAL(flow.node.subscriptions.at(0), (json{{"channel", "task"}}));
  }
}

CAF_TEST(logs are shown by call) {
  flow_run flow;
  flow.node.events = {*value_of_json(
      R"({"call":"018bcfe5-6800-7000-8000-00000a000007","stream":"out","text":"hello\u001b[2J\n"})")};
  CAF_CHECK_EQUAL(flow("listen shop -c log --limit 1"), 0);
  CAF_CHECK_EQUAL(flow.out, "018bcfe5-6800  out  hello\xef\xbf\xbd[2J\n");
}

CAF_TEST(results and events have lines of their own) {
  flow_run flow;
  flow.node.events = {
      *value_of_json(
          R"({"channel":"result","state":"finished","call":"018bcfe5-6800-7000-8000-00000a000007","socket":"shop.price","result":{"total":6},"failure":null,"time_ms":1700000000000})"),
      *value_of_json(
          R"({"channel":"result","state":"failed","call":"018bcfe5-6800-7000-8000-00000a000008","socket":"shop.price","result":null,"failure":{"type":"KeyError","message":"'cup'"},"time_ms":1700000000005})")};
  CAF_CHECK_EQUAL(flow("listen shop.price -c result --limit 2"), 0);
  CAF_CHECK_EQUAL(flow.out,
                  "2023-11-14T22:13:20.000Z  018bcfe5-6800  shop.price  finished  {\"total\":6}\n"
                  "2023-11-14T22:13:20.005Z  018bcfe5-6800  shop.price  failed  KeyError: 'cup'\n");
  flow.node.events = {*value_of_json(
      R"({"channel":"event","kind":"processor","name":"shop","change":"broken","text":"no module","time_ms":1700000000000})")};
  CAF_CHECK_EQUAL(flow("listen -c event --limit 1"), 0);
  CAF_CHECK_EQUAL(flow.out, "2023-11-14T22:13:20.000Z  processor/shop  broken: no module\n");
}

CAF_TEST(a program gets each event on its stdin without a shell) {
  flow_run flow;
  give_two(flow);
  const auto path = flow.config_dir + "/a file; true";
  CAF_CHECK_EQUAL(
      flow.with({"listen", "shop.price", "--limit", "2", "--exec", "cp /dev/stdin", "--", path}),
      0);
  CAF_CHECK_EQUAL(text_of(path), std::string{running} + "\n" + finished + "\n");
}

CAF_TEST(a program that fails or is not there is an error) {
  flow_run flow;
  give_two(flow);
  CAF_CHECK_EQUAL(flow("listen shop.price --limit 2 --exec /no/such/program"), 9);
  CAF_CHECK(flow.err.find("/no/such/program cannot be started") != std::string::npos);
  CAF_CHECK_EQUAL(flow("listen shop.price --limit 2 --exec 'sh -c \"cat > /dev/null; exit 3\"'"),
                  9);
  CAF_CHECK(flow.err.find("ended with code 3") != std::string::npos);
  CAF_CHECK_EQUAL(flow("listen a b --limit 1"), 2);
  CAF_CHECK_EQUAL(flow("listen a --channel tasks"), 2);
  CAF_CHECK(flow.err.find("did you mean \"task\"?") != std::string::npos);
}
