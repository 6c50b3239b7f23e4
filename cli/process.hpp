// Other programs, started without a shell.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "flows/error.hpp"

namespace flow::cli {

/// A process that can be told from a later one with the same number.
struct process_id {
  pid_t pid = 0;
  uint64_t started = 0; ///< clock ticks since boot

  bool operator==(const process_id&) const = default;
};

/// The process that has this number now; `started` is 0 when there is none.
process_id identify(pid_t pid);
bool is_alive(const process_id& process);

struct spawn_options {
  std::string out_file;         ///< stdout goes there, from its start; empty: inherited
  std::string err_file;         ///< stderr is added there; empty: inherited
  bool has_own_group = false;   ///< keys such as Ctrl-C do not reach it
  bool has_own_session = false; ///< it outlives the terminal
  bool has_pipe = false;        ///< its stdin is ours to write
};

struct spawned {
  process_id process;
  int pipe_fd = -1; ///< its stdin, to be closed by the caller
};

/// `process_failed` names the program and why.
result<spawned> spawn(const std::vector<std::string>& argv, const spawn_options& options);

/// Its exit code, or 128 + the signal; only for children. Blocks.
int wait_for_exit(pid_t pid);

/// Whether it ended within this time; for any process.
bool ends_within(const process_id& process, uint64_t ms);

/// SIGTERM or SIGKILL, only to this very process.
void terminate(const process_id& process);
void kill_now(const process_id& process);

/// Words as a shell would see them, with quotes and without anything else of a shell. `bad_usage`
/// for an open quote.
result<std::vector<std::string>> split_words(const std::string& text);

} // namespace flow::cli
