#include <rocksdb/status.h>

#include "storage/internal/rocks_db.hpp"

namespace flow::storage::internal {

error rocks_error(const rocksdb::Status& status, std::string_view what) {
  std::string text = "cannot " + std::string{what} + ": " + status.ToString();
  // A write that had to wait for one that failed says so in its text alone.
  bool is_full = status.IsNoSpace()
                 || (status.IsIncomplete() && text.find("No space left") != std::string::npos);
  if (is_full) {
    return make_error(ec::store_full, text, "make room on the device of the data directory");
  }
  if (status.IsCorruption() || status.IsPathNotFound()) {
    return make_error(ec::store_corrupt, text,
                      "a file is damaged or missing: stop, keep the directory, restore a backup");
  }
  if (status.IsIOError() || status.IsIncomplete()) {
    return make_error(ec::store_io, text, "see the system's log for errors of the device");
  }
  if (status.IsShutdownInProgress()) return make_error(ec::shutting_down, text);
  if (status.IsTimedOut() || status.IsBusy() || status.IsTryAgain()) {
    return make_error(ec::too_busy, text, "try again");
  }
  return make_error(ec::internal, text);
}

} // namespace flow::storage::internal
