// Integers of any size between digits and the magnitude bytes of CBOR. Both directions take time in
// the square of the length, hence `limits::integer_bytes_max`.
#pragma once

#include <string>
#include <string_view>

#include "flows/cbor.hpp"

namespace flow {

/// Big-endian bytes without leading zeros, empty for zero. `digits` are of `base` 2, 8, 10 or 16,
/// any case, and no sign. More than `limits::integer_bytes_max` bytes give an empty string and
/// `fits` false.
std::string magnitude_of_digits(std::string_view digits, unsigned base, bool& fits);

/// Decimal digits; "0" for nothing but zeros.
std::string digits_of_magnitude(std::string_view magnitude);

/// The integer of this sign and magnitude in its shortest form.
void write_integer(cbor::writer& out, bool negative, std::string magnitude);

/// The next item, which must be an integer of any size, as decimal text with sign; fails `in`
/// otherwise.
std::string integer_text(cbor::reader& in);

} // namespace flow
