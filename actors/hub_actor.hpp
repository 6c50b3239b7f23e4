// Tells subscribers what happens on the node.
#pragma once

#include <string>
#include <vector>

#include "actors/services.hpp"

namespace flow::actors {

struct hub_state {
  static inline const char* name = "hub";

  struct subscription {
    caf::actor session;
    uint64_t seq = 0;
    channel where = channel::task;
    std::string wanted; ///< name of a processor or socket; empty: all
  };

  hub_actor::stateful_pointer<hub_state> self = nullptr;
  std::shared_ptr<std::atomic<bool>> is_watched;
  std::vector<subscription> subscriptions;

  void subscribe(subscribe_session& what);
  void forget(const forget_session& what);
  void spread(const happened& what);
};

hub_actor::behavior_type hub(hub_actor::stateful_pointer<hub_state> self,
                             std::shared_ptr<std::atomic<bool>> is_watched);

} // namespace flow::actors
