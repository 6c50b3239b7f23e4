#include "storage/internal/lease_table.hpp"

namespace flow::storage::internal {

error fenced_error(std::string_view name, uint64_t epoch) {
  return make_error(ec::fenced,
                    "the lease \"" + std::string{name} + "\" is no longer held with epoch "
                        + std::to_string(epoch),
                    "another owner has taken over: stop this work, or acquire the lease again");
}

void lease_table::put(lease row) {
  std::string name = row.name;
  rows_.insert_or_assign(std::move(name), std::move(row));
}

void lease_table::erase(std::string_view name) {
  if (auto found = rows_.find(name); found != rows_.end()) rows_.erase(found);
}

bool lease_table::is_current(std::string_view name, uint64_t epoch) const {
  auto found = rows_.find(name);
  return found != rows_.end() && found->second.epoch == epoch;
}

std::optional<lease> lease_table::find(std::string_view name) const {
  auto found = rows_.find(name);
  if (found == rows_.end()) return std::nullopt;
  return found->second;
}

result<lease> lease_table::acquired(const lease& wanted, uint64_t now_ms,
                                    uint64_t epoch_next) const {
  lease row = wanted;
  row.epoch = epoch_next;
  auto found = rows_.find(wanted.name);
  if (found == rows_.end() || found->second.expires_ms <= now_ms) return row;
  const lease& live = found->second;
  if (live.holder != wanted.holder) {
    return make_error(
        ec::lease_held, "the lease \"" + wanted.name + "\" is held by \"" + live.holder + "\"",
        "it ends in " + std::to_string(live.expires_ms - now_ms) + " ms unless it is renewed");
  }
  row.epoch = live.epoch;
  return row;
}

result<lease> lease_table::renewed(const lease& held, uint64_t expires_ms) const {
  auto found = rows_.find(held.name);
  if (found == rows_.end() || found->second.epoch != held.epoch
      || found->second.holder != held.holder) {
    return fenced_error(held.name, held.epoch);
  }
  lease row = found->second;
  row.expires_ms = expires_ms;
  return row;
}

} // namespace flow::storage::internal
