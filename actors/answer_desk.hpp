// What an owner of calls says to sessions: gathered while one message is handled, sent at its end;
// and who waits for which call to end.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "caf/local_actor.hpp"

#include "actors/tell.hpp"
#include "flows/messages.hpp"
#include "storage/store.hpp"

namespace flow::actors {

class answer_desk {
public:
  /// One submission or wait of a session.
  struct asker {
    uint64_t session = 0;
    uint64_t seq = 0;
  };

  /// The session's number. Its owner monitors it, and says when it is gone.
  uint64_t remember(caf::local_actor* self, const caf::actor& session) {
    if (sessions_.emplace(session->id(), session).second) self->monitor(session);
    return session->id();
  }
  void forget(uint64_t session) { sessions_.erase(session); }

  void answer(uint64_t session, wire::node_message message);
  void wait_for(const call_id& id, asker who) { waiting_[id].push_back(who); }
  /// To all that wait for this call.
  void tell_end(const ended_call& ended);
  void tell_end_from_history(const storage::store& store, const call_id& id, asker who);

  template <class Self>
  void send(Self* self) {
    for (auto& [number, output] : outputs_)
      if (auto found = sessions_.find(number); found != sessions_.end())
        tell(self, found->second, std::move(output));
    outputs_.clear();
  }

private:
  std::unordered_map<uint64_t, caf::actor> sessions_;
  std::unordered_map<call_id, std::vector<asker>> waiting_;
  std::unordered_map<uint64_t, session_output> outputs_;
};

} // namespace flow::actors
