#include "cli/command.hpp"

#include <algorithm>

namespace flow::cli {

std::vector<std::string> names_of(const option& opt) {
  std::vector<std::string> names;
  size_t begin = 0;
  while (begin <= opt.names.size()) {
    const auto end = std::min(opt.names.find(',', begin), opt.names.size());
    if (end > begin) names.push_back(opt.names.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

std::string key_of(const option& opt) {
  // The first long name is the one shown; a command's rename never changes its key.
  for (const auto& name : names_of(opt))
    if (name.starts_with("--")) return name.substr(2);
  return opt.names;
}

std::optional<std::string> invocation::text(const std::string& key) const {
  auto found = options.find(key);
  if (found == options.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

const std::vector<std::string>& invocation::all(const std::string& key) const {
  static const std::vector<std::string> none;
  auto found = options.find(key);
  return found == options.end() ? none : found->second;
}

} // namespace flow::cli
