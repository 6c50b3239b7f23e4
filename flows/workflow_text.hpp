// The text form of workflows, parsed and never evaluated:
//   pipeline([a(1), parallel([b, c("x", n=2)]), funnel([d, e], f)])("first")
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "flows/workflow.hpp"

namespace flow {

/// A workflow and the values that are prepended to its first step.
struct workflow_call {
  workflow what;
  std::vector<value> args;
};

/// `bad_workflow` or `bad_literal` with line, column, and what may have been meant. Values are JSON
/// or Python literals, as `value_of_literal` reads them.
result<workflow_call> parse_workflow(std::string_view text);

/// Text that reads back as the same workflow; longer than `bytes_max` it is cut and ends in "...".
std::string to_text(const workflow& what, size_t bytes_max = SIZE_MAX);

} // namespace flow
