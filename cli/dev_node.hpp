// The one-machine node that `flow up` starts and `flow down` ends.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/process.hpp"
#include "flows/error.hpp"

namespace flow::cli {

struct dev_node {
  process_id process;
  std::string name;
  std::string address;
  std::string data_dir;
  bool is_ephemeral = false; ///< its data goes with it

  std::string token_file() const { return data_dir + "/admin.token"; }
};

/// What `flow up` noted in STATE_DIR/up.json; nothing when no such process runs.
std::optional<dev_node> find_dev_node(const std::string& state_dir);
result<void> note_dev_node(const std::string& state_dir, const dev_node& node);
/// Forgets it, and removes the data of an ephemeral one.
void forget_dev_node(const std::string& state_dir, const dev_node& node);

/// Starts `program` with `more` options and its data in node.data_dir, and returns when it has
/// printed its `ready` line. What it says on stderr goes to DIR/node.log, or to the terminal in the
/// foreground. `process_failed` quotes the end of that; `timed_out` ends the process again.
result<process_id> start_dev_node(const std::string& program, const dev_node& node,
                                  const std::vector<std::string>& more, bool is_foreground,
                                  uint64_t start_ms_max);

/// Whether 127.0.0.1:port can be bound now.
bool is_port_free(uint16_t port);
/// Any port that is free now.
uint16_t free_port();

/// Waits for the end of a child in the foreground; Ctrl-C and SIGTERM are passed on as SIGTERM. Its
/// exit code.
int attend_in_foreground(const process_id& child);

} // namespace flow::cli
