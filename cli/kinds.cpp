#include "cli/kinds.hpp"

#include <algorithm>

namespace flow::cli {

const std::vector<kind>& all_kinds() {
  static const std::vector<kind> table{
      queue_kind(),      processor_kind(), socket_kind(), plug_kind(), argument_kind(), task_kind(),
      deployment_kind(), node_kind(),      worker_kind(), call_kind(), join_kind(),
  };
  return table;
}

const kind* find_kind(const std::string& word) {
  for (const auto& each : all_kinds())
    if (word == each.name || word == each.plural
        || std::ranges::find(each.shorts, word) != each.shorts.end())
      return &each;
  return nullptr;
}

std::vector<std::string> kind_words() {
  std::vector<std::string> words;
  for (const auto& each : all_kinds()) {
    words.push_back(each.name);
    words.push_back(each.plural);
    words.insert(words.end(), each.shorts.begin(), each.shorts.end());
  }
  return words;
}

} // namespace flow::cli
