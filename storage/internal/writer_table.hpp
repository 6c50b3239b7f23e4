// Internal: only storage/*.cpp and storage/internal may include this.
// What became of the batches that their writers named.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "storage/internal/store_rows.hpp"

namespace flow::storage::internal {

/// Of each writer: the outcomes of its last group of batches, and a few before. In memory, backed
/// by one row a writer. Changes are staged until the write that holds them is durable.
class writer_table {
public:
  void clear();
  void load(uint64_t writer, std::vector<remembered_outcome> outcomes);

  /// The first outcome of this batch, when it was committed or is staged.
  std::optional<remembered_outcome> find(const batch_id& id) const;
  /// Whether a later number of this writer was committed or is staged.
  bool is_past(const batch_id& id) const;

  void stage(const batch_id& id, ec code, uint64_t sequence);
  void discard();
  /// Trims what was staged to what is kept; then `staged` holds the rows to write.
  void seal();
  const std::unordered_map<uint64_t, std::vector<remembered_outcome>>& staged() const {
    return staged_;
  }
  /// The writer to forget for a new one, when there are too many.
  std::optional<uint64_t> surplus() const;
  void commit(std::optional<uint64_t> forgotten);

private:
  const std::vector<remembered_outcome>* outcomes_of(uint64_t writer) const;

  std::unordered_map<uint64_t, std::vector<remembered_outcome>> known_;
  std::unordered_map<uint64_t, std::vector<remembered_outcome>> staged_;
  std::unordered_map<uint64_t, size_t> staged_counts_;
};

} // namespace flow::storage::internal
