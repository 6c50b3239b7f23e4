#include "flows/endpoint.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace flow {

result<endpoint> parse_endpoint(std::string_view text) {
  auto wrong = [text](const char* why) {
    return make_error(ec::bad_usage, "the address \"" + std::string{text} + "\" " + why,
                      "write HOST:PORT, such as 127.0.0.1:7717 or [::1]:7717");
  };
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong("has no port");
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return wrong("has more than one colon outside of brackets");
  if (host.empty()) return wrong("has no host");
  if (host.find_first_of("/@?# \t\r\n") != std::string_view::npos) return wrong("is not HOST:PORT");
  endpoint where{std::string{host}, 0};
  auto digits = text.substr(colon + 1);
  auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), where.port);
  if (failed != std::errc{} || end != digits.data() + digits.size())
    return wrong("has a port that is not a number from 0 to 65535");
  return where;
}

std::string to_string(const endpoint& where) {
  auto host = where.host.find(':') == std::string::npos ? where.host : "[" + where.host + "]";
  return host + ":" + std::to_string(where.port);
}

bool is_ip_address(std::string_view host) {
  in6_addr bytes;
  const std::string text{host};
  return inet_pton(AF_INET, text.c_str(), &bytes) == 1
         || inet_pton(AF_INET6, text.c_str(), &bytes) == 1;
}

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  const std::string text{host};
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

} // namespace flow
