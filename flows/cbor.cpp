#include "flows/cbor.hpp"

#include <bit>
#include <cmath>

#include "flows/limits.hpp"

namespace flow::cbor {

namespace {

constexpr uint8_t major_unsigned = 0;
constexpr uint8_t major_negative = 1;
constexpr uint8_t major_bytes = 2;
constexpr uint8_t major_text = 3;
constexpr uint8_t major_array = 4;
constexpr uint8_t major_map = 5;
constexpr uint8_t major_tag = 6;
constexpr uint8_t major_simple = 7;

constexpr uint8_t info_false = 20;
constexpr uint8_t info_true = 21;
constexpr uint8_t info_null = 22;
constexpr uint8_t info_half = 25;
constexpr uint8_t info_single = 26;
constexpr uint8_t info_double = 27;

constexpr uint64_t tag_positive_big = 2;
constexpr uint64_t tag_negative_big = 3;

double half_to_double(uint16_t half) {
  int exponent = half >> 10 & 0x1f;
  int mantissa = half & 0x3ff;
  double magnitude = 0;
  if (exponent == 0)
    magnitude = std::ldexp(mantissa, -24);
  else if (exponent != 31)
    magnitude = std::ldexp(mantissa + 1024, exponent - 25);
  else
    magnitude = mantissa == 0 ? INFINITY : NAN;
  return half & 0x8000 ? -magnitude : magnitude;
}

} // namespace

// -- writer -------------------------------------------------------------------

void writer::head(uint8_t major, uint64_t n) {
  auto first = static_cast<uint8_t>(major << 5);
  auto append = [this](uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      out_ += static_cast<char>(value >> shift & 0xff);
  };
  if (n < 24) {
    out_ += static_cast<char>(first | n);
  } else if (n <= 0xff) {
    out_ += static_cast<char>(first | 24);
    append(n, 1);
  } else if (n <= 0xffff) {
    out_ += static_cast<char>(first | 25);
    append(n, 2);
  } else if (n <= 0xffffffff) {
    out_ += static_cast<char>(first | 26);
    append(n, 4);
  } else {
    out_ += static_cast<char>(first | 27);
    append(n, 8);
  }
}

writer& writer::unsigned_integer(uint64_t n) {
  head(major_unsigned, n);
  return *this;
}

writer& writer::integer(int64_t n) {
  if (n >= 0)
    head(major_unsigned, static_cast<uint64_t>(n));
  else
    head(major_negative, static_cast<uint64_t>(-(n + 1)));
  return *this;
}

writer& writer::negative_integer(uint64_t n) {
  head(major_negative, n);
  return *this;
}

writer& writer::bytes(std::string_view data) {
  head(major_bytes, data.size());
  out_ += data;
  return *this;
}

writer& writer::text(std::string_view data) {
  head(major_text, data.size());
  out_ += data;
  return *this;
}

writer& writer::array(uint64_t n) {
  head(major_array, n);
  return *this;
}

writer& writer::map(uint64_t n) {
  head(major_map, n);
  return *this;
}

writer& writer::boolean(bool b) {
  out_ += static_cast<char>(major_simple << 5 | (b ? info_true : info_false));
  return *this;
}

writer& writer::null() {
  out_ += static_cast<char>(major_simple << 5 | info_null);
  return *this;
}

writer& writer::floating(double d) {
  out_ += static_cast<char>(major_simple << 5 | info_double);
  auto bits = std::bit_cast<uint64_t>(d);
  for (int shift = 56; shift >= 0; shift -= 8)
    out_ += static_cast<char>(bits >> shift & 0xff);
  return *this;
}

writer& writer::big_integer(bool negative, std::string_view magnitude) {
  head(major_tag, negative ? tag_negative_big : tag_positive_big);
  return bytes(magnitude);
}

writer& writer::raw(std::string_view item) {
  out_ += item;
  return *this;
}

// -- reader -------------------------------------------------------------------

bool reader::head(head_of_item& out) {
  if (failed_ || offset_ >= input_.size()) {
    failed_ = true;
    return false;
  }
  auto first = static_cast<uint8_t>(input_[offset_++]);
  out.major = first >> 5;
  out.info = first & 0x1f;
  if (out.info < 24) {
    out.n = out.info;
    return true;
  }
  if (out.info > 27) { // reserved, or of indefinite length: not in the subset
    failed_ = true;
    return false;
  }
  size_t bytes = size_t{1} << (out.info - 24);
  if (input_.size() - offset_ < bytes) {
    failed_ = true;
    return false;
  }
  out.n = 0;
  for (size_t i = 0; i < bytes; ++i)
    out.n = out.n << 8 | static_cast<uint8_t>(input_[offset_++]);
  return true;
}

kind reader::peek() const {
  auto copy = *this;
  head_of_item item;
  if (!copy.head(item)) return kind::none;
  switch (item.major) {
  case major_unsigned:
    return kind::unsigned_integer;
  case major_negative:
    return kind::negative_integer;
  case major_bytes:
    return kind::bytes;
  case major_text:
    return kind::text;
  case major_array:
    return kind::array;
  case major_map:
    return kind::map;
  case major_tag:
    return item.n == tag_positive_big || item.n == tag_negative_big ? kind::big_integer
                                                                    : kind::none;
  default:
    break;
  }
  switch (item.info) {
  case info_false:
  case info_true:
    return kind::boolean;
  case info_null:
    return kind::null;
  case info_half:
  case info_single:
  case info_double:
    return kind::floating;
  default:
    return kind::none;
  }
}

uint64_t reader::unsigned_integer() {
  head_of_item item;
  if (!head(item)) return 0;
  if (item.major != major_unsigned) {
    failed_ = true;
    return 0;
  }
  return item.n;
}

int64_t reader::integer() {
  head_of_item item;
  if (!head(item)) return 0;
  if (item.major > major_negative || item.n > static_cast<uint64_t>(INT64_MAX)) {
    failed_ = true;
    return 0;
  }
  auto n = static_cast<int64_t>(item.n);
  return item.major == major_unsigned ? n : -1 - n;
}

uint64_t reader::negative_integer() {
  head_of_item item;
  if (!head(item)) return 0;
  if (item.major != major_negative) {
    failed_ = true;
    return 0;
  }
  return item.n;
}

std::string_view reader::string(uint8_t major) {
  head_of_item item;
  if (!head(item)) return {};
  if (item.major != major || item.n > input_.size() - offset_) {
    failed_ = true;
    return {};
  }
  auto data = input_.substr(offset_, item.n);
  offset_ += item.n;
  return data;
}

std::string_view reader::bytes() {
  return string(major_bytes);
}

std::string_view reader::text() {
  return string(major_text);
}

uint64_t reader::container(uint8_t major, uint64_t bytes_each) {
  head_of_item item;
  if (!head(item)) return 0;
  if (item.major != major || item.n > (input_.size() - offset_) / bytes_each) {
    failed_ = true;
    return 0;
  }
  return item.n;
}

uint64_t reader::array() {
  return container(major_array, 1);
}

uint64_t reader::map() {
  return container(major_map, 2);
}

bool reader::boolean() {
  head_of_item item;
  if (!head(item)) return false;
  if (item.major != major_simple || (item.info != info_true && item.info != info_false)) {
    failed_ = true;
    return false;
  }
  return item.info == info_true;
}

void reader::null() {
  head_of_item item;
  if (head(item) && (item.major != major_simple || item.info != info_null)) failed_ = true;
}

double reader::floating() {
  auto next = peek();
  if (next == kind::unsigned_integer) return static_cast<double>(unsigned_integer());
  if (next == kind::negative_integer) {
    auto n = negative_integer(); // the sum is exact, so that there is one rounding
    return n == UINT64_MAX ? -0x1p64 : -static_cast<double>(n + 1);
  }
  head_of_item item;
  if (!head(item)) return 0;
  if (item.major != major_simple) {
    failed_ = true;
    return 0;
  }
  switch (item.info) {
  case info_half:
    return half_to_double(static_cast<uint16_t>(item.n));
  case info_single:
    return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(item.n)));
  case info_double:
    return std::bit_cast<double>(item.n);
  default:
    failed_ = true;
    return 0;
  }
}

std::string_view reader::big_integer(bool& negative) {
  head_of_item item;
  if (!head(item)) return {};
  if (item.major != major_tag || (item.n != tag_positive_big && item.n != tag_negative_big)) {
    failed_ = true;
    return {};
  }
  negative = item.n == tag_negative_big;
  return bytes();
}

bool reader::skip_item(size_t depth_left) {
  head_of_item item;
  if (!head(item)) return false;
  switch (item.major) {
  case major_unsigned:
  case major_negative:
    return true;
  case major_bytes:
  case major_text:
    if (item.n > input_.size() - offset_) return false;
    offset_ += item.n;
    return true;
  case major_array:
  case major_map: {
    if (depth_left == 0) return false;
    uint64_t each = item.major == major_map ? 2 : 1;
    if (item.n > (input_.size() - offset_) / each) return false;
    for (uint64_t i = 0; i < item.n * each; ++i)
      if (!skip_item(depth_left - 1)) return false;
    return true;
  }
  case major_tag: {
    if (item.n != tag_positive_big && item.n != tag_negative_big) return false;
    head_of_item inner;
    if (!head(inner) || inner.major != major_bytes || inner.n > input_.size() - offset_)
      return false;
    offset_ += inner.n;
    return true;
  }
  default:
    return (item.info >= info_false && item.info <= info_null)
           || (item.info >= info_half && item.info <= info_double);
  }
}

std::string_view reader::raw() {
  if (failed_) return {};
  auto start = offset_;
  if (!skip_item(limits::value_depth_max)) {
    failed_ = true;
    return {};
  }
  return input_.substr(start, offset_ - start);
}

result<void> reader::finish(std::string_view what) const {
  if (!failed_ && offset_ == input_.size()) return {};
  return make_error(ec::bad_frame, std::string{what} + ": malformed at byte "
                                       + std::to_string(offset_) + " of "
                                       + std::to_string(input_.size()));
}

} // namespace flow::cbor
