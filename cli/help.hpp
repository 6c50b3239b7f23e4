// Help texts, all made from the registry; and the pages on topics and error codes that are built
// in.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command.hpp"

namespace flow::cli {

/// Usage, options and, when `is_long`, what there is to say beside examples first.
std::string help_of(const command& cmd, bool is_long);

/// The commands of a group ("queue").
std::string help_of_group(const std::string& group);

/// All commands, by group.
std::string help_of_all();

/// docs/cli.md: every command with its options and examples.
std::string reference_page();

/// Names and texts of the topics of `flow help`.
const std::vector<std::pair<std::string, std::string>>& help_topics();

/// The page docs/errors/CODE.md as it was when this program was built; empty if there was none.
std::string_view error_page(const std::string& code);

/// Made by cli/CMakeLists.txt from docs/errors.
const std::vector<std::pair<std::string_view, std::string_view>>& built_in_error_pages();

/// The command that explains an error code.
inline std::string docs_of(ec code) {
  return "flow help " + code_text(code);
}

} // namespace flow::cli
