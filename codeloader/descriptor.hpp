// A file descriptor with an owner.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "flows/error.hpp"

namespace flow::codeloader {

/// Closes what it holds.
class descriptor {
public:
  descriptor() = default;
  explicit descriptor(int fd) : fd_{fd} {}
  descriptor(descriptor&& other) noexcept : fd_{other.release()} {}
  descriptor& operator=(descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = other.release();
    }
    return *this;
  }
  ~descriptor() { close(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void close();

private:
  int fd_ = -1;
};

/// Both ends of a pipe, closed on exec; the reading end does not block.
struct pipe_ends {
  descriptor read;
  descriptor write;
};

/// `process_failed` when the process has no descriptor left.
result<pipe_ends> make_pipe();

/// An anonymous file that holds `content` and is read from its start.
result<descriptor> make_memory_file(const char* name, std::string_view content);

/// "open /x: Permission denied" for the current errno, as an error of code `process_failed`.
error system_error(std::string_view what, int number);

} // namespace flow::codeloader
