// Tells subscribers what happens on the node.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/services.hpp"

namespace flow::actors {

struct hub_state {
  static inline const char* name = "hub";

  struct subscription {
    caf::actor session;
    uint64_t seq = 0;
    channel where = channel::task;
    std::string wanted; ///< a name as in `is_about`; empty: all
  };

  hub_actor::stateful_pointer<hub_state> self = nullptr;
  services_ptr shared;
  std::vector<subscription> subscriptions;

  void subscribe(subscribe_session& what);
  void forget(const forget_session& what);
  void spread(const happened& what);
  void unsubscribe(const std::function<bool(const subscription&)>& which);
};

/// Whether something that happened concerns `name`: a processor, socket or queue, the older form
/// QUEUE.PROCESSOR or QUEUE.PROCESSOR.TASK, or the object that an event is about.
bool is_about(const happened& what, std::string_view name, const catalog& objects);

hub_actor::behavior_type hub(hub_actor::stateful_pointer<hub_state> self, services_ptr shared);

} // namespace flow::actors
