// The workers of one processor on this node, and its life cycle.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "actors/services.hpp"

namespace flow::actors {

struct processor_life {
  static inline const char* name = "processor";

  struct worker_slot {
    worker_actor actor;
    bool is_ready = false;
    bool is_stopping = false;
    bool is_solo = false; ///< runs one call that must have no company
    uint32_t outstanding = 0;
    double call_us = 0; ///< moving average of one call; 0: not known yet
    uint64_t finished = 0;
  };
  struct waiting_call {
    dispatch what;
    std::string function;
  };
  struct attached_socket {
    std::string name;
    uint64_t window = 0; ///< as it was told
    std::deque<waiting_call> waiting;
  };

  processor_actor::stateful_pointer<processor_life> self = nullptr;
  services_ptr shared;
  loader_actor loader;
  caf::actor parent; ///< takes processor_changed and functions_found
  configure_processor config;
  processor_state state = processor_state::loading;
  std::string text;
  std::optional<codeloader::loaded_module> module;
  std::map<std::string, std::string> running_replacements; ///< of `module`
  uint64_t loading_revision = 0;                           ///< what the loader works on; 0: nothing
  std::map<uint64_t, worker_slot> workers;
  std::map<caf::actor, attached_socket> sockets;
  caf::actor next_socket; ///< whose turn it is
  uint64_t last_worker = 0;
  uint32_t failures = 0; ///< of workers, one after another
  uint32_t restarts = 0;
  uint64_t generation = 0; ///< rises with every drain: late timers of an earlier one mean nothing
  bool is_start_pending = false;
  /// As last asked for, by a verb or by a change of the catalog: the two come in either order.
  desired_state wanted = desired_state::running;
  std::vector<caf::typed_response_promise<processor_status>> drain_waiters;

  /// Whoever waits for a drain is answered also when this actor fails.
  ~processor_life();

  void configure(configure_processor& next);
  void loaded(module_loaded& what);
  void attach(attach_socket& who);
  void detach(const caf::actor& who);
  void take(run_calls& calls);
  void end(end_leases& what);
  void ready(uint64_t worker);
  void freed(const worker_freed& what);
  void gone(worker_gone& what);
  void worker_failed(const caf::down_msg& down);
  caf::result<processor_status> control(const control_processor& what);
  void drain_deadline(uint64_t of_generation);
  void start_workers();
  void give_back_waiting();
  processor_status describe_it() const;

private:
  void load();
  void want(desired_state next, uint64_t deadline_ms);
  void start_again();
  void become(processor_state next, std::string why = {});
  void start_one();
  void stop_all(bool kill);
  void drain(uint64_t deadline_ms);
  void drained();
  void pump();
  worker_slot* free_worker(uint64_t& number);
  bool pump_one(worker_slot& slot);
  uint32_t credit_of(const worker_slot& slot) const;
  void tell_windows();
  uint64_t backoff_ms() const;
  codeloader::worker_spec make_spec() const;
};

processor_actor::behavior_type processor(processor_actor::stateful_pointer<processor_life> self,
                                         services_ptr shared, loader_actor loader,
                                         caf::actor parent);

} // namespace flow::actors
