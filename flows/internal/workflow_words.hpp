// The words of the text form of workflows; only its reader and its writer include this.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace flow::internal {

inline constexpr std::string_view only_suffix = ".only";

inline const std::vector<std::string>& combinators() {
  static const std::vector<std::string> all{"pipeline", "parallel", "funnel", "segment"};
  return all;
}

inline bool is_combinator(std::string_view name) {
  return std::ranges::find(combinators(), name) != combinators().end();
}

inline bool is_word_character(char c) {
  return (c >= '0' && c <= '9') || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
         || static_cast<uint8_t>(c) >= 0x80;
}

inline bool is_name_character(char c) {
  return is_word_character(c) || std::string_view{".-:@+"}.find(c) != std::string_view::npos;
}

} // namespace flow::internal
