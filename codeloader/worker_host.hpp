// Runs worker processes in sandboxes and carries framed batches to and from them. One per node; no
// actors in here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codeloader/sandbox.hpp"
#include "flows/error.hpp"
#include "flows/ids.hpp"
#include "flows/limits.hpp"
#include "flows/signature.hpp"
#include "flows/value.hpp"

namespace flow::codeloader {

enum class worker_number : uint64_t {};

struct worker_spec {
  std::string language = "python";
  std::string module;
  std::string file = {};   ///< loaded_module::file; Python finds its module by itself
  std::string import_root; ///< loaded_module::import_root
  std::string checkout_dir;
  std::string environment_dir;
  std::vector<std::pair<std::string, std::string>>
      environment; ///< variables for the worker, nothing is inherited
  /// Source that takes the place of a function of the module (mixins): name and text, run in the
  /// module's namespace.
  std::vector<std::pair<std::string, std::string>> replacements;
  std::vector<signature> functions
      = {};               ///< for languages whose functions do not know their parameters
  std::string image = {}; ///< of a container; empty: none
  sandbox_limits sandbox;
};

/// One attempt of one call.
struct worker_call {
  uint64_t handle = 0; ///< the lease: results name it
  call_id id;
  uint32_t attempt = 1;
  std::string function;
  arguments args;
};

struct worker_failure {
  ec code = ec::none; ///< none: success
  std::string type;   ///< "KeyError"
  std::string message;
  std::string traceback; ///< the author's frames first
};

/// The end of one attempt.
struct worker_result {
  uint64_t handle = 0;
  worker_failure failure;
  value returned;                                   ///< on success
  std::vector<std::pair<std::string, value>> plugs; ///< named outputs, in the order they were set
  std::vector<std::pair<std::string, value>> artifacts; ///< `output[...]`
  std::string out;                                      ///< stdout of this attempt, capped
  std::string err;                                      ///< stderr of this attempt, capped
  uint64_t run_us = 0;                                  ///< time inside the function
};

/// A piece of output of a call that still runs.
struct worker_log {
  uint64_t handle = 0;
  bool is_stderr = false;
  std::string text;
};

struct worker_exit {
  int exit_code = 0;  ///< when it exited by itself
  int signal = 0;     ///< when it was killed
  bool by_us = false; ///< `kill` or `stop` was called
  std::string reason; ///< for people: "killed by signal 9 (out of memory?)", "protocol error: ...",
                      ///< its last stderr lines
};

/// Called on the host's own thread, one at a time, in order: ready or broken first, exited last and
/// exactly once. Must not block.
struct worker_events {
  std::function<void(worker_number, int pid)> ready;
  /// The module could not be imported; the worker exits afterwards.
  std::function<void(worker_number, worker_failure)> broken;
  std::function<void(worker_number, std::vector<worker_result>)> results;
  std::function<void(worker_number, std::vector<worker_log>)> logs;
  std::function<void(worker_number, worker_exit)> exited;
};

struct worker_host_options {
  std::string runtime_dir; ///< holds python/worker.py and so on
  std::string scratch_dir; ///< for sockets and private files of the host; created 0700
  std::string python = "/usr/bin/python3";
  std::string node = "/usr/bin/node";
  bool isolate = true;                                 ///< false only in unit tests of the protocol
  uint64_t start_ms_max = limits::worker_start_ms_max; ///< from start to `ready`
};

class worker_host {
public:
  virtual ~worker_host() = default; ///< kills every worker and waits for them

  /// Returns at once; failure to start is reported through `exited`.
  virtual worker_number start(worker_spec spec, worker_events events) = 0;
  /// Queues calls; they run one after another in this order. Never blocks: the caller keeps to its
  /// credit.
  virtual void send(worker_number worker, std::vector<worker_call> calls) = 0;
  /// Lets the worker finish what it has, then ends it.
  virtual void stop(worker_number worker) = 0;
  /// Ends it now, with every process it started.
  virtual void kill(worker_number worker) = 0;

  virtual sandbox_report report() const = 0;
};

result<std::unique_ptr<worker_host>> make_worker_host(worker_host_options options);

} // namespace flow::codeloader
