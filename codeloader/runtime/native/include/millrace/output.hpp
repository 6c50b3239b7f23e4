// The two ways out of a worker: the socket to the node, and the pipes that hold what functions
// print.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "millrace/cbor.hpp"

namespace millrace {

/// What the node says first.
struct settings {
  std::string module;
  std::string file;        ///< of the module; absolute
  std::string import_path; ///< may be empty
  value::map replacements; ///< names and source
  value::map parameters;   ///< names of functions, and of each parameter its name and annotation
  uint64_t payload_bytes_max = 64u << 20;
  uint64_t output_bytes_max = 1u << 20;
  uint64_t error_text_bytes_max = 64u << 10;
  uint64_t log_delay_ms = 100;
  uint64_t log_piece_bytes_max = 16u << 10;
};

namespace detail {

using std::chrono::steady_clock;

/// Frames in and out. Two threads may send.
class wire {
public:
  static constexpr int node = 3;

  /// Without its length; none when the node has gone.
  std::optional<std::string> frame() {
    char head[4];
    if (!fill(head, sizeof head)) return std::nullopt;
    uint32_t n = 0;
    for (char c : head)
      n = n << 8 | static_cast<uint8_t>(c);
    std::string body(n, '\0');
    if (!fill(body.data(), n)) return std::nullopt;
    return body;
  }

  void send(std::string_view body) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8)
      out += static_cast<char>(body.size() >> shift);
    out += body;
    std::lock_guard lock{mutex_};
    for (size_t at = 0; at < out.size();) {
      auto n = ::send(node, out.data() + at, out.size() - at, MSG_NOSIGNAL);
      if (n < 0 && errno != EINTR) ::_exit(1); // nobody is left to tell
      if (n > 0) at += static_cast<size_t>(n);
    }
  }

private:
  bool fill(char* to, size_t n) {
    while (n > 0) {
      if (have_ == at_) {
        auto got = ::recv(node, buffer_.data(), buffer_.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at_ = 0;
        have_ = static_cast<size_t>(got);
      }
      auto piece = std::min(n, have_ - at_);
      std::copy_n(buffer_.data() + at_, piece, to);
      at_ += piece;
      to += piece;
      n -= piece;
    }
    return true;
  }

  std::vector<char> buffer_ = std::vector<char>(256u << 10);
  size_t at_ = 0;
  size_t have_ = 0;
  std::mutex mutex_;
};

/// Collects what the call that runs writes to 1 and 2, itself or by its children. A thread of its
/// own keeps the pipes from filling up, and shows the output of a call that takes long.
class capture {
public:
  capture(wire& to, const settings& most) : wire_{to}, most_{most} {
    for (int end : ends) {
      ::fcntl(end, F_SETFL, O_NONBLOCK);
      ::fcntl(end, F_SETFD, FD_CLOEXEC);
    }
    ::fcntl(wire::node, F_SETFD, FD_CLOEXEC);
    std::setvbuf(stdout, nullptr, _IOLBF, 1u << 12);
    thread_ = std::thread{[this] { watch(); }};
  }
  ~capture() {
    {
      std::lock_guard lock{mutex_};
      is_over_ = true;
    }
    wake();
    thread_.join();
    ::close(wake_);
  }
  capture(const capture&) = delete;
  capture& operator=(const capture&) = delete;

  void begin(uint64_t handle) {
    std::lock_guard lock{mutex_};
    handle_ = handle;
    is_running_ = true;
    began_ = steady_clock::now();
  }

  /// stdout and stderr of the call that has just ended.
  std::array<std::string, 2> take() {
    flush();
    std::lock_guard lock{mutex_};
    drain();
    is_running_ = false;
    auto out = std::exchange(texts_, {});
    if (cut_ > 0)
      out[out[0].empty() ? 1 : 0] += "\n[" + std::to_string(cut_) + " more characters were cut]\n";
    cut_ = 0;
    shown_ = {};
    return out;
  }

  /// What was written before the first call: shown, as it is of no call.
  std::string take_import() {
    {
      flush();
      std::lock_guard lock{mutex_};
      drain();
      show();
    }
    auto said = take();
    return said[0] + said[1];
  }

private:
  static constexpr std::array<int, 2> ends{4, 5};

  static void flush() {
    std::fflush(stdout);
    std::cout.flush();
    std::cerr.flush();
  }

  void wake() const {
    uint64_t one = 1;
    [[maybe_unused]] auto n = ::write(wake_, &one, sizeof one);
  }

  // Bounded, because a program that never stops writing must not hold us.
  void drain() {
    std::array<char, 64u << 10> buffer;
    for (size_t which = 0; which < ends.size(); ++which)
      for (int turns = 0; turns < 32; ++turns) {
        auto n = ::read(ends[which], buffer.data(), buffer.size());
        if (n <= 0) break;
        auto room = most_.output_bytes_max - texts_[0].size() - texts_[1].size();
        auto kept = std::min<uint64_t>(room, static_cast<uint64_t>(n));
        texts_[which].append(buffer.data(), kept);
        cut_ += static_cast<uint64_t>(n) - kept;
      }
  }

  void watch() {
    std::array<pollfd, 3> events{pollfd{ends[0], POLLIN, 0}, pollfd{ends[1], POLLIN, 0},
                                 pollfd{wake_, POLLIN, 0}};
    while (true) {
      ::poll(events.data(), events.size(), wait_ms());
      for (auto& each : events)
        if ((each.revents & POLLIN) == 0 && (each.revents & (POLLHUP | POLLERR)) != 0) each.fd = -1;
      std::lock_guard lock{mutex_};
      if (is_over_) return;
      drain();
      if (auto at = due(); at && *at <= steady_clock::now()) show();
    }
  }

  /// When what was written is to be shown; never, if nothing was.
  std::optional<steady_clock::time_point> due() const {
    if (!is_running_ || (shown_[0] == texts_[0].size() && shown_[1] == texts_[1].size()))
      return std::nullopt;
    return std::max(began_, last_shown_) + std::chrono::milliseconds(most_.log_delay_ms);
  }

  int wait_ms() {
    std::lock_guard lock{mutex_};
    auto at = due();
    if (!at) return -1;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(*at - steady_clock::now()).count();
    return static_cast<int>(std::max<int64_t>(left, 0));
  }

  /// Output so far, for those who follow the call; its result holds everything again.
  void show() {
    last_shown_ = steady_clock::now();
    std::string rows;
    uint64_t count = 0;
    for (size_t which = 0; which < ends.size(); ++which)
      for (auto& at = shown_[which]; at < texts_[which].size(); ++count) {
        auto piece = texts_[which].substr(at, most_.log_piece_bytes_max);
        at += piece.size();
        cbor::append_head(rows, 4, 3);
        cbor::append_head(rows, 0, handle_);
        rows += which == 1 ? '\xf5' : '\xf4';
        cbor::append_text(rows, piece);
      }
    if (count == 0) return;
    std::string body{"\x82\x05"};
    cbor::append_head(body, 4, count);
    wire_.send(body + rows);
  }

  wire& wire_;
  const settings& most_;
  int wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::mutex mutex_;
  std::array<std::string, 2> texts_;
  std::array<size_t, 2> shown_{};
  uint64_t cut_ = 0;
  uint64_t handle_ = 0;
  bool is_running_ = false;
  bool is_over_ = false;
  steady_clock::time_point began_{};
  steady_clock::time_point last_shown_{};
  std::thread thread_;
};

} // namespace detail

} // namespace millrace
