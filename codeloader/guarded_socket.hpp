// TCP connections of one fetch: they end at its deadline, carry no more than its bytes, and reach
// only addresses that the policy admits. The check is on the address that is connected to, so a
// name that changes its mind gains nothing.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "codeloader/descriptor.hpp"

struct addrinfo;

namespace flow::codeloader {

struct connection_rules {
  std::string host; ///< of the repository; another host is a proxy that the machine's owner set
  bool may_be_private = false; ///< `host` may resolve to a private or loopback address
  uint64_t time_ms = 0;
  uint64_t bytes = 0;
};

/// Shared by the sockets of one fetch; cuts them all when time is up, whatever they wait for.
class connection_guard {
public:
  explicit connection_guard(connection_rules rules);
  ~connection_guard();
  connection_guard(const connection_guard&) = delete;
  connection_guard& operator=(const connection_guard&) = delete;

  const connection_rules& rules() const { return rules_; }
  uint64_t left_ms() const;
  bool is_over() const { return left_ms() == 0; }
  bool is_too_large() const;
  bool met_private_address() const;

  void enter(int fd);
  void leave(int fd);
  /// False when the limit is passed.
  bool count(size_t bytes);
  void note_private_address();

private:
  void watch(const std::stop_token& stop);

  const connection_rules rules_;
  const uint64_t deadline_ms_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<int> sockets_;
  uint64_t bytes_ = 0;
  bool met_private_ = false;
  std::jthread watchdog_; // last: it uses the others
};

/// One connection. Errors are negative results with `why()`.
class guarded_socket {
public:
  guarded_socket(connection_guard& guard, std::string host, std::string port);
  ~guarded_socket();
  guarded_socket(const guarded_socket&) = delete;
  guarded_socket& operator=(const guarded_socket&) = delete;

  bool connect();
  ssize_t read(void* to, size_t size);
  ssize_t write(const char* from, size_t size);
  void close();
  int fd() const { return socket_.get(); }
  const std::string& why() const { return why_; }

private:
  bool fail(std::string why);
  bool connect_one(const addrinfo& address);

  connection_guard& guard_;
  std::string host_;
  std::string port_;
  descriptor socket_;
  std::string why_;
};

} // namespace flow::codeloader
