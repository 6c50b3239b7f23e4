#include "storage/internal/rocks_directory.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

namespace flow::storage::internal {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 6> our_names{"lock", "high-water", "high-water.new",
                                                    "data", "log",        "log.old"};

/// The first thing in the directory that no store put there.
result<std::optional<std::string>> stranger_in(const std::string& path) {
  std::error_code failed;
  fs::directory_iterator entries{path, failed};
  if (failed) return file_error("list", path, failed.value());
  for (const auto& entry : entries) {
    std::string name = entry.path().filename().string();
    bool is_ours = std::ranges::find(our_names, name) != our_names.end();
    if (!is_ours) return std::optional{name};
  }
  return std::optional<std::string>{};
}

bool has_database(const std::string& data_path) {
  std::error_code failed;
  return fs::exists(data_path + "/CURRENT", failed);
}

} // namespace

result<rocks_directory> rocks_directory::open(const std::string& path, bool accept_loss) {
  if (auto made = make_directory(path); !made) return made.error();
  auto stranger = stranger_in(path);
  if (!stranger) return stranger.error();
  if (*stranger) {
    return make_error(ec::store_foreign,
                      path + " holds \"" + **stranger + "\", which no store made",
                      "give the store a directory of its own");
  }
  auto lock = file_lock::take(path + "/lock");
  if (!lock) return lock.error();
  rocks_directory directory{path, std::move(*lock)};
  if (auto inspected = directory.inspect(accept_loss); !inspected) return inspected.error();
  return directory;
}

result<void> rocks_directory::inspect(bool accept_loss) {
  bool has_data = has_database(data_path());
  auto mark = read_high_water(mark_path());
  if (!mark && !accept_loss) return mark.error();
  if (mark) mark_ = *mark;
  bool is_acknowledged = mark_ && mark_->state.sequence > 0;
  is_new_ = !has_data && !is_acknowledged;
  if (!has_data && is_acknowledged) {
    if (!accept_loss) {
      return make_error(ec::store_stale,
                        "the database is gone from " + path_ + ", but batch "
                            + std::to_string(mark_->state.sequence) + " was acknowledged from it",
                        "restore a backup, or accept that acknowledged work is lost");
    }
    is_new_ = true;
  }
  if (has_data && mark_ && !is_acknowledged) is_new_ = true;
  if (has_data && !mark_ && !accept_loss) return mark_missing();
  if (mark_ || has_data) return {};
  // The mark comes first: a database without one is never taken for a new store.
  return replace_high_water(mark_path(), mark_.emplace(std::string(16, '\0'), store_state{}));
}

error rocks_directory::mark_missing() const {
  return make_error(ec::store_stale, "the high-water file is gone from " + path_,
                    "whether the store is complete cannot be shown: restore a backup, or accept "
                    "that acknowledged work may be lost");
}

result<std::string> rocks_directory::prepare_copy(const std::string& path) {
  std::error_code failed;
  if (path.empty() || fs::exists(path, failed)) {
    return make_error(ec::already_exists, "the backup directory \"" + path + "\" exists",
                      "name a directory that does not exist");
  }
  if (auto made = make_directory(path); !made) return made.error();
  return fs::absolute(path).string() + "/data";
}

result<void> rocks_directory::finish_copy(const std::string& path, high_water_mark mark) {
  return replace_high_water(path + "/high-water", mark);
}

void rocks_directory::drop_copy(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

} // namespace flow::storage::internal
