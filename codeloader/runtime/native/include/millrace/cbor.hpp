// CBOR (RFC 8949) of values, as docs/worker-protocol.md has it.
#pragma once

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "millrace/value.hpp"

namespace millrace::cbor {

inline void append_head(std::string& out, uint8_t major, uint64_t n) {
  auto first = static_cast<uint8_t>(major << 5);
  int size = n < 24 ? 0 : n < 0x100 ? 1 : n < 0x10000 ? 2 : n < 0x100000000 ? 4 : 8;
  if (size == 0) {
    out += static_cast<char>(first | n);
    return;
  }
  out += static_cast<char>(first | (23 + std::bit_width(static_cast<unsigned>(size))));
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(n >> shift);
}

inline void append_text(std::string& out, std::string_view text) {
  append_head(out, 3, text.size());
  out += text;
}

inline void append_big(std::string& out, const big_integer& number) {
  auto first = std::min(number.magnitude.find_first_not_of('\0'), number.magnitude.size());
  auto digits = std::string_view{number.magnitude}.substr(first);
  if (digits.size() > 8) {
    out += number.is_negative ? '\xc3' : '\xc2';
    append_head(out, 2, digits.size());
    out += digits;
    return;
  }
  uint64_t n = 0;
  for (char c : digits)
    n = n << 8 | static_cast<uint8_t>(c);
  append_head(out, number.is_negative ? 1 : 0, n);
}

inline void append(std::string& out, const value& v) {
  if (const auto* n = v.if_is<int64_t>()) {
    append_head(out, *n < 0 ? 1 : 0, static_cast<uint64_t>(*n < 0 ? -1 - *n : *n));
  } else if (const auto* text = v.if_is<std::string>()) {
    append_text(out, *text);
  } else if (const auto* b = v.if_is<bool>()) {
    out += *b ? '\xf5' : '\xf4';
  } else if (const auto* u = v.if_is<uint64_t>()) {
    append_head(out, 0, *u);
  } else if (const auto* d = v.if_is<double>()) {
    out += '\xfb';
    auto bits = std::bit_cast<uint64_t>(*d);
    for (int shift = 56; shift >= 0; shift -= 8)
      out += static_cast<char>(bits >> shift);
  } else if (const auto* data = v.if_is<bytes>()) {
    append_head(out, 2, data->data.size());
    out += data->data;
  } else if (const auto* items = v.if_is<value::list>()) {
    append_head(out, 4, items->size());
    for (const auto& item : *items)
      append(out, item);
  } else if (const auto* pairs = v.if_is<value::map>()) {
    append_head(out, 5, pairs->size());
    for (const auto& [name, item] : *pairs) {
      append_text(out, name);
      append(out, item);
    }
  } else if (const auto* big = v.if_is<big_integer>()) {
    append_big(out, *big);
  } else {
    out += '\xf6';
  }
}

/// Reads what the node wrote, which has checked it: `std::runtime_error` for anything else.
class reader {
public:
  explicit reader(std::string_view data) : data_{data} {}

  size_t at() const { return at_; }

  /// A container's head: how many items follow.
  uint64_t array() { return head_of(4); }
  uint64_t map() { return head_of(5); }
  uint64_t unsigned_integer() { return head_of(0); }
  std::string_view text() { return piece(head_of(3)); }
  std::string_view byte_string() { return piece(head_of(2)); }
  /// The bytes of one item.
  std::string_view raw() {
    auto begin = at_;
    item();
    return data_.substr(begin, at_ - begin);
  }

  value item() {
    auto first = static_cast<uint8_t>(piece(1)[0]);
    auto info = static_cast<uint8_t>(first & 31);
    uint64_t n = argument(info);
    switch (first >> 5) {
    case 0:
      return n;
    case 1:
      return negative(n);
    case 2:
      return bytes{std::string{piece(n)}};
    case 3:
      return std::string{piece(n)};
    case 4:
      return list(n);
    case 5:
      return pairs(n);
    case 6:
      return big_integer{n == 3, std::string{byte_string()}};
    default:
      return simple(info, n);
    }
  }

private:
  std::string_view piece(uint64_t n) {
    if (n > data_.size() - at_) throw std::runtime_error("a message of the node is cut off");
    auto out = data_.substr(at_, n);
    at_ += n;
    return out;
  }

  uint64_t argument(uint8_t info) {
    if (info < 24) return info;
    if (info > 27) throw std::runtime_error("an item of a message of the node has no length");
    uint64_t n = 0;
    for (char c : piece(uint64_t{1} << (info - 24)))
      n = n << 8 | static_cast<uint8_t>(c);
    return n;
  }

  uint64_t head_of(uint8_t major) {
    auto first = static_cast<uint8_t>(piece(1)[0]);
    if (first >> 5 != major) throw std::runtime_error("a message of the node has another item");
    return argument(first & 31);
  }

  static value negative(uint64_t n) {
    if (n <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return -1 - static_cast<int64_t>(n);
    std::string magnitude;
    for (int shift = 56; shift >= 0; shift -= 8)
      magnitude += static_cast<char>(n >> shift);
    return big_integer{true, std::move(magnitude)};
  }

  value list(uint64_t n) {
    value::list out;
    for (; n > 0; --n)
      out.push_back(item());
    return out;
  }

  value pairs(uint64_t n) {
    value::map out;
    for (; n > 0; --n) {
      std::string name{text()};
      out.emplace_back(std::move(name), item());
    }
    return out;
  }

  static value simple(uint8_t info, uint64_t n) {
    if (info == 20) return false;
    if (info == 21) return true;
    if (info == 27) return std::bit_cast<double>(n);
    if (info == 26) return double{std::bit_cast<float>(static_cast<uint32_t>(n))};
    if (info == 25) return half(static_cast<unsigned>(n));
    return nullptr;
  }

  static double half(unsigned n) {
    auto exponent = n >> 10 & 31;
    double mantissa = n & 1023;
    double out = exponent == 31  ? (mantissa == 0 ? std::numeric_limits<double>::infinity()
                                                  : std::numeric_limits<double>::quiet_NaN())
                 : exponent == 0 ? mantissa / (1 << 24)
                                 : (1024 + mantissa) / (1 << 25) * (1u << exponent);
    return (n & 0x8000) != 0 ? -out : out;
  }

  std::string_view data_;
  size_t at_ = 0;
};

} // namespace millrace::cbor
