// The way back from a session to its client. The session does not know what carries it.
#pragma once

#include <cstddef>
#include <vector>

#include "flows/error.hpp"
#include "flows/wire.hpp"

namespace flow::nodes {

/// Called by the session's actor; implementations hand over to the thread of the connection.
class session_sink {
public:
  virtual ~session_sink() = default;
  virtual void deliver(std::vector<wire::node_message> messages) = 0;
  /// A frame of this size has been worked off.
  virtual void consumed(size_t bytes) = 0;
  /// Ends the connection after what was delivered. The client may connect again, and then sends
  /// what is unanswered.
  virtual void end(error why) = 0;
};

} // namespace flow::nodes
