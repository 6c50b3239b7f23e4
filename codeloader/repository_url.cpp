#include "codeloader/repository_url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "codeloader/network_address.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

namespace {

constexpr std::string_view letters_and_digits
    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// What a path may hold as it is; everything else is percent-encoded.
constexpr std::string_view path_marks = "-._~!$&'()*+,;=:@/";
/// ssh servers hand the path to a shell, and libgit2 quotes it without escaping: nothing that a
/// shell knows.
constexpr std::string_view ssh_path_marks = "-._~+@,=/";

bool is_one_of(char c, std::string_view marks) {
  return letters_and_digits.find(c) != std::string_view::npos
         || marks.find(c) != std::string_view::npos;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    int high = hex_digit(text[i + 1]);
    int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string percent_encoded(std::string_view path) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : path) {
    if (is_one_of(c, path_marks)) {
      out += c;
    } else {
      out += '%';
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

/// Collects what is wrong with one URL; `text_` is already fit to be shown.
class url_parser {
public:
  explicit url_parser(std::string_view text) : text_{text} {}

  result<repository_url> parse();

private:
  error refuse(std::string_view why, std::string hint = {}) const {
    return make_error(ec::bad_repository_url,
                      "repository \"" + printable_url(text_) + "\": " + std::string{why},
                      std::move(hint));
  }
  result<std::string_view> without_fragment() const;
  result<repository_url> parse_url(std::string_view scheme, std::string_view rest) const;
  result<repository_url> parse_file(std::string_view rest) const;
  result<repository_url> parse_scp(std::string_view text, size_t colon) const;
  result<void> read_authority(std::string_view authority, repository_url& url) const;
  result<std::string> read_user(std::string_view user) const;
  result<std::string> read_host(std::string_view host) const;
  result<uint16_t> read_port(std::string_view port, repository_scheme scheme) const;
  result<std::string> read_path(std::string_view decoded, repository_scheme scheme) const;

  std::string_view text_;
};

result<repository_url> url_parser::parse() {
  if (text_.empty())
    return refuse("is empty",
                  "give the address of a git repository, such as https://github.com/owner/name");
  if (text_.size() > limits::repository_url_bytes_max) return refuse("is longer than 2048 bytes");
  if (std::ranges::any_of(text_, is_control)) return refuse("has a control character");
  if (text_.front() == ' ' || text_.back() == ' ') return refuse("begins or ends with a space");
  if (text_.find('\\') != std::string_view::npos)
    return refuse("has a backslash", "write / between directories");
  if (text_.front() == '-') return refuse("begins with a dash");
  auto trimmed = without_fragment();
  if (!trimmed) return trimmed.error();
  auto text = *trimmed;
  if (text.front() == '/') return parse_file(text);
  auto colon = text.find(':');
  auto slash = text.find('/');
  if (colon == std::string_view::npos || slash < colon)
    return refuse("is a relative path, which means something else on every node",
                  "give the absolute path, or a URL");
  auto after = text.substr(colon + 1);
  auto scheme = lower_case(text.substr(0, colon));
  if (after.starts_with("//")) return parse_url(scheme, after.substr(2));
  if (after.starts_with(":"))
    return refuse("names a transport helper (\"" + scheme + "::\"), which could run any program");
  for (std::string_view known : {"http", "https", "ssh", "file", "git", "ftp", "ext", "fd"}) {
    if (scheme == known)
      return refuse("lacks the two slashes of a URL", "write " + scheme + "://...");
  }
  return parse_scp(text, colon);
}

/// `#egg=NAME` is what Python tools append; it says nothing about the repository.
result<std::string_view> url_parser::without_fragment() const {
  auto hash = text_.find('#');
  if (hash == std::string_view::npos) return text_;
  auto fragment = text_.substr(hash + 1);
  bool is_egg
      = fragment.size() > 4 && fragment.starts_with("egg=")
        && std::ranges::all_of(fragment.substr(4), [](char c) { return is_one_of(c, "-._"); });
  if (!is_egg)
    return refuse("has a fragment", "name branch, tag, commit and directory in their own fields");
  if (hash == 0) return refuse("is empty before its fragment");
  return text_.substr(0, hash);
}

result<repository_url> url_parser::parse_url(std::string_view scheme, std::string_view rest) const {
  if (scheme == "file") return parse_file(rest);
  repository_url url;
  if (scheme == "https")
    url.scheme = repository_scheme::https;
  else if (scheme == "http")
    url.scheme = repository_scheme::http;
  else if (scheme == "ssh")
    url.scheme = repository_scheme::ssh;
  else if (scheme.starts_with("git+"))
    return refuse("has the prefix \"git+\" of Python requirements", "leave \"git+\" out");
  else
    return refuse("has the scheme \"" + std::string{scheme} + "\"", "use https, ssh, http or file");
  if (rest.find('?') != std::string_view::npos)
    return refuse("has a query", "leave out what follows the question mark");
  auto slash = rest.find('/');
  auto authority = rest.substr(0, slash);
  if (auto read = read_authority(authority, url); !read) return read.error();
  if (slash == std::string_view::npos) return refuse("names a host, but no repository on it");
  auto decoded = percent_decoded(rest.substr(slash));
  if (!decoded) return refuse("has a percent sign that encodes nothing");
  auto path = read_path(*decoded, url.scheme);
  if (!path) return path.error();
  url.path = std::move(*path);
  return url;
}

result<repository_url> url_parser::parse_file(std::string_view rest) const {
  repository_url url;
  url.scheme = repository_scheme::file;
  bool is_bare_path = text_.front() == '/';
  if (!is_bare_path) {
    if (lower_case(rest.substr(0, 10)) == "localhost/") rest.remove_prefix(9);
    if (!rest.starts_with('/'))
      return refuse("names a file on another machine", "write file:///path");
  }
  // Someone who types a path means its characters; someone who types a URL means what they encode.
  auto decoded = is_bare_path ? std::optional{std::string{rest}} : percent_decoded(rest);
  if (!decoded) return refuse("has a percent sign that encodes nothing");
  auto path = read_path(*decoded, url.scheme);
  if (!path) return path.error();
  url.path = std::move(*path);
  return url;
}

result<repository_url> url_parser::parse_scp(std::string_view text, size_t colon) const {
  repository_url url;
  url.scheme = repository_scheme::ssh;
  auto authority = text.substr(0, colon);
  if (authority.find('[') != std::string_view::npos)
    return refuse("has an address in brackets before a colon", "write ssh://user@[address]/path");
  if (auto read = read_authority(authority, url); !read) return read.error();
  auto raw = text.substr(colon + 1);
  if (raw.starts_with('-')) return refuse("has a path that begins with a dash");
  url.is_home_relative = !raw.starts_with('/');
  auto path
      = read_path(url.is_home_relative ? "/" + std::string{raw} : std::string{raw}, url.scheme);
  if (!path) return path.error();
  url.path = std::move(*path);
  return url;
}

result<void> url_parser::read_authority(std::string_view authority, repository_url& url) const {
  auto at = authority.rfind('@');
  if (at != std::string_view::npos) {
    auto user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    if (user.find(':') != std::string_view::npos)
      return refuse("carries a password",
                    "leave it out: addresses are shown and logged; use an ssh key");
    if (url.scheme != repository_scheme::ssh)
      return refuse("carries a user name, which may be a token",
                    "leave out what stands before the @");
    auto read = read_user(user);
    if (!read) return read.error();
    url.user = std::move(*read);
  }
  std::string_view host = authority;
  std::optional<std::string_view> port;
  if (authority.starts_with('[')) {
    auto close = authority.find(']');
    if (close == std::string_view::npos)
      return refuse("has an opening bracket without its closing one");
    host = authority.substr(0, close + 1);
    auto rest = authority.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return refuse("has text between host and path");
    if (!rest.empty()) port = rest.substr(1);
  } else if (auto colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
  }
  auto name = read_host(host);
  if (!name) return name.error();
  url.host = std::move(*name);
  if (port) {
    auto number = read_port(*port, url.scheme);
    if (!number) return number.error();
    url.port = *number;
  }
  return {};
}

result<std::string> url_parser::read_user(std::string_view user) const {
  if (user.empty() || user.size() > 64) return refuse("has an empty or overlong user name");
  if (user.front() == '-') return refuse("has a user name that begins with a dash");
  if (!std::ranges::all_of(user, [](char c) { return is_one_of(c, "-._+"); }))
    return refuse("has a user name with other characters than letters, digits and . _ + -");
  return std::string{user};
}

result<std::string> url_parser::read_host(std::string_view host) const {
  if (host.empty()) return refuse("names no host");
  if (host.front() == '[') {
    auto address = parse_ip_address(host.substr(1, host.size() - 2));
    if (!address || !address->is_v6)
      return refuse("has something in brackets that is not an IPv6 address");
    return to_string(*address);
  }
  auto name = lower_case(host);
  if (name.ends_with('.')) name.pop_back(); // "localhost." is localhost
  if (name.size() > 253) return refuse("has a host name longer than 253 characters");
  for (size_t begin = 0; begin <= name.size();) {
    auto end = std::min(name.find('.', begin), name.size());
    auto label = std::string_view{name}.substr(begin, end - begin);
    if (label.empty() || label.size() > 63)
      return refuse("has a host name with an empty or overlong part");
    if (label.front() == '-' || label.back() == '-')
      return refuse("has a host name with a part that begins or ends with a dash");
    if (!std::ranges::all_of(label, [](char c) { return is_one_of(c, "-_"); }))
      return refuse("has a host name with other characters than letters, digits, dots and dashes",
                    "write international names in their xn-- form");
    begin = end + 1;
  }
  auto last = std::string_view{name}.substr(name.rfind('.') + 1); // npos + 1 == 0
  bool is_number = std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; })
                   || last.starts_with("0x");
  // Resolvers read "127.1", "0x7f.1" and "2130706433" as addresses: only one spelling may pass.
  if (is_number && !parse_ip_address(name))
    return refuse("has a number for its host that is not a plain IPv4 address");
  return name;
}

result<uint16_t> url_parser::read_port(std::string_view port, repository_scheme scheme) const {
  uint16_t number = 0;
  auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (failure != std::errc{} || end != port.data() + port.size() || number == 0)
    return refuse("has a port that is not a number from 1 to 65535");
  uint16_t own = scheme == repository_scheme::https  ? 443
                 : scheme == repository_scheme::http ? 80
                                                     : 22;
  return number == own ? uint16_t{0} : number;
}

/// Slashes are single, none at the end, and no segment leads elsewhere.
result<std::string> url_parser::read_path(std::string_view decoded,
                                          repository_scheme scheme) const {
  if (std::ranges::any_of(decoded, [](char c) { return is_control(c) || c == '\\'; }))
    return refuse("has a control character or a backslash in its path");
  if (scheme == repository_scheme::ssh
      && !std::ranges::all_of(decoded, [](char c) { return is_one_of(c, ssh_path_marks); }))
    return refuse("has a character in its path that a shell would read",
                  "use letters, digits and . _ ~ + @ , = / -");
  std::string path;
  for (size_t begin = 0; begin < decoded.size();) {
    auto end = std::min(decoded.find('/', begin), decoded.size());
    auto segment = decoded.substr(begin, end - begin);
    begin = end + 1;
    if (segment.empty()) continue;
    if (segment == "." || segment == "..") return refuse("has \".\" or \"..\" in its path");
    if (segment.front() == '-') return refuse("has a path with a part that begins with a dash");
    path += '/';
    path += segment;
  }
  if (path.empty()) return refuse("names a host, but no repository on it");
  return path;
}

} // namespace

std::string lower_case(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

std::string_view to_string(repository_scheme scheme) {
  switch (scheme) {
  case repository_scheme::http:
    return "http";
  case repository_scheme::https:
    return "https";
  case repository_scheme::ssh:
    return "ssh";
  case repository_scheme::file:
    return "file";
  }
  return "?";
}

result<repository_url> parse_repository_url(std::string_view text) {
  return url_parser{text}.parse();
}

std::string to_string(const repository_url& url) {
  std::string user = url.user.empty() ? std::string{} : url.user + "@";
  if (url.is_home_relative && url.port == 0) return user + url.host + ":" + url.path.substr(1);
  std::string text = std::string{to_string(url.scheme)} + "://" + user;
  text += url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  if (url.port != 0) text += ":" + std::to_string(url.port);
  return text + percent_encoded(url.path);
}

std::string printable_url(std::string_view text) {
  auto scheme_end = text.find("://");
  auto begin = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  bool is_ssh
      = scheme_end == std::string_view::npos || lower_case(text.substr(0, scheme_end)) == "ssh";
  auto authority = text.substr(begin, std::min(text.find('/', begin), text.size()) - begin);
  auto at = authority.rfind('@');
  // A password may hold slashes; then the piece before the first one looks like a host with a
  // strange port.
  auto colon = authority.find(':');
  bool has_strange_port
      = colon != std::string_view::npos && scheme_end != std::string_view::npos
        && authority.find_first_not_of("0123456789", colon + 1) != std::string_view::npos;
  if (at == std::string_view::npos && has_strange_port) at = text.substr(begin).rfind('@');
  bool has_secret = at != std::string_view::npos
                    && (!is_ssh || text.substr(begin, at).find(':') != std::string_view::npos);
  std::string out{text.substr(0, begin)};
  out += has_secret ? "***" + std::string{text.substr(begin + at)}
                    : std::string{text.substr(begin)};
  if (auto query = out.find_first_of("?#"); query != std::string::npos && query + 1 < out.size())
    out.replace(query + 1, std::string::npos, "***");
  static constexpr char digits[] = "0123456789abcdef";
  std::string shown;
  for (char c : out.substr(0, 200)) {
    auto byte = static_cast<unsigned char>(c);
    if (is_control(c) || byte >= 0x80) {
      shown += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    } else {
      shown += c;
    }
  }
  if (out.size() > 200) shown += "...";
  return shown;
}

} // namespace flow::codeloader
