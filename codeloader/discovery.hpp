// What a module offers, found by parsing its file in a sandboxed interpreter. Nothing of the
// repository is run.
#pragma once

#include <string>
#include <vector>

#include "flows/error.hpp"
#include "flows/signature.hpp"

namespace flow::codeloader {

struct discovery_request {
  std::string runtime_dir;  ///< holds python/discover.py
  std::string python;       ///< the interpreter
  std::string checkout_dir; ///< absolute
  std::string module;       ///< dotted
  std::string module_path;  ///< directory below the checkout; empty: its root, then src/
};

struct discovered_module {
  std::string import_root;          ///< absolute: checkout_dir or below it
  std::string file;                 ///< relative to checkout_dir
  std::vector<signature> functions; ///< public, top level, in source order
};

/// Errors: unknown_module (the hint lists near names), bad_module (file, line and text),
/// path_escapes (a module path with
/// ".."), bad_module when the parser itself fails on the file, sandbox_unavailable, process_failed.
result<discovered_module> discover_module(const discovery_request& request);

} // namespace flow::codeloader
