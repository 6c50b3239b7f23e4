// Owner of one partition: performs what its state machine (flows/partition.hpp) decides.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/services.hpp"
#include "flows/params.hpp"
#include "flows/partition.hpp"

namespace flow::actors {

struct socket_state {
  static inline const char* name = "socket";

  /// Effects of a transition whose rows are on their way to the disk.
  struct awaited {
    uint64_t ticket = 0;
    transition effects;
  };
  struct waiter {
    uint64_t session = 0;
    uint64_t seq = 0;
  };

  socket_actor::stateful_pointer<socket_state> self = nullptr;
  services_ptr shared;
  std::optional<partition> machine;
  configure_socket wiring;
  error broken; ///< why the rows could not be read
  uint64_t last_ticket = 0;
  std::deque<awaited> in_journal; ///< in ticket order, as the journal answers
  std::unordered_map<uint64_t, caf::actor> sessions;
  std::unordered_map<call_id, std::vector<waiter>> waiters;
  std::unordered_map<uint64_t, session_output> outputs; ///< gathered while one message is handled
  uint64_t wake_at_ms = 0;
  uint64_t rows_read_ms = 0; ///< steady
  uint64_t trim_at_ms = 0;   ///< 0: no timer
  uint64_t trim_ticket = 0;  ///< rows that go are on their way to the disk

  /// Reads the partition's rows. A row that cannot be read keeps the partition closed: nothing is
  /// skipped silently.
  void open();
  void submit(submit_calls& calls);
  void await(await_calls& calls);
  void arrive(arrive_calls& calls);
  void adopt();
  void committed(rows_committed& done);
  void configure(configure_socket& next);
  void open_window(window_changed window);
  void someone_ended(const caf::down_msg& down);
  void revive(revive_command& command);
  call_ids cancel(cancel_command& command);
  found_call find(const call_id& id) const;
  call_list list(const list_calls& what) const;
  join_list list(const list_joins& what) const;
  socket_status describe_it() const;
  void wake(uint64_t tag);
  /// One small batch of what history forgets, and the next one later.
  void trim();

  /// One command through the machine, and all that follows from it.
  void run(partition_command command);
  void send_outputs();

private:
  void trim_later(uint64_t at_ms = 0);
  void perform(transition&& effects);
  void perform_after_commit(transition& effects);
  void hand_over(std::vector<dispatch>& calls);
  void attach();
  void tell_workflows(const std::vector<ended_ptr>& ended);
  void follow(std::vector<call_ptr>& children);
  void publish(const ended_call& ended);
  /// Its end is on its way to the disk: the machine has forgotten it, history does not have it yet.
  const ended_call* find_ending(const call_id& id) const;
  static call_view view_of(const ended_call& ending);
  // -- socket_events.cpp
  bool is_watched() const { return shared->is_watched->load(std::memory_order_relaxed); }
  void tell_watchers(call_state state, const call_id& id);
  void tell_watchers_of_end(const ended_call& ended);
  void tell_hub(channel where, const map_builder& what);
  // --
  void push_from_history(const call_id& id, const waiter& who);
  result<void> check(const wire::submit& asked) const;
  submission make_submission(const caf::actor& session, const std::string& user,
                             submit_calls::item& item);
  void look_up(submission& item, bool again);
  uint64_t remember(const caf::actor& session);
  void answer(uint64_t session, wire::node_message message);
  uint64_t now_ms() const { return shared->clock->wall_ms(); }
};

socket_actor::behavior_type socket(socket_actor::stateful_pointer<socket_state> self,
                                   services_ptr shared, partition_id id, configure_socket wiring);

} // namespace flow::actors
