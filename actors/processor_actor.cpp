#include "actors/processor_actor.hpp"

#include <algorithm>
#include <cmath>

#include "caf/all.hpp"

#include "actors/catalog_actor.hpp"
#include "actors/tell.hpp"
#include "actors/worker_actor.hpp"
#include "flows/limits.hpp"

namespace flow::actors {

std::string_view to_string(processor_state state) {
  switch (state) {
  case processor_state::loading:
    return "loading";
  case processor_state::starting:
    return "starting";
  case processor_state::running:
    return "running";
  case processor_state::paused:
    return "paused";
  case processor_state::draining:
    return "draining";
  case processor_state::stopped:
    return "stopped";
  case processor_state::broken:
    return "broken";
  }
  return "unknown";
}

// -- code ---------------------------------------------------------------------

void processor_life::configure(configure_processor& next) {
  bool is_new_code
      = next.code.wanted_revision != config.code.wanted_revision || config.name.empty();
  bool is_new_limit = next.spec.environment != config.spec.environment
                      || next.spec.network != config.spec.network
                      || next.spec.image != config.spec.image
                      || next.spec.memory_bytes != config.spec.memory_bytes
                      || next.spec.time_limit_ms != config.spec.time_limit_ms;
  bool is_first = config.name.empty();
  bool is_told = next.spec.desired != config.spec.desired && next.spec.desired != wanted;
  config = std::move(next);
  if (is_first)
    wanted = config.spec.desired;
  else if (is_told)
    want(config.spec.desired, control_processor{}.deadline_ms);
  if (is_new_code) {
    load();
    return;
  }
  if (is_new_limit && module) stop_all(false); // each is replaced when it has finished what it has
  start_workers();
}

void processor_life::load() {
  loading_revision = config.code.wanted_revision;
  if (workers.empty()) become(processor_state::loading, "loading " + config.spec.module);
  load_module request;
  request.from = caf::actor_cast<caf::actor>(self);
  request.wanted_revision = loading_revision;
  request.request = request_of(config.spec);
  if (!config.code.commit.empty()) {
    request.request.commit = config.code.commit;
    request.request.branch.clear();
    request.request.tag.clear();
  }
  self->send(loader, std::move(request));
}

void processor_life::loaded(module_loaded& what) {
  if (what.wanted_revision != loading_revision) return; // of code that is no longer wanted
  loading_revision = 0;
  tell(self, parent, functions_found{config.name, what.wanted_revision, what.outcome});
  if (!what.outcome) {
    // Workers of the code before go on: a bad update takes nothing away.
    if (workers.empty())
      become(processor_state::broken, flow::to_string(what.outcome.error()));
    else
      text = "update failed: " + flow::to_string(what.outcome.error());
    tell(self, parent, processor_changed{describe_it()});
    return;
  }
  bool is_update = module
                   && (module->commit != what.outcome->commit || module->file != what.outcome->file
                       || module->environment_key != what.outcome->environment_key
                       || running_replacements != config.spec.replacements);
  running_replacements = config.spec.replacements;
  module = std::move(*what.outcome);
  failures = 0;
  if (is_update) stop_all(false);
  if (wanted == desired_state::stopped) {
    if (workers.empty()) become(processor_state::stopped);
    return;
  }
  if (workers.empty() || state == processor_state::broken) become(processor_state::starting);
  start_workers();
}

// -- workers ------------------------------------------------------------------

codeloader::worker_spec processor_life::make_spec() const {
  codeloader::worker_spec spec;
  spec.language = config.spec.language;
  spec.module = config.spec.module;
  spec.file = module->file;
  spec.replacements.assign(running_replacements.begin(), running_replacements.end());
  if (spec.language == "bash") spec.functions = module->functions;
  spec.image = config.spec.image;
  spec.import_root = module->import_root;
  spec.checkout_dir = module->checkout_dir;
  spec.environment_dir = module->environment_dir;
  spec.environment.assign(config.spec.environment.begin(), config.spec.environment.end());
  spec.sandbox.network = config.spec.network;
  spec.sandbox.memory_bytes = config.spec.memory_bytes;
  return spec;
}

void processor_life::start_workers() {
  is_start_pending = false;
  if (!module || wanted == desired_state::stopped) return;
  if (state == processor_state::broken || state == processor_state::draining
      || state == processor_state::stopped)
    return;
  size_t live = 0;
  for (auto& [number, slot] : workers)
    if (!slot.is_stopping && ++live > config.slots) {
      slot.is_stopping = true;
      self->send(slot.actor, stop_worker{});
    }
  for (; live < config.slots; ++live)
    start_one();
  tell_windows();
}

void processor_life::start_one() {
  worker_config made;
  made.number = ++last_worker;
  made.spec = make_spec();
  made.time_limit_ms = config.spec.time_limit_ms;
  made.owner = processor_actor{self};
  made.processor = config.name;
  worker_slot slot;
  slot.actor = self->spawn<caf::monitored>(worker, shared, std::move(made));
  workers.emplace(last_worker, std::move(slot));
}

void processor_life::ready(uint64_t number) {
  auto found = workers.find(number);
  if (found == workers.end()) return;
  found->second.is_ready = true;
  if (state == processor_state::starting || state == processor_state::loading)
    become(wanted == desired_state::paused ? processor_state::paused : processor_state::running);
  else
    tell(self, parent, processor_changed{describe_it()});
  tell_windows();
  pump();
}

void processor_life::freed(const worker_freed& what) {
  auto found = workers.find(what.worker);
  if (found == workers.end()) return;
  auto& slot = found->second;
  slot.outstanding -= std::min(slot.outstanding, what.calls);
  slot.finished += what.calls;
  slot.is_solo = slot.is_solo && slot.outstanding > 0;
  failures = 0;
  if (what.calls > 0 && what.run_us > 0) {
    auto each_us = static_cast<double>(what.run_us) / what.calls;
    // A slow call counts at once, quick ones gradually: better too little ahead than too much.
    slot.call_us = slot.call_us == 0 || each_us > slot.call_us
                       ? each_us
                       : slot.call_us * 0.75 + each_us * 0.25;
  }
  tell_windows();
  pump();
}

void processor_life::gone(worker_gone& what) {
  auto found = workers.find(what.worker);
  if (found == workers.end()) return;
  bool was_ready = found->second.is_ready;
  bool was_wanted = !found->second.is_stopping && !what.how.by_us;
  // What was given to it meanwhile comes back before it ends.
  self->send(found->second.actor, stop_worker{});
  workers.erase(found);
  if (state == processor_state::draining) {
    if (workers.empty()) drained();
    return;
  }
  if (what.import_failure) {
    stop_all(false);
    give_back_waiting();
    become(processor_state::broken, what.import_failure.type + ": " + what.import_failure.message
                                        + "\n" + what.import_failure.traceback);
    return;
  }
  uint64_t delay_ms = 0;
  if (was_wanted) {
    ++restarts;
    ++failures;
    text = "worker ended: " + what.how.reason;
    // The first death is replaced at once; a loop of them backs off.
    delay_ms = failures <= 1 && was_ready ? 0 : backoff_ms();
    tell(self, parent, processor_changed{describe_it()});
  }
  tell_windows();
  if (delay_ms == 0)
    start_workers();
  else if (!is_start_pending) {
    is_start_pending = true;
    self->delayed_send(self, std::chrono::milliseconds{delay_ms}, start_worker{});
  }
  pump();
}

/// Which calls it had, nobody knows now. When this actor ends too, their sockets take them back,
/// and the node starts it again.
void processor_life::worker_failed(const caf::down_msg& down) {
  for (const auto& [number, slot] : workers)
    if (slot.actor.address() == down.source)
      return self->quit(caf::make_error(caf::sec::runtime_error,
                                        "a worker's actor failed: " + to_string(down.reason)));
}

uint64_t processor_life::backoff_ms() const {
  auto doubled
      = static_cast<double>(limits::restart_delay_ms_min) * std::pow(2.0, std::min(failures, 20u));
  return static_cast<uint64_t>(
      std::min(doubled, static_cast<double>(limits::restart_delay_ms_max)));
}

// -- sockets and their calls --------------------------------------------------

void processor_life::attach(attach_socket& who) {
  auto& entry = sockets[who.socket];
  entry.name = std::move(who.name);
  entry.window = ~uint64_t{0}; // not told yet
  tell_windows();
}

void processor_life::detach(const caf::actor& who) {
  auto found = sockets.find(who);
  if (found == sockets.end()) return;
  returned_command back;
  for (const auto& item : found->second.waiting)
    back.leases.push_back(item.what.lease);
  if (!back.leases.empty()) tell(self, who, std::move(back));
  sockets.erase(found);
}

void processor_life::take(run_calls& calls) {
  auto found = sockets.find(calls.socket);
  if (found == sockets.end() || state != processor_state::running) {
    returned_command back;
    for (const auto& item : calls.calls)
      back.leases.push_back(item.lease);
    tell(self, calls.socket, std::move(back));
    return;
  }
  for (auto& item : calls.calls)
    found->second.waiting.push_back({std::move(item), calls.function});
  pump();
}

void processor_life::end(end_leases& what) {
  auto found = sockets.find(what.socket);
  if (found == sockets.end()) return;
  returned_command back;
  std::erase_if(found->second.waiting, [&](const waiting_call& item) {
    if (std::ranges::find(what.leases, item.what.lease) == what.leases.end()) return false;
    back.leases.push_back(item.what.lease);
    return true;
  });
  if (!back.leases.empty()) tell(self, what.socket, std::move(back));
  for (auto& [number, slot] : workers)
    self->send(slot.actor, what);
}

void processor_life::give_back_waiting() {
  for (auto& [socket, entry] : sockets) {
    returned_command back;
    for (const auto& item : entry.waiting)
      back.leases.push_back(item.what.lease);
    entry.waiting.clear();
    if (!back.leases.empty()) tell(self, socket, std::move(back));
  }
}

uint32_t processor_life::credit_of(const worker_slot& slot) const {
  if (slot.call_us == 0) return 1;
  auto ahead = static_cast<double>(limits::worker_batch_us_target) / slot.call_us;
  return static_cast<uint32_t>(
      std::clamp(ahead, 1.0, static_cast<double>(limits::worker_credit_max)));
}

void processor_life::tell_windows() {
  uint64_t window = 0;
  if (state == processor_state::running)
    for (const auto& [number, slot] : workers)
      if (slot.is_ready && !slot.is_stopping) window += 2 * credit_of(slot);
  for (auto& [socket, entry] : sockets) {
    // Small changes are not worth a message.
    bool is_close = entry.window != 0 && window != 0 && window < entry.window + entry.window / 4 + 1
                    && window + window / 4 + 1 > entry.window;
    if (entry.window == window || is_close) continue;
    entry.window = window;
    tell(self, socket, window_changed{window});
  }
}

processor_life::worker_slot* processor_life::free_worker(uint64_t& number) {
  worker_slot* best = nullptr;
  for (auto& [n, slot] : workers) {
    if (!slot.is_ready || slot.is_stopping || slot.is_solo || slot.outstanding >= credit_of(slot))
      continue;
    if (best && slot.outstanding >= best->outstanding) continue;
    best = &slot;
    number = n;
  }
  return best;
}

/// Gives the worker what it may have from the socket whose turn it is; false when no socket has
/// anything for it.
bool processor_life::pump_one(worker_slot& slot) {
  auto turn = sockets.upper_bound(next_socket);
  for (size_t tried = 0; tried < sockets.size(); ++tried, ++turn) {
    if (turn == sockets.end()) turn = sockets.begin();
    auto& waiting = turn->second.waiting;
    if (waiting.empty() || (waiting.front().what.is_solo && slot.outstanding > 0)) continue;
    next_socket = turn->first;
    run_calls batch;
    batch.socket = turn->first;
    batch.function = waiting.front().function;
    auto room = credit_of(slot) - slot.outstanding;
    while (!waiting.empty() && batch.calls.size() < room
           && waiting.front().function == batch.function) {
      bool is_solo = waiting.front().what.is_solo;
      if (is_solo && (slot.outstanding > 0 || !batch.calls.empty())) break;
      batch.calls.push_back(std::move(waiting.front().what));
      waiting.pop_front();
      slot.is_solo = is_solo;
      if (is_solo) break;
    }
    slot.outstanding += static_cast<uint32_t>(batch.calls.size());
    self->send(slot.actor, std::move(batch));
    return true;
  }
  return false;
}

void processor_life::pump() {
  if (state != processor_state::running || sockets.empty()) return;
  uint64_t number = 0;
  while (auto* slot = free_worker(number))
    if (!pump_one(*slot)) return;
}

processor_actor::behavior_type processor(processor_actor::stateful_pointer<processor_life> self,
                                         services_ptr shared, loader_actor loader,
                                         caf::actor parent) {
  auto& state = self->state;
  state.self = self;
  state.shared = std::move(shared);
  state.loader = std::move(loader);
  state.parent = std::move(parent);
  self->set_down_handler([self](const caf::down_msg& down) { self->state.worker_failed(down); });
  self->set_exit_handler([self](const caf::exit_msg& exit) {
    self->state.give_back_waiting(); // what its workers have they give back themselves
    self->quit(exit.reason);
  });
  return {
      [self](configure_processor& next) { self->state.configure(next); },
      [self](module_loaded& what) { self->state.loaded(what); },
      [self](loading_step& step) {
        self->state.text = std::move(step.text);
        tell(self, self->state.parent, processor_changed{self->state.describe_it()});
      },
      [self](attach_socket& who) { self->state.attach(who); },
      [self](detach_socket& who) { self->state.detach(who.socket); },
      [self](run_calls& calls) { self->state.take(calls); },
      [self](end_leases& what) { self->state.end(what); },
      [self](worker_ready ready) { self->state.ready(ready.worker); },
      [self](worker_freed freed) { self->state.freed(freed); },
      [self](worker_gone& gone) { self->state.gone(gone); },
      [self](start_worker) { self->state.start_workers(); },
      [self](drain_over over) { self->state.drain_deadline(over.generation); },
      [self](const control_processor& what) { return self->state.control(what); },
      [self](describe) -> caf::result<processor_status> {
        auto& s = self->state;
        // Each worker knows its own process: ask all, answer when the last has spoken.
        if (s.workers.empty()) return s.describe_it();
        auto promise = self->make_response_promise<processor_status>();
        auto gathered = std::make_shared<processor_status>(s.describe_it());
        auto open = std::make_shared<size_t>(s.workers.size());
        auto finish = [promise, gathered, open]() mutable {
          if (--*open == 0) promise.deliver(std::move(*gathered));
        };
        for (auto& [number, slot] : s.workers)
          self->request(slot.actor, caf::infinite, describe{})
              .then(
                  [gathered, finish](worker_status& w) mutable {
                    gathered->workers.push_back(std::move(w));
                    finish();
                  },
                  [finish](caf::error&) mutable { finish(); });
        return promise;
      },
  };
}

} // namespace flow::actors
