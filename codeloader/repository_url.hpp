// The address of a repository, taken apart and written in one way only, so that rules cannot be
// dodged by spelling. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "flows/error.hpp"

namespace flow::codeloader {

enum class repository_scheme : uint8_t { http, https, ssh, file };

std::string_view to_string(repository_scheme scheme);

struct repository_url {
  repository_scheme scheme = repository_scheme::https;
  std::string user;  ///< ssh only
  std::string host;  ///< lower case; IPv6 without brackets; empty for file
  uint16_t port = 0; ///< 0: the scheme's own
  std::string path;  ///< decoded, starts with '/'; for `is_home_relative` what follows the colon,
                     ///< after a '/'
  bool is_home_relative
      = false; ///< `git@host:path`: the server looks for `path` in the user's home

  bool operator==(const repository_url&) const = default;
};

/// Accepts http, https, ssh, `user@host:path`, `file:///path` and `/path`; drops `#egg=NAME`.
/// Refuses with `bad_repository_url`: other schemes and transport helpers, passwords and tokens,
/// queries, `..`, leading dashes, control characters, backslashes, numbers that stand for
/// addresses, relative paths. Never repeats a password in its text.
result<repository_url> parse_repository_url(std::string_view text);

/// The one spelling of this address, which parses to the same value.
std::string to_string(const repository_url& url);

/// ASCII letters only.
std::string lower_case(std::string_view text);

/// `text` for messages: user info and query replaced, control characters escaped, at most 200
/// bytes.
std::string printable_url(std::string_view text);

} // namespace flow::codeloader
