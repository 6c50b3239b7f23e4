#include "actors/plug_actor.hpp"

#include <algorithm>

#include "caf/all.hpp"

#include "actors/tell.hpp"
namespace flow::actors {

namespace {

/// A live socket answers within microseconds; one that is being restarted within this.
constexpr auto answer_within = std::chrono::milliseconds{500};

} // namespace

void plug_state::take(arrive_calls& calls) {
  // A plug has one target, so that all calls of one message go the same way.
  if (calls.calls.empty()) return;
  status.delivered += calls.calls.size();
  auto to = calls.calls.front()->id.partition();
  calls.courier = caf::actor_cast<caf::actor>(self);
  calls.number = ++last_number;
  unanswered.push_back({to, std::move(calls)});
  send(unanswered.back(), unanswered.back().what.again);
  set_timer();
}

void plug_state::send(const parcel& p, bool again) {
  auto routes = shared->sockets->view();
  auto route = routes->by_partition.find(p.to);
  if (route == routes->by_partition.end())
    return; // not there yet, or just restarting: the timer sends it
  auto what = p.what;
  what.again = again;
  tell(self, route->second.owner, std::move(what));
}

void plug_state::answered(uint64_t number) {
  if (!unanswered.empty() && unanswered.front().what.number == number) { // as good as always
    unanswered.pop_front();
    return;
  }
  std::erase_if(unanswered, [number](const parcel& p) { return p.what.number == number; });
}

void plug_state::set_timer() {
  if (is_timer_set) return;
  is_timer_set = true;
  self->delayed_send(self, answer_within, wake_up{last_number});
}

void plug_state::send_again() {
  is_timer_set = false;
  for (const auto& p : unanswered)
    send(p, true);
  if (!unanswered.empty()) set_timer();
}

plug_actor::behavior_type plug(plug_actor::stateful_pointer<plug_state> self, services_ptr shared) {
  self->state.self = self;
  self->state.shared = std::move(shared);
  return {
      [self](arrive_calls& calls) { self->state.take(calls); },
      [self](calls_arrived done) { self->state.answered(done.number); },
      [self](wake_up) { self->state.send_again(); },
      [self](describe) { return self->state.status; },
  };
}

} // namespace flow::actors
