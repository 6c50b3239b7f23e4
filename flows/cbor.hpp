// The one binary format of the project (RFC 8949, definite lengths): values, rows on disk, worker
// and client frames. A cursor in each direction; no tree is ever built, so that values pass through
// the engine as bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "flows/error.hpp"

namespace flow::cbor {

enum class kind : uint8_t {
  unsigned_integer,
  negative_integer,
  big_integer, ///< tag 2 or 3 before bytes
  bytes,
  text,
  array,
  map,
  boolean,
  null,
  floating,
  none, ///< end of input, or bytes that are not in the subset
};

/// Appends items to a string that the caller owns.
class writer {
public:
  explicit writer(std::string& out) : out_{out} {}

  writer& unsigned_integer(uint64_t n);
  writer& integer(int64_t n);
  /// The integer -1 - n, down to -2^64.
  writer& negative_integer(uint64_t n);
  writer& bytes(std::string_view data);
  writer& text(std::string_view data);
  /// Announces `n` items that follow.
  writer& array(uint64_t n);
  /// Announces `n` pairs that follow.
  writer& map(uint64_t n);
  writer& boolean(bool b);
  writer& null();
  writer& floating(double d);
  /// An integer of any size: sign and big-endian magnitude (of -1 - n when negative), as RFC
  /// 8949 3.4.3.
  writer& big_integer(bool negative, std::string_view magnitude);
  /// One item that is encoded already.
  writer& raw(std::string_view item);

private:
  void head(uint8_t major, uint64_t n);
  std::string& out_;
};

/// Reads items from bytes that outlive it. The first thing that is not as asked makes it `failed`,
/// and from then on everything reads as zero or empty: callers check once, at the end.
class reader {
public:
  explicit reader(std::string_view input) : input_{input} {}

  kind peek() const;
  uint64_t unsigned_integer();
  int64_t integer();
  /// The n of a negative integer -1 - n; for those that `integer` cannot hold.
  uint64_t negative_integer();
  std::string_view bytes();
  std::string_view text();
  /// The number of items that follow; never more than bytes remain, so that it may size a
  /// container.
  uint64_t array();
  uint64_t map();
  bool boolean();
  void null();
  /// Accepts integers too.
  double floating();
  /// Sign and magnitude as in `writer::big_integer`.
  std::string_view big_integer(bool& negative);
  /// The bytes of the next item, whatever it is, checked to be well formed and at most `depth_max`
  /// deep.
  std::string_view raw();
  void skip() { raw(); }

  bool failed() const { return failed_; }
  bool at_end() const { return failed_ || offset_ == input_.size(); }
  size_t offset() const { return offset_; }
  void fail() { failed_ = true; }
  /// `bad_frame` naming `what` and the offset if anything failed or bytes are left over.
  result<void> finish(std::string_view what) const;

private:
  struct head_of_item {
    uint8_t major = 0;
    uint8_t info = 0;
    uint64_t n = 0;
  };
  bool head(head_of_item& out);
  uint64_t container(uint8_t major, uint64_t bytes_each);
  std::string_view string(uint8_t major);
  bool skip_item(size_t depth_left);

  std::string_view input_;
  size_t offset_ = 0;
  bool failed_ = false;
};

} // namespace flow::cbor
