// How the catalog's errors name many things and guess at one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "flows/text.hpp"

namespace flow::internal {

/// `did you mean "queue"?`, or `otherwise` when nothing is near.
inline std::string did_you_mean_or(std::string_view typed, const std::vector<std::string>& known,
                                   std::string otherwise) {
  auto guess = did_you_mean(typed, known);
  return guess.empty() ? std::move(otherwise) : guess;
}

/// `a, b, c and 7 more`: at most `limits::names_shown_max` of them.
std::string listed(const std::vector<std::string>& names);

} // namespace flow::internal
