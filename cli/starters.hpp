// Modules to begin with: the files of examples/, which are part of the program.
#pragma once

#include <string_view>
#include <vector>

namespace flow::cli {

struct starter_file {
  std::string_view language; ///< python, node, bash, cpp
  std::string_view name;     ///< relative to the module's directory
  std::string_view text;
};

const std::vector<starter_file>& starter_files();

} // namespace flow::cli
