// The arguments of `task run`, in all their forms.
#pragma once

#include <optional>
#include <string>

#include "cli/context.hpp"
#include "flows/workflow_text.hpp"

namespace flow::cli {

/// From --data, --args, --arg, --nodata or a piped stdin (see: flow help input). `bad_literal`,
/// `bad_usage`.
result<arguments> run_arguments(context& ctx);

/// Only the keywords of --arg, for calls whose positional argument comes from elsewhere.
result<std::vector<std::pair<std::string, value>>> run_keywords(const context& ctx);

/// The workflow of --flow, with its arguments from the text, or as `run_arguments` finds them.
/// `bad_workflow`, `bad_literal`, `bad_usage`.
result<workflow_call> run_workflow(context& ctx);

/// --priority, --key, --in, --expires and -a. `bad_value`.
result<wire::submit_options> run_options(const context& ctx);

} // namespace flow::cli
