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

void processor_life::drained() {
  if (restart_after_drain) {
    restart_after_drain = false;
    config.spec.desired = desired_state::running;
    failures = 0;
    if (module) {
      become(processor_state::starting);
      start_workers();
    } else {
      load();
    }
  } else {
    become(processor_state::stopped);
  }
  for (auto& waiter : drain_waiters)
    waiter.deliver(describe_it());
  drain_waiters.clear();
}

caf::result<processor_status> processor_life::control(const control_processor& what) {
  switch (what.verb) {
  case processor_verb::pause:
    config.spec.desired = desired_state::paused;
    if (state == processor_state::running) {
      become(processor_state::paused);
      give_back_waiting();
    }
    return describe_it();
  case processor_verb::start:
  case processor_verb::resume:
    config.spec.desired = desired_state::running;
    if (state == processor_state::paused) {
      become(processor_state::running);
    } else if (state == processor_state::stopped || state == processor_state::broken) {
      failures = 0;
      if (module) {
        become(processor_state::starting);
        start_workers();
      } else {
        load();
      }
    }
    return describe_it();
  case processor_verb::restart:
    restart_after_drain = true;
    break;
  case processor_verb::stop:
  case processor_verb::remove:
    config.spec.desired = desired_state::stopped;
    restart_after_drain = false;
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
