// The packages that a repository's code needs, as an immutable directory shared by all of its
// workers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "flows/error.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

struct environment_request {
  std::string repository; ///< normalised address
  std::string commit;     ///< 40 hex digits
  std::string language;
  std::string requirements; ///< extra ones, one a line
  std::string checkout_dir;
  std::string build = {};   ///< of native modules: `cmake`, `make`, or empty
  std::string source = {};  ///< where that begins, relative to the checkout
  std::string program = {}; ///< what it makes
};

struct environment_options {
  std::string environments_dir;
  std::string python = "/usr/bin/python3";
  std::vector<std::string>
      settings;                 ///< "NAME=value": where the installer's settings are taken from
  std::string runtime_dir = {}; ///< holds native/include
  uint64_t time_ms_max = limits::environment_build_ms_max;
  uint64_t bytes_max = limits::environment_bytes_max;
};

/// SHA-256 of repository, commit, language and requirements; comments and blank lines make no
/// difference.
std::string environment_key(const environment_request& request);

/// Whether anything has to be installed or built. Python: requirements of the request, a
/// requirements.txt, or a package (setup.py, or a pyproject.toml that says how it is built). Node:
/// requirements, or dependencies in package.json without a node_modules beside it. Native: a build
/// in the manifest.
bool needs_environment(const environment_request& request);

/// The directory of the virtual environment (of Python), or of the copy of the repository with what
/// was installed or built in it; made when missing; empty when nothing has to be. Built in a
/// sandbox with the network, then never written again. One caller per key at a time. `progress` is
/// told each line of the installer. Errors: bad_requirements (with the installer's last lines),
/// bad_module (with the compiler's), build_timed_out, payload_too_large, environment_failed,
/// sandbox_unavailable, store_io; a failure leaves nothing behind.
result<std::string> build_environment(const environment_options& options,
                                      const environment_request& request,
                                      const std::function<void(const std::string&)>& progress);

} // namespace flow::codeloader
