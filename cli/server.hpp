// The node as commands see it: an interface, so that tests answer in its place.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "flows/client.hpp"

namespace flow::cli {

/// As flow::client (docs/api.md): thread-safe, blocking unless it takes a callback.
class server {
public:
  virtual ~server() = default;

  virtual result<value> request(const std::string& verb, const value& params) = 0;

  /// `accepted` once the call is on disk or refused; then, if `ended` is given and it was accepted,
  /// `ended` once. Both on a thread of the connection. Blocks while too many are unanswered.
  virtual void submit(const std::string& socket, arguments args,
                      const wire::submit_options& options,
                      std::function<void(result<call_id>)> accepted,
                      std::function<void(const call_outcome&)> ended)
      = 0;

  /// Until the call has ended; `timed_out` leaves it running.
  virtual result<call_outcome> wait(const call_id& id, std::chrono::milliseconds timeout) = 0;

  /// Events until the returned handle is dropped, on a thread of the connection.
  virtual result<std::shared_ptr<void>> subscribe(const std::string& channel, const value& params,
                                                  std::function<void(const value&)> on_event)
      = 0;
};

struct connection_options {
  std::string address;
  std::string token;
  std::chrono::milliseconds request_timeout{30'000};
};

/// Makes a connection when a command needs one, and not before: `flow version` starts no thread.
using connector = std::function<result<std::unique_ptr<server>>(const connection_options&)>;

} // namespace flow::cli
