#include "flows/catalog_words.hpp"

#include <algorithm>

#include "flows/limits.hpp"

namespace flow::internal {

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  auto shown = std::min(names.size(), limits::names_shown_max);
  for (size_t i = 0; i < shown; ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

} // namespace flow::internal
