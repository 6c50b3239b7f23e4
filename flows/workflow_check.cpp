#include "flows/workflow_check.hpp"

namespace flow {

namespace {

class checker {
public:
  explicit checker(const signature_finder& find) : find_{find} {}

  result<void> check(const workflow_step& step, uint64_t given, const std::string& path) const {
    if (step.kind == step_kind::call) return check_call(step, given, path);
    for (size_t i = 0; i < step.steps.size(); ++i) {
      auto inner = path;
      append_path(inner, step, i);
      // The later steps of a pipeline, and a body, are given one value: the result before them.
      bool is_later = (step.kind == step_kind::pipeline && i > 0)
                      || (step.kind == step_kind::funnel && i == step.member_count());
      if (auto fine = check(*step.steps[i], is_later ? 1 : given, inner); !fine) return fine;
    }
    return {};
  }

private:
  result<void> check_call(const workflow_step& call, uint64_t given,
                          const std::string& path) const {
    auto placed = [&](error why) {
      if (!path.empty()) why.text = "step " + path + ": " + why.text;
      return why;
    };
    auto known = find_(call.socket);
    if (!known) return placed(known.error());
    if (!*known) return {};
    auto count = call.is_only ? 0 : given;
    auto args = prepended(call.args, count, std::string(count, '\xf6')); // nulls in their place
    if (auto fits = check_arguments(**known, args); !fits) return placed(fits.error());
    return {};
  }

  const signature_finder& find_;
};

} // namespace

result<void> check_workflow(const workflow& what, uint64_t given, const signature_finder& find) {
  return checker{find}.check(what.root(), given, {});
}

} // namespace flow
