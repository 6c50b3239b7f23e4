// What a site tells its Python installer: index, mirrors, proxies, certificates. Passed into the
// building sandbox, and only there, so that builds work where the public index cannot be reached.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codeloader/sandbox.hpp"

namespace flow::codeloader {

struct installer_settings {
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<sandbox_bind> binds; ///< read-only
};

/// Picks from `environment` ("NAME=value", as in environ) and from the configuration file
/// `site_file`; the paths that they name and that exist are bound.
installer_settings read_installer_settings(const std::vector<std::string>& environment,
                                           const std::string& site_file = "/etc/pip.conf");

/// The environment of this process, as strings.
std::vector<std::string> process_environment();

} // namespace flow::codeloader
