// Internal: only storage/*.cpp and storage/internal may include this.
// What every store that keeps its rows itself does alike: limits, fences, batch ids, leases,
// revisions, store time. A kind of store adds how rows are written and read.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flows/clock.hpp"
#include "storage/internal/lease_table.hpp"
#include "storage/internal/store_rows.hpp"
#include "storage/internal/watch_hub.hpp"
#include "storage/internal/writer_table.hpp"
#include "storage/store.hpp"

namespace flow::storage::internal {

/// One row of a write; the bytes belong to someone who outlives it.
struct row_op {
  mutation::kind what = mutation::kind::put;
  family where = family::catalog;
  std::string_view key;
  std::string_view value; ///< erase_range: the first key that stays; empty: to the end
};

using row_visitor = std::function<bool(std::string_view key, std::string_view value)>;

struct row_range {
  std::string_view first;
  std::string_view last; ///< empty: to the end
  bool descending = false;
};

/// `bad_value` or `payload_too_large` for a batch that no store takes, else the bytes it holds.
result<size_t> checked_bytes(const batch& wanted);

class store_core : public store {
public:
  result<std::optional<std::string>> get(family where, std::string_view key) const override;
  result<void> scan(family where, const range& keys, const row_visitor& visit) const override;
  result<void> scan_reverse(family where, const range& keys,
                            const row_visitor& visit) const override;
  result<std::vector<outcome>> commit(std::span<const batch> batches) override;
  result<std::shared_ptr<void>> watch(std::string prefix, uint64_t revision,
                                      watch_callback callback) override;
  uint64_t revision() const override { return revision_.load(std::memory_order_acquire); }
  result<lease> acquire(std::string_view name, std::string_view holder, uint64_t ttl_ms) override;
  result<lease> renew(const lease& held, uint64_t ttl_ms) override;
  result<void> release(const lease& held) override;
  result<std::string> put_blob(std::string_view bytes) override;
  result<std::optional<std::string>> get_blob(std::string_view hash) const override;
  uint64_t time_ms() const override;
  result<verify_report> verify() const override;
  result<void> recover() override;
  store_stats stats() const override;

protected:
  explicit store_core(const clock& time) : clock_{time} {}

  // -- what a kind of store provides -----------------------------------------
  /// Writes all rows or none, in order, durably; `after` is what the state row among them says.
  virtual result<void> write_rows(std::span<const row_op> rows, const store_state& after) = 0;
  virtual result<std::optional<std::string>> read_row(family where, std::string_view key) const = 0;
  virtual result<void> visit_rows(family where, const row_range& keys,
                                  const row_visitor& visit) const = 0;
  /// Reads what is beneath the rows (files, blocks) and adds what is wrong to the report.
  virtual void verify_files(verify_report& report) const = 0;
  /// Makes writing possible again after it failed, or says why not.
  virtual result<void> reopen() = 0;
  virtual uint64_t bytes_on_disk() const = 0;

  /// Reads the store's own rows. `floor`: what was acknowledged at least, whatever the rows say.
  result<void> load(const store_state& floor = {});
  /// Writes the state row alone: for a new store, and after a loss that an operator accepted.
  result<void> persist_state();
  /// The same for those who have the commit mutex.
  result<void> persist_state_locked();
  /// The state as of now, to be written at a clean end.
  store_state state_now() const;

  mutable std::mutex commit_mutex_;
  bool accepts_loss_ = false; ///< an operator said so; families may end where they do

private:
  result<void> ready_to_write();
  result<void> load_tables();
  outcome plan(const batch& wanted);
  outcome plan_new(const batch& wanted);
  void plan_rows(const batch& wanted);
  void mark_families();
  result<void> check_families();
  result<void> write_plan();
  void drop_plan();
  result<void> write_lease(const lease& row, bool is_new_owner, bool is_erased);
  result<void> failed_with(error err);

  const clock& clock_;
  std::atomic<int64_t> offset_ms_{0};
  std::atomic<uint64_t> revision_{1};
  std::atomic<uint64_t> sequence_{0};
  std::atomic<uint64_t> commits_{0};
  std::atomic<uint64_t> syncs_{0};
  watch_hub watchers_;

  // Guarded by commit_mutex_:
  store_state state_;
  lease_table leases_;
  writer_table writers_;
  std::optional<error> failed_; ///< set until `recover`: no write is tried
  bool must_load_ = false;      ///< the last write may or may not be there
  // One group commit in the making, kept for its memory:
  store_state planned_;
  std::vector<row_op> rows_;
  std::deque<std::string> row_bytes_;
  std::vector<watch_event> events_;
};

} // namespace flow::storage::internal
