// A running node: everything that a daemon consists of, from open to close.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "flows/error.hpp"
#include "nodes/options.hpp"

namespace flow::nodes {

class running_node {
public:
  virtual ~running_node() = default; ///< ends without draining
  /// HOST:PORT of the API.
  virtual const std::string& api_address() const = 0;
  /// Takes no more calls, gives those that run `drain_ms`, and ends. What is left is run again by
  /// the next start.
  virtual void close() = 0;
};

/// Opens the store, starts the actors and serves. `on_failure` is called once, from another thread,
/// if the node cannot go on: the process should end then, and be started again. Errors: those of
/// open_rocks_store, make_loader, make_worker_host and make_api_server; store_corrupt for the
/// catalog.
result<std::unique_ptr<running_node>>
start_node(const node_options& options, std::function<void(const std::string& why)> on_failure);

} // namespace flow::nodes
