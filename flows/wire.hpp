// The frames between a client and the API port (docs/api.md), as plain structs with their bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "flows/call.hpp"
#include "flows/error.hpp"
#include "flows/ids.hpp"
#include "flows/value.hpp"

namespace flow::wire {

inline constexpr uint64_t version_major = 1;
inline constexpr uint64_t version_minor = 0;
inline constexpr std::string_view subprotocol = "flow.v1";
inline constexpr std::string_view stream_path = "/api/v1/stream";

// -- from a client ------------------------------------------------------------

struct client_hello {
  uint64_t major = version_major;
  uint64_t minor = version_minor;
  std::string session; ///< 16 random bytes
  std::string name;
};

struct submit_options {
  uint8_t priority = 4;
  std::string key = {};
  uint64_t delay_ms = 0;
  std::string argument = {};
  std::string trace = {};
  uint64_t expires_ms = 0;
  std::string flow = {}; ///< an encoded workflow (flows/workflow.hpp), in place of a socket

  bool operator==(const submit_options&) const = default;
};

struct submit {
  uint64_t seq = 0;
  uint64_t time_ms = 0;
  std::string socket;
  arguments args;
  submit_options options;
  bool push_end = false; ///< tell me when it has ended
  bool again = false;    ///< sent before on a connection that was lost
};

struct wait {
  uint64_t seq = 0;
  call_id id;
};

struct request {
  uint64_t seq = 0;
  std::string verb;
  value params; ///< a map
};

struct forget {
  uint64_t seq = 0;
};

struct subscribe {
  uint64_t seq = 0;
  std::string channel;
  value params;
};

using client_message = std::variant<client_hello, submit, wait, request, forget, subscribe>;

// -- from the node ------------------------------------------------------------

struct node_hello {
  uint64_t major = version_major;
  uint64_t minor = version_minor;
  std::string node;
  std::string user;
  /// The node's clock, so that a client with a wrong one makes call ids of the right time.
  uint64_t wall_ms = 0;
};

struct accepted {
  uint64_t seq = 0;
  call_id id;
};

struct ended {
  uint64_t seq = 0;
  call_id id;
  call_state state = call_state::finished;
  value result = {};
  failure why = {};
  uint32_t attempts = 0;
};

struct reply {
  uint64_t seq = 0;
  value answer;
};

struct refused {
  uint64_t seq = 0;
  error why;
};

struct event {
  uint64_t seq = 0;
  value what;
};

using node_message = std::variant<node_hello, accepted, ended, reply, refused, event>;

/// Appends the bytes of one message. A frame is `frame_head(count)` followed by the bytes of
/// `count` messages.
void encode(std::string& items, const client_message& message);
void encode(std::string& items, const submit& message);
void encode(std::string& items, const node_message& message);
std::string frame_head(size_t count);
std::string frame_of(size_t count, std::string_view items);

/// All messages of one frame; `bad_frame` for anything malformed, of unknown type, or more than
/// `limits::api_frame_messages_max`. Values inside are well formed, but only `check_values` looks
/// at their text.
result<std::vector<client_message>> decode_client_frame(std::string_view frame);
result<std::vector<node_message>> decode_node_frame(std::string_view frame);

/// The rest of what bytes from outside must fulfil (`value_of_cbor`): text, and that of options, in
/// UTF-8, keys of maps text. `bad_value`.
result<void> check_values(submit& message);
result<void> check_values(value& params);

} // namespace flow::wire
