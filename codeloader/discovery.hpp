// What a module offers, found by parsing its file (or its manifest) in a sandboxed interpreter.
// Nothing of the repository is run.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "flows/error.hpp"
#include "flows/signature.hpp"

namespace flow::codeloader {

struct discovery_request {
  std::string runtime_dir;  ///< holds python/discover.py and so on
  std::string python;       ///< the interpreter
  std::string checkout_dir; ///< absolute
  std::string module;       ///< dotted
  std::string module_path;  ///< directory below the checkout; empty: its root, then src/
  std::string language = "python";
  std::string node; ///< the interpreter of Node modules
  std::map<std::string, std::string>
      replacements; ///< functions and the source that counts in their place
};

struct discovered_module {
  std::string import_root;          ///< absolute: checkout_dir or below it
  std::string file;                 ///< relative to checkout_dir
  std::vector<signature> functions; ///< public, top level, in source order
  // Of a native module, from its manifest:
  std::string program; ///< relative to the checkout, or to the directory that the build fills
  std::string build;   ///< `cmake`, `make`, or empty: the program is in the repository
  std::string source;  ///< where the build begins, relative to the checkout
};

/// Errors: bad_value for a language that is not known or not installed, unknown_module (the hint
/// lists near names), bad_module (file, line and text), path_escapes (a module path with
/// ".."), bad_module when the parser itself fails on the file, sandbox_unavailable, process_failed.
result<discovered_module> discover_module(const discovery_request& request);

} // namespace flow::codeloader
