// Floats between text and binary, the same on every machine and in every locale.
#pragma once

#include <string>
#include <string_view>

namespace flow {

/// The number nearest to `text`, which is digits with an optional point, exponent and minus sign.
/// Too large is infinity, too small is zero.
double float_of_text(std::string_view text);

/// The shortest text that reads back as the same float, and never as an integer: "1.0", "1e+300".
/// `number` is finite.
std::string float_text(double number);

} // namespace flow
