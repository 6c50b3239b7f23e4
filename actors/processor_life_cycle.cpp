// Start, stop, pause, resume and restart of a processor.
#include <algorithm>

#include "caf/all.hpp"

#include "actors/processor_actor.hpp"
#include "actors/tell.hpp"

namespace flow::actors {

void processor_life::become(processor_state next, std::string why) {
  state = next;
  text = std::move(why);
  tell_windows();
  tell(self, parent, processor_changed{describe_it()});
  if (next == processor_state::running) pump();
}

void processor_life::stop_all(bool kill) {
  for (auto& [number, slot] : workers) {
    slot.is_stopping = true;
    self->send(slot.actor, stop_worker{kill});
  }
}

void processor_life::drain(uint64_t deadline_ms) {
  ++generation;
  become(processor_state::draining, "finishing what its workers have");
  give_back_waiting();
  stop_all(deadline_ms == 0);
  if (workers.empty())
    drained();
  else if (deadline_ms > 0)
    self->delayed_send(self, std::chrono::milliseconds{deadline_ms}, drain_over{generation});
}

void processor_life::drain_deadline(uint64_t of_generation) {
  if (of_generation == generation && state == processor_state::draining) stop_all(true);
}

processor_life::~processor_life() {
  for (auto& waiter : drain_waiters)
    waiter.deliver(caf::make_error(caf::sec::request_receiver_down));
}

void processor_life::start_again() {
  failures = 0;
  if (!module) return load();
  become(processor_state::starting);
  start_workers();
}

void processor_life::drained() {
  if (wanted == desired_state::stopped)
    become(processor_state::stopped);
  else
    start_again();
  for (auto& waiter : drain_waiters)
    waiter.deliver(describe_it());
  drain_waiters.clear();
}

/// A drain that is under way goes on; `drained` looks at what is wanted then.
void processor_life::want(desired_state next, uint64_t deadline_ms) {
  wanted = next;
  bool is_down = state == processor_state::stopped || state == processor_state::broken;
  if (next == desired_state::stopped) {
    drain(deadline_ms);
  } else if (next == desired_state::paused && state == processor_state::running) {
    become(processor_state::paused);
    give_back_waiting();
  } else if (next == desired_state::running && is_down) {
    start_again();
  } else if (next == desired_state::running && state == processor_state::paused) {
    become(processor_state::running);
  }
}

caf::result<processor_status> processor_life::control(const control_processor& what) {
  switch (what.verb) {
  case processor_verb::pause:
    want(desired_state::paused, 0);
    return describe_it();
  case processor_verb::start:
  case processor_verb::resume:
    want(desired_state::running, 0);
    return describe_it();
  case processor_verb::restart:
    wanted = desired_state::running;
    break;
  case processor_verb::stop:
  case processor_verb::remove:
    wanted = desired_state::stopped;
    break;
  }
  auto promise = self->make_response_promise<processor_status>();
  drain_waiters.push_back(promise);
  drain(what.deadline_ms);
  return promise;
}

processor_status processor_life::describe_it() const {
  processor_status status;
  status.name = config.name;
  status.state = state;
  status.text = text;
  status.commit = module ? module->commit : config.code.commit;
  status.functions = module ? module->functions : config.code.functions;
  status.slots = config.slots;
  status.restarts = restarts;
  for (const auto& [number, slot] : workers) {
    status.workers_ready += slot.is_ready && !slot.is_stopping ? 1 : 0;
    status.running += slot.outstanding;
  }
  for (const auto& [socket, entry] : sockets)
    status.waiting += entry.waiting.size();
  return status;
}

} // namespace flow::actors
