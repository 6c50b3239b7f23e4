// Internal: only storage/*.cpp and storage/internal may include this.
// The recent changes of the catalog, and who wants to hear of the next.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/store.hpp"

namespace flow::storage::internal {

/// Thread-safe. Events are published in revision order by one committing thread at a time.
class watch_hub {
public:
  /// Forgets the log and tells everyone to list again when the revision is not the one they saw.
  void reset(uint64_t revision);

  /// One event per batch: its changes share one revision and arrive together.
  void publish(watch_event event);

  std::shared_ptr<void> subscribe(std::string prefix, uint64_t revision, watch_callback callback);

private:
  struct subscriber;
  void trim();

  std::mutex mutex_;
  uint64_t revision_ = 0;
  uint64_t forgotten_ = 0; ///< the log holds every change after this revision
  size_t changes_ = 0;
  size_t bytes_ = 0;
  std::deque<watch_event> log_;
  std::vector<std::weak_ptr<subscriber>> subscribers_;
};

} // namespace flow::storage::internal
