// Internal: only storage/*.cpp and storage/internal may include this.
// The few things that the store does with files itself, each durable when it says so.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "flows/error.hpp"

namespace flow::storage::internal {

/// `store_full` when the device is, else `store_io`; `verb` and `path` say what was tried.
error file_error(std::string_view verb, const std::string& path, int reason);

/// nullopt: there is no such file.
result<std::optional<std::string>> read_file(const std::string& path);

/// The file has the old bytes or the new ones, whatever happens. Durable.
result<void> replace_file(const std::string& path, std::string_view bytes);

result<void> sync_directory(const std::string& path);

/// Makes the directory (0700) and those above it. An empty one that exists is given the same mode.
/// Durable.
result<void> make_directory(const std::string& path);

/// Bytes that this process may still write there; 0 when that cannot be told.
uint64_t free_bytes(const std::string& path);

/// Held by one opener of one process; the kernel lets go of it with the process.
class file_lock {
public:
  /// `data_directory_in_use` when someone has it.
  static result<file_lock> take(const std::string& path);
  file_lock(file_lock&& other) noexcept : fd_{other.fd_} { other.fd_ = -1; }
  file_lock& operator=(file_lock&&) = delete;
  ~file_lock();

private:
  explicit file_lock(int fd) : fd_{fd} {}
  int fd_ = -1;
};

} // namespace flow::storage::internal
