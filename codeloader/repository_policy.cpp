#include "codeloader/repository_policy.hpp"

#include <algorithm>
#include <vector>

#include "codeloader/network_address.hpp"

namespace flow::codeloader {

namespace {

/// One line of a list. Scheme `*` stands for http, https and ssh; host and path may hold `*`.
struct pattern {
  std::string scheme;
  std::string user; ///< empty: any
  std::string host; ///< with ":port" when the pattern has one
  std::string path; ///< empty: every path
};

std::string_view without_git_suffix(std::string_view path) {
  return path.ends_with(".git") ? path.substr(0, path.size() - 4) : path;
}

/// `*` matches any run of characters. With `as_prefix` the text may go on, but only at a directory
/// boundary.
bool matches_glob(std::string_view glob, std::string_view text, bool as_prefix) {
  size_t g = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (true) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
      continue;
    }
    if (g == glob.size()) {
      bool at_boundary
          = t == text.size() || (as_prefix && (text[t] == '/' || (g > 0 && glob[g - 1] == '/')));
      if (at_boundary || (star != std::string_view::npos && star + 1 == g)) return true;
    } else if (t < text.size() && glob[g] == text[t]) {
      ++g;
      ++t;
      continue;
    }
    if (star == std::string_view::npos || resume >= text.size()) return false;
    g = star + 1;
    t = ++resume;
  }
}

result<pattern> parse_pattern(std::string_view text) {
  auto refuse = [&](std::string_view why) {
    return make_error(
        ec::bad_config, "repository pattern \"" + printable_url(text) + "\" " + std::string{why},
        "write scheme://host/path, where * stands for any characters, or file:///path");
  };
  auto is_bad = [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '\\' || c == '?' || c == '#';
  };
  if (text.empty()) return refuse("is empty");
  if (std::ranges::any_of(text, is_bad)) return refuse("has a character that no pattern may have");
  pattern p;
  if (lower_case(text.substr(0, 5)) == "file:" || text.front() == '/') {
    auto path = text.front() == '/' ? text : text.substr(5);
    if (text.front() != '/' && path.starts_with("//")) path.remove_prefix(2);
    p.scheme = "file";
    if (!path.empty() && path != "*" && path.front() != '/')
      return refuse("needs an absolute path");
    p.path = path == "*" ? "" : path;
    return p;
  }
  auto scheme_end = text.find("://");
  p.scheme = scheme_end == std::string_view::npos ? "*" : lower_case(text.substr(0, scheme_end));
  auto rest = scheme_end == std::string_view::npos ? text : text.substr(scheme_end + 3);
  if (p.scheme != "*" && p.scheme != "http" && p.scheme != "https" && p.scheme != "ssh")
    return refuse("has another scheme than https, ssh, http and file");
  auto slash = std::min(rest.find('/'), rest.size());
  auto authority = rest.substr(0, slash);
  p.path = rest.substr(slash);
  if (p.path == "/") p.path.clear();
  if (auto at = authority.find('@'); at != std::string_view::npos) {
    p.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    if (p.user.find(':') != std::string::npos) return refuse("carries a password");
  }
  p.host = lower_case(authority);
  if (p.host.ends_with('.')) p.host.pop_back();
  if (p.host.empty()) return refuse("names no host");
  return p;
}

std::string host_and_port(const repository_url& url) {
  auto host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  return url.port == 0 ? host : host + ":" + std::to_string(url.port);
}

bool matches_path(const pattern& p, std::string_view path, bool ignores_case) {
  if (p.path.empty()) return true;
  auto wanted = ignores_case ? lower_case(p.path) : p.path;
  auto actual = ignores_case ? lower_case(path) : std::string{path};
  if (matches_glob(wanted, actual, true)) return true;
  // "owner/name" and "owner/name.git" are one repository on every server that has both.
  return matches_glob(without_git_suffix(wanted), without_git_suffix(actual), true);
}

bool allows(const pattern& p, const repository_url& url) {
  if (p.scheme != to_string(url.scheme)
      && !(p.scheme == "*" && url.scheme != repository_scheme::file))
    return false;
  if (url.scheme != repository_scheme::file) {
    if (!p.user.empty() && p.user != url.user) return false;
    if (!matches_glob(p.host, host_and_port(url), false)) return false;
  }
  return matches_path(p, url.path, false);
}

/// Wider than `allows`: no letter case, user or port lets an address slip past a deny pattern.
bool denies(const pattern& p, const repository_url& url) {
  if (p.scheme == "file" || url.scheme == repository_scheme::file) {
    bool is_everything = p.scheme == "*" && p.host == "*" && p.path.empty();
    if (is_everything) return true;
    return p.scheme == to_string(url.scheme) && matches_path(p, url.path, true);
  }
  if (p.scheme != "*" && p.scheme != to_string(url.scheme)) return false;
  auto host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  if (!matches_glob(p.host, host_and_port(url), false) && !matches_glob(p.host, host, false))
    return false;
  return matches_path(p, url.path, true);
}

/// A pattern made of `*` and dots alone speaks of the world, not of a host.
bool names_its_host(const pattern& p) {
  return p.host.find_first_not_of("*.:") != std::string::npos;
}

bool is_public_host(const repository_url& url) {
  if (auto address = parse_ip_address(url.host)) return is_public_address(*address);
  return is_public_host_name(url.host);
}

result<std::vector<pattern>> parse_patterns(const std::vector<std::string>& lines) {
  std::vector<pattern> patterns;
  for (const auto& line : lines) {
    auto p = parse_pattern(line);
    if (!p) return p.error();
    patterns.push_back(std::move(*p));
  }
  return patterns;
}

error not_allowed(const repository_url& url, std::string_view why, std::string hint) {
  return make_error(ec::repository_not_allowed,
                    "repository \"" + to_string(url) + "\" " + std::string{why}, std::move(hint));
}

} // namespace

result<void> check_policy(const repository_policy& policy) {
  if (auto allow = parse_patterns(policy.allow); !allow) return allow.error();
  if (auto deny = parse_patterns(policy.deny); !deny) return deny.error();
  return {};
}

result<admitted_repository> admit_repository(std::string_view text,
                                             const repository_policy& policy) {
  auto allow = parse_patterns(policy.allow);
  if (!allow) return allow.error();
  auto deny = parse_patterns(policy.deny);
  if (!deny) return deny.error();
  auto url = parse_repository_url(text);
  if (!url) return url.error();
  if (std::ranges::any_of(*deny, [&](const pattern& p) { return denies(p, *url); }))
    return not_allowed(*url, "is on the deny list",
                       "ask who runs this network, or use another repository");
  bool is_file = url->scheme == repository_scheme::file;
  bool is_public = !is_file && is_public_host(*url);
  admitted_repository admitted{*url, false};
  bool is_allowed = allow->empty() && is_public && url->scheme != repository_scheme::http;
  for (const auto& p : *allow) {
    if (!allows(p, *url)) continue;
    bool names_host = !is_file && names_its_host(p);
    is_allowed = is_allowed || is_file || is_public || names_host;
    admitted.may_be_private = admitted.may_be_private || names_host;
  }
  if (is_allowed) return admitted;
  if (is_file)
    return not_allowed(*url, "is a path on the node that the allow list does not name",
                       "start the node with --allow-repo 'file:///directory/'");
  if (!is_public)
    return not_allowed(*url, "is on a private or loopback host that the allow list does not name",
                       "start the node with --allow-repo '" + std::string{to_string(url->scheme)}
                           + "://" + host_and_port(*url) + "/'");
  if (allow->empty())
    return not_allowed(*url, "uses plain http, which nobody can vouch for",
                       "use https, or put the host on the allow list");
  return not_allowed(*url, "is not on the allow list",
                     "start the node with --allow-repo and a pattern that it matches");
}

result<std::string> check_repository(std::string_view url, const repository_policy& policy) {
  auto admitted = admit_repository(url, policy);
  if (!admitted) return admitted.error();
  return to_string(admitted->url);
}

} // namespace flow::codeloader
