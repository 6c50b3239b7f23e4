// Starts processes: no shell, nothing inherited that was not asked for, every exit collected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "codeloader/descriptor.hpp"
#include "flows/error.hpp"

namespace flow::codeloader {

struct process_limit {
  int resource = 0; ///< RLIMIT_AS and so on; soft and hard become `most`
  uint64_t most = 0;
};

/// What becomes of the new process before its program runs, in the order of the members.
struct process_command {
  std::vector<std::string> argv;        ///< argv[0] is an absolute path; no search, no shell
  std::vector<std::string> environment; ///< "NAME=value"; nothing else is inherited
  std::vector<int> cgroups;             ///< open `cgroup.procs` files that it enters
  std::optional<int> oom_score_adj;
  /// Paths that the new user might not reach: in a mount namespace of the child's own, path number
  /// i is bound at `staged_path(i)`. Needs CAP_SYS_ADMIN.
  std::vector<std::string> staged;
  /// descriptors[i] of ours is number i there; -1 is /dev/null. All others are closed.
  std::vector<int> descriptors{-1, -1, -1};
  std::vector<process_limit> limits;
  std::optional<uint32_t>
      uid; ///< user and group, without supplementary groups; needs CAP_SETUID and CAP_SETGID
  std::string working_dir = "/";
};

/// Where `process_command::staged[index]` is found by the child.
std::string staged_path(size_t index);

/// A child that must be reaped by `reap` or `try_reap` once.
struct child_process {
  pid_t pid = -1;
  descriptor pidfd; ///< readable when it has ended
};

struct process_exit {
  int code = 0;   ///< when it ended by itself
  int signal = 0; ///< when it was killed
};

/// Starts a process and leads it to `execve`: an error says which step failed and why, and leaves
/// nothing behind. The child is in a session of its own. The cost does not grow with the memory of
/// this process (vfork). With `--die-with-parent` and the like, the *thread* that calls this is the
/// parent.
result<child_process> start_process(const process_command& command);

/// Waits for the end.
process_exit reap(child_process& child);

/// Its end if it has ended.
std::optional<process_exit> try_reap(child_process& child);

/// Sends a signal; one to a process that has ended has no effect.
void signal_process(const child_process& child, int signal_number);

} // namespace flow::codeloader
