#include "codeloader/network_address.hpp"

#include <algorithm>

#include <arpa/inet.h>

namespace flow::codeloader {

namespace {

struct address_range {
  std::array<uint8_t, 16> bytes;
  unsigned prefix_bits;
};

/// RFC 6890 and its successors; whatever is not reachable from everywhere.
constexpr address_range v4_special[] = {
    {{0}, 8},
    {{10}, 8},
    {{100, 64}, 10},
    {{127}, 8},
    {{169, 254}, 16},
    {{172, 16}, 12},
    {{192, 0, 0}, 24},
    {{192, 0, 2}, 24},
    {{192, 88, 99}, 24},
    {{192, 168}, 16},
    {{198, 18}, 15},
    {{198, 51, 100}, 24},
    {{203, 0, 113}, 24},
    {{224}, 4},
    {{240}, 4},
};

constexpr address_range v6_special[] = {
    {{0x01, 0x00}, 64},             // discard
    {{0x20, 0x01, 0x00, 0x00}, 23}, // protocol assignments, Teredo among them
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, // documentation
    {{0x5f, 0x00}, 16},             // segment routing
    {{0xfc}, 7},                    // unique local
    {{0xfe, 0x80}, 10},             // link local
    {{0xfe, 0xc0}, 10},             // site local
    {{0xff}, 8},                    // multicast
};

bool is_in(const std::array<uint8_t, 16>& address, const address_range& range) {
  for (unsigned bit = 0; bit < range.prefix_bits; bit += 8) {
    auto left = std::min(8u, range.prefix_bits - bit);
    auto mask = static_cast<uint8_t>(0xff << (8 - left));
    if ((address[bit / 8] & mask) != (range.bytes[bit / 8] & mask)) return false;
  }
  return true;
}

ip_address v4_inside(const ip_address& v6, size_t offset) {
  ip_address v4;
  std::copy_n(v6.bytes.begin() + static_cast<std::ptrdiff_t>(offset), 4, v4.bytes.begin());
  return v4;
}

bool is_public_v4(const ip_address& address) {
  return std::ranges::none_of(v4_special,
                              [&](const auto& range) { return is_in(address.bytes, range); });
}

bool is_public_v6(const ip_address& address) {
  const auto& b = address.bytes;
  auto zeros = [&](size_t n) {
    return std::all_of(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(n),
                       [](uint8_t x) { return x == 0; });
  };
  if (zeros(12)) return false; // ::, ::1 and the retired IPv4-compatible form
  if (zeros(10) && b[10] == 0xff && b[11] == 0xff) return is_public_v4(v4_inside(address, 12));
  if (b[0] == 0x20 && b[1] == 0x02) return is_public_v4(v4_inside(address, 2));
  if (is_in(b, {{0x00, 0x64, 0xff, 0x9b}, 96})) return is_public_v4(v4_inside(address, 12));
  if (is_in(b, {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48})) return false;
  return (b[0] & 0xe0) == 0x20 // only 2000::/3 is assigned to the internet
         && std::ranges::none_of(v6_special, [&](const auto& range) { return is_in(b, range); });
}

} // namespace

std::optional<ip_address> parse_ip_address(std::string_view text) {
  ip_address address;
  std::string copy{text};
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) {
    // inet_pton takes "010" for ten, others for eight: only one spelling of an address is accepted.
    char canonical[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, address.bytes.data(), canonical, sizeof canonical);
    if (text != canonical) return std::nullopt;
    return address;
  }
  if (copy.find('%') == std::string::npos
      && inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) {
    address.is_v6 = true;
    return address;
  }
  return std::nullopt;
}

std::string to_string(const ip_address& address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(address.is_v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
  return text;
}

bool is_public_address(const ip_address& address) {
  return address.is_v6 ? is_public_v6(address) : is_public_v4(address);
}

bool is_public_host_name(std::string_view name) {
  if (name.find('.') == std::string_view::npos) return false;
  for (std::string_view zone : {".localhost", ".local", ".internal", ".home.arpa"}) {
    if (name.ends_with(zone)) return false;
  }
  return true;
}

} // namespace flow::codeloader
