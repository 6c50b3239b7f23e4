// One worker process: what it was given, what it owes, and its time limit.
#pragma once

#include <deque>

#include "actors/services.hpp"

namespace flow::actors {

struct worker_config {
  uint64_t number = 0; ///< unique in its processor's life
  codeloader::worker_spec spec;
  uint64_t time_limit_ms = 0; ///< of one attempt; 0: none
  processor_actor owner;
  std::string processor;
};

struct worker_state {
  static inline const char* name = "worker";

  struct owed {
    lease_id lease{};
    call_id id;
    caf::actor socket;
    size_t out_shown = 0; ///< bytes of its output that went out as logs
    size_t err_shown = 0;
  };

  worker_actor::stateful_pointer<worker_state> self = nullptr;
  services_ptr shared;
  worker_config config;
  codeloader::worker_number process{};
  std::deque<owed> outstanding; ///< in the order in which they run: the first runs now
  uint64_t head_since_ms = 0;   ///< steady; when the first of them began
  bool is_timer_set = false;
  lease_id ending{}; ///< the attempt for which the process is being killed
  failure ending_why;
  failure import_failure;
  bool is_over
      = false; ///< the process has ended; this actor ends when its processor has said that it knows
  bool is_orphan = false; ///< its processor has ended
  worker_status status;

  /// An actor that fails leaves no process behind.
  ~worker_state();

  void start();
  void run(run_calls& calls);
  void results(host_results& what);
  void logs(const host_logs& what);
  void end(const end_leases& what);
  void check_time_limit();
  void exited(host_exited& what);
  void stop(bool kill);
  void owner_ended();
  worker_status describe_it() const;

private:
  void set_timer();
  void show_rest(const owed& call, const codeloader::worker_result& result);
  void tell_log(const call_id& id, bool is_stderr, std::string_view text);
  void give_back(std::deque<owed>& rest, bool solo);
};

worker_actor::behavior_type worker(worker_actor::stateful_pointer<worker_state> self,
                                   services_ptr shared, worker_config config);

} // namespace flow::actors
