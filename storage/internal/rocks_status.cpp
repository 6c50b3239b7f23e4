#include <rocksdb/status.h>

#include "storage/internal/rocks_db.hpp"

namespace flow::storage::internal {

error rocks_error(const rocksdb::Status& status, std::string_view what) {
  std::string text = "cannot " + std::string{what} + ": " + status.ToString();
  if (status.IsNoSpace()) {
    return make_error(ec::store_full, text, "make room on the device of the data directory");
  }
  if (status.IsCorruption() || status.IsPathNotFound()) {
    return make_error(ec::store_corrupt, text,
                      "a file is damaged or missing: stop, keep the directory, restore a backup");
  }
  if (status.IsIOError()) {
    return make_error(ec::store_io, text, "see the system's log for errors of the device");
  }
  if (status.IsShutdownInProgress()) return make_error(ec::shutting_down, text);
  if (status.IsTimedOut() || status.IsBusy() || status.IsTryAgain()) {
    return make_error(ec::too_busy, text, "try again");
  }
  return make_error(ec::internal, text);
}

} // namespace flow::storage::internal
