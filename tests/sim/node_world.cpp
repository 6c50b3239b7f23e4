#include "tests/sim/node_world.hpp"

#include <algorithm>

#include "actors/catalog_actor.hpp"
#include "actors/journal_actor.hpp"
#include "actors/plug_actor.hpp"
#include "actors/socket_actor.hpp"
#include "actors/verbs_actor.hpp"

namespace flow::sim {

namespace {

/// Far more than any step of a sound node needs.
constexpr size_t actions_max = 200'000;
constexpr size_t calm_rounds_max = 3'000;
constexpr uint64_t calm_step_ms = 100;

template <class State, class Handle>
State& state_of(const Handle& handle) {
  using actor = std::remove_pointer_t<typename Handle::template stateful_pointer<State>>;
  return dynamic_cast<actor&>(*caf::actor_cast<caf::abstract_actor*>(handle)).state;
}

void kill(const caf::actor& victim) {
  if (victim) caf::anon_send_exit(victim, caf::exit_reason::kill);
}

template <class Handle>
caf::actor untyped(const Handle& handle) {
  return caf::actor_cast<caf::actor>(handle);
}

} // namespace

tally& tally::operator+=(const tally& other) {
  calls += other.calls;
  ended += other.ended;
  actors_killed += other.actors_killed;
  nodes_killed += other.nodes_killed;
  nodes_failed += other.nodes_failed;
  workers_lost += other.workers_lost;
  writes_failed += other.writes_failed;
  connections_cut += other.connections_cut;
  return *this;
}

node_world::system_config::system_config() {
  set("scheduler.policy", caf::atom("testing"));
  set("logger.file-verbosity", caf::atom("quiet"));
}

actors::node_life& node_world::life::state() {
  return state_of<actors::node_life>(node);
}

node_world::node_world(uint64_t seed) : random_{seed} {
  for (const auto* each : {"price", "bill"})
    modules_->function(each);
}

node_world::~node_world() {
  if (life_) kill_node();
}

std::string node_world::run(size_t steps) {
  start_node();
  set_up();
  is_calm_ = false;
  for (size_t i = 0; i < steps && found_.trouble().empty(); ++i)
    step();
  if (found_.trouble().empty()) calm();
  return found_.trouble();
}

tally node_world::counts() const {
  auto all = counts_;
  all.calls = store_->known().size();
  all.ended = all.calls - store_->in_flight().size();
  return all;
}

uint64_t node_world::fingerprint() const {
  uint64_t hash = 0;
  for (auto where :
       {storage::family::catalog, storage::family::in_flight, storage::family::history})
    (void)store_->scan(where, {}, [&](std::string_view key, std::string_view row) {
      hash = stable_hash(row, stable_hash(key, hash));
      return true;
    });
  return hash;
}

// -- lives of the node --------------------------------------------------------

void node_world::start_node() {
  check_catalog();
  auto first = actors::read_catalog(*store_);
  if (!first) return;
  life_ = std::make_unique<life>();
  auto& shared = *life_->shared;
  shared.node = "sim";
  shared.cpus = 4;
  shared.clock = &time_;
  shared.store = store_;
  shared.loader = modules_;
  shared.workers = life_->processes;
  shared.may_detach = false;
  life_->node = life_->system.spawn(actors::node, life_->shared, *first);
  life_->system.spawn(
      [node = life_->node, failed = life_->has_failed](caf::event_based_actor* self) {
        self->monitor(node);
        self->set_down_handler([self, failed](const caf::down_msg&) {
          *failed = true;
          self->quit();
        });
        return caf::behavior{[](caf::unit_t) {}};
      });
  let_all_act(); // the API port opens once every child has been started
  life_->verbs = untyped(
      life_->system.spawn(actors::verbs, actors::services_ptr{life_->shared}, life_->node));
}

/// The process ends between two messages: what was not on disk is gone.
void node_world::kill_node() {
  store_->is_cut_off = true;
  client_.disconnect();
  kill(life_->verbs);
  if (!*life_->has_failed) { // one that failed has ended its children itself
    auto& node = life_->state();
    for (const auto& each : parts_that_may_fail())
      kill(each);
    kill(untyped(node.catalog_owner));
    kill(untyped(node.loader));
    kill(untyped(node.shared->hub));
    kill(untyped(node.shared->journal));
    kill(untyped(life_->node));
  }
  let_all_act();
  for (auto& [number, process] : life_->processes->all)
    if (!process.is_over) life_->processes->exit(number, "the machine is off", true);
  let_all_act();
  // No handle may outlive the actor system.
  life_->node = nullptr;
  life_->verbs = nullptr;
  life_->shared->journal = nullptr;
  life_->shared->hub = nullptr;
  life_->shared->sockets->publish(std::make_shared<const actors::routes>());
  life_.reset();
  store_->is_cut_off = false;
  store_->next_fault.reset();
  store_->lasting_fault.reset();
  (void)store_->recover();
}

std::vector<caf::actor> node_world::parts_that_may_fail() {
  auto& node = life_->state();
  std::vector<caf::actor> all;
  for (const auto& [name, child] : node.sockets)
    all.push_back(untyped(child.actor));
  for (const auto& [name, child] : node.plugs)
    all.push_back(untyped(child));
  for (const auto& [name, child] : node.processors)
    all.push_back(untyped(child.actor));
  return all;
}

void node_world::kill_some_actor() {
  auto all = parts_that_may_fail();
  if (all.empty()) return;
  ++counts_.actors_killed;
  kill(all[draw(all.size())]);
}

void node_world::set_up() {
  client_.connect(life_->system, life_->shared->sockets.get(), life_->verbs);
  auto add = [&](const std::string& params) {
    client_.request("object.add", params, [&](const result<value>& reply) {
      found_.require(reply.has_value(), "set-up: " + (reply ? "" : to_string(reply.error())));
      ++objects_set_up_;
    });
    auto wanted = objects_set_up_ + 1;
    for (int i = 0; i < 100 && objects_set_up_ < wanted; ++i) {
      client_.work();
      let_all_act();
      for (auto& [number, process] : life_->processes->all)
        work_at(number);
    }
  };
  add(R"({"kind":"processor","name":"p","spec":{"repository":"https://example.org/shop.git",
          "module":"shop","cpus":2,"retries":2,"retry_delay_ms":300,"time_limit_ms":4000}})");
  add(R"({"kind":"plug","name":"then","spec":{"source":"shop.price","target":"shop.bill"}})");
  found_.require(objects_set_up_ == 2, "set-up: the node does not answer");
  store_->edges_of = {{"shop.price", 1}};
}

// -- what happens -------------------------------------------------------------

void node_world::step() {
  if (*life_->has_failed) {
    ++counts_.nodes_failed;
    kill_node();
    start_node();
    if (!life_) return;
  }
  if (broken_until_ms_ != 0 && time_.now_ms >= broken_until_ms_) {
    broken_until_ms_ = 0;
    store_->lasting_fault.reset();
  }
  switch (draw(48)) {
  case 0:
  case 1:
    return client_.submit(chance(6) ? "shop.bill" : "shop.price", !chance(4));
  case 2:
  case 3:
  case 4:
    return pass_time(1 + draw(60));
  case 5:
    if (chance(4)) pass_time(draw(1'500));
    return;
  case 6:
  case 7:
  case 8:
  case 9:
    if (!client_.is_connected())
      client_.connect(life_->system, life_->shared->sockets.get(), life_->verbs);
    return client_.work();
  case 10:
    if (chance(6) && client_.is_connected()) {
      ++counts_.connections_cut;
      client_.disconnect();
    }
    return;
  case 11:
    if (chance(8)) kill_some_actor();
    return;
  case 12:
    if (chance(20)) {
      ++counts_.nodes_killed;
      kill_node();
      start_node();
    }
    return;
  case 13:
    if (chance(12)) break_store();
    return;
  case 14:
    if (chance(6)) ask_something();
    return;
  case 15:
    if (chance(10)) {
      let_all_act();
      check_while_quiet();
    }
    return;
  case 16:
  case 17:
  case 18:
  case 19: {
    auto& all = life_->processes->all;
    if (!all.empty()) work_at(std::next(all.begin(), static_cast<long>(draw(all.size())))->first);
    return;
  }
  default:
    return let_one_act();
  }
}

/// One message of one actor, whoever's turn it is: any order that a real scheduler could choose.
void node_world::let_one_act() {
  auto& jobs = life_->scheduler().jobs;
  if (jobs.empty()) return;
  std::swap(jobs.front(), jobs[draw(jobs.size())]);
  life_->scheduler().try_run_once();
}

void node_world::let_all_act() {
  size_t left = actions_max;
  while (!life_->scheduler().jobs.empty() && --left > 0)
    let_one_act();
  found_.require(left > 0, "the actors do not come to rest");
}

void node_world::pass_time(uint64_t ms) {
  time_.now_ms += ms;
  life_->scheduler().advance_time(std::chrono::milliseconds{ms});
}

codeloader::worker_result node_world::result_of(const codeloader::worker_call& call) {
  codeloader::worker_result result;
  result.run_us = 1 + draw(3'000);
  if (!is_calm_ && chance(5)) {
    result.failure = {ec::task_failed, "ValueError", "no luck", ""};
  } else {
    result.returned = value_of_json('"' + to_string(call.id) + '"').value();
  }
  return result;
}

void node_world::work_at(uint64_t number) {
  auto& host = *life_->processes;
  auto& process = host.at(number);
  if (process.is_over) return;
  if (process.is_killed || (process.is_stopping && process.calls.empty()))
    return host.exit(number, "ended as told", true);
  if (life_->greeted.insert(number).second) return host.ready(number);
  if (!is_calm_ && chance(40)) {
    ++counts_.workers_lost;
    return host.exit(number, "killed by signal 9", false);
  }
  if (!process.calls.empty()) host.finish(number, result_of(process.calls.front()));
}

void node_world::break_store() {
  ++counts_.writes_failed;
  switch (draw(3)) {
  case 0:
    store_->next_fault = {ec::outcome_unknown, chance(2)};
    return;
  case 1:
    store_->next_fault = {ec::store_io, false};
    return;
  default:
    store_->lasting_fault = {ec::store_full, false};
    broken_until_ms_ = time_.now_ms + draw(3'000);
  }
}

void node_world::ask_something() {
  static constexpr std::string_view verbs[]
      = {"proc.pause", "proc.resume", "proc.restart", "proc.stop", "proc.start", "proc.start"};
  if (chance(2)) {
    client_.request(std::string{verbs[draw(std::size(verbs))]},
                    R"({"name":"p","deadline_ms":500})");
    return;
  }
  auto name = "extra" + std::to_string(++objects_asked_);
  client_.request("object.add", R"({"kind":"queue","name":")" + name + R"("})",
                  [this, name](const result<value>& reply) {
                    if (reply) objects_made_.insert(name);
                  });
}

// -- what must hold -----------------------------------------------------------

/// No message is under way: what the sockets have in memory is what their rows say.
void node_world::check_while_quiet() {
  auto& node = life_->state();
  if (*life_->has_failed || !node.to_restart.empty() || !store_->is_writable_now()) return;
  auto& journal = state_of<actors::journal_state>(node.shared->journal);
  if (!journal.status.is_writable || !journal.waiting.empty()) return;
  for (const auto& [name, child] : node.plugs)
    if (!state_of<actors::plug_state>(child).unanswered.empty()) return;
  auto rows = store_->in_flight();
  size_t counted = 0;
  for (const auto& [name, child] : node.sockets) {
    const auto& machine = *state_of<actors::socket_state>(child.actor).machine;
    found_.require(machine.check().empty(), "I5: socket " + name + ": " + machine.check());
    machine.each([&](const call_view& view) {
      ++counted;
      found_.require(rows.contains(view.call->id),
                     "I8: call " + to_string(view.call->id) + " has no row");
      return true;
    });
  }
  found_.require(counted == rows.size(), "I5: " + std::to_string(rows.size()) + " calls have rows, "
                                             + std::to_string(counted)
                                             + " are known to their sockets");
}

void node_world::check_catalog() {
  auto now = actors::read_catalog(*store_);
  found_.require(now.has_value(), "I7: " + (now ? "" : to_string(now.error())));
  if (!now) return;
  for (const auto& name : objects_made_)
    found_.require((*now)->find(object_kind::queue, name) != nullptr,
                   "I7: queue " + name + " was acknowledged and is gone");
}

bool node_world::is_all_over() const {
  return client_.unanswered() == 0 && store_->in_flight().empty();
}

void node_world::calm() {
  is_calm_ = true;
  store_->next_fault.reset();
  store_->lasting_fault.reset();
  for (size_t round = 0; round < calm_rounds_max && found_.trouble().empty(); ++round) {
    if (*life_->has_failed) {
      kill_node();
      start_node();
      if (!life_) return;
    }
    if (!client_.is_connected())
      client_.connect(life_->system, life_->shared->sockets.get(), life_->verbs);
    if (!is_started_)
      client_.request("proc.start", R"({"name":"p"})",
                      [this](const result<value>& reply) { is_started_ = reply.has_value(); });
    client_.work();
    let_all_act();
    for (auto& [number, process] : life_->processes->all)
      work_at(number);
    let_all_act();
    pass_time(calm_step_ms);
    if (is_started_ && is_all_over()) break;
  }
  found_.require(is_all_over(),
                 "I1: after all has calmed down " + std::to_string(store_->in_flight().size())
                     + " calls are in flight and " + std::to_string(client_.unanswered())
                     + " questions are unanswered");
  if (!found_.trouble().empty()) return;
  check_while_quiet();
  for (const auto& id : client_.accepted())
    found_.require(store_->ended(id).has_value(),
                   "I1: acknowledged call " + to_string(id) + " has no end");
  found_.require(client_.open_ends() == 0, "I1: an end that was asked for was not told");
}

} // namespace flow::sim
