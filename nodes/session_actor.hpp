// One client's conversation: what it asks goes to socket owners and verbs, what they answer goes to
// its sink.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "caf/actor.hpp"
#include "caf/allowed_unsafe_message_type.hpp"
#include "caf/fwd.hpp"

#include "actors/directory.hpp"
#include "flows/clock.hpp"
#include "flows/messages.hpp"
#include "flows/wire.hpp"
#include "nodes/access.hpp"
#include "nodes/session_sink.hpp"

namespace flow::nodes {

// -- from the connection ------------------------------------------------------

/// A frame as it came; decoded here, so that the one network thread need not.
struct frame_received {
  std::string bytes;
};
/// Messages of a connection that has no frames (REST).
struct messages_received {
  std::vector<wire::client_message> messages;
};
/// The client is gone. The session forgets everything it asked for and ends.
struct connection_ended {};

struct session_options {
  std::shared_ptr<session_sink> sink;
  std::shared_ptr<const principal> who;
  std::string node_name;
  std::string session; ///< 16 bytes; empty: the client's hello says them
  const actors::directory* directory = nullptr;
  caf::actor verbs;
  const clock* time = nullptr;
};

/// Submits go, grouped by socket and in order, to the owners in the directory; the call id is
/// derived from (session, seq, time), so that a repeat is the same call. Nothing is durable here:
/// an owner answers after its commit. If an owner dies with answers due, the connection ends, and a
/// client that comes back repeats what was not answered.
caf::actor spawn_session(caf::actor_system& system, session_options options);

} // namespace flow::nodes

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::nodes::frame_received)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::nodes::messages_received)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::nodes::connection_ended)
