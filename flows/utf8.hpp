// UTF-8 as the whole project checks and writes it (RFC 3629: no surrogates, no overlong forms).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace flow::utf8 {

/// What `next` returns for bytes that are not UTF-8.
inline constexpr char32_t invalid = 0xffffffff;

/// The code point at `at`, which moves behind it; `invalid`, and one byte further, when there is
/// none.
char32_t next(std::string_view text, size_t& at);

/// Offset of the first byte that is not UTF-8; `npos` when all is well.
size_t first_error(std::string_view text);

/// False, and nothing appended, for surrogates and numbers above U+10FFFF.
bool append(std::string& out, char32_t code_point);

/// `text` with U+FFFD in place of every byte that is not UTF-8.
std::string repaired(std::string_view text);

/// Whether people can see it: no control, no blank, nothing invisible, no change of direction.
bool is_visible(char32_t code_point);

} // namespace flow::utf8
