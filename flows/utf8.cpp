#include "flows/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace flow::utf8 {

namespace {

struct range {
  char32_t first;
  char32_t last;
};

// Blanks, format characters and noncharacters beyond ASCII (Unicode categories Zs, Zl, Zp, Cc, Cf).
constexpr range invisible[] = {
    {0x0000, 0x0020},   {0x007f, 0x00a0}, {0x00ad, 0x00ad}, {0x034f, 0x034f},   {0x0600, 0x0605},
    {0x061c, 0x061c},   {0x06dd, 0x06dd}, {0x070f, 0x070f}, {0x115f, 0x1160},   {0x1680, 0x1680},
    {0x17b4, 0x17b5},   {0x180b, 0x180f}, {0x2000, 0x200f}, {0x2028, 0x202f},   {0x205f, 0x206f},
    {0x3000, 0x3000},   {0x3164, 0x3164}, {0xd800, 0xdfff}, {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},   {0xffa0, 0xffa0}, {0xfff0, 0xffff}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
    {0xe0000, 0xe0fff},
};

bool is_continuation(char c) {
  return (static_cast<uint8_t>(c) & 0xc0) == 0x80;
}

} // namespace

char32_t next(std::string_view text, size_t& at) {
  auto lead = static_cast<uint8_t>(text[at]);
  auto start = at++;
  if (lead < 0x80) return lead;
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() - start < length) return invalid;
  char32_t code_point = lead & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[start + i])) return invalid;
    code_point = code_point << 6 | (static_cast<uint8_t>(text[start + i]) & 0x3f);
  }
  bool overlong = (length == 3 && code_point < 0x800) || (length == 4 && code_point < 0x10000);
  bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (overlong || surrogate || code_point > 0x10ffff) return invalid;
  at = start + length;
  return code_point;
}

size_t first_error(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    // Eight ASCII bytes at once: nearly all text is.
    uint64_t word = 0;
    while (text.size() - at >= sizeof word) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if ((word & 0x8080808080808080ull) != 0) break;
      at += sizeof word;
    }
    if (at == text.size()) break;
    auto start = at;
    if (next(text, at) == invalid) return start;
  }
  return std::string_view::npos;
}

bool append(std::string& out, char32_t code_point) {
  auto byte = [&out](char32_t bits) { out += static_cast<char>(bits); };
  auto continuation = [&](int shift) { byte(0x80 | (code_point >> shift & 0x3f)); };
  if (code_point < 0x80) {
    byte(code_point);
  } else if (code_point < 0x800) {
    byte(0xc0 | code_point >> 6);
    continuation(0);
  } else if (code_point < 0x10000) {
    if (code_point >= 0xd800 && code_point <= 0xdfff) return false;
    byte(0xe0 | code_point >> 12);
    continuation(6);
    continuation(0);
  } else if (code_point <= 0x10ffff) {
    byte(0xf0 | code_point >> 18);
    continuation(12);
    continuation(6);
    continuation(0);
  } else {
    return false;
  }
  return true;
}

std::string repaired(std::string_view text) {
  if (first_error(text) == std::string_view::npos) return std::string{text};
  std::string out;
  for (size_t at = 0; at < text.size();) {
    auto code_point = next(text, at);
    append(out, code_point == invalid ? 0xfffd : code_point);
  }
  return out;
}

bool is_visible(char32_t code_point) {
  if (code_point > 0x10ffff || (code_point & 0xfffe) == 0xfffe) return false;
  auto found = std::ranges::lower_bound(invisible, code_point, {}, &range::last);
  return found == std::end(invisible) || code_point < found->first;
}

} // namespace flow::utf8
