// Internal: only storage/*.cpp and storage/internal may include this.
// One open RocksDB with a column family for each family. Only rocks_*.cpp in this folder know
// RocksDB's headers.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "storage/internal/store_core.hpp"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Status;
class WriteBatch;
} // namespace rocksdb

namespace flow::storage::internal {

struct rocks_settings {
  std::string path;
  std::string log_path;
  size_t memtable_bytes = 0;
  bool create_if_missing = false;
  bool is_read_only = false;
};

/// The one translation of RocksDB's errors; `what` says what was tried.
error rocks_error(const rocksdb::Status& status, std::string_view what);

/// Reads are thread-safe; writes are for one thread at a time.
class rocks_db {
public:
  /// `store_corrupt` when something is damaged or missing, `store_foreign` when it has other column
  /// families.
  static result<std::unique_ptr<rocks_db>> open(const rocks_settings& settings);
  ~rocks_db();
  rocks_db(const rocks_db&) = delete;
  rocks_db& operator=(const rocks_db&) = delete;

  /// Atomic; durable before it returns if `sync`.
  result<void> write(std::span<const row_op> rows, bool sync);
  result<std::optional<std::string>> read(family where, std::string_view key) const;
  result<void> visit(family where, const row_range& keys, const row_visitor& visit) const;
  /// Reads every block of every file and checks its sum.
  result<void> verify_checksums() const;
  /// A copy in a directory that does not exist; files that never change are linked when they can
  /// be.
  result<void> checkpoint(const std::string& path) const;
  bool is_read_only() const { return is_read_only_; }

private:
  rocks_db();
  result<void> add(const row_op& row, std::span<const row_op> before);
  result<void> add_range(const row_op& row, std::span<const row_op> before);

  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, family_count> families_{};
  std::unique_ptr<rocksdb::WriteBatch> batch_;
  bool is_read_only_ = false;
};

} // namespace flow::storage::internal
