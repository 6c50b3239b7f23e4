// The values that calls take and give: JSON's model, bytes, integers of any size, NaN and
// infinities. Part of what authors of native modules include; the standard library only.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace millrace {

/// An argument that is not of the type that a function takes: fails the call with `bad_arguments`.
struct bad_argument : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

struct bytes {
  std::string data;
  bool operator==(const bytes&) const = default;
};

/// Beyond 64 bits: the magnitude, big-endian; a negative number is -1 - magnitude.
struct big_integer {
  bool is_negative = false;
  std::string magnitude;
  bool operator==(const big_integer&) const = default;
};

class value {
public:
  using list = std::vector<value>;
  using map = std::vector<std::pair<std::string, value>>; ///< in the order of the caller

  value() = default;
  value(std::nullptr_t) {}
  value(bool b) : held_{b} {}
  template <std::signed_integral T>
  value(T n) : held_{static_cast<int64_t>(n)} {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) value(T n) {
    if (n <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      held_ = static_cast<int64_t>(n);
    else
      held_ = static_cast<uint64_t>(n);
  }
  value(double n) : held_{n} {}
  value(const char* text) : held_{std::string{text}} {}
  value(std::string_view text) : held_{std::string{text}} {}
  value(std::string text) : held_{std::move(text)} {}
  value(bytes data) : held_{std::move(data)} {}
  value(big_integer number) : held_{std::move(number)} {}
  value(list items) : held_{std::move(items)} {}
  value(map pairs) : held_{std::move(pairs)} {}
  template <class T>
  value(std::optional<T> maybe) {
    if (maybe) *this = value{std::move(*maybe)};
  }
  template <class T>
  requires(!std::same_as<T, value> && !std::same_as<T, std::pair<std::string, value>>)
      value(const std::vector<T>& items)
      : held_{list(items.begin(), items.end())} {}
  template <class T>
  value(const std::map<std::string, T>& pairs) : held_{map(pairs.begin(), pairs.end())} {}

  /// Null if it is of another type.
  template <class T>
  const T* if_is() const {
    return std::get_if<T>(&held_);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(held_);
  }
  bool is_null() const { return is<std::monostate>(); }

  /// The member of a map; null if there is none or this is no map.
  const value* find(std::string_view key) const {
    if (const auto* pairs = if_is<map>())
      for (const auto& [name, item] : *pairs)
        if (name == key) return &item;
    return nullptr;
  }

  /// As a C++ type; `bad_argument` if it is not one.
  template <class T>
  T as() const;

  std::string_view kind() const {
    static constexpr std::string_view names[]{"null", "bool",  "int",  "int", "float",
                                              "text", "bytes", "list", "map", "int"};
    return names[held_.index()];
  }

  bool operator==(const value&) const = default;

private:
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, bytes, list, map,
               big_integer>
      held_;
};

// -- to C++ types -------------------------------------------------------------

namespace detail {

template <class T>
struct as_type;

[[noreturn]] inline void refuse(std::string_view wanted, const value& v) {
  throw bad_argument("wanted " + std::string{wanted} + ", not " + std::string{v.kind()});
}

template <>
struct as_type<value> {
  static value of(const value& v) { return v; }
};

template <>
struct as_type<bool> {
  static bool of(const value& v) {
    if (const auto* b = v.if_is<bool>()) return *b;
    refuse("bool", v);
  }
};

template <std::integral T>
struct as_type<T> {
  static T of(const value& v) {
    if (const auto* n = v.if_is<int64_t>(); n && std::in_range<T>(*n)) return static_cast<T>(*n);
    if (const auto* n = v.if_is<uint64_t>(); n && std::in_range<T>(*n)) return static_cast<T>(*n);
    refuse("int of " + std::to_string(8 * sizeof(T)) + " bits", v);
  }
};

template <std::floating_point T>
struct as_type<T> {
  static T of(const value& v) {
    if (const auto* n = v.if_is<double>()) return static_cast<T>(*n);
    if (const auto* n = v.if_is<int64_t>()) return static_cast<T>(*n);
    if (const auto* n = v.if_is<uint64_t>()) return static_cast<T>(*n);
    refuse("float", v);
  }
};

template <class T>
requires(
    std::same_as<
        T,
        std::
            string> || std::same_as<T, bytes> || std::same_as<T, value::list> || std::same_as<T, value::map> || std::same_as<T, big_integer>) struct
    as_type<T> {
  static T of(const value& v) {
    if (const auto* held = v.if_is<T>()) return *held;
    refuse(value{T{}}.kind(), v);
  }
};

template <class T>
struct as_type<std::optional<T>> {
  static std::optional<T> of(const value& v) {
    if (v.is_null()) return std::nullopt;
    return as_type<T>::of(v);
  }
};

template <class T>
requires(!std::same_as<T, value> && !std::same_as<T, std::pair<std::string, value>>) struct as_type<
    std::vector<T>> {
  static std::vector<T> of(const value& v) {
    const auto* items = v.if_is<value::list>();
    if (!items) refuse("list", v);
    std::vector<T> out;
    for (const auto& item : *items)
      out.push_back(as_type<T>::of(item));
    return out;
  }
};

template <class T>
struct as_type<std::map<std::string, T>> {
  static std::map<std::string, T> of(const value& v) {
    const auto* pairs = v.if_is<value::map>();
    if (!pairs) refuse("map", v);
    std::map<std::string, T> out;
    for (const auto& [name, item] : *pairs)
      out.emplace(name, as_type<T>::of(item));
    return out;
  }
};

} // namespace detail

template <class T>
T value::as() const {
  return detail::as_type<T>::of(*this);
}

} // namespace millrace
