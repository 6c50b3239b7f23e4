// Internal: only storage/*.cpp and storage/internal may include this.
// What lies in a store's directory, and whose it is. docs/data.md draws it.
#pragma once

#include <optional>
#include <string>

#include "storage/internal/files.hpp"
#include "storage/internal/high_water.hpp"

namespace flow::storage::internal {

/// A directory that this process alone has locked.
class rocks_directory {
public:
  /// Makes what is missing. `store_foreign` when something else is in it; `store_stale` when the
  /// high-water file or the database is gone, unless `accept_loss`.
  static result<rocks_directory> open(const std::string& path, bool accept_loss);

  std::string data_path() const { return path_ + "/data"; }
  std::string log_path() const { return path_ + "/log"; }
  std::string mark_path() const { return path_ + "/high-water"; }
  const std::optional<high_water_mark>& mark() const { return mark_; }
  /// Nothing was ever acknowledged from it: what is missing may be made.
  bool is_new() const { return is_new_; }
  error mark_missing() const;

  /// Makes `path`, which must not exist, and answers where the database's copy goes.
  static result<std::string> prepare_copy(const std::string& path);
  static result<void> finish_copy(const std::string& path, high_water_mark mark);
  static void drop_copy(const std::string& path);

private:
  rocks_directory(std::string path, file_lock lock)
      : path_{std::move(path)}, lock_{std::move(lock)} {}
  result<void> inspect(bool accept_loss);

  std::string path_;
  file_lock lock_;
  std::optional<high_water_mark> mark_;
  bool is_new_ = false;
};

} // namespace flow::storage::internal
