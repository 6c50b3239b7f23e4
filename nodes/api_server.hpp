// The one public port of a node: REST, health, and the WebSocket of the command line and the client
// library.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "caf/actor.hpp"
#include "caf/fwd.hpp"

#include "actors/directory.hpp"
#include "flows/clock.hpp"
#include "flows/error.hpp"
#include "flows/limits.hpp"
#include "nodes/access.hpp"

namespace flow::nodes {

/// What `/healthz` says.
struct health {
  std::vector<std::string> problems; ///< one sentence each; none: green
};

/// A port that listens, but is not served yet: who connects waits. Closed with its last owner,
/// unless a server took it.
struct bound_port {
  bound_port() = default;
  ~bound_port();
  bound_port(const bound_port&) = delete;
  bound_port& operator=(const bound_port&) = delete;

  int descriptor = -1;
  bool is_v6 = false;
  std::string address; ///< with the port that was found if 0 was asked
  uint16_t port = 0;
};

/// `port_taken` and `not_allowed` name the address; `bad_usage` for one that cannot be read.
result<std::shared_ptr<bound_port>> bind_api(const std::string& address, bool insecure);

struct api_server_options {
  std::string address = "127.0.0.1:7717"; ///< port 0: any that is free
  std::shared_ptr<bound_port> bound;      ///< instead of `address`
  /// Listen on an address that other machines reach, although there is no TLS yet.
  bool insecure = false;
  std::string node_name;
  std::vector<std::string>
      hosts; ///< names by which browsers may call this node; its addresses and localhost always may
  caf::actor_system* system = nullptr;
  const actors::directory* directory = nullptr;
  std::shared_ptr<const access> who;
  caf::actor verbs;                   ///< takes run_verb, subscribe_session, forget_session
  std::function<health()> health_now; ///< called on the network thread: must not block
  const clock* time = &system_clock();
  size_t connections_max = limits::api_connections_max;
  size_t send_queue_bytes_max = limits::api_send_queue_bytes_max;
};

/// Serves from its own thread until it is stopped.
class api_server {
public:
  virtual ~api_server() = default;
  /// Where it listens, with the port that was found if 0 was asked.
  virtual const std::string& address() const = 0;
  virtual uint16_t port() const = 0;
  /// Says goodbye to every client, waits at most `limits::api_close_ms_max` for their answers, and
  /// ends the thread. The destructor does the same. Must come before the end of the actor system.
  virtual void stop() = 0;
};

/// Binds `address` unless it is given a port: errors as those of `bind_api`.
result<std::unique_ptr<api_server>> make_api_server(api_server_options options);

} // namespace flow::nodes
