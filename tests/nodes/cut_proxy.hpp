// A TCP proxy that a test cuts: the connections through it die at once, in the middle of whatever
// they carry.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace flow::test {

class cut_proxy {
public:
  explicit cut_proxy(uint16_t to)
      : to_{to}, listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&here), sizeof here);
    ::listen(listener_, 64);
    socklen_t size = sizeof here;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &size);
    port_ = ntohs(here.sin_port);
    thread_ = std::thread{[this] { run(); }};
  }
  ~cut_proxy() {
    stopping_ = true;
    cut();
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  uint16_t port() const { return port_; }
  size_t connections() const { return connections_; }

  /// All connections are reset; new ones are taken.
  void cut() {
    std::lock_guard lock{mutex_};
    for (auto [a, b] : pairs_) {
      const linger reset{1, 0};
      ::setsockopt(a, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      ::shutdown(a, SHUT_RDWR);
      ::shutdown(b, SHUT_RDWR);
    }
  }

private:
  void run() {
    while (!stopping_) {
      std::vector<pollfd> all{{listener_, POLLIN, 0}};
      {
        std::lock_guard lock{mutex_};
        for (auto [a, b] : pairs_) {
          all.push_back({a, POLLIN, 0});
          all.push_back({b, POLLIN, 0});
        }
      }
      if (::poll(all.data(), all.size(), 1'000) <= 0) continue;
      std::vector<std::pair<int, int>> ended;
      for (size_t i = 1; i + 1 < all.size(); i += 2) {
        auto alive = carry(all[i], all[i + 1].fd) && carry(all[i + 1], all[i].fd);
        if (!alive) ended.emplace_back(all[i].fd, all[i + 1].fd);
      }
      std::lock_guard lock{mutex_};
      for (auto pair : ended) {
        ::close(pair.first);
        ::close(pair.second);
        std::erase(pairs_, pair);
      }
      if (all[0].revents != 0) accept_one();
    }
    for (auto [a, b] : pairs_) {
      ::close(a);
      ::close(b);
    }
  }

  static bool carry(const pollfd& from, int to) {
    if (from.revents == 0) return true;
    char bytes[64 << 10];
    auto n = ::recv(from.fd, bytes, sizeof bytes, 0);
    for (ssize_t sent = 0; n > 0 && sent < n;) {
      auto more = ::send(to, bytes + sent, static_cast<size_t>(n - sent), MSG_NOSIGNAL);
      if (more <= 0) return false;
      sent += more;
    }
    return n > 0;
  }

  void accept_one() {
    auto a = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (a < 0) return;
    auto b = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in there{};
    there.sin_family = AF_INET;
    there.sin_port = htons(to_);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(b, reinterpret_cast<sockaddr*>(&there), sizeof there) != 0) {
      ::close(a);
      ::close(b);
      return;
    }
    pairs_.emplace_back(a, b);
    ++connections_;
  }

  const uint16_t to_;
  const int listener_;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<std::pair<int, int>> pairs_;
  std::atomic<size_t> connections_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

} // namespace flow::test
