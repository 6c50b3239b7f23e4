// Reading the parameters of a verb (docs/api.md): a map, by key, with errors that name the key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flows/error.hpp"
#include "flows/value.hpp"

namespace flow {

/// A view of a map value. Keys that are absent or null read as the given default; a value of the
/// wrong type is remembered, and `check` tells of the first. Callers read all, then check once.
class params {
public:
  /// `given` must outlive it.
  explicit params(const value& given);

  bool has(std::string_view key) const;
  std::string text(std::string_view key, std::string_view otherwise = {});
  uint64_t unsigned_integer(std::string_view key, uint64_t otherwise = 0);
  bool boolean(std::string_view key, bool otherwise = false);
  /// A list of texts, or one text.
  std::vector<std::string> texts(std::string_view key);
  /// The item itself.
  std::optional<value> item(std::string_view key) const;
  std::vector<std::pair<std::string, std::string>> text_map(std::string_view key);

  /// Requires a text that is not empty.
  std::string required_text(std::string_view key);

  /// `bad_value` naming the first key that was not as asked.
  result<void> check() const;

private:
  std::string_view find(std::string_view key) const;
  void wrong(std::string_view key, std::string_view wanted);

  std::vector<std::pair<std::string_view, std::string_view>> items_;
  error first_error_;
};

/// A map value built key by key.
class map_builder {
public:
  map_builder& text(std::string_view key, std::string_view v);
  map_builder& number(std::string_view key, uint64_t v);
  map_builder& floating(std::string_view key, double v);
  map_builder& boolean(std::string_view key, bool v);
  map_builder& item(std::string_view key, std::string_view cbor);
  map_builder& item(std::string_view key, const value& v) { return item(key, v.cbor); }
  value finish() const;

private:
  void key(std::string_view name);
  std::string items_;
  uint64_t count_ = 0;
};

/// A list value of items that are encoded already.
class list_builder {
public:
  void add(const value& v);
  void add_text(std::string_view text);
  size_t size() const { return count_; }
  value finish() const;

private:
  std::string items_;
  uint64_t count_ = 0;
};

} // namespace flow
