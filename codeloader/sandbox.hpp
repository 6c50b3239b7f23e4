// Runs a program where it can harm nothing: own namespaces, read-only root, no network, no rights,
// limited use.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flows/error.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

/// What one sandbox may use.
struct sandbox_limits {
  uint64_t memory_bytes = limits::sandbox_memory_bytes_default;
  uint64_t address_bytes = 0; ///< of one process; 0: as `memory_bytes`
  uint64_t tmp_bytes = limits::sandbox_tmp_bytes_default;
  uint64_t processes = limits::sandbox_processes_default; ///< processes and threads
  uint64_t files = limits::sandbox_files_default;         ///< open descriptors a process
  uint64_t file_bytes = limits::sandbox_file_bytes_default;
  bool network = false;
};

/// What isolation this machine gives, for `flow doctor` and a worker's status.
struct sandbox_report {
  bool namespaces = false;
  bool seccomp = false;
  bool cgroups = false;
  bool own_uid = false;
  std::vector<std::string> missing; ///< a sentence each
};

/// A file or directory of the host that the program sees, at `target` or at its own path. As root
/// the program has a user of its own: what it reads must be readable by others (the directories
/// above need not be), and a writable directory is given to that user for the run and back to the
/// daemon, with all that is in it, afterwards.
struct sandbox_bind {
  std::string source;
  std::string target = {}; ///< empty: where it is on the host
  bool writable = false;
};

/// What runs in a sandbox, and what it sees besides /usr, /proc, /dev and an empty /tmp (its home).
struct sandbox_spec {
  std::vector<std::string> argv; ///< argv[0] is an absolute path as seen inside
  std::vector<sandbox_bind> binds;
  std::vector<std::pair<std::string, std::string>>
      environment; ///< beside PATH, HOME, TMPDIR, LANG; may replace them
  std::string working_dir = "/tmp";
  sandbox_limits limits;
};

struct sandbox_command : sandbox_spec {
  std::string input;                   ///< its stdin
  uint64_t time_ms_max = 0;            ///< 0: none
  size_t output_bytes_max = 16u << 20; ///< of stdout and of stderr; the rest is read and dropped
  std::function<void(std::string_view line)>
      on_line;          ///< every line of stdout and stderr, without its end
  std::stop_token stop; ///< a request ends the program
};

struct process_outcome {
  int exit_code = 0;
  int signal = 0; ///< when it was killed
  bool timed_out = false;
  bool stopped = false;
  bool out_of_memory = false;
  bool truncated = false; ///< output was dropped
  std::string out;
  std::string err;

  bool succeeded() const { return exit_code == 0 && signal == 0 && !timed_out && !stopped; }
  /// "exited with code 1", "took longer than 5 s and was killed"
  std::string how_it_ended() const;
};

/// Runs to the end and leaves no process behind. Blocks; the calling thread is the sandbox's
/// parent, so that the program dies with it. Errors: `sandbox_unavailable`, `process_failed`; a
/// program that fails is not an error.
result<process_outcome> run_sandboxed(const sandbox_command& command);

/// Found once a process, by trying (some 50 ms).
const sandbox_report& machine_sandbox();

} // namespace flow::codeloader
