#include "codeloader/guarded_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "codeloader/network_address.hpp"
#include "flows/clock.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

namespace {

std::string text_of(int number) {
  return std::generic_category().message(number);
}

ip_address address_of(const sockaddr& raw) {
  ip_address address;
  if (raw.sa_family == AF_INET6) {
    address.is_v6 = true;
    std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in6&>(raw).sin6_addr, 16);
  } else {
    std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in&>(raw).sin_addr, 4);
  }
  return address;
}

struct address_list_deleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

} // namespace

connection_guard::connection_guard(connection_rules rules)
    : rules_{std::move(rules)},
      deadline_ms_{system_clock().steady_ms() + rules_.time_ms},
      watchdog_{[this](const std::stop_token& stop) { watch(stop); }} {}

connection_guard::~connection_guard() = default;

uint64_t connection_guard::left_ms() const {
  auto now_ms = system_clock().steady_ms();
  return now_ms >= deadline_ms_ ? 0 : deadline_ms_ - now_ms;
}

bool connection_guard::is_too_large() const {
  std::lock_guard lock{mutex_};
  return bytes_ > rules_.bytes;
}

bool connection_guard::met_private_address() const {
  std::lock_guard lock{mutex_};
  return met_private_;
}

void connection_guard::note_private_address() {
  std::lock_guard lock{mutex_};
  met_private_ = true;
}

void connection_guard::enter(int fd) {
  std::lock_guard lock{mutex_};
  sockets_.push_back(fd);
}

void connection_guard::leave(int fd) {
  std::lock_guard lock{mutex_};
  std::erase(sockets_, fd);
}

bool connection_guard::count(size_t bytes) {
  std::lock_guard lock{mutex_};
  bytes_ += bytes;
  return bytes_ <= rules_.bytes;
}

/// Shutting a socket down wakes whoever waits on it, also inside a library that knows no time
/// limit.
void connection_guard::watch(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    if (auto left = left_ms(); left > 0) {
      changed_.wait_for(lock, stop, std::chrono::milliseconds{left}, [] { return false; });
      continue;
    }
    for (int fd : sockets_)
      ::shutdown(fd, SHUT_RDWR);
    // A socket that enters from now on finds the deadline passed by itself.
    changed_.wait(lock, stop, [] { return false; });
  }
}

guarded_socket::guarded_socket(connection_guard& guard, std::string host, std::string port)
    : guard_{guard}, host_{std::move(host)}, port_{std::move(port)} {}

guarded_socket::~guarded_socket() {
  close();
}

bool guarded_socket::fail(std::string why) {
  why_ = std::move(why);
  return false;
}

bool guarded_socket::connect() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (int failure = getaddrinfo(host_.c_str(), port_.c_str(), &hints, &found); failure != 0)
    return fail("cannot find the host \"" + host_ + "\": " + gai_strerror(failure));
  std::unique_ptr<addrinfo, address_list_deleter> list{found};
  bool is_proxy = host_ != guard_.rules().host;
  why_ = "the host \"" + host_ + "\" has no address";
  for (const auto* one = list.get(); one != nullptr; one = one->ai_next) {
    if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
    auto address = address_of(*one->ai_addr);
    if (!is_proxy && !guard_.rules().may_be_private && !is_public_address(address)) {
      guard_.note_private_address();
      fail("the host \"" + host_ + "\" has the private address " + to_string(address));
      continue;
    }
    if (connect_one(*one)) return true;
  }
  return false;
}

bool guarded_socket::connect_one(const addrinfo& address) {
  descriptor socket{::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return fail("cannot make a socket: " + text_of(errno));
  auto where
      = "\"" + host_ + "\" (" + to_string(address_of(*address.ai_addr)) + " port " + port_ + ")";
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0 && errno != EINPROGRESS)
    return fail("cannot connect to " + where + ": " + text_of(errno));
  pollfd waiting{socket.get(), POLLOUT, 0};
  auto wait_ms = static_cast<int>(std::min(guard_.left_ms(), limits::connect_ms_max));
  int ready = 0;
  do
    ready = ::poll(&waiting, 1, wait_ms);
  while (ready < 0 && errno == EINTR);
  if (ready == 0) return fail("no answer from " + where);
  int failure = 0;
  socklen_t size = sizeof failure;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
  if (failure != 0) return fail("cannot connect to " + where + ": " + text_of(failure));
  int flags = ::fcntl(socket.get(), F_GETFL);
  ::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK);
  int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  close();
  socket_ = std::move(socket);
  guard_.enter(socket_.get());
  return true;
}

ssize_t guarded_socket::read(void* to, size_t size) {
  ssize_t n = -1;
  do {
    if (guard_.is_over()) return fail("the time for the fetch has passed"), -1;
    n = ::recv(socket_.get(), to, size, 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0) fail("the connection to \"" + host_ + "\" broke: " + text_of(errno));
  if (n == 0 && guard_.is_over()) return fail("the time for the fetch has passed"), -1;
  if (n > 0 && !guard_.count(static_cast<size_t>(n)))
    return fail("the repository is larger than the limit"), -1;
  return n;
}

ssize_t guarded_socket::write(const char* from, size_t size) {
  ssize_t n = -1;
  do {
    if (guard_.is_over()) return fail("the time for the fetch has passed"), -1;
    n = ::send(socket_.get(), from, size, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n < 0) fail("the connection to \"" + host_ + "\" broke: " + text_of(errno));
  return n;
}

void guarded_socket::close() {
  if (!socket_) return;
  guard_.leave(socket_.get());
  socket_.close();
}

} // namespace flow::codeloader
