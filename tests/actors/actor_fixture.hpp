// What tests of actors share: the virtual clock, the services of a node on the memory store, and
// probes that keep what actors say.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "caf/all.hpp"

#include "actors/services.hpp"
#include "storage/memory_store.hpp"
#include "tests/actors/fake_hosts.hpp"

#include "caf/test/dsl.hpp"

namespace flow::test {

/// Messages of one kind, in the order in which they came.
template <class Message>
using seen = std::shared_ptr<std::deque<Message>>;

template <class Message>
seen<Message> nothing_seen() {
  return std::make_shared<std::deque<Message>>();
}

/// One handler that keeps what comes.
template <class Message>
auto keep(const seen<Message>& all) {
  return [all](Message& what) { all->push_back(std::move(what)); };
}

struct actor_fixture : test_coordinator_fixture<> {
  actor_fixture() {
    shared->clock = &time;
    shared->store = storage::make_memory_store(time, [this](uint64_t) { return fault; });
    shared->loader = modules;
    shared->workers = processes;
    shared->may_detach = false;
  }

  /// Actors of the test, ended with it.
  ~actor_fixture() {
    for (const auto& each : owned)
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    sched.run();
    for (auto& [number, process] : processes->all)
      if (!process.is_over) processes->exit(number, "the test is over", true);
    sched.run();
  }

  template <class Handle>
  Handle own(Handle handle) {
    owned.push_back(caf::actor_cast<caf::actor>(handle));
    return handle;
  }

  template <class To, class Message>
  void tell(const To& to, Message what) {
    caf::anon_send(to, std::move(what));
    sched.run();
  }

  /// Asks, lets all actors work, and gives the answer.
  template <class Answer, class To, class Message>
  Answer ask(const To& to, Message what) {
    Answer answer{};
    auto asked = self->request(to, caf::infinite, std::move(what));
    sched.run();
    asked.receive([&](Answer& told) { answer = std::move(told); },
                  [&](const caf::error& why) { CAF_FAIL(sys.render(why)); });
    return answer;
  }

  void advance(uint64_t ms) {
    time.now_ms += ms;
    advance_time(std::chrono::milliseconds{ms});
    sched.run();
  }

  bool is_alive(const caf::actor& actor) {
    bool is_down = false;
    self->monitor(actor);
    sched.run();
    self->receive([&](const caf::down_msg& down) { is_down = down.source == actor.address(); },
                  caf::after(std::chrono::seconds{0}) >> [] {});
    if (!is_down) self->demonitor(actor);
    return !is_down;
  }

  manual_clock time;
  std::optional<storage::write_fault> fault; ///< how every write fails from now on
  std::shared_ptr<fake_loader> modules = std::make_shared<fake_loader>();
  std::shared_ptr<fake_worker_host> processes = std::make_shared<fake_worker_host>();
  std::shared_ptr<actors::services> shared = std::make_shared<actors::services>();
  std::vector<caf::actor> owned;
};

} // namespace flow::test
