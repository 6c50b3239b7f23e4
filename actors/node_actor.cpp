#include "actors/node_actor.hpp"

#include <cmath>

#include "caf/all.hpp"

#include "actors/catalog_actor.hpp"
#include "actors/flow_actor.hpp"
#include "actors/hub_actor.hpp"
#include "actors/journal_actor.hpp"
#include "actors/loader_actor.hpp"
#include "actors/plug_actor.hpp"
#include "actors/processor_actor.hpp"
#include "actors/socket_actor.hpp"
#include "actors/tell.hpp"
#include "actors/wiring.hpp"
#include "flows/limits.hpp"
#include "flows/params.hpp"

namespace flow::actors {

namespace {

constexpr uint64_t minute_ms = 60'000;
constexpr uint64_t journal_stall_ms_max = 5'000;

} // namespace

// -- start --------------------------------------------------------------------

void node_life::start(std::shared_ptr<const catalog> first) {
  started_ms = shared->clock->wall_ms();
  objects = std::move(first);
  shared->objects->publish(objects);
  shared->journal
      = shared->may_detach
            ? self->spawn<caf::detached + caf::monitored>(journal, shared->store, shared->clock,
                                                          shared->health)
            : self->spawn<caf::monitored>(journal, shared->store, shared->clock, shared->health);
  shared->hub = self->spawn<caf::monitored>(hub, services_ptr{shared});
  loader = self->spawn<caf::monitored>(actors::loader, services_ptr{shared});
  catalog_owner = self->spawn<caf::monitored>(catalog_keeper, services_ptr{shared}, loader,
                                              node_actor{self}, objects);
  for (const auto& it : objects->list(object_kind::plug))
    start_plug(it->name);
  for (const auto& it : objects->list(object_kind::processor))
    start_processor(*it);
  for (const auto& it : objects->list(object_kind::socket))
    start_socket(*it);
  start_flows();
  is_ready = true;
}

configure_processor node_life::config_of(const object& it) const {
  return {it.name, it.as<processor_spec>(), it.code, slots_of(*objects, it, shared->node)};
}

configure_socket node_life::wiring_of(const object& it) const {
  configure_socket wiring;
  wiring.policy = policy_of(*objects, it, shared->node);
  wiring.retention = retention_of(*objects, it);
  if (const auto* known = objects->signature_of_socket(it)) wiring.known = *known;
  for (const auto& edge : wiring.policy.edges)
    if (auto found = plugs.find(edge.plug); found != plugs.end())
      wiring.plugs.push_back({edge.plug, caf::actor_cast<caf::actor>(found->second)});
  if (auto found = processors.find(wiring.policy.processor); found != processors.end())
    wiring.processor = caf::actor_cast<caf::actor>(found->second.actor);
  return wiring;
}

void node_life::start_processor(const object& it) {
  auto& child = processors[it.name];
  child.actor = self->spawn<caf::monitored>(processor, services_ptr{shared}, loader,
                                            caf::actor_cast<caf::actor>(self));
  child.last.name = it.name;
  self->send(child.actor, config_of(it));
}

void node_life::start_socket(const object& it) {
  auto& child = sockets[it.name];
  child.partition = partition_id{static_cast<uint32_t>(it.number)};
  child.processor = it.as<socket_spec>().processor;
  child.actor
      = self->spawn<caf::monitored>(socket, services_ptr{shared}, child.partition, wiring_of(it));
}

void node_life::start_plug(const std::string& plug_name) {
  plugs[plug_name] = self->spawn<caf::monitored>(plug, services_ptr{shared});
}

void node_life::start_flows() {
  workflows = self->spawn<caf::monitored>(flows, services_ptr{shared});
  publish_routes();
  // From here on sockets tell it of the ends of members; the earlier ones are on disk.
  self->send(workflows, settle_members{});
}

void node_life::publish_routes() {
  auto next = std::make_shared<routes>();
  next->by_partition.emplace(
      workflow_partition, socket_route{workflow_partition, caf::actor_cast<caf::actor>(workflows),
                                       std::string{flow_state::shown_socket}});
  for (const auto& [socket_name, child] : sockets) {
    socket_route route{child.partition, caf::actor_cast<caf::actor>(child.actor), socket_name};
    next->by_name.emplace(socket_name, route);
    next->by_partition.emplace(child.partition, route);
  }
  shared->sockets->publish(std::move(next));
}

// -- the catalog has changed --------------------------------------------------

void node_life::changed(catalog_changed& what) {
  objects = what.now;
  shared->objects->publish(objects);
  for (const auto& change : what.changes) {
    apply(change);
    if (shared->is_watched->load(std::memory_order_relaxed)) tell_watchers(change);
  }
  for (const auto& change : what.changes) {
    // A deployment changes its processor's slots.
    if (change.kind != object_kind::deployment) continue;
    for (const auto& side : {change.before, change.after}) {
      if (!side) continue;
      auto it = objects->find(object_kind::processor, side->as<deployment_spec>().processor);
      if (it && processors.contains(it->name))
        self->send(processors[it->name].actor, config_of(*it));
    }
  }
  for (const auto& touched : sockets_touched(*objects, what.changes))
    configure(touched);
  publish_routes();
  for (const auto& change : what.changes)
    if (change.kind == object_kind::processor && change.after)
      if (auto found = processors.find(change.name); found != processors.end())
        self->send(catalog_owner, status_settled{found->second.last});
}

void node_life::apply(const object_change& change) {
  switch (change.kind) {
  case object_kind::processor:
    if (!change.after) {
      to_restart.erase("processor/" + change.name);
      if (auto child = processors.extract(change.name); !child.empty())
        self->send_exit(child.mapped().actor, caf::exit_reason::user_shutdown);
    } else if (auto found = processors.find(change.name); found != processors.end()) {
      self->send(found->second.actor, config_of(*change.after));
    } else {
      start_processor(*change.after);
    }
    break;
  case object_kind::plug:
    if (!change.after) {
      to_restart.erase("plug/" + change.name);
      if (auto child = plugs.extract(change.name); !child.empty())
        self->send_exit(child.mapped(), caf::exit_reason::user_shutdown);
    } else if (!plugs.contains(change.name)) {
      start_plug(change.name);
    }
    break;
  case object_kind::socket:
    if (!change.after) {
      to_restart.erase("socket/" + change.name);
      if (auto child = sockets.extract(change.name); !child.empty())
        self->send_exit(child.mapped().actor, caf::exit_reason::user_shutdown);
    } else if (!sockets.contains(change.name)) {
      start_socket(*change.after);
    }
    break;
  default:
    break;
  }
}

void node_life::configure(const std::string& socket_name) {
  auto it = objects->find(object_kind::socket, socket_name);
  auto child = sockets.find(socket_name);
  if (!it || child == sockets.end()) return;
  child->second.processor = it->as<socket_spec>().processor;
  self->send(child->second.actor, wiring_of(*it));
}

// -- supervision --------------------------------------------------------------

void node_life::fail_upward(const std::string& child, const std::string& why) {
  end_all(caf::make_error(caf::sec::runtime_error, child + " has ended: " + why));
}

void node_life::end_all(const caf::error& reason) {
  // From the outside in: who takes work ends before who makes it durable.
  self->send_exit(workflows, reason);
  for (const auto& [child, it] : sockets)
    self->send_exit(it.actor, reason);
  for (const auto& [child, it] : plugs)
    self->send_exit(it, reason);
  for (const auto& [child, it] : processors)
    self->send_exit(it.actor, reason);
  self->send_exit(catalog_owner, reason);
  self->send_exit(loader, reason);
  self->send_exit(shared->hub, reason);
  self->send_exit(shared->journal, reason);
  self->quit(reason);
}

void node_life::child_down(const caf::down_msg& down) {
  auto is = [&](const auto& handle) { return handle && handle.address() == down.source; };
  auto why = caf::to_string(down.reason);
  // What these had in memory can only be had again from disk, by a new start of the whole node.
  if (is(shared->journal)) return fail_upward("the journal", why);
  if (is(catalog_owner)) return fail_upward("the catalog", why);
  if (is(loader)) return fail_upward("the loader", why);
  if (is(shared->hub)) return fail_upward("the hub", why);
  std::string child;
  for (const auto& [child_name, it] : sockets)
    if (is(it.actor)) child = "socket/" + child_name;
  for (const auto& [child_name, it] : processors)
    if (is(it.actor)) child = "processor/" + child_name;
  for (const auto& [child_name, it] : plugs)
    if (is(it)) child = "plug/" + child_name;
  if (is(workflows)) child = "flow/workflows";
  if (child.empty()) return;
  auto now = shared->clock->steady_ms();
  auto& recent = failures[child].at_ms;
  recent.push_back(now);
  while (!recent.empty() && now - recent.front() > minute_ms)
    recent.pop_front();
  if (recent.size() > limits::restarts_per_minute_max)
    return fail_upward(child, why + ", again and again");
  ++restart_count;
  to_restart.insert(child);
  shared->health->set(child, child + " has ended and is being started again: " + why);
  auto delay = static_cast<uint64_t>(static_cast<double>(limits::restart_delay_ms_min)
                                     * std::pow(2.0, static_cast<double>(recent.size() - 1)));
  self->delayed_send(self, std::chrono::milliseconds{std::min(delay, limits::restart_delay_ms_max)},
                     restart_child{child});
}

void node_life::restart(const std::string& child) {
  auto slash = child.find('/');
  auto kind = child.substr(0, slash);
  auto child_name = child.substr(slash + 1);
  if (!to_restart.contains(child)) { // removed meanwhile; one of the same name is another
    shared->health->clear(child);
    return;
  }
  if (kind == "socket" || kind == "flow") {
    // What its last life wrote may still be on its way to the disk: the rows are read after it.
    append_rows nothing;
    nothing.from = caf::actor_cast<caf::actor>(self);
    nothing.ticket = ++last_ticket;
    in_journal.emplace(last_ticket, child);
    self->send(shared->journal, std::move(nothing));
    return;
  }
  to_restart.erase(child);
  shared->health->clear(child);
  if (kind == "processor") {
    start_processor(*objects->find(object_kind::processor, child_name));
    for (const auto& [socket_name, one] : sockets)
      if (one.processor == child_name) configure(socket_name);
  } else {
    start_plug(child_name);
    configure(objects->find(object_kind::plug, child_name)->as<plug_spec>().source);
  }
}

void node_life::committed(const rows_committed& done) {
  for (auto ticket : done.tickets)
    if (auto waiting = in_journal.extract(ticket); !waiting.empty())
      restart_owner(waiting.mapped());
}

void node_life::restart_owner(const std::string& child) {
  shared->health->clear(child);
  if (to_restart.erase(child) == 0) return;
  if (child.starts_with("flow/")) return start_flows();
  start_socket(*objects->find(object_kind::socket, child.substr(child.find('/') + 1)));
  publish_routes();
  self->send(workflows, settle_members{}); // of ends that its former life did not live to tell
  // Calls that its last life made durable for others, and did not live to tell them of.
  for (const auto& [other, it] : sockets)
    self->send(it.actor, adopt_rows{});
}

// -- processors ---------------------------------------------------------------

void node_life::processor_news(processor_changed& what) {
  auto found = processors.find(what.status.name);
  if (found == processors.end()) return;
  bool is_news = found->second.last.state != what.status.state;
  found->second.last = what.status;
  if (is_news && shared->is_watched->load(std::memory_order_relaxed)) tell_watchers(what.status);
  self->send(catalog_owner, status_settled{std::move(what.status)});
}

void node_life::tell_watchers(const processor_status& status) {
  happened event;
  event.processor = status.name;
  map_builder what;
  what.text("channel", "event").text("kind", "processor").text("name", status.name);
  what.text("change", to_string(status.state)).text("text", status.text);
  event.what = what.number("time_ms", shared->clock->wall_ms()).finish();
  self->send(shared->hub, std::move(event));
}

void node_life::tell_watchers(const object_change& change) {
  const auto& it = change.after ? *change.after : *change.before;
  happened event;
  event.object = change.name;
  if (change.kind == object_kind::processor) event.processor = change.name;
  map_builder what;
  what.text("channel", "event").text("kind", to_string(change.kind)).text("name", change.name);
  what.text("change", !change.before ? "added" : change.after ? "updated" : "deleted");
  if (change.after) what.text("by", it.by);
  event.what = what.number("time_ms", shared->clock->wall_ms()).finish();
  self->send(shared->hub, std::move(event));
}

caf::result<processor_status> node_life::control(const control_processor& what) {
  auto found = processors.find(what.name);
  if (found == processors.end()) return caf::make_error(caf::sec::invalid_argument, what.name);
  auto desired = what.verb == processor_verb::pause  ? desired_state::paused
                 : what.verb == processor_verb::stop ? desired_state::stopped
                                                     : desired_state::running;
  if (what.verb != processor_verb::remove)
    self->send(catalog_owner, set_desired{what.name, desired, what.user});
  auto promise = self->make_response_promise<processor_status>();
  self->request(found->second.actor, caf::infinite, what)
      .then([promise](processor_status& status) mutable { promise.deliver(std::move(status)); },
            [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
  return promise;
}

caf::result<drained> node_life::drain(const drain_node& what) {
  if (processors.empty()) return drained{};
  auto promise = self->make_response_promise<drained>();
  auto open = std::make_shared<size_t>(processors.size());
  auto left = std::make_shared<drained>();
  auto finish = [promise, open, left]() mutable {
    if (--*open == 0) promise.deliver(*left);
  };
  for (const auto& [processor_name, child] : processors)
    self->request(child.actor, caf::infinite,
                  control_processor{processor_name, processor_verb::stop, what.deadline_ms, {}})
        .then(
            [left, finish](const processor_status& status) mutable {
              left->calls_left += status.running;
              finish();
            },
            [finish](const caf::error&) mutable { finish(); });
  return promise;
}

caf::result<node_status> node_life::describe_all() {
  auto promise = self->make_response_promise<node_status>();
  auto status = std::make_shared<node_status>();
  status->name = shared->node;
  status->started_ms = started_ms;
  status->restarts = restart_count;
  auto open = std::make_shared<size_t>(sockets.size() + processors.size() + plugs.size() + 1);
  auto finish = [promise, status, open]() mutable {
    if (--*open > 0) return;
    if (!status->journal.is_writable)
      status->unhealthy.push_back("the store cannot be written: "
                                  + status->journal.last_error.text);
    if (status->journal.stalled_ms > journal_stall_ms_max)
      status->unhealthy.push_back("the journal has not committed for "
                                  + std::to_string(status->journal.stalled_ms) + " ms");
    for (const auto& it : status->sockets)
      if (!it.is_open)
        status->unhealthy.push_back("socket \"" + it.name + "\" is closed: " + it.broken.text);
    promise.deliver(std::move(*status));
  };
  auto lost = [status, finish](const std::string& what) {
    return [status, finish, what](const caf::error&) mutable {
      status->unhealthy.push_back(what + " does not answer");
      finish();
    };
  };
  self->request(shared->journal, caf::infinite, describe{})
      .then(
          [status, finish](journal_status& s) mutable {
            status->journal = std::move(s);
            finish();
          },
          lost("the journal"));
  for (const auto& [child_name, child] : sockets)
    self->request(child.actor, caf::infinite, describe{})
        .then(
            [status, finish](socket_status& s) mutable {
              status->sockets.push_back(std::move(s));
              finish();
            },
            lost("socket \"" + child_name + "\""));
  for (const auto& [child_name, child] : plugs)
    self->request(child, caf::infinite, describe{})
        .then(
            [status, finish, plug = child_name](const plug_status& s) mutable {
              status->plugs[plug] = s;
              finish();
            },
            lost("plug \"" + child_name + "\""));
  for (const auto& [child_name, child] : processors)
    self->request(child.actor, caf::infinite, describe{})
        .then(
            [status, finish](processor_status& s) mutable {
              status->processors.push_back(std::move(s));
              finish();
            },
            lost("processor \"" + child_name + "\""));
  return promise;
}

node_actor::behavior_type node(node_actor::stateful_pointer<node_life> self,
                               std::shared_ptr<services> shared,
                               std::shared_ptr<const catalog> first) {
  self->state.self = self;
  self->state.shared = std::move(shared);
  self->set_down_handler([self](const caf::down_msg& down) { self->state.child_down(down); });
  self->set_exit_handler([self](const caf::exit_msg& exit) { self->state.end_all(exit.reason); });
  self->state.start(std::move(first));
  return {
      [self](catalog_changed& what) { self->state.changed(what); },
      [self](const restart_child& what) { self->state.restart(what.child); },
      [self](const rows_committed& done) { self->state.committed(done); },
      [self](processor_changed& what) { self->state.processor_news(what); },
      [self](functions_found& what) { self->send(self->state.catalog_owner, std::move(what)); },
      [self](const control_processor& what) { return self->state.control(what); },
      [self](const drain_node& what) { return self->state.drain(what); },
      [self](run_verb& verb) { self->send(self->state.catalog_owner, std::move(verb)); },
      [self](describe) { return self->state.describe_all(); },
  };
}

} // namespace flow::actors
