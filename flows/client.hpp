// The client library: calls sockets of a node from a program, by blocking calls or from actors of
// its own actor system.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "caf/fwd.hpp"

#include "flows/call.hpp"
#include "flows/error.hpp"
#include "flows/ids.hpp"
#include "flows/value.hpp"
#include "flows/wire.hpp"

namespace flow {

struct client_options {
  std::string address = "127.0.0.1:7717"; ///< host:port of a node's `--api`
  std::string token;                      ///< never logged, never in an error
  std::string name = "client";
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds request_timeout{30'000};
  /// After a lost connection: keep trying this long, and send again what was not acknowledged.
  /// Zero: give up at once.
  std::chrono::milliseconds reconnect_for{30'000};
};

/// How a call ended.
struct call_outcome {
  call_id id;
  call_state state = call_state::finished;
  value returned;
  failure why;
  uint32_t attempts = 0;

  bool ok() const { return state == call_state::finished; }
};

class client;
class client_connection;
template <class Signature>
class typed_socket; // flows/typed_socket.hpp

/// A call that is on disk. A value: copy it, keep its id, drop it; the call goes on.
class call_handle {
public:
  const call_id& id() const { return id_; }
  /// Blocks until the call has ended. `timed_out` leaves the call running; `unknown_call`,
  /// `connection_lost`.
  result<call_outcome> wait(std::chrono::milliseconds timeout) const;
  /// The result alone; a call that did not finish is its failure as an error.
  result<value> get(std::chrono::milliseconds timeout) const;
  result<void> cancel() const;

private:
  friend class client;
  call_handle(call_id id, std::shared_ptr<client_connection> connection);
  call_id id_;
  std::shared_ptr<client_connection> connection_;
};

/// Thread-safe, and a handle: copies share one connection, which closes with the last of them, its
/// call handles and actors. Nothing here throws. `spawn_actor` gives the same to actors: send it
/// `call_socket`, `launch_call`, `await_call`, `ask_node` (flows/client_actor.hpp).
class client {
public:
  /// `no_server`, `not_logged_in`, `version_mismatch`, `timed_out`.
  static result<client> connect(client_options options);

  /// Durable when it returns: the call has its id only once it is in the node's store.
  result<call_handle> launch(const std::string& socket, const arguments& args,
                             const wire::submit_options& options = {}) const;

  /// Launches without waiting for the acknowledgement of each. `accepted` is called exactly once,
  /// and after an id so is `ended`, if there is one; submissions are answered in any order. A
  /// connection that is given up tells `ended` an outcome that is not an end, with the cause in
  /// `why`. Blocks while `limits::api_calls_in_flight_max` are unanswered, except in a callback:
  /// there the submission is refused as `too_busy`.
  void submit(const std::string& socket, arguments args, const wire::submit_options& options,
              std::function<void(result<call_id>)> accepted,
              std::function<void(const call_outcome&)> ended) const;

  /// Calls and waits for the result. `timed_out` names the id of the call, which goes on.
  result<value> call(const std::string& socket, const arguments& args,
                     std::chrono::milliseconds timeout,
                     const wire::submit_options& options = {}) const;

  /// A handle on a call made earlier, here or elsewhere.
  call_handle find(const call_id& id) const;

  /// Any verb of docs/api.md. `timed_out` or `connection_lost`: it may have happened or not.
  result<value> request(const std::string& verb, const value& params) const;

  /// Events until the returned handle is dropped. The callback runs on the connection's thread and
  /// must not block. A lost connection goes on with new events; those of the gap are not repeated.
  result<std::shared_ptr<void>> subscribe(const std::string& channel, const value& params,
                                          std::function<void(const value&)> on_event) const;

  /// A socket as a function: `socket<double(std::string, int)>("shop.price")`. Checked once, here,
  /// against the signature that the node knows: `unknown_socket`, `bad_arguments`. Include
  /// flows/typed_socket.hpp.
  template <class Signature>
  result<typed_socket<Signature>> socket(const std::string& name) const;

  /// An actor of `system` that speaks for this client (flows/client_actor.hpp).
  caf::actor spawn_actor(caf::actor_system& system) const;

  const std::string& node_name() const;
  const std::string& user() const;

private:
  explicit client(std::shared_ptr<client_connection> connection);
  std::shared_ptr<client_connection> connection_;
};

} // namespace flow
