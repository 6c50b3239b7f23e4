#include "flows/item_builder.hpp"

#include <cmath>
#include <limits>

#include "flows/base64.hpp"
#include "flows/big_integer.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"

namespace flow {

namespace {

std::string integer_of_digits(std::string_view digits) {
  bool negative = digits.starts_with('-');
  digits.remove_prefix(negative ? 1 : 0);
  bool fits = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
  if (!fits) return {};
  auto magnitude = magnitude_of_digits(digits, 10, fits);
  std::string item;
  cbor::writer out{item};
  if (fits) write_integer(out, negative, magnitude);
  return item;
}

} // namespace

std::string special_value(std::string_view key, std::string_view content) {
  cbor::reader in{content};
  if (key == object_key) return in.peek() == cbor::kind::map ? std::string{content} : std::string{};
  if (in.peek() != cbor::kind::text) return {};
  auto text = in.text();
  if (key == integer_key) return integer_of_digits(text);
  std::string item;
  cbor::writer out{item};
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  if (key == bytes_key) {
    if (auto bytes = bytes_of_base64(text)) out.bytes(*bytes);
  } else if (text == "nan") {
    out.floating(std::numeric_limits<double>::quiet_NaN());
  } else if (text == "inf") {
    out.floating(infinity);
  } else if (text == "-inf") {
    out.floating(-infinity);
  }
  return item;
}

void item_builder::count_item() {
  if (!frames_.empty()) ++frames_.back().count;
}

cbor::writer& item_builder::scalar() {
  count_item();
  return writer_;
}

result<void> item_builder::check_depth(const frame& top) const {
  if (top.depth <= limits::value_depth_max) return {};
  return make_error(ec::bad_value,
                    "nested more than " + std::to_string(limits::value_depth_max) + " levels deep");
}

result<void> item_builder::open_array() {
  auto depth = frames_.empty() ? 1 : frames_.back().depth + 1;
  count_item();
  frames_.push_back({.start = out_.size(), .depth = depth});
  return check_depth(frames_.back());
}

result<void> item_builder::open_map() {
  auto depth = frames_.empty() ? 1 : frames_.back().depth + 1;
  // {"$object": ...} becomes its content, which is as deep as itself.
  bool is_literal = !frames_.empty() && frames_.back().special == object_key;
  if (is_literal) --depth;
  count_item();
  frames_.push_back({.start = out_.size(), .depth = depth, .is_literal = is_literal});
  // One level more is allowed here, for objects that turn out to stand for scalars.
  frame enclosing{.start = 0, .depth = depth - 1};
  return check_depth(enclosing);
}

result<void> item_builder::key(std::string_view name) {
  auto& top = frames_.back();
  bool is_special = !top.is_literal && is_special_key(name);
  if (!top.special.empty() || (is_special && top.count > 0)) {
    auto special = is_special ? std::string{name} : top.special;
    return make_error(ec::bad_value,
                      "an object with the key " + quoted(special) + " has another key",
                      "write {\"$object\": {...}} around an object that has such a key itself");
  }
  if (is_special) {
    top.special = name;
  } else {
    if (auto fits = check_depth(top); !fits) return fits;
    if (!top.keys.emplace(name).second)
      return make_error(ec::bad_value, "the key " + quoted(name) + " occurs twice in one object");
  }
  writer_.text(name);
  return {};
}

item_builder::frame item_builder::close() {
  auto closed = std::move(frames_.back());
  frames_.pop_back();
  return closed;
}

// The count is known only now: the content moves once per level of nesting.
void item_builder::insert_head(const frame& closed, bool is_map) {
  std::string head;
  cbor::writer writer{head};
  if (is_map)
    writer.map(closed.count);
  else
    writer.array(closed.count);
  out_.insert(closed.start, head);
}

void item_builder::close_array() {
  insert_head(close(), false);
}

result<void> item_builder::close_set() {
  auto closed = close();
  std::set<std::string, std::less<>> seen;
  std::string kept;
  cbor::reader in{std::string_view{out_}.substr(closed.start)};
  while (!in.at_end()) {
    auto item = in.raw();
    if (seen.emplace(item).second) kept += item;
  }
  if (in.failed()) return make_error(ec::bad_value, "nested too deep");
  out_.replace(closed.start, std::string::npos, kept);
  closed.count = seen.size();
  insert_head(closed, false);
  return {};
}

void item_builder::open_parentheses() {
  auto depth = frames_.empty() ? 0 : frames_.back().depth;
  count_item();
  frames_.push_back({.start = out_.size(), .depth = depth});
}

void item_builder::close_parentheses(bool has_comma) {
  auto closed = close();
  if (closed.count != 1 || has_comma) insert_head(closed, false);
}

bool item_builder::is_too_deep() const {
  cbor::reader in{out_};
  in.skip();
  return in.failed();
}

result<void> item_builder::close_map() {
  auto closed = close();
  if (!closed.special.empty()) return close_special(closed);
  insert_head(closed, true);
  return check_depth(closed);
}

result<void> item_builder::close_special(const frame& closed) {
  cbor::reader in{std::string_view{out_}.substr(closed.start)};
  auto key = in.text();
  auto item = special_value(key, in.raw());
  if (item.empty()) {
    std::string wanted = key == bytes_key     ? "base64 text"
                         : key == float_key   ? "\"nan\", \"inf\" or \"-inf\""
                         : key == integer_key ? "digits as text"
                                              : "an object";
    return make_error(ec::bad_value, quoted(key) + " takes " + wanted,
                      "write {\"$object\": {...}} around an object that has such a key itself");
  }
  out_.replace(closed.start, std::string::npos, item);
  return {};
}

} // namespace flow
