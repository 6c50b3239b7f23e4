// Answers the verbs of docs/api.md that read, and hands on those that change.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "actors/call_rows.hpp"
#include "actors/services.hpp"
#include "flows/params.hpp"

namespace flow::actors {

/// A tree on its way to a client. (json itself would take any error for a value.)
using json_ptr = std::shared_ptr<const nlohmann::json>;
json_ptr share(nlohmann::json tree);

struct verbs_state {
  static inline const char* name = "verbs";

  /// One request under way.
  struct asked {
    caf::actor session;
    uint64_t seq = 0;
    std::string user;
    std::string verb;
    value given;
  };
  /// A call in flight, and where it was found. `running` is null while no worker runs it.
  struct located {
    const call_view* view = nullptr;
    const call_list* where = nullptr;
    const running_call* running = nullptr;
    explicit operator bool() const { return view != nullptr; }
    nlohmann::json row(const catalog& objects, bool whole) const;
  };
  struct in_flight {
    std::vector<call_list> lists; ///< one a socket
    std::unordered_map<call_id, running_call> running;
    located find(const call_id& id) const;
    void each(const std::function<void(const located&)>& visit) const;
  };

  verbs_actor::stateful_pointer<verbs_state> self = nullptr;
  services_ptr shared;
  node_actor node;
  uint64_t last_ticket = 0;
  std::map<uint64_t, std::function<void(const result<void>&)>> in_journal;

  void run(run_verb& verb);
  void committed(const rows_committed& done);

  // -- answers ----------------------------------------------------------------
  void answer(const asked& a, const nlohmann::json& tree);
  void refuse(const asked& a, const error& why);
  /// Runs `body`; what it returns is the answer, or the refusal.
  void reply_with(const asked& a, const std::function<result<json_ptr>()>& body);

  // -- verbs_objects.cpp ------------------------------------------------------
  void object_list(asked a);
  void object_show(asked a);
  void object_delete(asked a);
  void socket_resolve(asked a);
  void node_status_verb(asked a);
  void node_drain(asked a);
  void proc_control(asked a);
  void proc_scale(asked a);
  void proc_remove(asked a);
  void queue_control(asked a);
  void queue_purge(asked a);
  void with_status(const asked& a, std::function<void(const node_status&)> next);
  void hand_to_catalog(const asked& a, std::string verb, value given);

  // -- verbs_calls.cpp, verbs_changes.cpp, verbs_why.cpp
  // --------------------------------------------------------
  void call_list_verb(asked a);
  void call_show(asked a);
  void call_tree(asked a);
  void call_graph(asked a);
  void call_result(asked a);
  void call_logs(asked a);
  void call_why(asked a);
  void call_cancel(asked a);
  void join_list_verb(asked a); ///< verbs_joins.cpp
  void call_retry(asked a);
  void dead_letter_list(asked a);
  void dead_letter_drop(asked a);
  /// All calls in flight, socket by socket; then `next`.
  void with_in_flight(list_calls what, std::function<void(const in_flight&)> next);
  /// The one call whose id is, or begins with, `text`.
  result<call_id> resolve_id(const std::string& text, const in_flight& live) const;
  /// The ids that `ids` or `filter` name, in history or in flight.
  result<std::vector<call_id>> select(const asked& a, const in_flight& live, bool only_dead) const;

private:
  void with_running(const std::shared_ptr<in_flight>& gathered,
                    const std::function<void(const in_flight&)>& next);
  using method = void (verbs_state::*)(asked);
  static const std::map<std::string, method, std::less<>>& table();
};

/// The row of a call wherever it is; `unknown_call` when it is nowhere.
result<json_ptr> row_anywhere(const services& shared, const verbs_state::in_flight& live,
                              const call_id& id, bool whole);

/// Why a call that has not ended does not run yet, or is where it is: one sentence for people.
std::string why_sentence(const found_call& found, const node_status& node, uint64_t now_ms);

/// Reads the store: spawn it detached, but for tests.
verbs_actor::behavior_type verbs(verbs_actor::stateful_pointer<verbs_state> self,
                                 services_ptr shared, node_actor node);

} // namespace flow::actors
