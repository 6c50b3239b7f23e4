#include "storage/rocks_store.hpp"

#include <algorithm>
#include <filesystem>
#include <shared_mutex>

#include <sodium.h>

#include "storage/internal/files.hpp"
#include "storage/internal/high_water.hpp"
#include "storage/internal/rocks_db.hpp"
#include "storage/internal/rocks_directory.hpp"
#include "storage/internal/store_core.hpp"

namespace flow::storage {

namespace {

using namespace internal;

class rocks_store final : public store_core {
public:
  rocks_store(rocks_options options, rocks_directory directory)
      : store_core{*options.time}, options_{std::move(options)}, directory_{std::move(directory)} {
    accepts_loss_ = options_.accept_loss;
  }

  ~rocks_store() override {
    if (high_water_ && db_ && !db_->is_read_only()) high_water_->note(state_now());
  }

  /// Everything that opening does; a store that fails here is thrown away.
  result<void> open();

  result<void> backup(const std::string& directory) const override;

protected:
  result<void> write_rows(std::span<const row_op> rows, const store_state& after) override {
    if (high_water_) {
      if (auto failure = high_water_->failure()) return *failure;
    }
    std::shared_lock guard{db_mutex_};
    if (!db_ || db_->is_read_only()) return unwritable();
    if (auto written = db_->write(rows, options_.sync); !written) return written;
    if (high_water_) high_water_->note(after);
    return {};
  }

  result<std::optional<std::string>> read_row(family where, std::string_view key) const override {
    std::shared_lock guard{db_mutex_};
    if (!db_) return unwritable();
    return db_->read(where, key);
  }

  result<void> visit_rows(family where, const row_range& keys,
                          const row_visitor& visit) const override {
    std::shared_lock guard{db_mutex_};
    if (!db_) return unwritable();
    return db_->visit(where, keys, visit);
  }

  void verify_files(verify_report& report) const override {
    std::shared_lock guard{db_mutex_};
    auto verified = db_ ? db_->verify_checksums() : result<void>{unwritable()};
    if (!verified) report.problems.push_back(verified.error().text);
  }

  result<void> reopen() override;
  uint64_t bytes_on_disk() const override;

private:
  result<void> open_database(bool is_read_only);
  result<void> check_mark();
  result<void> check_format();
  result<void> migrate(format_row row);
  result<void> write_format(const format_row& row);
  error unwritable() const {
    return make_error(ec::store_io, "the store in " + options_.directory + " is not open",
                      "it could not be opened again after an error of the disk");
  }

  const rocks_options options_;
  rocks_directory directory_;
  // Unique only while the database is closed and opened again.
  mutable std::shared_mutex db_mutex_;
  std::unique_ptr<rocks_db> db_;
  std::string store_id_;
  std::unique_ptr<high_water> high_water_;
};

// -- opening ------------------------------------------------------------------

result<void> rocks_store::open() {
  if (auto opened = open_database(false); !opened) return opened;
  if (auto checked = check_format(); !checked) return checked;
  const auto& mark = directory_.mark();
  if (auto loaded = load(mark ? mark->state : store_state{}); !loaded) return loaded;
  auto kept = high_water::open(directory_.mark_path(), {store_id_, state_now()});
  if (!kept) return kept.error();
  high_water_ = std::move(*kept);
  return persist_state();
}

result<void> rocks_store::open_database(bool is_read_only) {
  rocks_settings settings;
  settings.path = directory_.data_path();
  settings.log_path = directory_.log_path();
  settings.memtable_bytes = options_.memtable_bytes;
  settings.create_if_missing = directory_.is_new() && !is_read_only;
  settings.is_read_only = is_read_only;
  auto opened = rocks_db::open(settings);
  if (!opened) return opened.error();
  db_ = std::move(*opened);
  return {};
}

result<void> rocks_store::check_format() {
  auto bytes = read_row(family::catalog, format_row_key);
  if (!bytes) return bytes.error();
  if (!*bytes) {
    // Making it was cut off before its first row.
    bool is_empty = true;
    auto any_row = [&](std::string_view, std::string_view) { return is_empty = false; };
    if (auto seen = visit_rows(family::catalog, {}, any_row); !seen) return seen;
    if (!directory_.is_new() || !is_empty) {
      return make_error(ec::store_foreign,
                        options_.directory + " holds a database without this program's format row",
                        "give this daemon a directory of its own");
    }
    format_row row{options_.format_version, std::string(16, '\0')};
    randombytes_buf(row.store_id.data(), row.store_id.size());
    return write_format(row);
  }
  auto row = decode_format(**bytes);
  if (!row) return row.error();
  store_id_ = row->store_id;
  if (row->version > options_.format_version) {
    return make_error(ec::store_newer,
                      "the store in " + options_.directory + " has format "
                          + std::to_string(row->version) + "; this program knows up to "
                          + std::to_string(options_.format_version),
                      "run the newer program, or restore a backup made by this one");
  }
  if (auto checked = check_mark(); !checked) return checked;
  return migrate(*row);
}

result<void> rocks_store::check_mark() {
  if (options_.accept_loss) return {};
  const auto& mark = directory_.mark();
  if (!mark) return directory_.mark_missing();
  auto bytes = read_row(family::catalog, state_row_key);
  if (!bytes) return bytes.error();
  auto state = *bytes ? decode_state(**bytes) : result<store_state>{store_state{}};
  if (!state) return state.error();
  // A new store's mark is written before its id is known.
  bool is_other = mark->store_id != store_id_ && mark->state.sequence > 0;
  if (!is_other && state->sequence >= mark->state.sequence) return {};
  std::string text = "the store in " + options_.directory;
  text += is_other ? " is not the one that its high-water file is about"
                   : " ends at batch " + std::to_string(state->sequence) + ", but batch "
                         + std::to_string(mark->state.sequence) + " was acknowledged";
  return make_error(ec::store_stale, text,
                    "a log was deleted or an old copy put back: restore the newest copy, or accept "
                    "that acknowledged work is lost");
}

result<void> rocks_store::write_format(const format_row& row) {
  store_id_ = row.store_id;
  std::string bytes = encode_format(row);
  row_op op{mutation::kind::put, family::catalog, format_row_key, bytes};
  return db_->write({&op, 1}, options_.sync);
}

result<void> rocks_store::migrate(format_row row) {
  if (row.version == options_.format_version) return {};
  if (auto loaded = load(); !loaded) return loaded;
  while (row.version < options_.format_version) {
    auto step = std::ranges::find(options_.migrations, row.version, &rocks_migration::from);
    if (step == options_.migrations.end()) {
      return make_error(ec::version_mismatch,
                        "the store in " + options_.directory + " has format "
                            + std::to_string(row.version) + ", which this program cannot read",
                        "start a version in between first");
    }
    if (auto done = step->run(*this); !done) return done;
    ++row.version;
    if (auto written = write_format(row); !written) return written;
  }
  return {};
}

// -- recovery -----------------------------------------------------------------

result<void> rocks_store::reopen() {
  if (free_bytes(options_.directory) < limits::store_free_bytes_min) {
    return make_error(ec::store_full,
                      "the device of " + options_.directory + " has less than "
                          + std::to_string(limits::store_free_bytes_min >> 20) + " MiB free",
                      "make room on the device of the data directory");
  }
  if (auto flushed = high_water_->flush(); !flushed) return flushed;
  // Not by RocksDB's Resume: in 7.8 it may wait for ever after a flush that failed, or go on with a
  // log that it cannot write (its issues 11872 and 11643).
  std::unique_lock guard{db_mutex_};
  db_.reset();
  auto opened = open_database(false);
  // Reads go on whatever happens.
  if (!opened) (void)open_database(true);
  return opened;
}

// -- the rest -----------------------------------------------------------------

result<void> rocks_store::backup(const std::string& directory) const {
  store_state state;
  {
    std::lock_guard guard{commit_mutex_};
    state = state_now();
  }
  auto copy = rocks_directory::prepare_copy(directory);
  if (!copy) return copy.error();
  std::shared_lock guard{db_mutex_};
  auto copied = db_ ? db_->checkpoint(*copy) : result<void>{unwritable()};
  if (copied) copied = rocks_directory::finish_copy(directory, {store_id_, state});
  if (!copied) rocks_directory::drop_copy(directory);
  return copied;
}

uint64_t rocks_store::bytes_on_disk() const {
  namespace fs = std::filesystem;
  uint64_t bytes = 0;
  std::error_code failed;
  for (fs::directory_iterator it{directory_.data_path(), failed}, end; !failed && it != end;
       it.increment(failed)) {
    std::error_code gone;
    auto size = it->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

} // namespace

result<std::unique_ptr<store>> open_rocks_store(rocks_options options) {
  if (options.directory.empty()) {
    return make_error(ec::bad_config, "no data directory is given", "use --data DIR");
  }
  auto directory = rocks_directory::open(options.directory, options.accept_loss);
  if (!directory) return directory.error();
  auto opened = std::make_unique<rocks_store>(std::move(options), std::move(*directory));
  if (auto done = opened->open(); !done) return done.error();
  return std::unique_ptr<store>{std::move(opened)};
}

} // namespace flow::storage
