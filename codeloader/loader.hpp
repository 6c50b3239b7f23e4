// From a repository's address to code that a worker can run. Blocking: call it from a thread that
// may wait.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "flows/error.hpp"
#include "flows/signature.hpp"

namespace flow::codeloader {

/// Which repositories may be fetched. Patterns are "scheme://host/path-prefix" with `*` for any run
/// of characters in host or path; deny wins. An empty allow list allows https and ssh of every
/// public host, and nothing else.
struct repository_policy {
  std::vector<std::string> allow;
  std::vector<std::string> deny;
};

/// What a processor says of its code.
struct module_request {
  std::string
      repository; ///< http, https, ssh, scp-like, file URL, or a bare path when `file:` is allowed
  std::string branch; ///< at most one of branch, tag, commit; none: the remote's default branch
  std::string tag;
  std::string commit;      ///< full, or at least 7 hex digits
  std::string module;      ///< dotted, as imported: "pyfi.processors.sample"
  std::string module_path; ///< directory inside the repository that is put first on the import
                           ///< path; empty: the root (or src/)
  std::string language = "python"; ///< python, node, bash or native
  std::string requirements;        ///< extra requirements, one a line, beside the repository's own
                                   ///< requirements.txt
  std::map<std::string, std::string>
      replacements; ///< source that takes the place of a function: its signature counts
};

/// Immutable and shared: code at one commit, ready to be run.
struct loaded_module {
  std::string commit;               ///< 40 hex digits
  std::string checkout_dir;         ///< read-only, absolute
  std::string import_root;          ///< checkout_dir, or a directory below it
  std::string file;                 ///< of the module, absolute; the executable of a native one
  std::string environment_dir;      ///< what was installed or built; empty: nothing had to be
  std::string environment_key;      ///< of (repository, commit, language, requirements)
  std::vector<signature> functions; ///< public top-level functions of the module, in source order
};

struct loader_options {
  std::string root_dir;    ///< mirrors, checkouts and environments live below it
  std::string runtime_dir; ///< where the language runtimes (worker programs) are installed
  std::string python = "/usr/bin/python3";
  repository_policy policy;
  std::string node = "/usr/bin/node";
};

/// Told of each step ("fetching", "building environment: Collecting x"), for status and progress.
using progress_callback = std::function<void(const std::string& step)>;

class loader {
public:
  virtual ~loader() = default;

  /// The full commit that the request names now. Fetches what is missing. Errors:
  /// bad_repository_url, repository_not_allowed, unknown_repository, unknown_reference, timed_out.
  virtual result<std::string> resolve(const module_request& request,
                                      const progress_callback& progress)
      = 0;

  /// Resolve, check out, parse, build. Idempotent; concurrent calls for one key do the work once.
  /// Errors besides those of `resolve`: unknown_module, bad_module (with file, line and text),
  /// path_escapes, bad_requirements (with the installer's last lines), build_timed_out,
  /// payload_too_large.
  virtual result<loaded_module> load(const module_request& request,
                                     const progress_callback& progress)
      = 0;
};

result<std::unique_ptr<loader>> make_loader(loader_options options);

/// The policy alone: the normalised URL, or why it is refused. Pure.
result<std::string> check_repository(std::string_view url, const repository_policy& policy);

} // namespace flow::codeloader
