// Internal: only storage/*.cpp and storage/internal may include this.
// The rows that a store keeps about itself, under the reserved first byte 0x00.
// docs/data.md shows their bytes; never reuse a letter.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.hpp"

namespace flow::storage::internal {

inline constexpr char reserved_byte = '\0';
inline constexpr std::string_view format_row_key{"\0f", 2};
inline constexpr std::string_view state_row_key{"\0s", 2};
inline constexpr std::string_view end_row_key{"\0e", 2}; ///< in each family but the catalog
inline constexpr std::string_view lease_row_prefix{"\0l", 2};
inline constexpr std::string_view writer_row_prefix{"\0w", 2};

inline bool is_reserved(std::string_view key) {
  return !key.empty() && key[0] == reserved_byte;
}

/// The counters of a store. Written with every batch, and to the high-water file.
struct store_state {
  uint64_t sequence = 0; ///< batches that had an effect
  uint64_t revision = 0; ///< batches that changed the catalog
  uint64_t epoch = 0;    ///< of the youngest lease; epochs are never used twice
  uint64_t time_ms = 0;  ///< store time when this was written
  int64_t offset_ms = 0; ///< store time minus the machine's steady clock
  /// The sequence of the last write to each family; the catalog's is `sequence`.
  std::array<uint64_t, family_count> family_ends{};

  bool operator==(const store_state&) const = default;
};

/// The first outcome of one named batch.
struct remembered_outcome {
  uint64_t number = 0;
  ec code = ec::none;
  uint64_t sequence = 0;

  bool operator==(const remembered_outcome&) const = default;
};

struct format_row {
  uint32_t version = 0;
  std::string store_id; ///< 16 random bytes, drawn when the store is made
};

std::string lease_row_key(std::string_view name);
std::string writer_row_key(uint64_t writer);

std::string encode_state(const store_state& state);
std::string encode_end(uint64_t sequence);
std::string encode_lease(const lease& row);
std::string encode_outcomes(const std::vector<remembered_outcome>& outcomes);
std::string encode_format(const format_row& row);

/// Each answers `store_corrupt` for bytes that no encoder made.
result<store_state> decode_state(std::string_view bytes);
result<uint64_t> decode_end(std::string_view bytes);
result<lease> decode_lease(std::string_view name, std::string_view bytes);
result<std::vector<remembered_outcome>> decode_outcomes(std::string_view bytes);
result<format_row> decode_format(std::string_view bytes);
result<uint64_t> writer_of_key(std::string_view key);

} // namespace flow::storage::internal
