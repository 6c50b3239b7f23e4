// A processor between its node, its loader, its sockets and processes that a test moves.
#pragma once

#include "actors/loader_actor.hpp"
#include "actors/processor_actor.hpp"
#include "tests/actors/actor_fixture.hpp"

namespace flow::test {

using namespace flow::actors;

/// A socket as its processor sees it.
struct socket_probe {
  caf::actor actor;
  seen<window_changed> windows = nothing_seen<window_changed>();
  seen<attempts_command> ends = nothing_seen<attempts_command>();
  seen<returned_command> returned = nothing_seen<returned_command>();

  uint64_t window() const { return windows->empty() ? 0 : windows->back().calls; }
  std::vector<lease_id> returned_leases() const {
    std::vector<lease_id> all;
    for (const auto& each : *returned)
      all.insert(all.end(), each.leases.begin(), each.leases.end());
    return all;
  }
  std::vector<attempt_end> ended() const {
    std::vector<attempt_end> all;
    for (const auto& each : *ends)
      all.insert(all.end(), each.ends.begin(), each.ends.end());
    return all;
  }
};

struct processor_fixture : actor_fixture {
  processor_fixture() {
    config.name = "p";
    config.spec.module = "shop";
    config.code.wanted_revision = 1;
    config.slots = 2;
    parent = own(sys.spawn([news = news, found = found](caf::event_based_actor*) -> caf::behavior {
      return {keep(news), keep(found)};
    }));
    code = own(sys.spawn(loader, services_ptr{shared}));
    subject = own(sys.spawn(processor, services_ptr{shared}, code, parent));
  }

  /// The processor with both its workers up.
  void bring_up() {
    tell(subject, config);
    ready_all();
  }
  void ready_all() {
    for (auto number : processes->live())
      if (processes->at(number).events.ready && !greeted.contains(number)) {
        greeted.insert(number);
        processes->ready(number);
      }
    sched.run();
  }
  void reap() {
    processes->reap();
    sched.run();
  }

  socket_probe probe(const std::string& name) {
    socket_probe made;
    made.actor = own(sys.spawn([made](caf::event_based_actor*) -> caf::behavior {
      return {keep(made.windows), keep(made.ends), keep(made.returned)};
    }));
    tell(subject, attach_socket{made.actor, name});
    return made;
  }

  /// Leases `first`, `first` + 1, ...
  void give(const socket_probe& from, uint64_t first, size_t count, bool is_solo = false,
            std::string function = "price") {
    run_calls calls;
    calls.socket = from.actor;
    calls.function = std::move(function);
    for (size_t i = 0; i < count; ++i) {
      auto call = std::make_shared<call_record>();
      call->id = make_call_id(time.now_ms, partition_id{7}, first + i);
      calls.calls.push_back({lease_id{first + i}, call, 1, is_solo, false});
    }
    tell(subject, std::move(calls));
  }
  void finish(uint64_t worker, codeloader::worker_result what = {}) {
    processes->finish(worker, std::move(what));
    sched.run();
  }

  std::vector<uint64_t> handles(uint64_t worker) {
    std::vector<uint64_t> all;
    for (const auto& call : processes->at(worker).calls)
      all.push_back(call.handle);
    return all;
  }

  processor_status status() { return ask<processor_status>(subject, actors::describe{}); }
  processor_state state() { return status().state; }

  /// Gives a verb; the answer comes when it is done.
  seen<processor_status> control(processor_verb verb, uint64_t deadline_ms = 30'000) {
    auto answers = nothing_seen<processor_status>();
    own(sys.spawn([=, to = subject](caf::event_based_actor* asker) {
      asker->request(to, caf::infinite, control_processor{"p", verb, deadline_ms, {}})
          .then([answers](processor_status& s) { answers->push_back(std::move(s)); });
    }));
    sched.run();
    return answers;
  }

  seen<processor_changed> news = nothing_seen<processor_changed>();
  seen<functions_found> found = nothing_seen<functions_found>();
  configure_processor config;
  caf::actor parent;
  loader_actor code;
  processor_actor subject;
  std::set<uint64_t> greeted;
};

} // namespace flow::test
