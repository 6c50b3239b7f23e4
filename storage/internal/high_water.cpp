#include "storage/internal/high_water.hpp"

#include <array>
#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <unistd.h>

#include "flows/ids.hpp"
#include "flows/limits.hpp"
#include "storage/internal/files.hpp"

namespace flow::storage::internal {

namespace {

// Each slot has its own sector. One holds the last durable mark, one may be on its way to the disk,
// one is written.
constexpr size_t slot_bytes = 512;
constexpr int slot_count = 3;
constexpr std::string_view magic = "MRHIGHW1";
constexpr size_t payload_bytes = 8 + 16 + 5 * 8;
constexpr size_t used_bytes = payload_bytes + 8;

void put_u64(std::string& out, uint64_t n) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out += static_cast<char>(n >> shift & 0xff);
}

uint64_t u64_at(std::string_view bytes, size_t offset) {
  uint64_t n = 0;
  for (size_t i = 0; i < 8; ++i)
    n = n << 8 | static_cast<uint8_t>(bytes[offset + i]);
  return n;
}

std::string encode_slot(const high_water_mark& mark) {
  std::string bytes{magic};
  bytes.reserve(slot_bytes);
  bytes += mark.store_id;
  put_u64(bytes, mark.state.sequence);
  put_u64(bytes, mark.state.revision);
  put_u64(bytes, mark.state.epoch);
  put_u64(bytes, mark.state.time_ms);
  put_u64(bytes, static_cast<uint64_t>(mark.state.offset_ms));
  put_u64(bytes, stable_hash(bytes));
  bytes.resize(slot_bytes);
  return bytes;
}

std::optional<high_water_mark> decode_slot(std::string_view bytes) {
  if (bytes.size() < used_bytes || !bytes.starts_with(magic)) return std::nullopt;
  if (u64_at(bytes, payload_bytes) != stable_hash(bytes.substr(0, payload_bytes))) {
    return std::nullopt;
  }
  high_water_mark mark;
  mark.store_id = bytes.substr(8, 16);
  mark.state.sequence = u64_at(bytes, 24);
  mark.state.revision = u64_at(bytes, 32);
  mark.state.epoch = u64_at(bytes, 40);
  mark.state.time_ms = u64_at(bytes, 48);
  mark.state.offset_ms = static_cast<int64_t>(u64_at(bytes, 56));
  return mark;
}

bool is_later(const high_water_mark& a, const high_water_mark& b) {
  return std::pair{a.state.sequence, a.state.time_ms}
         > std::pair{b.state.sequence, b.state.time_ms};
}

} // namespace

result<std::optional<high_water_mark>> read_high_water(const std::string& path) {
  auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  if (!*bytes) return std::optional<high_water_mark>{};
  std::optional<high_water_mark> newest;
  for (size_t offset = 0; offset < (*bytes)->size(); offset += slot_bytes) {
    auto mark = decode_slot(std::string_view{**bytes}.substr(offset, slot_bytes));
    if (mark && (!newest || is_later(*mark, *newest))) newest = mark;
  }
  if (!newest) {
    return make_error(ec::store_corrupt, "the high-water file " + path + " cannot be read",
                      "whether the store is complete cannot be shown; restore a backup, or accept "
                      "that acknowledged work may be lost");
  }
  return newest;
}

result<void> replace_high_water(const std::string& path, const high_water_mark& mark) {
  std::string bytes = encode_slot(mark);
  bytes.resize(slot_bytes * slot_count);
  return replace_file(path, bytes);
}

result<std::unique_ptr<high_water>> high_water::open(std::string path, high_water_mark mark) {
  if (auto written = replace_high_water(path, mark); !written) return written.error();
  int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return file_error("open", path, errno);
  return std::unique_ptr<high_water>{new high_water{std::move(path), fd, std::move(mark)}};
}

high_water::high_water(std::string path, int fd, high_water_mark mark)
    : path_{std::move(path)}, fd_{fd}, mark_{std::move(mark)} {
  syncer_ = std::thread{[this] { run(); }};
}

high_water::~high_water() {
  {
    std::lock_guard guard{mutex_};
    is_stopping_ = true;
  }
  changed_.notify_one();
  syncer_.join();
  (void)flush();
  ::close(fd_);
}

void high_water::note(const store_state& state) {
  std::lock_guard guard{mutex_};
  mark_.state = state;
  std::string bytes = encode_slot(mark_);
  ssize_t written = ::pwrite(fd_, bytes.data(), used_bytes, slot_ * static_cast<off_t>(slot_bytes));
  if (written != static_cast<ssize_t>(used_bytes)) failure_ = file_error("write", path_, errno);
  bool is_first = !is_dirty_;
  is_dirty_ = true;
  if (is_first) changed_.notify_one();
}

std::optional<error> high_water::failure() const {
  std::lock_guard guard{mutex_};
  return failure_;
}

result<void> high_water::flush() {
  std::lock_guard guard{mutex_};
  if (!is_dirty_ && !failure_) return {};
  std::string bytes = encode_slot(mark_);
  ssize_t written
      = ::pwrite(fd_, bytes.data(), bytes.size(), slot_ * static_cast<off_t>(slot_bytes));
  if (written != static_cast<ssize_t>(bytes.size())) return file_error("write", path_, errno);
  if (::fdatasync(fd_) != 0) return file_error("sync", path_, errno);
  slot_ = (slot_ + 1) % slot_count;
  is_dirty_ = false;
  failure_.reset();
  return {};
}

void high_water::run() {
  // Half of the lag is for waiting, half for the sync itself.
  constexpr std::chrono::milliseconds pause{limits::high_water_lag_ms_max / 2};
  std::unique_lock guard{mutex_};
  for (;;) {
    changed_.wait(guard, [this] { return is_dirty_ || is_stopping_; });
    changed_.wait_for(guard, pause, [this] { return is_stopping_; });
    if (is_stopping_) return;
    // The other slot is free for marks that are noted while this one is synced.
    slot_ = (slot_ + 1) % slot_count;
    is_dirty_ = false;
    guard.unlock();
    bool is_synced = ::fdatasync(fd_) == 0;
    int reason = errno;
    guard.lock();
    if (!is_synced) failure_ = file_error("sync", path_, reason);
  }
}

} // namespace flow::storage::internal
