// JSON into values and back. Written by hand: a general library turns integers of more than 64 bits
// into floats, keeps the last of two equal keys, and knows no position of what it has accepted.
#include <cmath>
#include <optional>

#include "flows/base64.hpp"
#include "flows/big_integer.hpp"
#include "flows/float_text.hpp"
#include "flows/item_builder.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"
#include "flows/utf8.hpp"
#include "flows/value.hpp"

namespace flow {

namespace {

// Every level of a value may have an {"$object": ...} around it, and a scalar may be an object.
constexpr size_t nesting_max = 2 * limits::value_depth_max + 2;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  auto lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

class json_parser {
public:
  explicit json_parser(std::string_view text) : text_{text} {}

  result<value> parse() {
    if (auto at = utf8::first_error(text_); at != std::string_view::npos)
      return fail(at, "this is not UTF-8");
    if (text_.starts_with("\xef\xbb\xbf"))
      at_ = 3; // some shells put a byte order mark before a pipe
    skip_blanks();
    if (auto done = parse_value(0); !done) return done.error();
    skip_blanks();
    if (at_ != text_.size()) return fail(at_, "more text after the end of the value");
    return value{std::move(builder_).finish()};
  }

private:
  error fail(size_t at, const std::string& why, std::string hint = {}) const {
    return make_error(ec::bad_value, position_in(text_, at) + ": " + why, std::move(hint));
  }
  error fail(size_t at, const error& cause) const { return fail(at, cause.text, cause.hint); }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool accept(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void skip_blanks() {
    while (at_ < text_.size()
           && std::string_view{" \t\n\r"}.find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  result<void> parse_value(size_t nesting) {
    switch (peek()) {
    case '{':
    case '[':
      if (nesting == nesting_max) return fail(at_, "nested too deep");
      return peek() == '{' ? parse_object(nesting + 1) : parse_array(nesting + 1);
    case '"': {
      auto text = parse_string();
      if (!text) return text.error();
      builder_.scalar().text(*text);
      return {};
    }
    default:
      if (peek() == '-' || is_digit(peek())) return parse_number();
      return parse_word();
    }
  }

  result<void> parse_word() {
    if (accept("true"))
      builder_.scalar().boolean(true);
    else if (accept("false"))
      builder_.scalar().boolean(false);
    else if (accept("null"))
      builder_.scalar().null();
    else if (at_ == text_.size())
      return fail(at_, "the text ends where a value is expected");
    else if (peek() == '\'')
      return fail(at_, "a value cannot begin with '", "JSON has its texts in double quotes");
    else
      return fail(at_, "a value cannot begin with " + quoted(character_here()));
    return {};
  }

  std::string_view character_here() const {
    auto end = at_;
    utf8::next(text_, end);
    return text_.substr(at_, end - at_);
  }

  result<void> parse_array(size_t nesting) {
    if (auto opened = builder_.open_array(); !opened) return fail(at_, opened.error());
    ++at_;
    skip_blanks();
    if (accept("]")) {
      builder_.close_array();
      return {};
    }
    for (;;) {
      skip_blanks();
      if (auto item = parse_value(nesting); !item) return item;
      skip_blanks();
      if (accept("]")) break;
      if (!accept(",")) return fail(at_, "expected , or ]");
    }
    builder_.close_array();
    return {};
  }

  result<void> parse_object(size_t nesting) {
    auto start = at_++;
    if (auto opened = builder_.open_map(); !opened) return fail(start, opened.error());
    skip_blanks();
    if (!accept("}")) {
      for (;;) {
        skip_blanks();
        if (auto pair = parse_pair(nesting); !pair) return pair;
        skip_blanks();
        if (accept("}")) break;
        if (!accept(",")) return fail(at_, "expected , or }");
      }
    }
    if (auto closed = builder_.close_map(); !closed) return fail(start, closed.error());
    return {};
  }

  result<void> parse_pair(size_t nesting) {
    auto start = at_;
    if (peek() != '"') return fail(at_, "expected a key in double quotes");
    auto key = parse_string();
    if (!key) return key.error();
    if (auto taken = builder_.key(*key); !taken) return fail(start, taken.error());
    skip_blanks();
    if (!accept(":")) return fail(at_, "expected : after the key " + quoted(*key));
    skip_blanks();
    return parse_value(nesting);
  }

  result<void> parse_number() {
    auto start = at_;
    accept("-");
    auto digits_start = at_;
    skip_digits();
    auto digits = text_.substr(digits_start, at_ - digits_start);
    if (digits.empty()) return fail(at_, "expected a digit");
    if (digits.size() > 1 && digits.front() == '0')
      return fail(digits_start, "a number has no leading zeros");
    bool is_integer = true;
    if (accept(".")) {
      is_integer = false;
      if (!skip_digits()) return fail(at_, "expected a digit after the point");
    }
    if (accept("e") || accept("E")) {
      is_integer = false;
      if (!accept("+")) accept("-");
      if (!skip_digits()) return fail(at_, "expected a digit in the exponent");
    }
    if (is_integer) {
      bool fits = true;
      auto magnitude = magnitude_of_digits(digits, 10, fits);
      if (!fits)
        return fail(start, "an integer of more than " + std::to_string(limits::integer_bytes_max)
                               + " bytes");
      write_integer(builder_.scalar(), digits_start != start, std::move(magnitude));
      return {};
    }
    auto number = float_of_text(text_.substr(start, at_ - start));
    if (std::isinf(number))
      return fail(start, "a number too large for a float", "infinity is {\"$float\": \"inf\"}");
    builder_.scalar().floating(number);
    return {};
  }

  bool skip_digits() {
    auto start = at_;
    while (is_digit(peek()))
      ++at_;
    return at_ > start;
  }

  result<std::string> parse_string() {
    auto start = at_++;
    std::string out;
    for (;;) {
      auto plain = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\'
             && static_cast<uint8_t>(text_[at_]) >= 0x20)
        ++at_;
      out += text_.substr(plain, at_ - plain);
      if (at_ == text_.size()) return fail(start, "this text has no closing quote");
      if (accept("\"")) return out;
      if (peek() != '\\')
        return fail(at_, "a control character in a text", "write it as an escape, such as \\n");
      if (auto escape = parse_escape(out); !escape) return escape.error();
    }
  }

  result<void> parse_escape(std::string& out) {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    auto start = at_++;
    if (auto which = letters.find(peek()); at_ < text_.size() && which != std::string_view::npos) {
      out += meanings[which];
      ++at_;
      return {};
    }
    auto unit = parse_utf16_unit();
    if (!unit) return fail(start, "no such escape");
    auto code_point = static_cast<char32_t>(*unit);
    if (code_point >= 0xd800 && code_point < 0xdc00 && accept("\\")) {
      auto low = parse_utf16_unit();
      if (low && *low >= 0xdc00 && *low < 0xe000)
        code_point
            = 0x10000 + ((code_point - 0xd800) << 10 | (static_cast<char32_t>(*low) - 0xdc00));
    }
    if (!utf8::append(out, code_point)) return fail(start, "half of a surrogate pair");
    return {};
  }

  std::optional<unsigned> parse_utf16_unit() {
    if (!accept("u") || text_.size() - at_ < 4) return {};
    unsigned unit = 0;
    for (int i = 0; i < 4; ++i) {
      int digit = hex_value(text_[at_++]);
      if (digit < 0) return {};
      unit = unit << 4 | static_cast<unsigned>(digit);
    }
    return unit;
  }

  std::string_view text_;
  size_t at_ = 0;
  item_builder builder_;
};

// -- out ----------------------------------------------------------------------

void write_json_string(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  constexpr std::string_view named = "\"\\\b\f\n\r\t";
  constexpr std::string_view letters = "\"\\bfnrt";
  out += '"';
  for (char c : text) {
    if (auto which = named.find(c); which != std::string_view::npos) {
      out += '\\';
      out += letters[which];
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
      out += "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void write_special(std::string& out, std::string_view key, std::string_view text) {
  out += "{\"";
  out += key;
  out += "\":\"";
  out += text;
  out += "\"}";
}

bool has_special_key(cbor::reader in) {
  for (auto n = in.map(); n > 0 && !in.failed(); --n) {
    if (is_special_key(in.text())) return true;
    in.skip();
  }
  return false;
}

void write_json(std::string& out, cbor::reader& in, size_t depth);

void write_json_array(std::string& out, cbor::reader& in, size_t depth) {
  out += '[';
  auto count = in.array();
  for (uint64_t i = 0; i < count && !in.failed(); ++i) {
    if (i > 0) out += ',';
    write_json(out, in, depth);
  }
  out += ']';
}

void write_json_object(std::string& out, cbor::reader& in, size_t depth) {
  bool wrapped = has_special_key(in);
  if (wrapped) out += "{\"$object\":";
  out += '{';
  auto count = in.map();
  for (uint64_t i = 0; i < count && !in.failed(); ++i) {
    if (i > 0) out += ',';
    write_json_string(out, in.text());
    out += ':';
    write_json(out, in, depth);
  }
  out += '}';
  if (wrapped) out += '}';
}

void write_json(std::string& out, cbor::reader& in, size_t depth) {
  switch (in.peek()) {
  case cbor::kind::unsigned_integer:
  case cbor::kind::negative_integer:
  case cbor::kind::big_integer:
    out += integer_text(in);
    return;
  case cbor::kind::text:
    write_json_string(out, in.text());
    return;
  case cbor::kind::bytes:
    write_special(out, bytes_key, base64_text(in.bytes()));
    return;
  case cbor::kind::boolean:
    out += in.boolean() ? "true" : "false";
    return;
  case cbor::kind::floating: {
    auto number = in.floating();
    if (std::isfinite(number))
      out += float_text(number);
    else
      write_special(out, float_key, std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf");
    return;
  }
  case cbor::kind::array:
  case cbor::kind::map:
    if (depth == limits::value_depth_max) break; // not a checked value
    if (in.peek() == cbor::kind::map)
      write_json_object(out, in, depth + 1);
    else
      write_json_array(out, in, depth + 1);
    return;
  default:
    break;
  }
  in.skip();
  out += "null";
}

} // namespace

result<value> value_of_json(std::string_view text) {
  return json_parser{text}.parse();
}

std::string to_json_text(const value& v) {
  std::string out;
  cbor::reader in{v.cbor};
  write_json(out, in, 0);
  return out;
}

std::string to_plain_text(const value& v) {
  cbor::reader in{v.cbor};
  return in.peek() == cbor::kind::text ? std::string{in.text()} : to_json_text(v);
}

} // namespace flow
