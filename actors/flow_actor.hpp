// Owner of the workflows in progress, as a socket is of its calls: performs what their state
// machines (flows/workflow_machine.hpp) decide. A workflow is a call of the partition
// `workflow_partition`.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/answer_desk.hpp"
#include "actors/services.hpp"
#include "flows/workflow_machine.hpp"

namespace flow::actors {

struct flow_state {
  static inline const char* name = "flow";
  /// Where rows of calls have the name of a socket.
  static constexpr std::string_view shown_socket = "workflow";

  struct in_progress {
    workflow_run run;
    uint64_t started_ms = 0;
    bool is_begun = false;
    bool is_durable = false;
    bool is_cancel_wanted = false; ///< before it was durable
    bool has_progress_row = false;
  };
  struct acceptance {
    answer_desk::asker from;
    bool push_end = false;
  };
  /// What follows once the rows are durable.
  struct awaited {
    uint64_t ticket = 0;
    call_id workflow;
    std::vector<acceptance> accepted; ///< not empty: its first rows
    workflow_progress progress;
    ended_ptr ended;
  };

  flow_actor::stateful_pointer<flow_state> self = nullptr;
  services_ptr shared;
  caf::actor courier; ///< hands members to their sockets
  error broken;       ///< why the rows could not be read
  std::unordered_map<call_id, in_progress> workflows;
  std::unordered_map<std::string, call_id> keys; ///< idempotency keys of those in progress
  std::deque<awaited> in_journal;                ///< in ticket order, as the journal answers
  uint64_t last_ticket = 0;
  answer_desk desk;

  /// Reads all workflows in progress. A row that cannot be read keeps all closed: nothing is
  /// skipped silently.
  void open();
  void submit(submit_calls& calls);
  void await(await_calls& calls);
  void members_have_ended(members_ended& what);
  /// Looks at the rows of all members that are waited for: their ends, or they themselves, may have
  /// been told to nobody.
  void settle();
  void committed(rows_committed& done);
  void revive(revive_command& command);
  void wake();
  call_ids cancel(const cancel_command& command);
  found_call find(const call_id& id) const;
  call_list list(const list_calls& what) const;

private:
  result<void> read(restored_call& row);
  result<workflow> read_definition(const call_id& id) const;
  result<workflow> check(const wire::submit& asked) const;
  void submit_one(const std::string& user, submit_calls::item& item, const acceptance& from);
  bool is_repeat(const submit_calls::item& item, const acceptance& from);
  in_progress& insert(call_ptr call, workflow what);
  void begin(in_progress& it, storage::batch rows, std::vector<acceptance> accepted);
  void cancel(in_progress& it);
  void look_at_members(in_progress& it);
  member_outcome outcome_on_disk(const call_id& member, arrive_calls& to_tell, bool& is_over) const;
  void perform(in_progress& it, workflow_progress progress, storage::batch rows,
               std::vector<acceptance> accepted = {});
  ended_ptr end(in_progress& it, member_outcome outcome);
  void accept(const call_id& id, const acceptance& who);
  void perform_after_commit(awaited& effects);
  void refuse(awaited& effects, const error& why);
  void hand_over(std::vector<call_ptr>& calls, bool again);
  void cancel_members(const std::vector<call_id>& ids);
  socket_finder finder() const;
  const ended_call* find_ending(const call_id& id) const;
  call_view view_of(const in_progress& it) const;
  void tell_watchers(std::string_view state, const call_id& id);
  uint64_t now_ms() const { return shared->clock->wall_ms(); }
};

flow_actor::behavior_type flows(flow_actor::stateful_pointer<flow_state> self, services_ptr shared);

} // namespace flow::actors
