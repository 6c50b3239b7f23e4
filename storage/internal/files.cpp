#include "storage/internal/files.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace flow::storage::internal {

namespace fs = std::filesystem;

namespace {

struct descriptor {
  int fd = -1;
  explicit descriptor(int opened) : fd{opened} {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string parent_of(const std::string& path) {
  fs::path parent = fs::path{path}.parent_path();
  return parent.empty() ? "." : parent.string();
}

} // namespace

error file_error(std::string_view verb, const std::string& path, int reason) {
  bool is_full = reason == ENOSPC || reason == EDQUOT;
  return make_error(is_full ? ec::store_full : ec::store_io,
                    "cannot " + std::string{verb} + " " + path + ": " + std::strerror(reason),
                    is_full ? "make room on the device of the data directory"
                            : "see whether the device and its permissions are in order");
}

result<std::optional<std::string>> read_file(const std::string& path) {
  descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) {
    if (errno == ENOENT) return std::optional<std::string>{};
    return file_error("open", path, errno);
  }
  std::string bytes;
  char buffer[4096];
  for (;;) {
    ssize_t n = ::read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error("read", path, errno);
    if (n == 0) return std::optional{std::move(bytes)};
    bytes.append(buffer, static_cast<size_t>(n));
  }
}

result<void> replace_file(const std::string& path, std::string_view bytes) {
  std::string fresh = path + ".new";
  {
    descriptor file{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (file.fd < 0) return file_error("create", fresh, errno);
    if (!write_all(file.fd, bytes)) return file_error("write", fresh, errno);
    if (::fsync(file.fd) != 0) return file_error("sync", fresh, errno);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return file_error("rename", fresh, errno);
  return sync_directory(parent_of(path));
}

result<void> sync_directory(const std::string& path) {
  descriptor directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.fd < 0) return file_error("open", path, errno);
  if (::fsync(directory.fd) != 0) return file_error("sync", path, errno);
  return {};
}

result<void> make_directory(const std::string& path) {
  std::error_code failed;
  if (fs::is_directory(path, failed)) {
    if (fs::is_empty(path, failed) && !failed && ::chmod(path.c_str(), 0700) != 0) {
      return file_error("change the mode of", path, errno);
    }
    return {};
  }
  fs::create_directories(parent_of(path), failed);
  if (failed) return file_error("create", parent_of(path), failed.value());
  if (::mkdir(path.c_str(), 0700) != 0) return file_error("create", path, errno);
  return sync_directory(parent_of(path));
}

uint64_t free_bytes(const std::string& path) {
  struct statvfs room {};
  if (::statvfs(path.c_str(), &room) != 0) return 0;
  uint64_t blocks = ::geteuid() == 0 ? room.f_bfree : room.f_bavail;
  return blocks * room.f_frsize;
}

result<file_lock> file_lock::take(const std::string& path) {
  // A lock of the open file, not of the process: it also keeps out a second opener in this process.
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return file_error("open", path, errno);
  file_lock lock{fd};
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    std::string owner = std::to_string(::getpid()) + "\n";
    // For the message below only.
    if (::ftruncate(fd, 0) == 0) (void)write_all(fd, owner);
    return lock;
  }
  if (errno != EWOULDBLOCK) return file_error("lock", path, errno);
  auto owner = read_file(path);
  std::string pid = owner && *owner ? (*owner)->substr(0, (*owner)->find('\n')) : std::string{};
  return make_error(ec::data_directory_in_use,
                    "the data directory " + parent_of(path) + " is in use"
                        + (pid.empty() ? "" : " by process " + pid),
                    "stop the other daemon, or give this one another directory");
}

file_lock::~file_lock() {
  if (fd_ >= 0) ::close(fd_);
}

} // namespace flow::storage::internal
