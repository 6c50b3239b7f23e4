// Which node to talk to: contexts in config.toml, the environment, and flags. The only user of
// toml++ is config.cpp.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "flows/error.hpp"

namespace flow::cli {

using variable_lookup = std::function<std::optional<std::string>(const std::string& name)>;

struct server_context {
  std::string address;
  std::string token_file;
  std::string output; ///< default for --output; empty: table

  bool operator==(const server_context&) const = default;
};

struct config {
  std::string current;
  std::map<std::string, server_context> contexts;
};

/// FLOW_CONFIG_DIR, else XDG_CONFIG_HOME/flow, else ~/.config/flow.
std::string config_dir(const variable_lookup& variable);
std::string config_path(const variable_lookup& variable);

/// XDG_DATA_HOME/flow, else ~/.local/share/flow: where `flow up` keeps its state.
std::string data_home(const variable_lookup& variable);

/// An absent file is an empty configuration. `bad_config` names line and column.
result<config> load_config(const std::string& path);

/// Replaces the contexts and the current one in the file, leaves other keys, and swaps the file in
/// whole (mode 0600).
result<void> save_config(const std::string& path, const config& conf);

/// A setting with where it came from: "--address", "FLOW_ADDRESS", "context dev", "default".
struct setting {
  std::string value;
  std::string origin;
};

struct connection_settings {
  std::string context; ///< name of the context in use; empty: none
  setting address;
  setting token_file; ///< empty value: no token
  setting output;
};

/// Flag > environment > context > default. `flag` gives --context, --address, --token-file,
/// --output. `bad_config` if the context that was asked for does not exist.
result<connection_settings> settle(const config& conf, const variable_lookup& flag,
                                   const variable_lookup& variable);

} // namespace flow::cli
