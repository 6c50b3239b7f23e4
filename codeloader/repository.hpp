// A bare mirror of one remote repository, and the trees inside it. The only place that knows
// libgit2. Nothing of the remote is ever run: no hooks, no filters, no submodules, no configuration
// of the machine or of the repository.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "codeloader/repository_policy.hpp"
#include "flows/error.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

/// At most one is set; none: the remote's default branch.
struct revision {
  std::string branch;
  std::string tag;
  std::string commit; ///< 7 to 40 hex digits
};

struct fetch_limits {
  uint64_t time_ms = limits::fetch_ms_max;
  uint64_t bytes = limits::repository_bytes_max;
};

/// The full id of the commit that `wanted` names on the remote now; afterwards the mirror in `dir`
/// (made when missing) has it. A commit that the mirror has already needs no network. One caller
/// per `dir` at a time. Errors: unknown_repository, unknown_reference, repository_not_allowed (a
/// name that leads to a private address), timed_out, payload_too_large, store_io.
result<std::string> fetch_commit(const std::string& dir, const admitted_repository& repository,
                                 const revision& wanted, const fetch_limits& most,
                                 const std::function<void(const std::string&)>& progress);

} // namespace flow::codeloader
