// The one thread that starts workers, and clears away what they leave. Internal to codeloader.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "codeloader/confinement.hpp"
#include "codeloader/descriptor.hpp"
#include "codeloader/process.hpp"
#include "codeloader/worker_host.hpp"

namespace flow::codeloader {

/// A worker's process and our ends of what connects us to it.
struct launched_worker {
  child_process child;
  std::unique_ptr<confinement> confined; ///< none when nothing isolates it
  descriptor socket;                     ///< does not block
  descriptor out; ///< the last words of stdout and stderr, read after its death
  descriptor err;
};

/// Does jobs in order on one thread that lives as long as it: a sandbox dies with the *thread* that
/// started it, so no other may. What blocks in the kernel is here too, away from the thread that
/// carries calls.
class launcher {
public:
  launcher();
  ~launcher(); ///< does the jobs that are left

  void post(std::function<void()> job);

private:
  void run();

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> jobs_;
  bool closing_ = false;
  std::thread thread_;
};

/// Starts one worker; to be called on the launcher's thread.
result<launched_worker> launch(const worker_host_options& options, const worker_spec& spec);

/// Ends a worker with every process it started.
void kill_tree(const launched_worker& worker);

} // namespace flow::codeloader
