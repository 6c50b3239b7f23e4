// Internal: only storage/*.cpp and storage/internal may include this.
// Where RocksDB's own messages go.
#pragma once

#include <memory>
#include <string>

namespace rocksdb {
class Logger;
}

namespace flow::storage::internal {

/// Warnings and errors, appended to the file at `path`; it and its predecessor (`path`.old) have at
/// most limits::store_log_bytes_max each. A message that cannot be written is dropped.
std::shared_ptr<rocksdb::Logger> make_rocks_log(const std::string& path);

} // namespace flow::storage::internal
