// `task run --jsonl`: one call a line, results in the order of the lines, in constant memory.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace flow::cli {

/// Reads stdin to its end. 0, or 8 if some calls failed; the error itself when no call can succeed
/// any more (no server, unknown socket, not allowed): what was sent before is still answered.
result<int> run_lines(context& ctx, const std::string& socket);

} // namespace flow::cli
