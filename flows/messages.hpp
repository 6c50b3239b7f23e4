// What actors of one node say to each other. Local only: between nodes travel bytes (spec 2.3), so nothing here is serialized.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "caf/actor.hpp"

#include "flows/call.hpp"
#include "flows/error.hpp"
#include "flows/wire.hpp"

namespace flow {

/// A client's calls for one socket, from a session. Replies after commit: `calls_accepted` or `calls_refused` for each
/// submission; then, for those with `push_end`, `calls_ended`. All go to `session` as messages, not as responses.
struct submit_calls {
  caf::actor session;
  std::string user;
  struct item {
    call_id id;
    wire::submit what;
  };
  std::vector<item> items;
};

/// Push the end of these calls to the session, at once for those that have ended.
struct await_calls {
  caf::actor session;
  std::vector<wire::wait> items;
};

/// A verb of docs/api.md. Answered with `verb_answered`, sent to `session`.
struct run_verb {
  caf::actor session;
  std::string user;
  wire::request what;
};

/// Start, or end, a subscription of a session.
struct subscribe_session {
  caf::actor session;
  wire::subscribe what;
};
struct forget_session {
  caf::actor session;
  uint64_t seq = 0; ///< of the subscription
  bool all = false; ///< the session has ended: forget everything of it
};

/// To a session: messages for its client, in order.
struct session_output {
  std::vector<wire::node_message> messages;
};

} // namespace flow
