// Regular expressions that users type. RE2, because its time is linear whatever they type.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "flows/error.hpp"

namespace re2 {
class RE2;
}

namespace flow {

/// A compiled expression; copies share it, and any thread may use it.
class pattern {
public:
  /// RE2 syntax, UTF-8. `bad_value` quotes the expression and says what is wrong; one that would
  /// take more than `limits::pattern_memory_bytes_max` is refused.
  static result<pattern> compile(std::string_view expression);

  /// Whether it matches anywhere in `text`.
  bool is_found_in(std::string_view text) const;
  /// Whether it matches all of `text`.
  bool matches(std::string_view text) const;

private:
  explicit pattern(std::shared_ptr<const re2::RE2> compiled) : compiled_{std::move(compiled)} {}
  std::shared_ptr<const re2::RE2> compiled_;
};

} // namespace flow
