// Control groups for sandboxes, version 2 where it is delegated to us, else version 1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codeloader/descriptor.hpp"
#include "flows/error.hpp"

namespace flow::codeloader {

/// Where groups can be made, found once.
struct cgroup_place {
  std::string
      unified; ///< a version 2 directory whose children have the memory and pids controllers
  std::string v1_memory; ///< version 1 directories that we may write
  std::string v1_pids;
  std::string why_not; ///< a sentence when neither can be had

  bool usable() const { return !unified.empty() || (!v1_memory.empty() && !v1_pids.empty()); }
};

/// Looks at /proc/self/{cgroup,mountinfo}; enables the controllers for children when the group is
/// ours alone. Also removes the empty groups that dead daemons left.
cgroup_place find_cgroup_place();

/// One group for one sandbox; the destructor kills what is left in it and removes it.
class cgroup {
public:
  cgroup() = default;
  cgroup(cgroup&& other) noexcept = default;
  cgroup& operator=(cgroup&& other) noexcept;
  ~cgroup();

  static result<cgroup> make(const cgroup_place& place, uint64_t memory_bytes, uint64_t processes);

  /// Open `cgroup.procs` files; writing "0" to each puts the writer in.
  std::vector<int> procs() const;

  /// How many processes the kernel ended here for want of memory.
  uint64_t oom_kills() const;

  /// Waits until no process is left, at most limits::sandbox_teardown_ms_max, killing what is
  /// there.
  void drain();

private:
  std::vector<std::string> dirs_;
  std::vector<descriptor> procs_;
};

} // namespace flow::codeloader
