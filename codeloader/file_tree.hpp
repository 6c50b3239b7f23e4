// Directories that are made whole, protected and removed. Links are never followed.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "flows/error.hpp"

namespace flow::codeloader {

struct tree_modes {
  mode_t directory = 0;
  mode_t file = 0;
  mode_t executable = 0; ///< for a file that its owner may execute
};

inline constexpr tree_modes read_only_tree{0555, 0444, 0555};
inline constexpr tree_modes writable_tree{0755, 0644, 0755};

/// For `root` and all below it, from the inside out. `path_escapes` for what is neither file, link
/// nor directory.
result<void> set_modes(const std::string& root, const tree_modes& modes);

/// Copies directories, files and links; the copy can be written to by its owner.
result<void> copy_tree(const std::string& from, const std::string& to);

/// Gives a finished directory its name, after all its files are on disk: it appears whole or, after
/// a crash, not at all.
result<void> publish_directory(const std::string& half, const std::string& target);

/// Removes a directory of ours, read-only or not. Nothing is done when it does not exist.
result<void> remove_tree(const std::string& path);

/// What the files below occupy on disk; what cannot be read counts nothing.
uint64_t occupied_bytes(const std::string& root);

/// "what: No space left on device" for the current errno: `store_full` or `store_io`.
error file_error(const std::string& what);

} // namespace flow::codeloader
