// One string or bytes literal of Python. Only the literal parser includes this.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "flows/error.hpp"

namespace flow {

struct literal_string {
  bool is_bytes = false;
  std::string content; ///< UTF-8, unless bytes
};

/// Whether a quote, or a prefix with a quote, stands at `at`.
bool is_string_ahead(std::string_view text, size_t at);

/// The literal at `at`, where `is_string_ahead` holds; `at` moves behind it, or to the place of the
/// error, whose text has no position. `text` is UTF-8.
result<literal_string> read_literal_string(std::string_view text, size_t& at);

} // namespace flow
