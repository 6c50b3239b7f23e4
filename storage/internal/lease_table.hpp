// Internal: only storage/*.cpp and storage/internal may include this.
// Who owns what: pure decisions over the lease rows; the store makes them durable.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store.hpp"

namespace flow::storage::internal {

/// Epochs come from one counter of the store, so that a lease that was released and its row erased
/// never repeats one.
class lease_table {
public:
  void clear() { rows_.clear(); }
  void put(lease row);
  void erase(std::string_view name);

  /// Whether `epoch` is the current one of that lease. An expired lease that nobody took is still
  /// its owner's.
  bool is_current(std::string_view name, uint64_t epoch) const;

  /// The row after acquiring; `epoch_next` is used when the owner changes. `lease_held` while
  /// another's is live.
  result<lease> acquired(const lease& wanted, uint64_t now_ms, uint64_t epoch_next) const;
  /// `fenced` unless `held` is current.
  result<lease> renewed(const lease& held, uint64_t expires_ms) const;

  std::optional<lease> find(std::string_view name) const;

private:
  std::map<std::string, lease, std::less<>> rows_;
};

/// The outcome of a write under an epoch that is not the lease's current one.
error fenced_error(std::string_view name, uint64_t epoch);

} // namespace flow::storage::internal
