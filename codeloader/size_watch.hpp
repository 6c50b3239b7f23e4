// Stops a program that fills a directory.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <thread>

namespace flow::codeloader {

/// Looks at the directory every `limits::environment_check_ms` while it lives; above the limit it
/// requests a stop.
class size_watch {
public:
  size_watch(std::string directory, uint64_t bytes_max);
  ~size_watch();
  size_watch(const size_watch&) = delete;
  size_watch& operator=(const size_watch&) = delete;

  /// For the program that is watched.
  std::stop_token stop_token() const { return program_.get_token(); }
  /// Measures once more.
  bool is_over() const;

private:
  void watch(const std::stop_token& stop);

  const std::string directory_;
  const uint64_t bytes_max_;
  std::stop_source program_;
  std::jthread thread_; // last: it uses the others
};

} // namespace flow::codeloader
