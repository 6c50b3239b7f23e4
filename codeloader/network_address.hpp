// Which hosts and addresses belong to the public internet. Pure; used before a URL is accepted and
// again on every connect.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flow::codeloader {

/// An IPv4 or IPv6 address in network order; IPv4 uses the first four bytes.
struct ip_address {
  bool is_v6 = false;
  std::array<uint8_t, 16> bytes{};

  bool operator==(const ip_address&) const = default;
};

/// Strict dotted decimal ("10.0.0.1", no leading zeros) or RFC 4291 text without brackets or zone.
std::optional<ip_address> parse_ip_address(std::string_view text);

/// RFC 5952 text for IPv6, without brackets.
std::string to_string(const ip_address& address);

/// False for loopback, private, link-local, shared, multicast, documentation and reserved ranges,
/// also when such an IPv4 address is wrapped in an IPv6 one (mapped, compatible, 6to4, NAT64).
bool is_public_address(const ip_address& address);

/// False for names that only mean something inside one site: without a dot, or below `localhost`,
/// `local`, `internal` or `home.arpa`. The name is in lower case without a trailing dot.
bool is_public_host_name(std::string_view name);

} // namespace flow::codeloader
