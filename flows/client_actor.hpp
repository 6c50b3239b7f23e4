// What an actor of the caller's own system sends to the actor of `client::spawn_actor`, and what it
// is answered.
//
//   self->request(client.spawn_actor(system), 10s, flow::call_socket{"shop.price", args})
//     .then([](const flow::call_outcome& ended) { ... }, [](const caf::error& why) { ...
//     flow::error_of(why) ... });
#pragma once

#include <string>

#include "caf/actor.hpp"
#include "caf/allowed_unsafe_message_type.hpp"
#include "caf/error.hpp"

#include "flows/client.hpp"

namespace flow {

/// Answered with `call_outcome` when the call has ended, however it ended.
struct call_socket {
  std::string socket;
  arguments args;
  wire::submit_options options = {};
};

/// Answered with `call_launched` once the call is on disk.
struct launch_call {
  std::string socket;
  arguments args;
  wire::submit_options options = {};
};

struct call_launched {
  call_id id;
};

/// Answered with `call_outcome` when the call has ended, at once if it has.
struct await_call {
  call_id id;
};

/// Any verb of docs/api.md. Answered with `node_answered`.
struct ask_node {
  std::string verb;
  value params;
};

struct node_answered {
  value answer;
};

/// Nothing happened, or it is not known whether: the answer is then an error that carries a
/// `flow::error`.
caf::error make_caf_error(const error& why);
/// The error of ours inside; any other one (a timeout of CAF, an actor that is gone) becomes
/// `timed_out` or `internal`.
error error_of(const caf::error& why);

} // namespace flow

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::call_socket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::launch_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::call_launched)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::await_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::ask_node)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::node_answered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::call_outcome)
