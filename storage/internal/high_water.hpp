// Internal: only storage/*.cpp and storage/internal may include this.
// The high-water file: what was acknowledged, kept beside the database, so that a database that
// lost its end is noticed.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "storage/internal/store_rows.hpp"

namespace flow::storage::internal {

struct high_water_mark {
  std::string store_id; ///< 16 bytes
  store_state state;
};

/// What the file says; nullopt when there is none, `store_corrupt` when none of its slots can be
/// read.
result<std::optional<high_water_mark>> read_high_water(const std::string& path);

/// Durable before it returns.
result<void> replace_high_water(const std::string& path, const high_water_mark& mark);

/// Keeps the file up to date. Every mark survives the death of the process at once, and the death
/// of the machine after at most limits::high_water_lag_ms_max. No thread wakes while nothing is
/// noted.
class high_water {
public:
  /// Replaces the file, durably, by one that says `mark`, and keeps it from then on.
  static result<std::unique_ptr<high_water>> open(std::string path, high_water_mark mark);
  /// Makes the last mark durable.
  ~high_water();

  high_water(const high_water&) = delete;
  high_water& operator=(const high_water&) = delete;

  /// Call after the write that led to `state` is durable, from one thread at a time.
  void note(const store_state& state);
  /// Why the file cannot be kept within its lag; nothing may be acknowledged then.
  std::optional<error> failure() const;
  /// Makes the last mark durable now, and forgets an earlier failure if that works.
  result<void> flush();

private:
  high_water(std::string path, int fd, high_water_mark mark);
  void run();
  result<void> sync_locked();

  const std::string path_;
  const int fd_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  high_water_mark mark_;
  int slot_ = 1; ///< the one to write next
  bool is_dirty_ = false;
  bool is_stopping_ = false;
  std::optional<error> failure_;
  std::thread syncer_;
};

} // namespace flow::storage::internal
