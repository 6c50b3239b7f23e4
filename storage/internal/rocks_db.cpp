#include "storage/internal/rocks_db.hpp"

#include <rocksdb/db.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include "flows/limits.hpp"

namespace flow::storage::internal {

namespace {

using rocksdb::Slice;
using rocksdb::Status;

/// Larger than every key, so that no scan runs without an upper bound.
const std::string& after_all_keys() {
  static const std::string key(limits::store_key_bytes_max + 1, '\xff');
  return key;
}

/// RocksDB asserts that even an empty slice points somewhere.
Slice slice(std::string_view bytes) {
  return {bytes.data() ? bytes.data() : "", bytes.size()};
}
std::string_view view(const Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

/// A batch that grew beyond this gives its memory back.
constexpr size_t batch_bytes_kept_max = 4u << 20;

} // namespace

rocks_db::rocks_db() : batch_{std::make_unique<rocksdb::WriteBatch>()} {}

rocks_db::~rocks_db() {
  if (!db_) return;
  for (auto* each : families_) {
    if (each) (void)db_->DestroyColumnFamilyHandle(each);
  }
  (void)db_->Close();
}

/// Adds one row to the batch; `before` are the rows of the same write that come first.
result<void> rocks_db::add(const row_op& row, std::span<const row_op> before) {
  auto* where = families_[static_cast<size_t>(row.where)];
  Status status;
  switch (row.what) {
  case mutation::kind::put:
    status = batch_->Put(where, slice(row.key), slice(row.value));
    break;
  case mutation::kind::erase:
    status = batch_->Delete(where, slice(row.key));
    break;
  case mutation::kind::erase_range:
    return add_range(row, before);
  }
  if (!status.ok()) return rocks_error(status, "prepare a write");
  return {};
}

/// Key by key: an iterator that jumps over a range tombstone of RocksDB forgets that it met a
/// damaged block (7.8.3; a flipped byte then costs a row in silence).
result<void> rocks_db::add_range(const row_op& row, std::span<const row_op> before) {
  auto* where = families_[static_cast<size_t>(row.where)];
  Status status;
  auto erase = [&](std::string_view key) {
    status = batch_->Delete(where, slice(key));
    return status.ok();
  };
  for (const auto& each : before) {
    bool is_within = each.what == mutation::kind::put && each.where == row.where
                     && each.key >= row.key && (row.value.empty() || each.key < row.value);
    if (is_within && !erase(each.key)) break;
  }
  auto visited = visit(row.where, {row.key, row.value, false},
                       [&](std::string_view key, std::string_view) { return erase(key); });
  if (!visited) return visited;
  if (!status.ok()) return rocks_error(status, "prepare a write");
  return {};
}

result<void> rocks_db::write(std::span<const row_op> rows, bool sync) {
  batch_->Clear();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (auto added = add(rows[i], rows.first(i)); !added) return added;
  }
  rocksdb::WriteOptions options;
  options.sync = sync;
  Status status = db_->Write(options, batch_.get());
  if (batch_->GetDataSize() > batch_bytes_kept_max) {
    batch_ = std::make_unique<rocksdb::WriteBatch>();
  }
  if (!status.ok()) return rocks_error(status, "write to the store");
  return {};
}

result<std::optional<std::string>> rocks_db::read(family where, std::string_view key) const {
  std::string value;
  auto* from = families_[static_cast<size_t>(where)];
  Status status = db_->Get(rocksdb::ReadOptions{}, from, slice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>{};
  if (!status.ok()) return rocks_error(status, "read from the store");
  return std::optional{std::move(value)};
}

result<void> rocks_db::visit(family where, const row_range& keys, const row_visitor& visit) const {
  if (!keys.last.empty() && keys.last <= keys.first) return {};
  Slice first = slice(keys.first);
  Slice last = keys.last.empty() ? Slice{after_all_keys()} : slice(keys.last);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &first;
  options.iterate_upper_bound = &last;
  auto* from = families_[static_cast<size_t>(where)];
  std::unique_ptr<rocksdb::Iterator> rows{db_->NewIterator(options, from)};
  if (keys.descending) {
    for (rows->SeekToLast(); rows->Valid(); rows->Prev()) {
      if (!visit(view(rows->key()), view(rows->value()))) return {};
    }
  } else {
    for (rows->Seek(first); rows->Valid(); rows->Next()) {
      if (!visit(view(rows->key()), view(rows->value()))) return {};
    }
  }
  // An iterator ends at damage as it does at the end.
  if (!rows->status().ok()) return rocks_error(rows->status(), "scan the store");
  return {};
}

result<void> rocks_db::verify_checksums() const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  Status status = db_->VerifyChecksum(options);
  if (!status.ok()) return rocks_error(status, "verify the store");
  return {};
}

result<void> rocks_db::checkpoint(const std::string& path) const {
  rocksdb::Checkpoint* made = nullptr;
  Status status = rocksdb::Checkpoint::Create(db_.get(), &made);
  std::unique_ptr<rocksdb::Checkpoint> copier{made};
  if (status.ok()) status = copier->CreateCheckpoint(path);
  if (!status.ok()) return rocks_error(status, "copy the store to " + path);
  return {};
}

} // namespace flow::storage::internal
