// An ordered key-value store with atomic, durable, fenced batches. The engine knows no other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flows/error.hpp"

namespace flow::storage {

/// Key spaces by life time. Values are written to disk: never renumber.
enum class family : uint8_t {
  catalog = 0,        ///< objects, leases, schedules: small, long-lived
  in_flight = 1,      ///< calls that have not ended: short-lived
  history = 2,        ///< ended calls, logs, dead letters, edges: until retention
  blobs = 3,          ///< large values by hash
  operator_state = 4, ///< keyed state of streams
};
inline constexpr size_t family_count = 5;

struct mutation {
  enum class kind : uint8_t { put, erase, erase_range };
  kind what = kind::put;
  family where = family::catalog;
  std::string key;
  std::string value; ///< put: the value; erase_range: the first key that stays, empty: to the end
                     ///< of the family
};

/// Proof of ownership: a commit with it has no effect (`ec::fenced`) unless `epoch` is the lease's
/// current one.
struct fence {
  std::string lease; ///< empty: not fenced
  uint64_t epoch = 0;
};

/// Names one batch for ever: the same (writer, number) committed again has no second effect and
/// gives the first outcome. Numbers of one writer rise. Outcomes are kept of the last group that
/// had new batches of this writer (and a few before); an older number is `wrong_state`. A zero
/// writer means that the batch is idempotent by itself and is not remembered.
struct batch_id {
  uint64_t writer = 0;
  uint64_t number = 0;
};

/// What becomes durable together or not at all.
struct batch {
  batch_id id;
  fence guard;
  std::vector<mutation> mutations;

  void put(family where, std::string key, std::string value) {
    mutations.push_back({mutation::kind::put, where, std::move(key), std::move(value)});
  }
  void erase(family where, std::string key) {
    mutations.push_back({mutation::kind::erase, where, std::move(key), {}});
  }
  /// Erases first <= key < last. Costs a look at every key of the range, also at those erased
  /// lately: begin where the last one ended.
  void erase_range(family where, std::string first, std::string last) {
    mutations.push_back({mutation::kind::erase_range, where, std::move(first), std::move(last)});
  }
};

/// The outcome of one batch: the store's sequence after it, or `fenced`, `payload_too_large`,
/// `bad_value` (an empty or reserved key), `wrong_state` (a forgotten batch id). After an error
/// nothing of the batch was written.
using outcome = result<uint64_t>;

struct entry {
  std::string key;
  std::string value;
};

struct range {
  std::string first; ///< inclusive
  std::string last;  ///< exclusive; empty: to the end of the family
};

/// All keys that start with `prefix`.
range prefix_range(std::string_view prefix);

/// The catalog key under which a lease's changes of owner are told to watchers of just this key.
/// Keys of any family that begin with byte 0 are the store's own: they cannot be written, and are
/// seen only by those who name them.
std::string lease_key(std::string_view name);

struct lease {
  std::string name;
  std::string holder;
  uint64_t epoch = 0;      ///< rises with every acquisition by another holder, or after expiry
  uint64_t expires_ms = 0; ///< by store time
};

struct change {
  uint64_t revision = 0;
  mutation::kind what = mutation::kind::put;
  std::string key;
  std::string value;
};

/// Called in revision order, without gaps, from the committing thread (from the subscribing one for
/// what happened before): must not block and must not call the store. The changes of one batch
/// share a revision and come together. `relist` true means that changes before `changes` are no
/// longer known: list again, then go on from `revision`.
struct watch_event {
  bool relist = false;
  uint64_t revision = 0;
  std::vector<change> changes;
};
using watch_callback = std::function<void(const watch_event&)>;

struct verify_report {
  uint64_t keys = 0;
  uint64_t bytes = 0;
  std::vector<std::string> problems; ///< empty: sound
};

struct store_stats {
  uint64_t sequence = 0; ///< of the last durable batch
  uint64_t bytes_on_disk = 0;
  uint64_t commits = 0;
  uint64_t syncs = 0;
};

/// Thread-safe. Every implementation has the same limits (flows/limits.hpp) and passes
/// tests/storage/conformance.
class store {
public:
  virtual ~store() = default;

  virtual result<std::optional<std::string>> get(family where, std::string_view key) const = 0;

  /// Visits entries in ascending key order until `visit` returns false. One consistent view of the
  /// store. `visit` may read from the store, but must not write to it.
  virtual result<void>
  scan(family where, const range& keys,
       const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
  /// The same, in descending order.
  virtual result<void> scan_reverse(
      family where, const range& keys,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;

  /// Group commit: each batch is atomic and fenced for itself, all become durable with one sync, in
  /// order. Returns after the sync. An error of the whole (`store_full`, `store_io`,
  /// `outcome_unknown`) means that none is acknowledged; the same batches may be committed again.
  virtual result<std::vector<outcome>> commit(std::span<const batch> batches) = 0;

  /// Tells of changes in `family::catalog` under `prefix` after `revision` (0: from now on, after
  /// the first list). The subscription lives as long as the returned handle; dropping it waits for
  /// a running callback.
  virtual result<std::shared_ptr<void>> watch(std::string prefix, uint64_t revision,
                                              watch_callback callback)
      = 0;
  /// The revision of the last change to the catalog family; above 0 from the beginning.
  virtual uint64_t revision() const = 0;

  /// `lease_held` (naming the holder) while another's lease is live; the holder itself keeps its
  /// epoch. Durable before it returns. A lease that has expired is still its holder's, for fences
  /// and `renew`, until another acquires it.
  virtual result<lease> acquire(std::string_view name, std::string_view holder, uint64_t ttl_ms)
      = 0;
  /// `renew` and `release` are `fenced` when the lease is no longer held with this epoch.
  virtual result<lease> renew(const lease& held, uint64_t ttl_ms) = 0;
  virtual result<void> release(const lease& held) = 0;

  /// Content-addressed: returns the SHA-256 in hex. Durable before it returns.
  virtual result<std::string> put_blob(std::string_view bytes) = 0;
  virtual result<std::optional<std::string>> get_blob(std::string_view hash) const = 0;

  /// Milliseconds; never goes back, also over restarts.
  virtual uint64_t time_ms() const = 0;

  /// Reads everything, with checksums.
  virtual result<verify_report> verify() const = 0;
  /// A consistent copy that `open` accepts, in a directory that must not exist.
  virtual result<void> backup(const std::string& directory) const = 0;

  /// After `store_full` or `store_io`: tries to become writable again. Reads work all the time.
  virtual result<void> recover() = 0;

  virtual store_stats stats() const = 0;
};

} // namespace flow::storage
