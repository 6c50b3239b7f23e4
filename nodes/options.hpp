// What a daemon is told when it starts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "flows/error.hpp"

namespace flow::nodes {

struct node_options {
  std::string name; ///< default: the host's name
  std::string data_directory;
  std::string api_address = "127.0.0.1:7717";
  bool insecure = false;
  uint32_t cpus = 0; ///< 0: as many as the machine has
  std::map<std::string, std::string> labels;
  std::vector<std::string> allow_repositories;
  std::vector<std::string> deny_repositories;
  std::string store = "rocksdb";
  bool accept_loss = false;
  uint64_t drain_ms = 20'000; ///< given to running calls at the end
  bool help = false;          ///< or version: `text` is what to print
  std::string text;
};

/// From the command line, and the file that `--config` names (TOML; the same names; the command
/// line wins). `bad_usage` and `bad_config` name the option.
result<node_options> parse_options(int argc, const char* const* argv);

} // namespace flow::nodes
