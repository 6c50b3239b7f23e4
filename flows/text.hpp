// What people type and read: names, guesses at what they meant, durations, sizes and times.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flows/error.hpp"

namespace flow {

// -- places -------------------------------------------------------------------

/// "line 2, column 7" of a byte in `text`; both count from 1, columns in characters.
std::string position_in(std::string_view text, size_t offset);

/// What a user typed, in double quotes, fit for an error: one line, at most
/// `limits::error_excerpt_bytes_max`.
std::string quoted(std::string_view text);
// The type std::string brings std::quoted along; these match better.
inline std::string quoted(const std::string& text) {
  return quoted(std::string_view{text});
}
inline std::string quoted(const char* text) {
  return quoted(std::string_view{text});
}
inline std::string quoted(std::string& text) {
  return quoted(std::string_view{text});
}

// -- names --------------------------------------------------------------------

/// `bad_name` unless `name` is 1 to `limits::name_bytes_max` bytes of letters and digits of any
/// script, and
/// `. _ - : @ +`; not beginning with a dash, not only dots. `what` names the thing in the error
/// ("queue name").
result<void> check_name(std::string_view name, std::string_view what = "name");

/// Edits between two words: insertions, deletions, replacements, swaps of neighbours (case is
/// free). `distance_max`
/// + 1 stands for anything more.
size_t edit_distance(std::string_view a, std::string_view b, size_t distance_max);

/// Up to `n` of the candidates that may have been meant by `word`, the nearest first: within a
/// third of its length in edits, or those that begin with it.
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates,
                                 size_t n = 3);

/// A hint such as `did you mean "queue" or "queues"?`; empty when nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

// -- durations ----------------------------------------------------------------

/// "200ms", "1.5s", "5min" or "5m", "2h", "1d", "2w", also several ("1h30min"). Never a bare
/// number, except 0. Fractions of a millisecond are refused. `bad_value`.
result<uint64_t> parse_duration_ms(std::string_view text);

/// The shortest of the forms above that reads back as the same number: "1h30min", "1.5s", "0s".
std::string duration_text(uint64_t ms);

// -- sizes --------------------------------------------------------------------

/// "512", "64KiB", "1.5 GiB", "10MB" (10^6); a bare K, M, G or T is binary. `bad_value`.
result<uint64_t> parse_bytes(std::string_view text);

/// For people: "64 MiB", "1.5 GiB", "512 B"; at most one digit after the point.
std::string bytes_text(uint64_t bytes);

// -- times --------------------------------------------------------------------

/// Milliseconds since 1970 of an RFC 3339 time, or of a date alone (midnight UTC). Digits beyond
/// milliseconds are cut off. `bad_value`.
result<uint64_t> parse_time_ms(std::string_view text);

/// "2026-02-03T04:05:06.789Z". Times after the year 9999 show as its last millisecond.
std::string time_text(uint64_t ms);

} // namespace flow
