#include "storage/internal/rocks_log.hpp"

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <mutex>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rocksdb/env.h>

#include "flows/limits.hpp"

namespace flow::storage::internal {

namespace {

/// RocksDB's own logger cannot be used: after one failed write (a full disk) its next one aborts
/// the process.
class bounded_log final : public rocksdb::Logger {
public:
  explicit bounded_log(std::string path)
      : Logger{rocksdb::WARN_LEVEL}, path_{std::move(path)}, old_path_{path_ + ".old"} {
    open();
  }
  ~bounded_log() override { shut(); }

  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 1024> line;
    std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    size_t head = std::strftime(line.data(), line.size(), "%Y-%m-%dT%H:%M:%SZ ", &parts);
    int body = std::vsnprintf(line.data() + head, line.size() - head - 1, format, arguments);
    if (body < 0) return;
    size_t length = std::min(head + static_cast<size_t>(body), line.size() - 2);
    line[length++] = '\n';
    std::lock_guard guard{mutex_};
    if (bytes_ + length > limits::store_log_bytes_max) turn_over();
    ssize_t written = fd_ < 0 ? 0 : ::write(fd_, line.data(), length);
    if (written > 0) bytes_ += static_cast<size_t>(written);
  }

private:
  void open() {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat about {};
    bytes_ = fd_ >= 0 && ::fstat(fd_, &about) == 0 ? static_cast<size_t>(about.st_size) : 0;
  }
  void shut() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void turn_over() {
    shut();
    (void)::rename(path_.c_str(), old_path_.c_str());
    open();
  }

  const std::string path_;
  const std::string old_path_;
  std::mutex mutex_;
  int fd_ = -1;
  size_t bytes_ = 0;
};

} // namespace

std::shared_ptr<rocksdb::Logger> make_rocks_log(const std::string& path) {
  return std::make_shared<bounded_log>(path);
}

} // namespace flow::storage::internal
