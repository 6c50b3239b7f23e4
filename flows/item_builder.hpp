// Builds one CBOR item from the events of a text parser, and holds the rules both parsers share:
// depth, unique keys, and the objects that stand for what JSON lacks. Only the parsers include
// this.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "flows/cbor.hpp"
#include "flows/error.hpp"

namespace flow {

/// The keys of objects that stand for other values; such an object has no second key. {"$object":
/// {...}} is the inner object, whatever its keys.
inline constexpr std::string_view bytes_key = "$bytes";
inline constexpr std::string_view float_key = "$float";
inline constexpr std::string_view integer_key = "$int";
inline constexpr std::string_view object_key = "$object";

constexpr bool is_special_key(std::string_view key) {
  return key == bytes_key || key == float_key || key == integer_key || key == object_key;
}

/// Every function that returns a result fails with `bad_value` and no position, which the parser
/// knows.
class item_builder {
public:
  item_builder() = default;
  item_builder(const item_builder&) = delete;
  item_builder& operator=(const item_builder&) = delete;

  /// The place where one scalar is written next.
  cbor::writer& scalar();
  result<void> open_array();
  result<void> open_map();
  result<void> key(std::string_view name);
  void close_array();
  /// For a set of the literal parser, opened as an array: equal items are kept once.
  result<void> close_set();
  /// A tuple, or parentheses around one value: only the end tells. `depth_max` is not watched
  /// inside; see `is_too_deep`.
  void open_parentheses();
  void close_parentheses(bool has_comma);
  result<void> close_map();

  bool is_too_deep() const;

  /// The item, once everything opened is closed.
  std::string finish() && { return std::move(out_); }

private:
  struct frame {
    size_t start; ///< of its content in `out_`
    size_t depth; ///< of the value that it becomes
    uint64_t count = 0;
    bool is_literal = false; ///< inside {"$object": ...}
    std::string special{};   ///< its first key, if that is one of the above
    std::set<std::string, std::less<>> keys{};
  };

  result<void> check_depth(const frame& top) const;
  void count_item();
  frame close();
  result<void> close_special(const frame& closed);
  void insert_head(const frame& closed, bool is_map);

  std::string out_;
  cbor::writer writer_{out_};
  std::vector<frame> frames_;
};

/// The value that {`key`: content} stands for, if `content` (one CBOR item) is of the right form;
/// empty if not.
std::string special_value(std::string_view key, std::string_view content);

} // namespace flow
