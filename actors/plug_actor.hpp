// The courier of one plug.
#pragma once

#include <deque>
#include <string>

#include "actors/services.hpp"

namespace flow::actors {

struct plug_state {
  static inline const char* name = "plug";

  struct parcel {
    partition_id to{};
    arrive_calls what;
  };

  plug_actor::stateful_pointer<plug_state> self = nullptr;
  services_ptr shared;
  std::deque<parcel> unanswered; ///< oldest first; their rows are durable, so losing this list
                                 ///< loses nothing but time
  uint64_t last_number = 0;
  bool is_timer_set = false;
  plug_status status;

  void take(arrive_calls& calls);
  void answered(uint64_t number);
  void send_again();

private:
  void send(const parcel& p, bool again);
  void set_timer();
};

plug_actor::behavior_type plug(plug_actor::stateful_pointer<plug_state> self, services_ptr shared);

} // namespace flow::actors
