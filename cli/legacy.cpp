#include "cli/legacy.hpp"

#include <algorithm>

namespace flow::cli {
namespace {

struct found_value {
  size_t index = 0;
  size_t count = 0; ///< arguments it takes; 0: not found
  std::string value;
};

found_value find_value(const std::vector<std::string>& args,
                       std::initializer_list<std::string_view> names) {
  for (size_t i = 0; i < args.size() && args[i] != "--"; ++i) {
    const auto equals = args[i].find('=');
    const bool is_named
        = std::ranges::find(names, std::string_view{args[i]}.substr(0, equals)) != names.end();
    if (!is_named) continue;
    if (equals != std::string::npos) return {i, 1, args[i].substr(equals + 1)};
    if (i + 1 < args.size() && !args[i + 1].starts_with('-')) return {i, 2, args[i + 1]};
  }
  return {};
}

} // namespace

std::optional<std::string> value_after(const std::vector<std::string>& args,
                                       std::initializer_list<std::string_view> names) {
  auto found = find_value(args, names);
  if (found.count == 0) return std::nullopt;
  return found.value;
}

std::optional<std::string> take_value(std::vector<std::string>& args,
                                      std::initializer_list<std::string_view> names) {
  auto found = find_value(args, names);
  if (found.count == 0) return std::nullopt;
  const auto begin = args.begin() + static_cast<ptrdiff_t>(found.index);
  args.erase(begin, begin + static_cast<ptrdiff_t>(found.count));
  return found.value;
}

} // namespace flow::cli
