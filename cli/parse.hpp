// From arguments to an invocation of a command that is known already. The only user of CLI11 is
// parse.cpp.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"

namespace flow::cli {

/// Options that every command takes; a command's own option of the same name hides them.
const std::vector<option>& global_options();

/// The command's own options, `-n/--name` if it is named, and the global ones that these do not
/// hide.
std::vector<option> options_of(const command& cmd);

/// Legacy spellings become new ones; what was changed is told in `notes`, one sentence each.
std::vector<std::string> rewrite_legacy(const command& cmd, std::vector<std::string> args,
                                        std::vector<std::string>& notes);

/// `bad_usage` names the option or word that does not fit, and suggests one that does.
result<invocation> parse(const command& cmd, const std::vector<std::string>& args);

} // namespace flow::cli
