#include "codeloader/file_tree.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codeloader/descriptor.hpp"

namespace flow::codeloader {

namespace {

namespace fs = std::filesystem;

error error_of_file(const std::string& what, const std::error_code& failure) {
  bool is_full = failure.value() == ENOSPC || failure.value() == EDQUOT;
  return make_error(is_full ? ec::store_full : ec::store_io, what + ": " + failure.message());
}

result<void> set_mode(const fs::path& path, mode_t mode) {
  if (::chmod(path.c_str(), mode) != 0)
    return file_error("cannot protect \"" + path.string() + "\"");
  return {};
}

/// `fsync` or, for all of its file system at once, `syncfs`.
result<void> sync_directory(const fs::path& path, int (*sync)(int)) {
  descriptor directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory || sync(directory.get()) != 0)
    return file_error("cannot sync \"" + path.string() + "\"");
  return {};
}

} // namespace

error file_error(const std::string& what) {
  return error_of_file(what, std::error_code{errno, std::generic_category()});
}

result<void> set_modes(const std::string& root, const tree_modes& modes) {
  std::vector<fs::path> directories{root};
  std::error_code failure;
  fs::recursive_directory_iterator it{root, failure};
  for (; !failure && it != fs::recursive_directory_iterator{}; it.increment(failure)) {
    auto status = it->symlink_status(failure);
    if (failure || status.type() == fs::file_type::symlink) continue;
    if (status.type() == fs::file_type::directory) {
      directories.push_back(it->path());
    } else if (status.type() == fs::file_type::regular) {
      bool is_executable = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
      if (auto done = set_mode(it->path(), is_executable ? modes.executable : modes.file); !done)
        return done;
    } else {
      return make_error(ec::path_escapes,
                        "\"" + it->path().string() + "\" is neither file, link nor directory");
    }
  }
  if (failure) return error_of_file("cannot read \"" + root + "\"", failure);
  for (auto directory = directories.rbegin(); directory != directories.rend(); ++directory)
    if (auto done = set_mode(*directory, modes.directory); !done) return done;
  return {};
}

result<void> copy_tree(const std::string& from, const std::string& to) {
  std::error_code failure;
  fs::create_directory(to, failure);
  fs::recursive_directory_iterator it{from, failure};
  for (; !failure && it != fs::recursive_directory_iterator{}; it.increment(failure)) {
    auto target = fs::path{to} / it->path().lexically_relative(from);
    auto type = it->symlink_status(failure).type();
    if (failure) break;
    if (type == fs::file_type::directory)
      fs::create_directory(target, failure);
    else if (type == fs::file_type::symlink)
      fs::copy_symlink(it->path(), target, failure);
    else if (type == fs::file_type::regular)
      fs::copy_file(it->path(), target, failure);
    if (failure) break;
  }
  if (failure) return error_of_file("cannot copy \"" + from + "\"", failure);
  return set_modes(to, writable_tree);
}

result<void> publish_directory(const std::string& half, const std::string& target) {
  // One sync for all files costs less than one for each.
  if (auto done = sync_directory(half, ::syncfs); !done) return done;
  if (::rename(half.c_str(), target.c_str()) != 0)
    return file_error("cannot name \"" + target + "\"");
  return sync_directory(fs::path{target}.parent_path(), ::fsync);
}

result<void> remove_tree(const std::string& path) {
  std::error_code failure;
  auto type = fs::symlink_status(path, failure).type();
  if (type == fs::file_type::not_found) return {};
  // Without rights over a directory its owner could not remove what is in it.
  if (type == fs::file_type::directory) {
    ::chmod(path.c_str(), 0700);
    for (fs::recursive_directory_iterator it{path, failure};
         !failure && it != fs::recursive_directory_iterator{}; it.increment(failure))
      if (it->symlink_status(failure).type() == fs::file_type::directory)
        ::chmod(it->path().c_str(), 0700);
  }
  fs::remove_all(path, failure);
  if (failure) return error_of_file("cannot remove \"" + path + "\"", failure);
  return {};
}

uint64_t occupied_bytes(const std::string& root) {
  uint64_t bytes = 0;
  std::error_code failure;
  auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it{root, options, failure};
       !failure && it != fs::recursive_directory_iterator{}; it.increment(failure)) {
    struct stat status {};
    if (::lstat(it->path().c_str(), &status) == 0)
      bytes += static_cast<uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

} // namespace flow::codeloader
