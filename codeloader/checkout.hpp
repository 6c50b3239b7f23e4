// A commit's files as a read-only directory, made once and whole or not at all.
#pragma once

#include <cstdint>
#include <string>

#include "codeloader/commit_tree.hpp"
#include "flows/error.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

struct checkout_limits {
  uint64_t files = limits::checkout_files_max;
  uint64_t bytes = limits::checkout_bytes_max;
  uint64_t file_bytes = limits::checkout_file_bytes_max;
};

/// Writes `tree` into the directory `target`, by way of a directory beside it; files 0444 or 0555,
/// directories 0555, synced. Nothing is done when `target` exists. Submodules become empty
/// directories. One caller per target at a time. Errors: path_escapes (a name or link that leads
/// out, a link that goes in circles, a name that occurs twice), payload_too_large, store_io.
result<void> write_checkout(commit_tree& tree, const std::string& target,
                            const checkout_limits& most = {});

/// Checks every link and file kind below `root` without following anything: `path_escapes` names
/// the first that leads out.
result<void> check_checkout(const std::string& root);

} // namespace flow::codeloader
