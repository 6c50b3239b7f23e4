// The target of an HTTP request, taken apart.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flows/error.hpp"

namespace flow::nodes {

struct rest_target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query; ///< decoded
};
/// `bad_usage` for a broken escape or a target that is no path.
result<rest_target> parse_target(std::string_view target);

} // namespace flow::nodes
