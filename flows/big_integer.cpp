#include "flows/big_integer.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "flows/limits.hpp"

namespace flow {

namespace {

// Little-endian; no zeros at the end.
using limbs = std::vector<uint32_t>;

void multiply_add(limbs& number, uint32_t factor, uint32_t summand) {
  uint64_t carry = summand;
  for (auto& limb : number) {
    carry += uint64_t{limb} * factor;
    limb = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  if (carry != 0) number.push_back(static_cast<uint32_t>(carry));
}

uint32_t divide(limbs& number, uint32_t divisor) {
  uint64_t rest = 0;
  for (auto limb = number.rbegin(); limb != number.rend(); ++limb) {
    rest = rest << 32 | *limb;
    *limb = static_cast<uint32_t>(rest / divisor);
    rest %= divisor;
  }
  while (!number.empty() && number.back() == 0)
    number.pop_back();
  return static_cast<uint32_t>(rest);
}

uint32_t digit_value(char c) {
  if (c <= '9') return static_cast<uint32_t>(c - '0');
  return static_cast<uint32_t>((c | 0x20) - 'a' + 10);
}

std::string without_leading_zeros(std::string_view magnitude) {
  auto first = std::min(magnitude.find_first_not_of('\0'), magnitude.size());
  return std::string{magnitude.substr(first)};
}

// CBOR stores a negative number n as -1 - n.
void decrement(std::string& magnitude) {
  for (auto byte = magnitude.rbegin(); byte != magnitude.rend(); ++byte)
    if ((*byte)-- != '\0') break;
}

void increment(std::string& magnitude) {
  for (auto byte = magnitude.rbegin(); byte != magnitude.rend(); ++byte)
    if (++*byte != '\0') return;
  magnitude.insert(magnitude.begin(), '\x01');
}

} // namespace

std::string magnitude_of_digits(std::string_view digits, unsigned base, bool& fits) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  fits = digits.size() <= limits::integer_bytes_max * 8;
  if (!fits) return {};
  // As many digits at once as a factor of 32 bits can shift.
  size_t step = base == 2 ? 31 : base == 8 ? 10 : base == 10 ? 9 : 7;
  limbs number;
  for (size_t i = 0; i < digits.size(); i += step) {
    uint32_t factor = 1;
    uint32_t summand = 0;
    for (char c : digits.substr(i, step)) {
      factor *= base;
      summand = summand * base + digit_value(c);
    }
    multiply_add(number, factor, summand);
  }
  std::string magnitude;
  for (auto limb = number.rbegin(); limb != number.rend(); ++limb)
    for (int shift = 24; shift >= 0; shift -= 8)
      magnitude += static_cast<char>(*limb >> shift & 0xff);
  magnitude = without_leading_zeros(magnitude);
  fits = magnitude.size() <= limits::integer_bytes_max;
  return fits ? magnitude : std::string{};
}

std::string digits_of_magnitude(std::string_view magnitude) {
  limbs number;
  for (size_t end = magnitude.size(); end > 0; end -= std::min<size_t>(end, 4)) {
    uint32_t limb = 0;
    for (size_t i = end - std::min<size_t>(end, 4); i < end; ++i)
      limb = limb << 8 | static_cast<uint8_t>(magnitude[i]);
    number.push_back(limb);
  }
  while (!number.empty() && number.back() == 0)
    number.pop_back();
  if (number.empty()) return "0";
  std::string reversed;
  while (!number.empty()) {
    auto chunk = divide(number, 1'000'000'000);
    for (int i = 0; i < 9 && (chunk != 0 || !number.empty()); ++i, chunk /= 10)
      reversed += static_cast<char>('0' + chunk % 10);
  }
  std::ranges::reverse(reversed);
  return reversed;
}

void write_integer(cbor::writer& out, bool negative, std::string magnitude) {
  negative = negative && !magnitude.empty();
  if (negative) decrement(magnitude);
  magnitude = without_leading_zeros(magnitude);
  if (magnitude.size() > sizeof(uint64_t)) {
    out.big_integer(negative, magnitude);
    return;
  }
  uint64_t n = 0;
  for (char byte : magnitude)
    n = n << 8 | static_cast<uint8_t>(byte);
  if (negative)
    out.negative_integer(n);
  else
    out.unsigned_integer(n);
}

std::string integer_text(cbor::reader& in) {
  switch (in.peek()) {
  case cbor::kind::unsigned_integer:
    return std::to_string(in.unsigned_integer());
  case cbor::kind::negative_integer: {
    auto n = in.negative_integer();
    return n == UINT64_MAX ? "-18446744073709551616" : "-" + std::to_string(n + 1);
  }
  case cbor::kind::big_integer: {
    bool negative = false;
    std::string magnitude{in.big_integer(negative)};
    if (negative) increment(magnitude);
    return (negative ? "-" : "") + digits_of_magnitude(magnitude);
  }
  default:
    in.fail();
    return "0";
  }
}

} // namespace flow
