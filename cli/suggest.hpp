// What was probably meant, as a hint that is never empty.
#pragma once

#include <string>
#include <vector>

#include "flows/text.hpp"

namespace flow::cli {

/// `did you mean "queue"?`, or `otherwise` when nothing is near.
inline std::string suggestion(const std::string& typed, const std::vector<std::string>& known,
                              std::string otherwise = {}) {
  auto hint = did_you_mean(typed, known);
  return hint.empty() ? std::move(otherwise) : hint;
}

} // namespace flow::cli
