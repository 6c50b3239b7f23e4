#include "actors/worker_actor.hpp"

#include <algorithm>

#include "caf/all.hpp"

#include "actors/tell.hpp"
#include "flows/params.hpp"

namespace flow::actors {

namespace {

failure to_failure(codeloader::worker_failure&& f) {
  return {f.code, std::move(f.type), std::move(f.message), std::move(f.traceback)};
}

attempt_end to_attempt_end(codeloader::worker_result&& r, int pid) {
  attempt_end end;
  end.lease = lease_id{r.handle};
  end.why = to_failure(std::move(r.failure));
  end.returned = std::move(r.returned);
  end.plugs = std::move(r.plugs);
  end.artifacts = std::move(r.artifacts);
  end.out = std::move(r.out);
  end.err = std::move(r.err);
  end.run_us = r.run_us;
  end.worker = static_cast<uint64_t>(pid);
  return end;
}

/// What one message brings, by socket: most bring all to one.
template <class Message>
class by_socket {
public:
  Message& of(const caf::actor& socket) {
    for (auto& [to, what] : parts_)
      if (to == socket) return what;
    return parts_.emplace_back(socket, Message{}).second;
  }
  void send(worker_actor::pointer self) {
    for (auto& [to, what] : parts_)
      tell(self, to, std::move(what));
  }

private:
  std::vector<std::pair<caf::actor, Message>> parts_;
};

} // namespace

void worker_state::start() {
  codeloader::worker_events events;
  auto me = worker_actor{self};
  events.ready = [me](codeloader::worker_number, int pid) { caf::anon_send(me, host_ready{pid}); };
  events.broken = [me](codeloader::worker_number, codeloader::worker_failure why) {
    caf::anon_send(me, host_broken{to_failure(std::move(why))});
  };
  events.results = [me](codeloader::worker_number, std::vector<codeloader::worker_result> results) {
    caf::anon_send(me, host_results{std::move(results)});
  };
  events.logs = [me](codeloader::worker_number, std::vector<codeloader::worker_log> logs) {
    caf::anon_send(me, host_logs{std::move(logs)});
  };
  events.exited = [me](codeloader::worker_number, codeloader::worker_exit how) {
    caf::anon_send(me, host_exited{std::move(how)});
  };
  status.number = config.number;
  status.state = "starting";
  status.started_ms = shared->clock->wall_ms();
  process = shared->workers->start(config.spec, std::move(events));
}

worker_state::~worker_state() {
  if (shared && process != codeloader::worker_number{} && !is_over) shared->workers->kill(process);
}

void worker_state::stop(bool kill) {
  status.state = "stopping";
  if (is_over)
    self->quit();
  else if (kill)
    shared->workers->kill(process);
  else
    shared->workers->stop(process);
}

void worker_state::owner_ended() {
  is_orphan = true;
  stop(true);
}

void worker_state::run(run_calls& calls) {
  if (is_over) { // given before the processor knew
    std::deque<owed> back;
    for (const auto& item : calls.calls)
      back.push_back({item.lease, item.call->id, calls.socket, 0, 0});
    give_back(back, false);
    return;
  }
  std::vector<codeloader::worker_call> batch;
  batch.reserve(calls.calls.size());
  if (outstanding.empty()) head_since_ms = shared->clock->steady_ms();
  for (const auto& item : calls.calls) {
    outstanding.push_back({item.lease, item.call->id, calls.socket, 0, 0});
    batch.push_back({static_cast<uint64_t>(item.lease), item.call->id, item.attempt, calls.function,
                     item.call->args});
  }
  shared->workers->send(process, std::move(batch));
  set_timer();
}

void worker_state::set_timer() {
  if (config.time_limit_ms == 0 || outstanding.empty() || is_timer_set) return;
  is_timer_set = true;
  auto ran_ms = shared->clock->steady_ms() - head_since_ms;
  auto left_ms = config.time_limit_ms - std::min(ran_ms, config.time_limit_ms);
  self->delayed_send(self, std::chrono::milliseconds{left_ms}, wake_up{});
}

void worker_state::results(host_results& what) {
  by_socket<attempts_command> ends;
  worker_freed freed{config.number, 0, 0};
  for (auto& result : what.results) {
    auto lease = lease_id{result.handle};
    auto found = std::ranges::find(outstanding, lease, &owed::lease);
    if (found == outstanding.end()) continue;
    ++freed.calls;
    freed.run_us += std::max<uint64_t>(result.run_us, 1);
    show_rest(*found, result);
    auto socket = std::move(found->socket);
    outstanding.erase(found);
    ends.of(socket).ends.push_back(to_attempt_end(std::move(result), status.pid));
  }
  status.finished += freed.calls;
  head_since_ms = shared->clock->steady_ms();
  ends.send(self);
  self->send(config.owner, freed);
  set_timer();
}

worker_status worker_state::describe_it() const {
  auto now = status;
  now.outstanding = outstanding.size();
  if (outstanding.empty()) return now;
  now.current = outstanding.front().id;
  now.current_since_ms = shared->clock->wall_ms() - (shared->clock->steady_ms() - head_since_ms);
  return now;
}

void worker_state::logs(const host_logs& what) {
  for (const auto& piece : what.logs) {
    auto found = std::ranges::find(outstanding, lease_id{piece.handle}, &owed::lease);
    if (found == outstanding.end()) continue;
    (piece.is_stderr ? found->err_shown : found->out_shown) += piece.text.size();
    tell_log(found->id, piece.is_stderr, piece.text);
  }
}

/// A result brings all output of its call: what no log has shown yet is shown now.
void worker_state::show_rest(const owed& call, const codeloader::worker_result& result) {
  if (result.out.size() > call.out_shown)
    tell_log(call.id, false, std::string_view{result.out}.substr(call.out_shown));
  if (result.err.size() > call.err_shown)
    tell_log(call.id, true, std::string_view{result.err}.substr(call.err_shown));
}

void worker_state::tell_log(const call_id& id, bool is_stderr, std::string_view text) {
  if (!shared->is_watched->load(std::memory_order_relaxed)) return;
  happened event;
  event.where = channel::log;
  event.processor = config.processor;
  auto routes = shared->sockets->view();
  auto route = routes->by_partition.find(id.partition());
  if (route != routes->by_partition.end()) event.socket = route->second.socket;
  map_builder what;
  what.text("channel", "log").text("call", to_string(id)).text("socket", event.socket);
  what.text("processor", config.processor).text("stream", is_stderr ? "stderr" : "stdout");
  event.what = what.text("text", text).number("time_ms", shared->clock->wall_ms()).finish();
  self->send(shared->hub, std::move(event));
}

void worker_state::end(const end_leases& what) {
  if (!what.kill || ending != lease_id{}) return; // what the process was given cannot be taken back
  for (auto lease : what.leases) {
    if (std::ranges::find(outstanding, lease, &owed::lease) == outstanding.end()) continue;
    ending = lease;
    ending_why = {ec::task_cancelled, "cancelled", "the call was cancelled", {}};
    shared->workers->kill(process);
    return;
  }
}

void worker_state::check_time_limit() {
  is_timer_set = false;
  if (outstanding.empty() || ending != lease_id{}) return;
  if (shared->clock->steady_ms() - head_since_ms < config.time_limit_ms) {
    set_timer();
    return;
  }
  ending = outstanding.front().lease;
  ending_why = {ec::task_timed_out,
                "timed out",
                "ran longer than its time limit of " + std::to_string(config.time_limit_ms) + " ms",
                {}};
  shared->workers->kill(process);
}

void worker_state::give_back(std::deque<owed>& rest, bool solo) {
  by_socket<returned_command> parts;
  for (auto& item : rest) {
    auto& part = parts.of(item.socket);
    part.leases.push_back(item.lease);
    part.solo = solo;
  }
  parts.send(self);
}

void worker_state::exited(host_exited& what) {
  // Who is to blame: the attempt we killed it for, or the only one it had. With several, none is
  // blamed, and each runs alone from now on. Whom we stopped for reasons of our own is to no blame.
  auto to_blame = outstanding.end();
  if (ending != lease_id{})
    to_blame = std::ranges::find(outstanding, ending, &owed::lease);
  else if (outstanding.size() == 1 && !what.how.by_us)
    to_blame = outstanding.begin();
  if (to_blame != outstanding.end()) {
    attempts_command ended;
    auto& end = ended.ends.emplace_back();
    end.lease = to_blame->lease;
    end.worker = static_cast<uint64_t>(status.pid);
    end.run_us = (shared->clock->steady_ms() - head_since_ms) * 1'000;
    end.worker_died = ending == lease_id{};
    end.why = end.worker_died ? failure{ec::worker_lost, "worker lost", what.how.reason, {}}
                              : ending_why;
    tell(self, to_blame->socket, std::move(ended));
    outstanding.erase(to_blame);
  }
  give_back(outstanding, ending == lease_id{} && !what.how.by_us);
  outstanding.clear();
  is_over = true;
  if (is_orphan)
    self->quit();
  else
    self->send(config.owner,
               worker_gone{config.number, std::move(what.how), std::move(import_failure)});
}

worker_actor::behavior_type worker(worker_actor::stateful_pointer<worker_state> self,
                                   services_ptr shared, worker_config config) {
  auto& state = self->state;
  state.self = self;
  state.shared = std::move(shared);
  state.config = std::move(config);
  self->monitor(state.config.owner);
  self->set_down_handler([self](const caf::down_msg&) { self->state.owner_ended(); });
  state.start();
  return {
      [self](run_calls& calls) { self->state.run(calls); },
      [self](const end_leases& what) { self->state.end(what); },
      [self](stop_worker how) { self->state.stop(how.kill); },
      [self](host_ready ready) {
        auto& s = self->state;
        s.status.pid = ready.pid;
        s.status.state = "ready";
        self->send(s.config.owner, worker_ready{s.config.number});
      },
      [self](host_broken& broken) { self->state.import_failure = std::move(broken.why); },
      [self](host_results& what) { self->state.results(what); },
      [self](const host_logs& what) { self->state.logs(what); },
      [self](host_exited& what) { self->state.exited(what); },
      [self](wake_up) { self->state.check_time_limit(); },
      [self](describe) { return self->state.describe_it(); },
  };
}

} // namespace flow::actors
