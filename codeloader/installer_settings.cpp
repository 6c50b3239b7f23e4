#include "codeloader/installer_settings.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <unistd.h>

namespace flow::codeloader {

namespace {

namespace fs = std::filesystem;

/// Where packages come from. What says where they go (PIP_TARGET, PIP_PREFIX, PIP_CACHE_DIR, ...)
/// is the builder's to decide.
constexpr std::string_view passed[] = {
    "PIP_INDEX_URL",   "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX",     "PIP_FIND_LINKS",
    "PIP_CERT",        "PIP_CLIENT_CERT",     "PIP_TRUSTED_HOST", "PIP_PROXY",
    "PIP_TIMEOUT",     "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES",      "PIP_CONSTRAINT",
    "PIP_CONFIG_FILE", "PIP_ONLY_BINARY",     "PIP_NO_BINARY",    "PIP_PREFER_BINARY",
    "PIP_PRE",         "HTTP_PROXY",          "HTTPS_PROXY",      "NO_PROXY",
    "http_proxy",      "https_proxy",         "no_proxy",         "SSL_CERT_FILE",
    "SSL_CERT_DIR",    "REQUESTS_CA_BUNDLE",
};

/// Absolute paths in a text of words; "a=/x", "file:///x" and "/x" all name /x.
std::vector<std::string> paths_in(std::string_view text) {
  std::vector<std::string> paths;
  for (size_t begin = 0; begin < text.size();) {
    auto end = std::min(text.find_first_of(" \t\r\n,", begin), text.size());
    auto word = text.substr(begin, end - begin);
    begin = end + 1;
    if (auto file = word.find("file://"); file != std::string_view::npos)
      word.remove_prefix(file + 7);
    else if (word.find("://") != std::string_view::npos)
      continue;
    if (auto equals = word.find('='); equals != std::string_view::npos)
      word.remove_prefix(equals + 1);
    if (word.size() > 1 && word.front() == '/') paths.emplace_back(word);
  }
  return paths;
}

void bind_paths(installer_settings& settings, std::string_view text) {
  for (const auto& path : paths_in(text)) {
    std::error_code failure;
    if (!fs::exists(path, failure) || path == "/") continue;
    // /usr is in every sandbox, and a second mount over the certificates would only hide the first.
    if (path.starts_with("/usr/") || path.starts_with("/etc/ssl/certs")) continue;
    if (std::ranges::none_of(settings.binds,
                             [&](const sandbox_bind& bind) { return bind.source == path; }))
      settings.binds.push_back({path, "", false});
  }
}

void bind_file(installer_settings& settings, const std::string& path) {
  std::ifstream file{path};
  if (!file) return;
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (std::ranges::none_of(settings.binds,
                           [&](const sandbox_bind& bind) { return bind.source == path; }))
    settings.binds.push_back({path, "", false});
  bind_paths(settings, text);
}

} // namespace

installer_settings read_installer_settings(const std::vector<std::string>& environment,
                                           const std::string& site_file) {
  installer_settings settings;
  bind_file(settings, site_file);
  for (const auto& line : environment) {
    auto equals = line.find('=');
    auto name = line.substr(0, equals);
    if (equals == std::string::npos || std::ranges::find(passed, name) == std::end(passed))
      continue;
    auto text = line.substr(equals + 1);
    settings.environment.emplace_back(name, text);
    if (name == "PIP_CONFIG_FILE")
      bind_file(settings, text);
    else
      bind_paths(settings, text);
  }
  return settings;
}

std::vector<std::string> process_environment() {
  std::vector<std::string> lines;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each)
    lines.emplace_back(*each);
  return lines;
}

} // namespace flow::codeloader
