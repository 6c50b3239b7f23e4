// Quantities as people type them, with errors that name the option.
#pragma once

#include <cstdint>
#include <string>

#include "flows/error.hpp"

namespace flow::cli {

/// "250ms", "10s", "5m", "1h30m"; a bare number is seconds. `bad_value`.
result<uint64_t> duration_ms_of(const std::string& text, const std::string& option);

/// "4096", "64K", "512M", "2G" (powers of 1024). `bad_value`.
result<uint64_t> bytes_of(const std::string& text, const std::string& option);

/// A whole number of at most `most`. `bad_value`.
result<uint64_t> count_of(const std::string& text, const std::string& option,
                          uint64_t most = UINT64_MAX);

/// "1 call", "3 calls".
inline std::string counted(size_t n, const std::string& one) {
  return std::to_string(n) + " " + one + (n == 1 ? "" : "s");
}

} // namespace flow::cli
