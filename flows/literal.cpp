// Python literals into values, by recursive descent: what ast.literal_eval reads, except complex
// numbers, `...` and keys that are not text, and with JSON's true, false and null. Nothing is ever
// evaluated.
#include <cmath>

#include "flows/big_integer.hpp"
#include "flows/float_text.hpp"
#include "flows/item_builder.hpp"
#include "flows/limits.hpp"
#include "flows/literal_string.hpp"
#include "flows/text.hpp"
#include "flows/utf8.hpp"
#include "flows/value.hpp"

namespace flow {

namespace {

// Parentheses nest without making the value deeper.
constexpr size_t nesting_max = 2 * limits::value_depth_max + 2;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_word_character(char c) {
  return is_digit(c) || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
         || static_cast<uint8_t>(c) >= 0x80;
}

bool is_digit_of(char c, unsigned base) {
  if (base <= 10) return c >= '0' && c < static_cast<char>('0' + base);
  return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

class literal_parser {
public:
  explicit literal_parser(std::string_view text) : text_{text} {}

  /// `is_tuple`: the text is items with commas between them, without parentheses.
  result<value> parse(bool is_tuple) {
    skip_blanks();
    if (at_ == text_.size()) return fail("the text is empty");
    if (is_tuple) {
      (void)builder_.open_array();
      if (auto items = parse_items('\0', 0); !items) return items.error();
      builder_.close_array();
    } else if (auto item = parse_value(0); !item) {
      return item.error();
    }
    skip_blanks();
    if (at_ != text_.size()) return trailing();
    if (builder_.is_too_deep()) return fail_at(0, "nested too deep");
    return value{std::move(builder_).finish()};
  }

  /// After a failure: whether it was at a comma behind a whole value.
  bool stopped_at_comma() const { return stopped_at_comma_; }

private:
  error fail(const std::string& why, std::string hint = {}) const {
    return fail_at(at_, why, std::move(hint));
  }
  error fail_at(size_t at, const std::string& why, std::string hint = {}) const {
    return make_error(ec::bad_literal, position_in(text_, at) + ": " + why, std::move(hint));
  }

  error trailing() {
    stopped_at_comma_ = peek() == ',';
    if (std::string_view{"+-*/%@<>=|&^.(["}.find(peek()) != std::string_view::npos)
      return fail("expressions are not evaluated; the value ends before this");
    return fail("more text after the end of the value");
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool accept(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void skip_blanks() {
    for (;;) {
      if (accept(" ") || accept("\t") || accept("\n") || accept("\r") || accept("\f")
          || accept("\\\n"))
        continue;
      if (peek() != '#') return;
      at_ = std::min(text_.find('\n', at_), text_.size());
    }
  }

  result<void> parse_value(size_t nesting) {
    char c = peek();
    if (c == '[' || c == '(' || c == '{') {
      if (nesting == nesting_max) return fail("nested too deep");
      if (c == '{') return parse_braces(nesting + 1);
      return c == '[' ? parse_list(nesting + 1) : parse_parentheses(nesting + 1);
    }
    if (is_string_ahead(text_, at_)) {
      auto text = parse_strings();
      if (!text) return text.error();
      add(*text);
      return {};
    }
    if (c == '+' || c == '-' || c == '.' || is_digit(c)) return parse_signed_number();
    return parse_word();
  }

  void add(const literal_string& text) {
    if (text.is_bytes)
      builder_.scalar().bytes(text.content);
    else
      builder_.scalar().text(text.content);
  }

  // -- containers -------------------------------------------------------------

  /// Items up to `end`, which is taken; `\0` is the end of the text. Says whether there was a
  /// comma.
  result<bool> parse_items(char end, size_t nesting) {
    bool has_comma = false;
    for (;;) {
      skip_blanks();
      if (accept_end(end)) return has_comma;
      if (auto item = parse_value(nesting); !item) return item.error();
      skip_blanks();
      if (accept_end(end)) return has_comma;
      if (!accept(",")) return expected_comma(end);
      has_comma = true;
    }
  }

  bool accept_end(char end) {
    if (end == '\0') return at_ == text_.size();
    return accept(std::string_view{&end, 1});
  }

  error expected_comma(char end) {
    if (end == '\0') return trailing();
    return fail(std::string{"expected , or "} + end);
  }

  result<void> parse_list(size_t nesting) {
    if (auto opened = builder_.open_array(); !opened) return fail(opened.error().text);
    ++at_;
    if (auto items = parse_items(']', nesting); !items) return items.error();
    builder_.close_array();
    return {};
  }

  result<void> parse_parentheses(size_t nesting) {
    ++at_;
    builder_.open_parentheses();
    auto has_comma = parse_items(')', nesting);
    if (!has_comma) return has_comma.error();
    builder_.close_parentheses(*has_comma);
    return {};
  }

  result<void> parse_braces(size_t nesting) {
    auto start = at_++;
    skip_blanks();
    bool is_map = peek() == '}';
    if (!is_map && is_string_ahead(text_, at_)) {
      // Only what follows the first text tells a dictionary from a set.
      auto before = at_;
      if (auto text = parse_strings(); !text) return text.error();
      skip_blanks();
      is_map = peek() == ':';
      at_ = before;
    }
    return is_map ? parse_map(start, nesting) : parse_set(start, nesting);
  }

  result<void> parse_set(size_t start, size_t nesting) {
    if (auto opened = builder_.open_array(); !opened) return fail_at(start, opened.error().text);
    for (;;) {
      skip_blanks();
      if (accept("}")) break;
      auto item_at = at_;
      if (auto item = parse_value(nesting); !item) return item;
      skip_blanks();
      if (peek() == ':')
        return fail_at(item_at, "keys of a dictionary must be text", "put the key in quotes");
      if (accept("}")) break;
      if (!accept(",")) return fail("expected , or }");
    }
    if (auto closed = builder_.close_set(); !closed) return fail_at(start, closed.error().text);
    return {};
  }

  result<void> parse_map(size_t start, size_t nesting) {
    if (auto opened = builder_.open_map(); !opened) return fail_at(start, opened.error().text);
    for (;;) {
      skip_blanks();
      if (accept("}")) break;
      if (auto pair = parse_pair(nesting); !pair) return pair;
      skip_blanks();
      if (accept("}")) break;
      if (!accept(",")) return fail("expected , or }");
    }
    if (auto closed = builder_.close_map(); !closed)
      return fail_at(start, closed.error().text, closed.error().hint);
    return {};
  }

  result<void> parse_pair(size_t nesting) {
    auto start = at_;
    if (!is_string_ahead(text_, at_))
      return fail("keys of a dictionary must be text", "put the key in quotes");
    auto key = parse_strings();
    if (!key) return key.error();
    if (key->is_bytes) return fail_at(start, "keys of a dictionary must be text, not bytes");
    if (auto taken = builder_.key(key->content); !taken)
      return fail_at(start, taken.error().text, taken.error().hint);
    skip_blanks();
    if (!accept(":")) return fail("expected : after the key " + quoted(key->content));
    skip_blanks();
    return parse_value(nesting);
  }

  // -- scalars ----------------------------------------------------------------

  /// One string, or several that stand side by side and are one.
  result<literal_string> parse_strings() {
    literal_string whole;
    bool is_first = true;
    do {
      auto start = at_;
      auto part = read_literal_string(text_, at_);
      if (!part) return fail(part.error().text, part.error().hint);
      if (is_first) whole.is_bytes = part->is_bytes;
      if (whole.is_bytes != part->is_bytes) return fail_at(start, "bytes and text side by side");
      whole.content += part->content;
      is_first = false;
      skip_blanks();
    } while (is_string_ahead(text_, at_));
    return whole;
  }

  result<void> parse_signed_number() {
    bool negative = peek() == '-';
    if (negative || peek() == '+') {
      ++at_;
      skip_blanks();
      bool is_number = is_digit(peek()) || (peek() == '.' && is_digit_at(at_ + 1));
      if (!is_number) return fail("a sign stands before a number only");
    }
    auto start = at_;
    for (auto [prefix, base] :
         {std::pair{"0x", 16u}, {"0X", 16u}, {"0o", 8u}, {"0O", 8u}, {"0b", 2u}, {"0B", 2u}})
      if (accept(prefix)) {
        accept("_");
        return end_number(start, add_integer(start, negative, digits(base), base));
      }
    auto whole = digits(10);
    bool is_integer = true;
    std::string number{whole};
    if (accept(".")) {
      is_integer = false;
      auto fraction = digits(10);
      if (whole.empty() && fraction.empty()) return fail_at(start, "no value begins with a point");
      number += "." + fraction;
    }
    if (peek() == 'e' || peek() == 'E') {
      is_integer = false;
      ++at_;
      number += 'e';
      if (accept("-"))
        number += '-';
      else
        accept("+");
      auto exponent = digits(10);
      if (exponent.empty()) return fail("expected a digit in the exponent");
      number += exponent;
    }
    if (is_integer && whole.starts_with('0') && whole.find_first_not_of('0') != std::string::npos)
      return fail_at(start, "an integer has no leading zeros", "octal numbers are written 0o17");
    return end_number(start, is_integer ? add_integer(start, negative, whole, 10)
                                        : add_float(negative, number));
  }

  bool is_digit_at(size_t at) const { return at < text_.size() && is_digit(text_[at]); }

  /// Digits with single underscores between them, which are left out.
  std::string digits(unsigned base) {
    std::string out;
    while (is_digit_of(peek(), base)) {
      out += text_[at_++];
      if (peek() == '_' && at_ + 1 < text_.size() && is_digit_of(text_[at_ + 1], base)) ++at_;
    }
    return out;
  }

  result<void> add_integer(size_t start, bool negative, std::string_view all, unsigned base) {
    if (all.empty()) return fail("expected a digit");
    bool fits = true;
    auto magnitude = magnitude_of_digits(all, base, fits);
    if (!fits)
      return fail_at(start, "an integer of more than " + std::to_string(limits::integer_bytes_max)
                                + " bytes");
    write_integer(builder_.scalar(), negative, std::move(magnitude));
    return {};
  }

  result<void> add_float(bool negative, const std::string& number) {
    auto magnitude = float_of_text(number);
    builder_.scalar().floating(negative ? -magnitude : magnitude);
    return {};
  }

  result<void> end_number(size_t start, result<void> added) const {
    if (!added) return added;
    if (peek() == 'j' || peek() == 'J') return fail_at(start, "complex numbers are no values");
    if (is_word_character(peek())) return fail_at(start, "a malformed number");
    return {};
  }

  result<void> parse_word() {
    auto start = at_;
    while (is_word_character(peek()))
      ++at_;
    auto word = text_.substr(start, at_ - start);
    if (word == "None" || word == "null") {
      builder_.scalar().null();
    } else if (word == "True" || word == "true" || word == "False" || word == "false") {
      builder_.scalar().boolean((word[0] | 0x20) == 't');
    } else if (word == "set" && accept("()")) {
      (void)builder_.open_array();
      builder_.close_array();
    } else {
      return unknown_word(start, word);
    }
    return {};
  }

  error unknown_word(size_t start, std::string_view word) const {
    if (start == text_.size()) return fail_at(start, "the text ends where a value is expected");
    if (word.empty()) {
      auto end = start;
      utf8::next(text_, end);
      return fail_at(start,
                     "a value cannot begin with " + quoted(text_.substr(start, end - start)));
    }
    if (word == "NaN" || word == "nan" || word == "inf" || word == "Infinity")
      return fail_at(start, quoted(word) + " is not a literal",
                     R"(write {"$float": "nan"}, {"$float": "inf"} or {"$float": "-inf"})");
    if (peek() == '(') return fail_at(start, "calls are not evaluated");
    return fail_at(start, quoted(word) + " is a bare word",
                   "text stands in quotes, inside those of the shell: '" + quoted(word) + "'");
  }

  std::string_view text_;
  size_t at_ = 0;
  bool stopped_at_comma_ = false;
  item_builder builder_;
};

} // namespace

result<value> value_of_literal(std::string_view text) {
  // First as JSON, whose few escapes mean something else in Python.
  if (auto as_json = value_of_json(text)) return as_json;
  if (auto at = utf8::first_error(text); at != std::string_view::npos)
    return make_error(ec::bad_literal, position_in(text, at) + ": this is not UTF-8");
  literal_parser parser{text};
  auto parsed = parser.parse(false);
  if (parsed || !parser.stopped_at_comma()) return parsed;
  return literal_parser{text}.parse(true);
}

} // namespace flow
