// One connection of the client library: a thread that keeps a WebSocket to the node, and the ledger
// of what is asked over it.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "flows/client.hpp"
#include "flows/client_ledger.hpp"

namespace flow {

class client_core;

/// Thread-safe. Callbacks run on the connection's thread, in order, and must neither block nor
/// throw.
class client_connection {
public:
  /// Returns once the node has said hello. Errors as `client::connect`.
  static result<std::shared_ptr<client_connection>> open(client_options options);
  /// Tells every unanswered callback `connection_lost`. May be called on the connection's own
  /// thread.
  ~client_connection();
  client_connection(const client_connection&) = delete;
  client_connection& operator=(const client_connection&) = delete;

  /// What a call does when too much is unanswered. On the connection's own thread nothing blocks.
  enum class when_full { block, refuse };

  /// Both functions are called exactly once, `ended` only after an acceptance. Without `ended` the
  /// end is not pushed.
  uint64_t submit(const std::string& socket, arguments args, const wire::submit_options& options,
                  on::accepted accepted, on::ended ended, when_full full);
  uint64_t wait(const call_id& id, on::ended ended, when_full full);
  uint64_t request(std::string verb, value params, on::replied replied);
  /// `ready` is told a null once events flow, or why they do not.
  uint64_t subscribe(std::string channel, value params, on::replied ready, on::event event);
  /// No answer to `seq` is wanted any more.
  void forget(uint64_t seq);

  /// Whether the caller is a callback: blocking would wait for itself.
  bool on_own_thread() const;
  const client_options& options() const;
  const std::string& node_name() const;
  const std::string& user() const;

private:
  explicit client_connection(std::shared_ptr<client_core> shared);
  std::shared_ptr<client_core> core_;
  std::thread thread_;
};

} // namespace flow
