// Where a program listens or connects: "host:port", as people type it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "flows/error.hpp"

namespace flow {

struct endpoint {
  std::string host; ///< a name or an address; without the brackets of IPv6
  uint16_t port = 0;

  bool operator==(const endpoint&) const = default;
};

/// "127.0.0.1:7717", "[::1]:7717", "node.example:7717". `bad_usage` names what is missing.
result<endpoint> parse_endpoint(std::string_view text);

/// The form that `parse_endpoint` reads.
std::string to_string(const endpoint& where);

/// Whether `host` is written as an IPv4 or IPv6 address.
bool is_ip_address(std::string_view host);

/// "localhost", 127.0.0.0/8 or ::1: only this machine can reach it.
bool is_loopback(std::string_view host);

} // namespace flow
