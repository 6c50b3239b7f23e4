// A socket as a C++ function. Values of your own types take part through one pair of functions in
// their namespace:
//   flow::value to_value(const point&);
//   flow::result<void> from_value(const flow::value&, point&);
#pragma once

#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "flows/cbor.hpp"
#include "flows/client.hpp"
#include "flows/limits.hpp"
#include "flows/signature.hpp"

namespace flow {

// -- C++ values to values and back --------------------------------------------

namespace codec {

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_text_map = false;
template <class T>
inline constexpr bool is_text_map<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool is_text_map<std::unordered_map<std::string, T>> = true;

template <class T>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;

template <class T>
void write(cbor::writer& w, const T& x) {
  if constexpr (std::same_as<T, value>) {
    w.raw(x.cbor);
  } else if constexpr (std::same_as<T, bool>) {
    w.boolean(x);
  } else if constexpr (std::unsigned_integral<T>) {
    w.unsigned_integer(x);
  } else if constexpr (std::signed_integral<T>) {
    w.integer(x);
  } else if constexpr (std::floating_point<T>) {
    w.floating(static_cast<double>(x));
  } else if constexpr (std::convertible_to<T, std::string_view>) {
    w.text(x);
  } else if constexpr (is_optional<T>) {
    if (x)
      write(w, *x);
    else
      w.null();
  } else if constexpr (is_vector<T>) {
    w.array(x.size());
    for (const typename T::value_type& item : x)
      write(w, item);
  } else if constexpr (is_text_map<T>) {
    w.map(x.size());
    for (const auto& [key, item] : x) {
      w.text(key);
      write(w, item);
    }
  } else if constexpr (is_tuple<T>) {
    w.array(std::tuple_size_v<T>);
    std::apply([&w](const auto&... items) { (write(w, items), ...); }, x);
  } else {
    w.raw(to_value(x).cbor);
  }
}

template <class T>
void read_integer(cbor::reader& r, T& x) {
  if (r.peek() == cbor::kind::unsigned_integer) {
    auto n = r.unsigned_integer();
    if (n > static_cast<uint64_t>(std::numeric_limits<T>::max())) r.fail();
    x = static_cast<T>(n);
    return;
  }
  if constexpr (std::signed_integral<T>) {
    auto n = r.integer();
    if (n < std::numeric_limits<T>::min()) r.fail();
    x = static_cast<T>(n);
  } else {
    r.fail();
  }
}

template <class T>
void read(cbor::reader& r, T& x) {
  if constexpr (std::same_as<T, value>) {
    x.cbor = r.raw();
  } else if constexpr (std::same_as<T, bool>) {
    x = r.boolean();
  } else if constexpr (std::integral<T>) {
    read_integer(r, x);
  } else if constexpr (std::floating_point<T>) {
    x = static_cast<T>(r.floating());
  } else if constexpr (std::same_as<T, std::string>) {
    x = r.text();
  } else if constexpr (is_optional<T>) {
    if (r.peek() == cbor::kind::null) {
      r.null();
      x.reset();
    } else {
      read(r, x.emplace());
    }
  } else if constexpr (is_vector<T>) {
    x.clear();
    auto count = r.array();
    for (uint64_t i = 0; i < count && !r.failed(); ++i) {
      typename T::value_type item{};
      read(r, item);
      x.push_back(std::move(item));
    }
  } else if constexpr (is_text_map<T>) {
    x.clear();
    auto count = r.map();
    for (uint64_t i = 0; i < count && !r.failed(); ++i) {
      std::string key{r.text()};
      read(r, x[std::move(key)]);
    }
  } else if constexpr (is_tuple<T>) {
    if (r.array() != std::tuple_size_v<T>) r.fail();
    std::apply([&r](auto&... items) { (read(r, items), ...); }, x);
  } else {
    if (!from_value(value{std::string{r.raw()}}, x)) r.fail();
  }
}

/// What people call a C++ type in a message about a mismatch.
template <class T>
constexpr std::string_view name_of() {
  if constexpr (std::same_as<T, bool>)
    return "a truth value";
  else if constexpr (std::integral<T>)
    return "an integer that fits";
  else if constexpr (std::floating_point<T>)
    return "a number";
  else if constexpr (std::same_as<T, std::string>)
    return "a text";
  else if constexpr (is_vector<T> || is_tuple<T>)
    return "a list of the right items";
  else if constexpr (is_text_map<T>)
    return "a map of the right items";
  else
    return "a value of the expected type";
}

} // namespace codec

/// Numbers, truth values, texts, vectors, optionals (null), maps from text, `value`, and types with
/// `to_value`.
template <class T>
value value_of(const T& x) {
  value v;
  v.cbor.clear();
  cbor::writer w{v.cbor};
  codec::write(w, x);
  return v;
}

/// `bad_value` if `v` is not exactly such a thing; an integer is taken for a floating-point number,
/// never the reverse.
template <class T>
result<T> value_as(const value& v) {
  T x{};
  cbor::reader r{v.cbor};
  codec::read(r, x);
  if (r.finish("value")) return x;
  return make_error(ec::bad_value, "the value is not " + std::string{codec::name_of<T>()});
}

/// A function that returns nothing: whatever the call returned is dropped.
template <>
inline result<void> value_as<void>(const value&) {
  return {};
}

// -- calls --------------------------------------------------------------------

/// A call whose result has a C++ type.
template <class R>
class typed_call {
public:
  explicit typed_call(call_handle handle) : handle_{std::move(handle)} {}

  const call_id& id() const { return handle_.id(); }
  /// As `call_handle::get`; `bad_value` if the function returned something else.
  result<R> get(std::chrono::milliseconds timeout) const {
    auto returned = handle_.get(timeout);
    if (!returned) return returned.error();
    return value_as<R>(*returned);
  }
  result<call_outcome> wait(std::chrono::milliseconds timeout) const {
    return handle_.wait(timeout);
  }
  result<void> cancel() const { return handle_.cancel(); }

private:
  call_handle handle_;
};

template <class R, class... Args>
class typed_socket<R(Args...)> {
public:
  typed_socket(client over, std::string name) : client_{std::move(over)}, name_{std::move(name)} {}

  /// Calls and waits, at most `timeout()`.
  result<R> operator()(const std::decay_t<Args>&... args) const {
    auto returned = client_.call(name_, encode(args...), timeout_, options_);
    if (!returned) return returned.error();
    return value_as<R>(*returned);
  }

  /// Durable when it returns.
  result<typed_call<R>> launch(const std::decay_t<Args>&... args) const {
    auto handle = client_.launch(name_, encode(args...), options_);
    if (!handle) return handle.error();
    return typed_call<R>{std::move(*handle)};
  }

  /// The same socket with other settings.
  typed_socket with_timeout(std::chrono::milliseconds timeout) const {
    auto changed = *this;
    changed.timeout_ = timeout;
    return changed;
  }
  typed_socket with_options(wire::submit_options options) const {
    auto changed = *this;
    changed.options_ = std::move(options);
    return changed;
  }

  const std::string& name() const { return name_; }

private:
  static arguments encode(const std::decay_t<Args>&... args) {
    arguments encoded;
    encoded.positional.clear();
    cbor::writer w{encoded.positional};
    w.array(sizeof...(Args));
    (codec::write(w, args), ...);
    return encoded;
  }

  client client_;
  std::string name_;
  std::chrono::milliseconds timeout_{limits::request_timeout_ms_default};
  wire::submit_options options_;
};

/// Whether so many positional arguments fit the socket, by what the node knows of it
/// (`socket.resolve`).
result<void> check_positional(const client& over, const std::string& socket, size_t count);

namespace codec {
template <class Signature>
inline constexpr size_t arity = 0;
template <class R, class... Args>
inline constexpr size_t arity<R(Args...)> = sizeof...(Args);
} // namespace codec

template <class Signature>
result<typed_socket<Signature>> client::socket(const std::string& name) const {
  if (auto fits = check_positional(*this, name, codec::arity<Signature>); !fits)
    return fits.error();
  return typed_socket<Signature>{*this, name};
}

} // namespace flow
