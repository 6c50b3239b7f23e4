// Workflows run by their state machine, with the members' functions here: the worked values,
// errors, cancels, and what a crash at any point leaves.
#define CAF_SUITE flows.workflow_machine

#include "workflow_fixture.hpp"

#include "flows/cbor.hpp"
#include "flows/limits.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

workflow_call parsed(const std::string& text) {
  auto what = parse_workflow(text);
  if (!what) CAF_FAIL(text << ": " << what.error().text);
  return *what;
}

stage run(const std::string& text) {
  stage on{parsed(text)};
  on.begin();
  on.run_to_end();
  return on;
}

} // namespace

CAF_TEST(each expression has the value that the specification gives it) {
  const std::pair<std::string, std::string> table[] = {
      {"pipeline([t(1),t(2),t(3)])()", "[[[1],2],3]"},
      {"pipeline([t(0),t(),t()])()", "[[[0]]]"},
      {"pipeline([t(0),parallel([t(1),t(2)]),t(4)])()", "[[[[0],1],[[0],2]],4]"},
      {"funnel([t(1),t(2)])(t(\"b\"))", R"([[[1],[2]],"b"])"},
      {"funnel([t(1),t(2)], t(\"b\"))", R"([[[1],[2]],"b"])"},
      {"parallel([t(0),parallel([t(1),t(2)]),t(5)])()", "[[0],[1],[2],[5]]"},
      {"pipeline([t(0),t(1)])('X')", R"([["X",0],1])"},
      {"parallel([t(0),t(1)])('X')", R"([["X",0],["X",1]])"},
      {"pipeline([t(0),parallel([t(1),t(2)])])()", "[[[0],1],[[0],2]]"},
      {"pipeline([t(9),parallel([t(0)]),t(1)])()", "[[[[9],0]],1]"},
      {"parallel([t(1)])()", "[[1]]"},
      {"pipeline([t(1),pipeline([t(2),t(3)]),t(4)])()", "[[[[1],2],3],4]"},
      {"parallel([t(0),parallel([t(1),parallel([t(2),t(3)]),t(4)]),t(5)])()",
       "[[0],[1],[2],[3],[4],[5]]"},
      {"parallel([pipeline([t(0),parallel([t(1),t(2)])]),t(3)])()", "[[[[0],1],[[0],2]],[3]]"},
      {"funnel([])(t(1))", "[[],1]"},
      {"parallel([])()", "[]"},
      {"pipeline([parallel([]), funnel([], t)])", "[[]]"},
      {"funnel([t(1),t(2)], pipeline([t(3),t(4)]))", "[[[[1],[2]],3],4]"},
      {"funnel([t(1),t(2)], parallel([t(3),t(4)]))", "[[[[1],[2]],3],[[[1],[2]],4]]"},
      {"funnel([t(1)], funnel([t(2)], t(3)))", "[[[[[1]],2]],3]"},
      {"pipeline([t(0),funnel([t(1),t(2)],t('b')),t(4)])()", R"([[[[[0],1],[[0],2]],"b"],4])"},
      {"funnel([t(0),parallel([t(1),t(2)]),t(3)],t)", "[[[0],[1],[2],[3]]]"},
      {"pipeline([parallel([t(1),t(2)]),parallel([t(3),t(4)]),t(5)])",
       "[[[[[1],[2]],3],[[[1],[2]],4]],5]"},
      {"segment(t,[(1,),(2,),(3,)],2)", "[[[1],[2]],[[3]]]"},
      {"segment(t,[1,2,3],2)", "[[[1],[2]],[[3]]]"},
      {"segment(t,[1,2,3],5)", "[[[1],[2],[3]]]"},
      {"segment(t,[],5)", "[]"},
      {"pipeline([t(0), segment(t(9),[1,2],1), t])", "[[[[[0],1,9]],[[[0],2,9]]]]"},
      {"pipeline([t(1), t(2).only(), t(3)])", "[[2],3]"},
      {"pipeline([t(1), parallel([t(2).only(), t])])", "[[2],[[1]]]"},
      {"t(1, 2)", "[1,2]"},
      {"t(1)('x', 'y')", R"(["x","y",1])"},
      {"parallel([t, t])(1, 2)", "[[1,2],[1,2]]"},
  };
  for (const auto& [text, wanted] : table) {
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(run(text).result().dump(), json::parse(wanted).dump());
  }
}

CAF_TEST(a workflow is a value that runs as often as it is asked to) {
  auto twice = parsed("pipeline([t(1), t(2)])");
  auto nested = workflow::parallel({twice.what, twice.what}).value();
  stage on{{nested, {}}};
  on.begin();
  on.run_to_end();
  CAF_CHECK_EQUAL(on.result().dump(), "[[[1],2],[[1],2]]");
  CAF_CHECK_EQUAL(on.on_disk().history.size(), 4u);
}

CAF_TEST(results stand in declared order whatever ends first) {
  stage on{parsed("parallel([t(0),t(1),t(2)])")};
  on.begin();
  for (auto path : {"parallel[2]", "parallel[0]", "parallel[1]"})
    on.finish_and_tell(on.paths.at(path));
  CAF_CHECK_EQUAL(on.result().dump(), "[[0],[1],[2]]");
}

CAF_TEST(an error ends a pipeline and carries the path of its step) {
  auto on = run("pipeline([t(1), pipeline([t(2), f(3)]), t(4)])");
  CAF_CHECK(on.message().starts_with("step pipeline[1].pipeline[1] (f): "));
  CAF_CHECK_EQUAL(on.end->why.type, "ValueError");
  CAF_CHECK_EQUAL(on.on_disk().history.size(), 3u);
  CAF_CHECK(run("f(1)").message() == "\x81\x01"); // the whole workflow needs no path
}

CAF_TEST(fail fast raises the first error in declared order and lets siblings finish) {
  stage on{parsed("parallel([t(0), f(1), pipeline([t(2), t(3)]), f(4)])")};
  on.begin();
  on.finish_and_tell(on.paths.at("parallel[3]"));
  on.finish_and_tell(on.paths.at("parallel[1]"));
  CAF_CHECK(!on.end);
  on.finish_and_tell(on.paths.at("parallel[2].pipeline[0]"));
  CAF_CHECK(!on.paths.contains("parallel[2].pipeline[1]")); // nothing would come of it
  on.finish_and_tell(on.paths.at("parallel[0]"));
  CAF_CHECK(on.message().starts_with("step parallel[1] (f): "));
}

CAF_TEST(collect keeps errors in the list and skip leaves them out) {
  auto collected = run(R"(parallel([t(0), pipeline([t(1), f(2)]), t(3)], on_error="collect"))");
  const auto list = collected.result();
  CAF_REQUIRE_EQUAL(list.size(), 3u);
  CAF_CHECK_EQUAL(list[0].dump(), "[0]");
  CAF_CHECK_EQUAL(list[1]["error"]["type"], "ValueError");
  CAF_CHECK_EQUAL(list[1]["error"]["path"], "parallel[1].pipeline[1]");
  CAF_CHECK_EQUAL(list[1]["error"]["socket"], "f");
  CAF_CHECK_EQUAL(list[1]["error"]["code"], "F0201");
  CAF_CHECK_EQUAL(list[1]["error"]["call"],
                  to_string(collected.paths.at("parallel[1].pipeline[1]")));
  CAF_CHECK_EQUAL(run("parallel([t(0), f(1), t(2)], on_error='skip')").result().dump(),
                  "[[0],[2]]");
  CAF_CHECK_EQUAL(run("funnel([t(0), f(1)], t('b'), on_error='skip')").result().dump(),
                  R"([[[0]],"b"])");
  CAF_CHECK_EQUAL(run("funnel([f(0)], on_error='skip')(t)").result().dump(), "[[]]");
  CAF_CHECK_EQUAL(run("segment(f, [1, 2], 1, on_error='skip')").result().dump(), "[[],[]]");
  CAF_CHECK(run("funnel([t(0), f(1)], t)").message().starts_with("step funnel[1] (f): "));
  CAF_CHECK(run("funnel([t(0)], f)").message().starts_with("step funnel.body (f): "));
  CAF_CHECK(run("segment(f, [1, 2], 2)").message().starts_with("step segment[0][0] (f): "));
}

CAF_TEST(a socket that has gone fails its step durably) {
  stage on{parsed("pipeline([t(1), gone(2)])")};
  on.begin();
  on.run_to_end();
  CAF_CHECK_EQUAL(on.message(), "step pipeline[1] (gone): no socket \"gone\"");
  CAF_CHECK_EQUAL(on.on_disk().outcomes.size(), 2u);
}

CAF_TEST(a cancelled workflow begins nothing and ends when its members have) {
  stage on{parsed("pipeline([parallel([t(1), t(2)]), t(3)])")};
  on.begin();
  on.finish_and_tell(on.paths.at("pipeline[0].parallel[0]"));
  auto progress = on.life().cancel();
  CAF_CHECK(progress.cancelled == std::vector{on.paths.at("pipeline[0].parallel[1]")});
  CAF_CHECK(!progress.end);
  on.finish_and_tell(on.paths.at("pipeline[0].parallel[1]"));
  CAF_REQUIRE(on.end);
  CAF_CHECK(on.end->why.code == ec::task_cancelled);
  CAF_CHECK_EQUAL(on.on_disk().made.size(), 2u);
}

CAF_TEST(a member is known again after its socket has moved to another partition) {
  auto asked = parsed("t(1)");
  auto call = std::make_shared<call_record>();
  call->id = call->root = make_call_id(1, workflow_partition, 1);
  workflow_run before{call, asked.what, find_socket};
  auto member = before.begin(1).begun.at(0)->id;
  workflow_run after{call, asked.what, [](const std::string&) { return partition_id{99}; }};
  CAF_CHECK(after.restore({}, {member}, 2).begun.empty());
  CAF_CHECK(after.running() == std::vector{member});
}

CAF_TEST(a list that no value can hold fails its step) {
  std::string text = "t(1)";
  for (size_t i = 0; i < limits::value_depth_max; ++i)
    text = "pipeline([parallel([" + text + "])])";
  auto on = run(text);
  CAF_CHECK(on.end->why.code == ec::not_a_value);
  std::string much(limits::workflow_fan_out_bytes_max / 1'000, 'x');
  std::string members;
  for (size_t i = 0; i < 1'001; ++i)
    members += "t,";
  auto big = run("parallel([" + members + "])(\"" + much + "\")");
  CAF_CHECK(big.end->why.code == ec::payload_too_large);
}

CAF_TEST(ten thousand members cost time and rows in proportion) {
  auto cost_of = [](size_t members) {
    std::string text = "funnel([";
    for (size_t i = 0; i < members; ++i)
      text += "t(" + std::to_string(i) + "),";
    stage on{parsed(text + "], t)")};
    on.begin();
    on.run_to_end();
    CAF_CHECK_EQUAL(on.result()[0].size(), members);
    CAF_CHECK_EQUAL(on.on_disk().outcomes.size(), members + 1);
    CAF_CHECK_EQUAL(on.on_disk().made.size(), members + 1);
  };
  cost_of(10'000);
  // One after the other, each ending at once: no stack may grow with them.
  std::string empty = "pipeline([";
  for (size_t i = 0; i < 50'000; ++i)
    empty += "parallel([]),";
  CAF_CHECK_EQUAL(run(empty + "])").result().dump(), "[]");
}
