#define CAF_SUITE cli.legacy

#include "scripted_server.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::cli::test::flow_run;
using flow::cli::test::json;

namespace {

/// A line of the tool that this one follows, and what reaches the node.
struct legacy_line {
  std::string line;
  std::string verb;
  std::string params;
  std::string note; ///< part of stderr; empty: no note
};

const std::vector<legacy_line>& lines() {
  static const std::vector<legacy_line> table{
      {"add queue -n pyfi.queue1 -t direct", "object.add",
       R"({"kind":"queue","name":"pyfi.queue1","spec":{"type":"direct"}})", ""},
      {"add processor -n proc1 -g URL -m pyfi.processors.sample -h localhost -c 5", "object.add",
       R"({"kind":"processor","name":"proc1","spec":{"repository":"URL","module":"pyfi.processors.sample","cpus":5}})",
       "-c 5 is now --cpus 5"},
      {"add processor -n proc1 -g URL -m m -c 4c1f9aa", "object.add",
       R"({"kind":"processor","name":"proc1","spec":{"repository":"URL","module":"m","commit":"4c1f9aa"}})",
       "-c 4c1f9aa is now --commit 4c1f9aa"},
      {"add processor -n p -g URL -m m -br main -mp src -cs 3 -r 2", "object.add",
       R"({"kind":"processor","name":"p","spec":{"repository":"URL","module":"m","branch":"main","module_path":"src","cpus":3,"retries":2}})",
       "-br is now --branch"},
      {"add socket -n pyfi.processors.sample.do_something -q pyfi.queue1 -pn proc1 -t do_something",
       "object.add",
       R"({"kind":"socket","name":"pyfi.processors.sample.do_something","spec":{"processor":"proc1","task":"do_something","queue":"pyfi.queue1"}})",
       "-pn is now --processor"},
      {"add socket -n s -q q -pn proc1 -t f -c 5 -i 10", "object.add",
       R"({"kind":"socket","name":"s","spec":{"processor":"proc1","task":"f","queue":"q","interval_ms":10000}})",
       "-c 5 is left out"},
      {"add plug -n p -q q -s SOURCE -t TARGET", "object.add",
       R"({"kind":"plug","name":"p","spec":{"source":"SOURCE","target":"TARGET","queue":"q"}})",
       ""},
      {"add argument -p PLUG -t TASK -a NAME", "object.add",
       R"({"kind":"argument","name":"PLUG.NAME","spec":{"plug":"PLUG","task":"TASK","argument":"NAME"}})",
       ""},
      {"add deployment -n proc1 -d proc1.d1 -h lab -c 2", "object.add",
       R"({"kind":"deployment","name":"proc1.d1","spec":{"processor":"proc1","node":"lab","cpus":2}})",
       "-h HOST is now --node HOST"},
      {"update processor -n proc1 -br dev", "object.update",
       R"({"kind":"processor","name":"proc1","spec":{"branch":"dev"}})", "-br is now"},
      {"delete socket -n s", "object.delete", R"({"kind":"socket","names":["s"]})", ""},
      {"ls processors", "object.list", R"({"kind":"processor"})", ""},
      {"ls queue -n q1", "object.list", R"({"kind":"queue","names":["q1"]})", ""},
      {"ls calls", "call.list", "{}", ""},
      {"ls calls -u", "call.list", R"({"unfinished":true})", ""},
      {"ls call --id 0192 --tree", "call.tree", R"({"id":"0192"})", "--id is now --name"},
      {"ls call --id 0192 -g", "call.graph", R"({"id":"0192"})", "--id is now"},
      {"proc start -n proc1", "proc.start", R"({"name":"proc1"})", ""},
      {"proc pause -n proc1", "proc.pause", R"({"name":"proc1"})", ""},
      {"processor resume proc1", "proc.resume", R"({"name":"proc1"})", ""},
      {"set queue q --ttl 10", "object.update",
       R"({"kind":"queue","name":"q","spec":{"ttl_ms":10000}})", ""},
      {"rm queue q", "object.delete", R"({"kind":"queue","names":["q"]})", ""},
  };
  return table;
}

} // namespace

CAF_TEST(documented command lines of old reach the node with their meaning) {
  for (const auto& each : lines()) {
    flow_run flow;
    flow.node.answer(
        each.verb,
        R"({"items":[],"deleted":[],"name":"n","state":"running","call":{"socket":"s","id":"0192"},"children":[]})");
    CAF_MESSAGE(each.line);
    CAF_CHECK_EQUAL(flow(each.line), 0);
    const bool looks_first = each.verb == "object.delete";
    CAF_REQUIRE_EQUAL(flow.node.requests.size(), looks_first ? 2u : 1u);
    CAF_CHECK_EQUAL(flow.node.requests.back().verb, each.verb);
    CAF_CHECK_EQUAL(flow.last_params(), json::parse(each.params));
    const bool has_note = flow.err.find("note: ") != std::string::npos;
    CAF_CHECK_EQUAL(has_note, !each.note.empty());
    CAF_CHECK(flow.err.find(each.note) != std::string::npos);
  }
}

CAF_TEST(an older spelling gives one note and json none) {
  flow_run flow;
  flow.node.answer("object.add", R"({"name": "s"})");
  flow("add socket -n s -pn proc1 -t f");
  CAF_CHECK_EQUAL(flow.err, "note: -pn is now --processor\nnext: flow task run s\n");
  flow("add socket -n s -pn proc1 -t f -o json");
  CAF_CHECK_EQUAL(flow.err, "");
  flow("add socket -n s -pn=proc1 -t f");
  CAF_CHECK_EQUAL(flow.last_params()["spec"]["processor"], "proc1");
}

CAF_TEST(-h is help except where it takes a host) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow("add processor -h"), 0);
  CAF_CHECK(flow.out.find("usage: flow add processor NAME") != std::string::npos);
  CAF_CHECK_EQUAL(flow("add queue -h"), 0);
  CAF_CHECK(flow.out.find("usage: flow add queue NAME") != std::string::npos);
  CAF_CHECK(flow.node.requests.empty());
}
