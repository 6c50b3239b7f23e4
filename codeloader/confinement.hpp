// From a sandbox_spec to a process_command for bwrap, with what must outlive the child. Internal to
// codeloader.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "codeloader/cgroup.hpp"
#include "codeloader/descriptor.hpp"
#include "codeloader/process.hpp"
#include "codeloader/sandbox.hpp"

namespace flow::codeloader {

/// What of the sandbox this machine can do; found by trying.
struct sandbox_means {
  std::string bwrap; ///< absolute path; empty: there is none
  bool disable_userns = false;
  bool prlimit = false; ///< /usr/bin/prlimit, which limits processes inside the namespace
  bool own_uid = false; ///< each sandbox gets a user of its own before bwrap starts
  bool seccomp = false;
  cgroup_place cgroups;
};

/// A user id that no other sandbox of this machine has, for as long as this lives. The lock is the
/// name of an abstract socket, so that it ends with the process whatever happens.
class uid_lease {
public:
  uid_lease() = default;
  static result<uid_lease> take();
  uint32_t uid() const { return uid_; }

private:
  uint32_t uid_ = 0;
  descriptor lock_;
};

/// Ready to start: pass `command()` to start_process, keep this until the child has been reaped,
/// then `finish`.
class confinement {
public:
  /// `stdio` are the child's 0, 1, 2 and any more (ours, borrowed until the start); -1 is
  /// /dev/null.
  static result<confinement> make(const sandbox_means& means, const sandbox_spec& spec,
                                  std::vector<int> stdio);

  const process_command& command() const { return command_; }

  /// Closes what only the start needed.
  void started() { files_.clear(); }

  /// Ends what is left and takes writable directories back. May wait for the kernel; true if memory
  /// ran out inside.
  bool finish();

private:
  result<void> add_arguments(const sandbox_means& means, const sandbox_spec& spec);
  result<void> add_data_file(std::vector<std::string>& args, const char* target,
                             std::string_view content);
  int add_file(descriptor file);

  process_command command_;
  std::vector<descriptor> files_;
  std::vector<std::string>
      given_away_; ///< directories that belong to the sandbox's user during the run
  uid_lease uid_;
  cgroup cgroup_;
};

/// Found once a process.
const sandbox_means& machine_means();

} // namespace flow::codeloader
