// Which command the words on a command line mean.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"

namespace flow::cli {

/// All commands, sorted by path.
const std::vector<command>& registry();

/// The command with exactly this path, or null.
const command* find_command(const std::string& path);

struct resolution {
  const command* found = nullptr;     ///< null: `group` says what there would be
  std::string group;                  ///< "" or the first word, when it alone is not a command
  std::vector<std::string> remaining; ///< the arguments without the words of the command
};

/// Options may stand anywhere, also before the words. A typo is `bad_usage` (exit 2) with what was
/// probably meant.
result<resolution> resolve(const std::vector<std::string>& args);

/// The second words of a group ("queue" gives pause, purge, resume); of "" the first words.
std::vector<std::string> words_after(const std::string& group);

} // namespace flow::cli
