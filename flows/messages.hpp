// What actors of one node say to each other. Local only: between nodes travel bytes (spec 2.3), so
// nothing here is serialized.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "caf/actor.hpp"
#include "caf/allowed_unsafe_message_type.hpp"

#include "flows/call.hpp"
#include "flows/error.hpp"
#include "flows/wire.hpp"

namespace flow {

/// A client's calls for one socket, from a session. Answered after commit with `session_output` to
/// `session`, never as responses: `wire::accepted` or `wire::refused` for each submission; then,
/// for those with `push_end`, `wire::ended`.
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

/// A verb of docs/api.md, its right already checked. Answered with `session_output` to `session`:
/// `wire::reply` or `wire::refused`.
struct run_verb {
  caf::actor session;
  std::string user;
  wire::request what;
};

/// Start, or end, a subscription of a session. The start is answered, once it is in place, with
/// `wire::reply` (null) or `wire::refused`, so that a client knows from when on it sees everything.
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

// Checked to be known to CAF as local: a message of these types never leaves its process.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::submit_calls)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::await_calls)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::run_verb)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::subscribe_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::forget_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::session_output)
