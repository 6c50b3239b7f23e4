// What may come next on a command line.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace flow::cli {

struct candidate {
  std::string word;
  std::string meaning;
};

/// Names of live objects of a kind; empty when the node does not answer at once.
using live_names = std::function<std::vector<std::string>(const std::string& kind)>;

/// `words` are what stands after `flow`; the last is being typed and may be empty.
std::vector<candidate> complete(const std::vector<std::string>& words, const live_names& names);

/// The script for a shell ("bash", "zsh", "fish"); empty for any other.
std::string completion_script(const std::string& shell);

} // namespace flow::cli
