// Where the sockets of this node are: written by the node supervisor, read by every session without
// a message.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "caf/actor.hpp"

#include "flows/ids.hpp"

namespace flow::actors {

struct socket_route {
  partition_id partition{};
  caf::actor owner; ///< takes submit_calls
  std::string socket;
};

/// One immutable view.
struct routes {
  std::map<std::string, socket_route, std::less<>> by_name;
  std::map<partition_id, socket_route> by_partition;
};

/// Thread-safe: readers take the current view, the one writer replaces it.
class directory {
public:
  directory() : current_{std::make_shared<const routes>()} {}
  std::shared_ptr<const routes> view() const { return current_.load(); }
  void publish(std::shared_ptr<const routes> next) { current_.store(std::move(next)); }

private:
  std::atomic<std::shared_ptr<const routes>> current_;
};

} // namespace flow::actors
