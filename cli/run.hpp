// One run of the program: arguments in, exit code out.
#pragma once

#include <string>
#include <vector>

#include "cli/context.hpp"

namespace flow::cli {

/// Runs the command that `args` (without the program's name) name. Errors are printed; nothing
/// throws.
int run(const std::vector<std::string>& args, surroundings& world);

} // namespace flow::cli
