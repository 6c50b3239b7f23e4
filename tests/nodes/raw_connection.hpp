// A plain TCP client, for what no library would send.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace flow::test {

class raw_connection {
public:
  explicit raw_connection(uint16_t port, int receive_bytes = 0)
      : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    if (receive_bytes > 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~raw_connection() { close(); }
  raw_connection(raw_connection&& other) noexcept
      : fd_{std::exchange(other.fd_, -1)}, connected_{other.connected_} {}
  raw_connection(const raw_connection&) = delete;
  raw_connection& operator=(const raw_connection&) = delete;

  bool connected() const { return connected_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  /// False when the peer does not want it any more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  /// As much as there is, at least one byte; empty at the end of the connection, or after
  /// `timeout_ms`.
  std::string receive(int timeout_ms = 30'000) {
    pollfd wait{fd_, POLLIN, 0};
    if (::poll(&wait, 1, timeout_ms) <= 0) return {};
    std::string bytes(64 << 10, '\0');
    auto n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return bytes;
  }

  /// Until `wanted` has come, or nothing comes any more.
  std::string receive_until(std::string_view wanted) {
    std::string all;
    while (all.find(wanted) == std::string::npos) {
      auto more = receive();
      if (more.empty()) break;
      all += more;
    }
    return all;
  }

  /// Everything until the peer closes.
  std::string receive_all() {
    std::string all;
    for (auto more = receive(); !more.empty(); more = receive())
      all += more;
    return all;
  }

  /// Whether the peer ends the connection; what it still says is dropped.
  bool is_closed_by_peer(int timeout_ms = 30'000) {
    for (;;) {
      pollfd wait{fd_, POLLIN, 0};
      if (::poll(&wait, 1, timeout_ms) <= 0) return false;
      char some[4096];
      if (::recv(fd_, some, sizeof some, 0) <= 0) return true;
    }
  }

private:
  int fd_;
  bool connected_ = false;
};

/// A request as HTTP/1.1 writes it.
inline std::string http_request(std::string_view method, std::string_view target,
                                std::string_view headers = {}, std::string_view body = {}) {
  std::string text{method};
  text.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n").append(headers);
  if (!body.empty())
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  return text.append("\r\n").append(body);
}

inline constexpr std::string_view as_admin = "Authorization: Bearer secret\r\n";
inline constexpr std::string_view as_reader = "Authorization: Bearer reader\r\n";

/// One request on a connection of its own; the whole answer.
inline std::string ask_once(uint16_t port, std::string_view method, std::string_view target,
                            std::string headers = std::string{as_admin},
                            std::string_view body = {}) {
  raw_connection connection{port};
  connection.send(http_request(method, target, headers + "Connection: close\r\n", body));
  return connection.receive_all();
}

inline std::string upgrade_request(std::string_view headers = as_admin) {
  std::string all
      = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: flow.v1\r\n";
  return http_request("GET", "/api/v1/stream", all.append(headers));
}

/// The head of a masked client frame of `bytes`, with an all-zero mask: the payload goes as it is.
inline std::string websocket_head(uint64_t bytes, uint8_t opcode = 2) {
  std::string head;
  head += static_cast<char>(0x80 | opcode);
  if (bytes < 126) {
    head += static_cast<char>(0x80 | bytes);
  } else if (bytes < 65'536) {
    head += static_cast<char>(0x80 | 126);
    for (int shift = 8; shift >= 0; shift -= 8)
      head += static_cast<char>(bytes >> shift & 0xff);
  } else {
    head += static_cast<char>(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8)
      head += static_cast<char>(bytes >> shift & 0xff);
  }
  return head.append(4, '\0');
}

inline std::string websocket_frame(std::string_view payload, uint8_t opcode = 2) {
  return websocket_head(payload.size(), opcode).append(payload);
}

} // namespace flow::test
