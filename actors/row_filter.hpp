// The filter of a list verb: none given means everything.
#pragma once

#include <optional>
#include <string_view>

#include "flows/filter.hpp"

namespace flow::actors {

class row_filter {
public:
  /// `fields` as for `filter::parse`.
  static result<row_filter> parse(std::string_view text, const std::vector<std::string>& fields) {
    row_filter made;
    if (text.empty()) return made;
    auto parsed = filter::parse(text, fields);
    if (!parsed) return parsed.error();
    made.condition_ = std::move(*parsed);
    return made;
  }

  bool matches(const nlohmann::json& row, uint64_t now_ms) const {
    return !condition_ || condition_->matches(row, now_ms);
  }

private:
  std::optional<filter> condition_;
};

} // namespace flow::actors
