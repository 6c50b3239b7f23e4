// The files of one commit in a mirror, as git has them: unchecked names, unfiltered content.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "flows/error.hpp"

namespace flow::codeloader {

enum class entry_kind : uint8_t { file, executable, symlink, directory, submodule, unknown };

struct tree_entry {
  std::string name; ///< as it stands in the repository: not checked
  entry_kind kind = entry_kind::unknown;
  std::string object; ///< id of the blob or tree
};

/// The files of one commit, as git has them. One thread at a time.
class commit_tree {
public:
  virtual ~commit_tree() = default;
  /// Id of the root directory.
  virtual const std::string& root() const = 0;
  virtual result<std::vector<tree_entry>> entries(const std::string& tree) = 0;
  /// Of a blob, without unpacking it.
  virtual result<uint64_t> size_bytes(const std::string& blob) = 0;
  virtual result<std::string> content(const std::string& blob) = 0;
};

/// The tree of a commit that `fetch_commit` brought; may run beside other fetches.
/// `unknown_reference` if it is not there.
result<std::unique_ptr<commit_tree>> open_commit(const std::string& dir, const std::string& commit);

} // namespace flow::codeloader
