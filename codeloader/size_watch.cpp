#include "codeloader/size_watch.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "codeloader/file_tree.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

size_watch::size_watch(std::string directory, uint64_t bytes_max)
    : directory_{std::move(directory)},
      bytes_max_{bytes_max},
      thread_{[this](const std::stop_token& stop) { watch(stop); }} {}

size_watch::~size_watch() = default;

bool size_watch::is_over() const {
  return program_.stop_requested() || occupied_bytes(directory_) > bytes_max_;
}

void size_watch::watch(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any ended;
  std::unique_lock lock{mutex};
  while (!ended.wait_for(lock, stop, std::chrono::milliseconds{limits::environment_check_ms},
                         [&] { return stop.stop_requested(); })) {
    if (occupied_bytes(directory_) <= bytes_max_) continue;
    program_.request_stop();
    return;
  }
}

} // namespace flow::codeloader
