// Random workflows, members ending in any order, the process dying between any two writes: the end
// is that of a recursive evaluator of twenty lines. MILLRACE_SEED=<printed seed> replays a run.
#define CAF_SUITE flows.workflow_property

#include <cstdlib>
#include <iostream>

#include "workflow_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

// -- the evaluator ------------------------------------------------------------

struct outcome {
  value result;
  std::string path; ///< of the call that failed
  bool is_failed = false;
};

outcome evaluate(const workflow_step& step, std::vector<value> given, const std::string& path);

outcome evaluate_list(const workflow_step& step, const std::vector<value>& given,
                      const std::string& path) {
  std::vector<value> results;
  for (size_t i = 0; i < step.member_count(); ++i) {
    auto inner = path;
    append_path(inner, step, i);
    auto one = evaluate(*step.steps[i], given, inner);
    if (one.is_failed && step.on_error == error_policy::fail_fast) return one;
    if (one.is_failed && step.on_error == error_policy::skip) continue;
    results.push_back(one.is_failed ? value_of_json_tree({{"failed", one.path}}) : one.result);
  }
  return {{make_arguments(results).positional}, {}, false};
}

outcome evaluate(const workflow_step& step, std::vector<value> given, const std::string& path) {
  if (step.kind == step_kind::call) {
    auto args = step.is_only ? std::vector<value>{} : given;
    for (const auto& each : positional_values(step.args).value())
      args.push_back(each);
    if (step.socket != "t") return {{}, path, true};
    return {{make_arguments(args).positional}, {}, false};
  }
  if (step.kind == step_kind::pipeline) {
    for (size_t i = 0; i < step.steps.size(); ++i) {
      auto inner = path;
      append_path(inner, step, i);
      auto one = evaluate(*step.steps[i], given, inner);
      if (one.is_failed) return one;
      given = {one.result};
    }
    return {given.front(), {}, false};
  }
  auto list = evaluate_list(step, given, path);
  if (step.kind != step_kind::funnel || list.is_failed) return list;
  auto inner = path;
  append_path(inner, step, step.member_count());
  return evaluate(*step.steps.back(), {list.result}, inner);
}

/// Errors in a list as the evaluator writes them.
json with_short_errors(json tree) {
  if (tree.is_array())
    for (auto& item : tree)
      item = with_short_errors(item);
  if (tree.is_object() && tree.contains("error")) return {{"failed", tree["error"]["path"]}};
  return tree;
}

// -- random workflows ---------------------------------------------------------

class generator {
public:
  explicit generator(std::mt19937& random) : random_{random} {}

  workflow step(size_t depth) {
    if (depth == 0 || below(3) == 0) return call();
    auto members = [&](size_t at_least) {
      std::vector<workflow> steps;
      for (auto n = at_least + below(4); n > 0; --n)
        steps.push_back(step(depth - 1));
      return steps;
    };
    auto policy = error_policy{static_cast<uint8_t>(below(3))};
    switch (below(4)) {
    case 0:
      return workflow::pipeline(members(1)).value();
    case 1:
      return parallel_of(members(0), policy);
    case 2:
      return funnel_of(members(0), step(depth - 1), policy);
    default: {
      std::vector<value> items;
      for (auto n = below(5); n > 0; --n)
        items.push_back(value_of_json_tree(number_++));
      return workflow::segment(call(), items, 1 + below(3), policy).value();
    }
    }
  }

private:
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

  workflow call() {
    std::vector<value> args;
    for (auto n = below(3); n > 0; --n)
      args.push_back(value_of_json_tree(number_++));
    auto made = workflow::call(below(9) == 0    ? "f"
                               : below(20) == 0 ? "gone"
                                                : "t",
                               make_arguments(args));
    return below(6) == 0 ? made.only() : made;
  }

  /// A parallel with a policy of its own inside another is refused: then it has none.
  workflow parallel_of(const std::vector<workflow>& members, error_policy policy) {
    auto made = workflow::parallel(members, policy);
    return made ? *made : workflow::pipeline(members).value();
  }
  workflow funnel_of(const std::vector<workflow>& members, const workflow& body,
                     error_policy policy) {
    auto made = workflow::funnel(members, body, policy);
    return made ? *made : body;
  }

  std::mt19937& random_;
  int number_ = 0;
};

uint32_t seed() {
  if (const char* given = std::getenv("MILLRACE_SEED"))
    return static_cast<uint32_t>(std::strtoul(given, nullptr, 10));
  return std::random_device{}();
}

} // namespace

CAF_TEST(a random workflow ends as the evaluator says whatever crashes) {
  auto first = seed();
  std::cout << "MILLRACE_SEED=" << first << std::endl;
  size_t failed = 0;
  for (uint32_t i = 0; i < 3'000; ++i) {
    std::mt19937 random{first + i};
    auto what = generator{random}.step(4);
    auto given = random() % 2 == 0 ? std::vector<value>{} : std::vector{value_of_json_tree("x")};
    auto wanted = evaluate(what.root(), given, {});
    stage on{{what, given}};
    on.run_with_crashes(random);
    CAF_REQUIRE(on.end);
    failed += wanted.is_failed;
    if (wanted.is_failed) {
      auto at = wanted.path.empty() ? std::string{} : "step " + wanted.path + " (";
      CAF_REQUIRE(on.end->why);
      CAF_REQUIRE(on.message().starts_with(at));
    } else {
      CAF_REQUIRE(!on.end->why);
      CAF_REQUIRE_EQUAL(with_short_errors(on.result()).dump(), json_of(wanted.result.cbor).dump());
    }
  }
  CAF_CHECK(failed > 100); // the generator makes both
}

CAF_TEST(random workflows survive their bytes and their text) {
  auto first = seed();
  std::cout << "MILLRACE_SEED=" << first << std::endl;
  for (uint32_t i = 0; i < 500; ++i) {
    std::mt19937 random{first + i};
    auto what = generator{random}.step(4);
    auto bytes = encode(what);
    auto read = decode_workflow(bytes);
    CAF_REQUIRE(read);
    CAF_REQUIRE(*read == what);
    auto text = to_text(what);
    auto again = parse_workflow(text);
    if (!again) CAF_FAIL(text << ": " << again.error().text);
    CAF_REQUIRE_EQUAL(to_text(again->what), text);
    for (size_t cut = 0; cut < bytes.size(); cut += 1 + bytes.size() / 50)
      CAF_REQUIRE(!decode_workflow(bytes.substr(0, cut)));
  }
}
