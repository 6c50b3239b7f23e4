#include <algorithm>
#include <filesystem>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/wal_filter.h>
#include <rocksdb/write_batch.h>

#include "flows/limits.hpp"
#include "storage/internal/rocks_db.hpp"
#include "storage/internal/rocks_log.hpp"

namespace flow::storage::internal {

namespace {

using rocksdb::Status;

// Written to disk: never rename. RocksDB insists on the first one's name.
constexpr std::array<const char*, family_count> family_names{"default", "in_flight", "history",
                                                             "blobs", "operator_state"};

/// RocksDB replays a log with a hole in it (a page of zeros, a file gone) without a word; the
/// numbers of the batches show it.
class hole_finder final : public rocksdb::WalFilter {
public:
  WalProcessingOption LogRecordFound(unsigned long long, const std::string&,
                                     const rocksdb::WriteBatch& batch, rocksdb::WriteBatch*,
                                     bool*) override {
    uint64_t first = first_sequence(batch.Data());
    // Lower is sound: a write that failed leaves its record, and the next one has the same number.
    bool is_hole = next_ != 0 && first > next_;
    next_ = first + batch.Count();
    return is_hole ? WalProcessingOption::kCorruptedRecord
                   : WalProcessingOption::kContinueProcessing;
  }
  const char* Name() const override { return "a hole in the log"; }

private:
  /// The first eight bytes of a batch, little-endian: a fixed part of RocksDB's log format.
  static uint64_t first_sequence(const std::string& bytes) {
    uint64_t n = 0;
    for (size_t i = std::min<size_t>(8, bytes.size()); i-- > 0;) {
      n = n << 8 | static_cast<uint8_t>(bytes[i]);
    }
    return n;
  }

  uint64_t next_ = 0;
};

/// Recovery is `recover()`'s, at a time when no one writes; RocksDB's own thread would race with
/// it.
class no_self_recovery final : public rocksdb::EventListener {
public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

rocksdb::DBOptions database_options(const rocks_settings& settings) {
  rocksdb::DBOptions options;
  options.create_if_missing = settings.create_if_missing;
  options.create_missing_column_families = settings.create_if_missing;
  options.paranoid_checks = true;
  // The default mode drops what comes after a flipped byte and calls that success.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  options.max_total_wal_size = limits::store_wal_bytes_max;
  options.max_background_jobs = 2;
  options.max_bgerror_resume_count = 0;
  options.listeners.push_back(std::make_shared<no_self_recovery>());
  options.allow_concurrent_memtable_write = false;
  options.enable_write_thread_adaptive_yield = false;
  options.max_open_files = limits::store_files_open_max;
  options.max_manifest_file_size = 4 * limits::store_log_bytes_max;
  // An idle store does nothing.
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log = make_rocks_log(settings.log_path);
  options.bytes_per_sync = 1u << 20;
  return options;
}

rocksdb::ColumnFamilyOptions family_options(family where, const rocks_settings& settings,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = settings.memtable_bytes;
  options.compression = rocksdb::kLZ4Compression;
  options.level_compaction_dynamic_level_bytes = true;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  bool has_large_values
      = where == family::in_flight || where == family::history || where == family::blobs;
  if (has_large_values) {
    options.enable_blob_files = true;
    options.min_blob_size = limits::store_blob_bytes_min;
    options.blob_compression_type = rocksdb::kLZ4Compression;
    options.enable_blob_garbage_collection = true;
    // Calls live for a short time: whole files go stale and are worth rewriting early.
    options.blob_garbage_collection_force_threshold = 0.5;
  }
  if (where == family::in_flight) {
    options.table_properties_collector_factories.push_back(
        rocksdb::NewCompactOnDeletionCollectorFactory(10'000, 5'000));
  }
  return options;
}

/// RocksDB looks for its blob files only when a value is read.
result<void> find_blob_files(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* in) {
  rocksdb::ColumnFamilyMetaData about;
  db.GetColumnFamilyMetaData(in, &about);
  for (const auto& file : about.blob_files) {
    std::string path = file.blob_file_path + "/" + file.blob_file_name;
    std::error_code missing;
    auto bytes = std::filesystem::file_size(path, missing);
    if (!missing && bytes == file.blob_file_size) continue;
    return make_error(ec::store_corrupt,
                      "the file " + path + (missing ? " is gone" : " has another size"),
                      "stop, keep the directory, restore a backup");
  }
  return {};
}

bool names_match(std::vector<std::string> present) {
  return std::ranges::all_of(present, [](const std::string& name) {
    return std::ranges::find(family_names, name) != family_names.end();
  });
}

} // namespace

result<std::unique_ptr<rocks_db>> rocks_db::open(const rocks_settings& settings) {
  std::string what = "open the store in " + settings.path;
  rocksdb::DBOptions options = database_options(settings);
  hole_finder holes;
  options.wal_filter = &holes;
  std::vector<std::string> present;
  if (rocksdb::DB::ListColumnFamilies(options, settings.path, &present).ok()
      && !names_match(present)) {
    return make_error(ec::store_foreign, settings.path + " holds a database of another program",
                      "give this daemon a directory of its own");
  }
  auto cache = rocksdb::NewLRUCache(limits::store_block_cache_bytes, 2);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (size_t i = 0; i < family_count; ++i) {
    families.emplace_back(family_names[i], family_options(static_cast<family>(i), settings, cache));
  }
  std::unique_ptr<rocks_db> opened{new rocks_db};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  Status status
      = settings.is_read_only
            ? rocksdb::DB::OpenForReadOnly(options, settings.path, families, &handles, &db)
            : rocksdb::DB::Open(options, settings.path, families, &handles, &db);
  if (!status.ok()) return rocks_error(status, what);
  opened->db_.reset(db);
  std::ranges::copy(handles, opened->families_.begin());
  opened->is_read_only_ = settings.is_read_only;
  for (auto* each : handles) {
    if (auto found = find_blob_files(*db, each); !found) return found.error();
  }
  return opened;
}

} // namespace flow::storage::internal
