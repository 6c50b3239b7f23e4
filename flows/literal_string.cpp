#include "flows/literal_string.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "flows/utf8.hpp"

namespace flow {

namespace {

struct prefix {
  size_t length = 0;
  bool is_raw = false;
  bool is_bytes = false;
  bool is_formatted = false;
};

/// Letters before a quote; nothing when they are no prefix, or no quote follows.
std::optional<prefix> prefix_at(std::string_view text, size_t at) {
  std::string letters;
  size_t end = at;
  while (end < text.size() && end - at < 3 && text[end] != '"' && text[end] != '\'')
    letters += static_cast<char>(text[end++] | 0x20);
  if (end >= text.size() || (text[end] != '"' && text[end] != '\'')) return {};
  std::ranges::sort(letters);
  for (auto known : {"", "r", "u", "b", "br", "f", "fr"}) {
    if (letters != known) continue;
    auto has = [&](char c) { return letters.find(c) != std::string::npos; };
    return prefix{end - at, has('r'), has('b'), has('f')};
  }
  return {};
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  auto lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

class string_reader {
public:
  string_reader(std::string_view text, size_t& at) : text_{text}, at_{at} {}

  result<literal_string> read() {
    auto start = at_;
    auto kind = prefix_at(text_, at_).value_or(prefix{});
    if (kind.is_formatted)
      return make_error(ec::bad_literal, "an f-string is code, and nothing here is evaluated");
    out_.is_bytes = kind.is_bytes;
    at_ += kind.length;
    auto quote = text_.substr(at_, 1);
    auto triple = text_.substr(at_, 3);
    bool is_long = triple.size() == 3 && triple[1] == quote[0] && triple[2] == quote[0];
    auto end = is_long ? triple : quote;
    at_ += end.size();
    while (!accept(end)) {
      if (at_ == text_.size() || (!is_long && is_line_end())) {
        at_ = start;
        return make_error(ec::bad_literal, "this text has no closing quote");
      }
      auto step = text_[at_] != '\\' ? read_character()
                  : kind.is_raw      ? read_raw_pair()
                                     : read_escape();
      if (!step) return step.error();
    }
    return std::move(out_);
  }

private:
  bool accept(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  bool is_line_end() const { return text_[at_] == '\n' || text_[at_] == '\r'; }

  result<void> read_character() {
    // Python reads every kind of line end as \n.
    if (is_line_end()) {
      if (!accept("\r\n")) ++at_;
      out_.content += '\n';
      return {};
    }
    auto c = text_[at_];
    if (c == '\0') return make_error(ec::bad_literal, "a null character", "write it as \\x00");
    if (out_.is_bytes && static_cast<uint8_t>(c) >= 0x80)
      return make_error(ec::bad_literal, "a character that is not ASCII in bytes",
                        "write it as escapes, such as \\xc3\\xa4");
    out_.content += c;
    ++at_;
    return {};
  }

  // The backslash stays, and what follows it does not end the text.
  result<void> read_raw_pair() {
    out_.content += text_[at_++];
    return at_ == text_.size() ? result<void>{} : read_character();
  }

  result<void> read_escape() {
    constexpr std::string_view letters = "\\'\"abfnrtv";
    constexpr std::string_view meanings = "\\'\"\a\b\f\n\r\t\v";
    auto start = at_++;
    if (at_ == text_.size()) return {};
    if (accept("\r\n") || accept("\n") || accept("\r")) return {}; // the line goes on
    char c = text_[at_];
    if (auto which = letters.find(c); which != std::string_view::npos) {
      out_.content += meanings[which];
      ++at_;
      return {};
    }
    if (c >= '0' && c <= '7') return append(start, read_octal());
    if (c == 'x') return read_hex(start, 2);
    if (!out_.is_bytes && c == 'u') return read_hex(start, 4);
    if (!out_.is_bytes && c == 'U') return read_hex(start, 8);
    if (!out_.is_bytes && c == 'N') {
      at_ = start;
      return make_error(ec::bad_literal, "characters by name are not read",
                        "write the character itself, or its number as \\u00e4");
    }
    out_.content += '\\'; // no escape: the backslash stands for itself
    return {};
  }

  uint32_t read_octal() {
    uint32_t number = 0;
    for (int i = 0; i < 3 && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '7'; ++i)
      number = number * 8 + static_cast<uint32_t>(text_[at_++] - '0');
    return number;
  }

  std::optional<uint32_t> hex_digits(size_t count) {
    uint32_t number = 0;
    for (size_t i = 0; i < count; ++i) {
      int digit = at_ < text_.size() ? digit_value(text_[at_]) : 16;
      if (digit == 16) return {};
      number = number << 4 | static_cast<uint32_t>(digit);
      ++at_;
    }
    return number;
  }

  result<void> read_hex(size_t start, size_t count) {
    ++at_;
    auto number = hex_digits(count);
    if (!number) {
      at_ = start;
      return make_error(ec::bad_literal,
                        "this escape takes " + std::to_string(count) + " hexadecimal digits");
    }
    // Two escapes of a surrogate pair are one character, as in JSON.
    if (*number >= 0xd800 && *number < 0xdc00) {
      auto behind = at_;
      auto low = accept("\\u") ? hex_digits(4) : std::nullopt;
      if (low && *low >= 0xdc00 && *low < 0xe000)
        number = 0x10000 + ((*number - 0xd800) << 10 | (*low - 0xdc00));
      else
        at_ = behind;
    }
    return append(start, *number);
  }

  result<void> append(size_t start, uint32_t number) {
    if (out_.is_bytes) {
      out_.content += static_cast<char>(number & 0xff);
    } else if (!utf8::append(out_.content, number)) {
      at_ = start;
      return make_error(ec::bad_literal, "this escape is no character");
    }
    return {};
  }

  std::string_view text_;
  size_t& at_;
  literal_string out_;
};

} // namespace

bool is_string_ahead(std::string_view text, size_t at) {
  return prefix_at(text, at).has_value();
}

result<literal_string> read_literal_string(std::string_view text, size_t& at) {
  return string_reader{text, at}.read();
}

} // namespace flow
