#include "flows/float_text.hpp"

#include <charconv>
#include <cstdint>
#include <limits>

namespace flow {

namespace {

/// Whether digits that no float can hold are too large rather than too small: the place of the
/// first digit that is not zero, shifted by the exponent.
bool is_too_large(std::string_view text) {
  int64_t place = 0;
  bool seen_digit = false;
  bool seen_point = false;
  size_t i = 0;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') {
      seen_point = true;
    } else if (text[i] != '-') {
      seen_digit = seen_digit || text[i] != '0';
      if (seen_digit && !seen_point) ++place;
      if (!seen_digit && seen_point) --place;
    }
  }
  if (i == text.size()) return place > 0;
  auto exponent = text.substr(i + 1);
  bool negative = exponent.starts_with('-');
  if (negative || exponent.starts_with('+')) exponent.remove_prefix(1);
  int64_t shift = 0;
  if (std::from_chars(exponent.data(), exponent.data() + exponent.size(), shift).ec != std::errc{})
    return !negative;
  return (negative ? -shift : shift) > -place;
}

} // namespace

double float_of_text(std::string_view text) {
  double number = 0;
  auto end = text.data() + text.size();
  if (std::from_chars(text.data(), end, number).ec == std::errc::result_out_of_range) {
    number = is_too_large(text) ? std::numeric_limits<double>::infinity() : 0.0;
    if (text.starts_with('-')) number = -number;
  }
  return number;
}

std::string float_text(double number) {
  char digits[32];
  auto written = std::to_chars(digits, digits + sizeof digits, number);
  std::string text{digits, written.ptr};
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

} // namespace flow
