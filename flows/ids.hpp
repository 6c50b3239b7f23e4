// Strong identifiers. A call id is a UUIDv7 that also says which partition owns the call.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "flows/error.hpp"

namespace flow {

/// The number of a partition (a socket with its queue), drawn once from the catalog and never
/// reused. 24 bits.
enum class partition_id : uint32_t {};

/// The partition of workflows: the catalog counts sockets from 1.
inline constexpr partition_id workflow_partition{0};

/// UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, version 7, 12 + 2 + 36 = 50 bits of entropy or
/// hash, and in the last 24 bits the partition that owns the call. Sorts by time; finds its owner
/// without a look-up.
struct call_id {
  std::array<uint8_t, 16> bytes{};

  auto operator<=>(const call_id&) const = default;

  /// False for the all-zero id, which stands for "none".
  explicit operator bool() const;

  uint64_t time_ms() const;
  partition_id partition() const;

  /// The sixteen bytes, for keys and frames.
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

/// An id for a new call. `entropy` must be random; only 50 of its bits are used.
call_id make_call_id(uint64_t time_ms, partition_id owner, uint64_t entropy);

/// The id of the call that `parent` makes over the edge `edge` in its `generation`-th life (a call
/// that is retried by hand lives again). The same inputs give the same id, so a replay writes the
/// same rows.
call_id derive_call_id(const call_id& parent, std::string_view edge, uint32_t generation,
                       partition_id owner);

/// 36 characters, lower case.
std::string to_string(const call_id& id);

/// Reads the 36-character form. Prefixes are resolved by the node, not here.
result<call_id> parse_call_id(std::string_view text);

/// The id in these sixteen bytes; anything else is `bad_call_id`.
result<call_id> call_id_of_bytes(std::string_view bytes);

/// 64 bits that do not depend on machine, build or process; eight bytes a step. Not for
/// adversaries.
uint64_t stable_hash(std::string_view bytes, uint64_t seed = 0);

} // namespace flow

template <>
struct std::hash<flow::call_id> {
  size_t operator()(const flow::call_id& id) const noexcept {
    uint64_t low = 0;
    uint64_t high = 0;
    for (size_t i = 0; i < 8; ++i) {
      high = high << 8 | id.bytes[i];
      low = low << 8 | id.bytes[i + 8];
    }
    return static_cast<size_t>((high * 0x9e3779b97f4a7c15ull) ^ (low >> 17 | low << 47));
  }
};
