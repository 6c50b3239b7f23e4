#include "actors/socket_actor.hpp"

#include <algorithm>
#include <span>

#include "caf/all.hpp"

#include "actors/socket_history.hpp"
#include "actors/tell.hpp"
#include "flows/cbor.hpp"
#include "storage/codec.hpp"
#include "storage/key_kind.hpp"

namespace flow::actors {

namespace {

/// Longer than any message of this node is under way.
constexpr uint64_t settle_ms = 10'000;

wire::ended ended_message(uint64_t seq, const ended_call& ended) {
  return {seq, ended.call->id, ended.state, ended.result, ended.why, ended.attempts};
}

size_t size_bytes(std::span<const storage::mutation> rows) {
  size_t bytes = 0;
  for (const auto& each : rows)
    bytes += each.key.size() + each.value.size();
  return bytes;
}

/// The rows from `first` to a cut at which the batch is large enough, or to the end; `last` is
/// where the next batch begins.
storage::batch next_batch(const transition& effects, size_t first, size_t& last) {
  storage::batch rows;
  auto all = std::span{effects.rows};
  size_t bytes = 0;
  for (auto cut = std::ranges::upper_bound(effects.cuts, first);; ++cut) {
    auto end = cut == effects.cuts.end() ? all.size() : *cut;
    auto begun = rows.mutations.size();
    storage::append(rows, all.subspan(last, end - last));
    last = end;
    bytes += size_bytes(std::span{rows.mutations}.subspan(begun));
    if (end == all.size() || bytes >= limits::append_bytes_target) return rows;
  }
}

} // namespace

// -- opening ------------------------------------------------------------------

void socket_state::open() {
  auto rows = storage::read_partition(*shared->store, machine->id());
  if (!rows) {
    broken = rows.error();
    shared->health->set("rows/" + wiring.policy.socket,
                        "socket \"" + wiring.policy.socket + "\" is closed: " + broken.text);
    return;
  }
  rows_read_ms = shared->clock->steady_ms();
  machine->read_arguments_with([this](const call_id& id) -> std::optional<arguments> {
    auto row = storage::read_call(*shared->store, id);
    if (!row || !*row) return std::nullopt;
    return std::move((*row)->args);
  });
  perform(machine->restore(std::move(*rows), now_ms()));
  trim_later();
  attach();
}

void socket_state::attach() {
  if (!wiring.processor) return;
  self->monitor(wiring.processor);
  tell(self, wiring.processor,
       attach_socket{caf::actor_cast<caf::actor>(self), wiring.policy.socket});
}

void socket_state::configure(configure_socket& next) {
  auto former = std::exchange(wiring, std::move(next));
  if (former.processor != wiring.processor) {
    if (former.processor)
      tell(self, former.processor, detach_socket{caf::actor_cast<caf::actor>(self)});
    run(window_command{0});
    attach();
  }
  auto is_replaced = [this](const plug_route& old) {
    return std::ranges::any_of(wiring.plugs, [&old](const plug_route& now) {
      return now.plug == old.plug && now.courier != old.courier;
    });
  };
  // What the dead courier had is durable, but its targets do not know of it.
  if (std::ranges::any_of(former.plugs, is_replaced)) {
    auto routes = shared->sockets->view();
    for (const auto& [partition, route] : routes->by_partition)
      if (partition != workflow_partition) // no plug leads there
        tell(self, route.owner, adopt_rows{});
  }
  run(policy_command{wiring.policy});
  trim_later();
}

void socket_state::open_window(window_changed window) {
  // A former processor's last word may come after the new one's first.
  auto from = self->current_sender();
  if (from && wiring.processor && from->address() != wiring.processor.address()) return;
  run(window_command{window.calls});
}

void socket_state::someone_ended(const caf::down_msg& down) {
  sessions.erase(down.source.id());
  // Waiters of a session stay until their calls end; `send_outputs` finds no one to tell.
  if (!wiring.processor || down.source != wiring.processor.address()) return;
  run(window_command{0});
  run(returned_command{machine->leases()}); // its workers end with it
}

// -- from clients -------------------------------------------------------------

uint64_t socket_state::remember(const caf::actor& session) {
  auto number = session->id();
  if (sessions.emplace(number, session).second) self->monitor(session);
  return number;
}

result<void> socket_state::check(const wire::submit& asked) const {
  const auto& argument = asked.options.argument;
  if (argument.empty()) {
    if (!wiring.known) return {};
    return check_arguments(*wiring.known, asked.args);
  }
  if (std::ranges::find(wiring.policy.join, argument, &parameter::name) != wiring.policy.join.end())
    return {};
  return make_error(ec::bad_arguments,
                    "socket \"" + wiring.policy.socket + "\" waits for no argument \"" + argument
                        + "\"",
                    "bind one with: flow add argument -p PLUG -t TASK -a NAME");
}

submission socket_state::make_submission(const caf::actor& session, const std::string& user,
                                         submit_calls::item& item) {
  auto call = std::make_shared<call_record>();
  auto& asked = item.what;
  call->id = item.id;
  call->root = item.id;
  call->args = std::move(asked.args);
  call->queued_ms = now_ms();
  call->due_ms = asked.options.delay_ms == 0 ? 0 : call->queued_ms + asked.options.delay_ms;
  call->priority = std::min(asked.options.priority, limits::priority_max);
  call_extras more;
  more.argument = std::move(asked.options.argument);
  more.key = std::move(asked.options.key);
  more.trace = std::move(asked.options.trace);
  more.user = user;
  if (asked.options.expires_ms != 0) more.expires_ms = call->queued_ms + asked.options.expires_ms;
  call->set_extras(std::move(more));
  return {{session->id(), asked.seq}, std::move(call), asked.push_end, {}, false};
}

/// Facts from the store that the machine needs for what may be a repeat.
void socket_state::look_up(submission& item, bool again) {
  auto key = idempotency_text(*item.call);
  if (!key.empty()) {
    auto row = shared->store->get(storage::family::history,
                                  storage::idempotency_key(machine->id(), key));
    if (row && *row)
      if (auto id = call_id_of_bytes(**row)) item.known = *id;
  }
  if (!item.known && !again) return;
  const auto& id = item.known ? item.known : item.call->id;
  if (machine->contains(id)) return;
  if (find_ending(id)) {
    item.known = id;
    return;
  }
  auto ended = shared->store->get(storage::family::history, storage::ended_key(id));
  if (ended && *ended) {
    item.known = id;
    item.known_has_ended = true;
  } else if (item.known) {
    item.known = {}; // its history has been removed by retention: the key is free again
  }
}

void socket_state::submit(submit_calls& calls) {
  auto session = remember(calls.session);
  if (broken.code != ec::none) {
    for (auto& item : calls.items)
      answer(session, wire::refused{item.what.seq, broken});
    send_outputs();
    return;
  }
  submit_command command;
  command.items.reserve(calls.items.size());
  for (auto& item : calls.items) {
    bool again = item.what.again;
    if (auto fine = check(item.what); !fine) {
      answer(session, wire::refused{item.what.seq, fine.error()});
      continue;
    }
    command.items.push_back(make_submission(calls.session, calls.user, item));
    look_up(command.items.back(), again);
  }
  run(std::move(command));
}

void socket_state::await(await_calls& calls) {
  auto session = remember(calls.session);
  for (const auto& item : calls.items) {
    waiter who{session, item.seq};
    if (machine->contains(item.id) || find_ending(item.id))
      waiters[item.id].push_back(who);
    else
      push_from_history(item.id, who);
  }
  send_outputs();
}

const ended_call* socket_state::find_ending(const call_id& id) const {
  for (const auto& batch : in_journal)
    for (const auto& ended : batch.effects.ended)
      if (ended->call->id == id) return ended.get();
  return nullptr;
}

void socket_state::push_from_history(const call_id& id, const waiter& who) {
  auto ended = storage::read_ended(*shared->store, id);
  if (!ended)
    answer(who.session, wire::refused{who.seq, ended.error()});
  else if (!*ended)
    answer(who.session, wire::refused{who.seq, missing_call(id, wiring.retention, now_ms())});
  else
    answer(who.session, ended_message(who.seq, **ended));
}

call_ids socket_state::cancel(cancel_command& command) {
  call_ids known;
  for (const auto& id : command.ids)
    if (machine->contains(id)) known.ids.push_back(id);
  run(std::move(command));
  return known;
}

void socket_state::revive(revive_command& command) {
  // Since it was read, the call may have lived again and ended: history as it is now decides.
  std::erase_if(command.calls, [this](ended_ptr& ended) {
    auto now = storage::read_ended(*shared->store, ended->call->id);
    return !now || !*now || (*now)->call->generation != ended->call->generation;
  });
  run(std::move(command));
}

// -- from plugs ---------------------------------------------------------------

void socket_state::arrive(arrive_calls& calls) {
  // Just after opening, a call may have been read from its row, run and ended before its message
  // came.
  bool is_settled = shared->clock->steady_ms() - rows_read_ms > settle_ms;
  if (calls.again || !is_settled)
    std::erase_if(calls.calls, [this](const call_ptr& call) {
      if (find_ending(call->id)) return true;
      auto row = shared->store->get(storage::family::in_flight, storage::call_key(call->id));
      return row && !*row; // it has ended since it was sent first
    });
  if (calls.courier) tell(self, calls.courier, calls_arrived{calls.number});
  if (is_watched())
    for (const auto& call : calls.calls)
      if (!machine->contains(call->id)) tell_watchers(call_state::queued, call->id);
  run(arrive_command{std::move(calls.calls)});
}

void socket_state::adopt() {
  if (broken.code != ec::none) return;
  auto rows = storage::read_partition(*shared->store, machine->id());
  if (!rows) { // the next life finds the same, and says so
    self->quit(caf::make_error(caf::sec::runtime_error, flow::to_string(rows.error())));
    return;
  }
  rows_read_ms = shared->clock->steady_ms(); // their messages may still come
  arrive_command found;
  for (auto& row : *rows)
    if (!machine->contains(row.call->id) && !find_ending(row.call->id))
      found.calls.push_back(std::move(row.call));
  if (!found.calls.empty()) run(std::move(found));
}

// -- effects ------------------------------------------------------------------

void socket_state::run(partition_command command) {
  perform(machine->apply(std::move(command), now_ms()));
  send_outputs();
}

void socket_state::perform(transition&& effects) {
  for (auto& refused : effects.refused)
    answer(refused.from.session, wire::refused{refused.from.seq, std::move(refused.why)});
  // Said before it is durable, for it may be taken before that; a refusal tells its sender.
  if (is_watched())
    for (const auto& id : effects.pending)
      tell_watchers(call_state::queued, id);
  hand_over(effects.dispatches);
  if (wiring.processor && !effects.revokes.empty())
    tell(self, wiring.processor,
         end_leases{caf::actor_cast<caf::actor>(self), std::move(effects.revokes), false});
  if (wiring.processor && !effects.kills.empty())
    tell(self, wiring.processor,
         end_leases{caf::actor_cast<caf::actor>(self), std::move(effects.kills), true});
  if (effects.wake_at_ms != 0 && (wake_at_ms == 0 || effects.wake_at_ms < wake_at_ms)) {
    wake_at_ms = effects.wake_at_ms;
    auto now = now_ms();
    self->delayed_send(self, std::chrono::milliseconds{wake_at_ms > now ? wake_at_ms - now : 0},
                       wake_up{wake_at_ms});
  }
  if (effects.rows.empty()) {
    perform_after_commit(effects);
    return;
  }
  // The journal keeps the order: what follows waits for the last part.
  size_t first = 0;
  for (size_t last = 0; first < effects.rows.size(); first = last) {
    auto batch = next_batch(effects, first, last);
    append_rows rows;
    rows.from = caf::actor_cast<caf::actor>(self);
    rows.ticket = ++last_ticket;
    rows.is_refusable = effects.is_refusable;
    rows.rows = std::move(batch);
    self->send(shared->journal, std::move(rows));
  }
  effects.rows.clear();
  in_journal.push_back({last_ticket, std::move(effects)});
}

void socket_state::hand_over(std::vector<dispatch>& calls) {
  if (calls.empty()) return;
  for (auto& item : calls) {
    if (is_watched()) tell_watchers(call_state::taken, item.call->id);
    if (!item.read_arguments) continue;
    if (auto row = storage::read_call(*shared->store, item.call->id); row && *row)
      item.call = std::make_shared<const call_record>(std::move(**row));
  }
  tell(self, wiring.processor,
       run_calls{caf::actor_cast<caf::actor>(self), wiring.policy.function, std::move(calls)});
}

void socket_state::committed(rows_committed& done) {
  committed_command durable;
  auto take = [this](uint64_t ticket) -> std::optional<transition> {
    auto found = std::ranges::lower_bound(in_journal, ticket, {}, &awaited::ticket);
    if (found == in_journal.end() || found->ticket != ticket) return std::nullopt;
    auto effects = std::move(found->effects);
    in_journal.erase(found);
    return effects;
  };
  for (auto ticket : done.tickets) {
    if (ticket == trim_ticket) {
      trim_ticket = 0;
      trim();
      continue;
    }
    auto effects = take(ticket);
    if (!effects) continue;
    perform_after_commit(*effects);
    durable.ids.insert(durable.ids.end(), effects->pending.begin(), effects->pending.end());
  }
  for (auto& [ticket, why] : done.refused) {
    auto effects = take(ticket);
    if (!effects) continue;
    for (const auto& item : effects->accepted)
      answer(item.from.session, wire::refused{item.from.seq, why});
    run(uncommitted_command{std::move(effects->pending), why});
  }
  if (!durable.ids.empty()) run(std::move(durable));
  send_outputs();
}

void socket_state::perform_after_commit(transition& effects) {
  for (const auto& item : effects.accepted) {
    answer(item.from.session, wire::accepted{item.from.seq, item.id});
    if (!item.push_end) continue;
    if (item.has_ended)
      push_from_history(item.id, {item.from.session, item.from.seq});
    else
      waiters[item.id].push_back({item.from.session, item.from.seq});
  }
  for (const auto& ended : effects.ended)
    publish(*ended);
  if (!effects.ended.empty()) trim_later();
  tell_workflows(effects.ended);
  follow(effects.children);
}

void socket_state::publish(const ended_call& ended) {
  if (auto found = waiters.find(ended.call->id); found != waiters.end()) {
    for (const auto& who : found->second)
      answer(who.session, ended_message(who.seq, ended));
    waiters.erase(found);
  }
  if (is_watched()) tell_watchers_of_end(ended);
}

/// Should it be lost, the end is in history, where the flow actor looks when it or this is started
/// again.
void socket_state::tell_workflows(const std::vector<ended_ptr>& ended) {
  members_ended news;
  for (const auto& each : ended)
    if (each->call->parent && each->call->parent.partition() == workflow_partition)
      news.members.push_back(each);
  if (news.members.empty()) return;
  auto routes = shared->sockets->view();
  auto owner = routes->by_partition.find(workflow_partition);
  if (owner != routes->by_partition.end()) tell(self, owner->second.owner, std::move(news));
}

void socket_state::follow(std::vector<call_ptr>& children) {
  for (const auto& route : wiring.plugs) {
    arrive_calls parcel;
    for (auto& child : children)
      if (child && child->more().edge == route.plug) parcel.calls.push_back(std::move(child));
    if (!parcel.calls.empty()) tell(self, route.courier, std::move(parcel));
  }
  // The edge may have been removed since: its durable calls still go to their owner.
  for (auto& child : children) {
    if (!child) continue;
    auto routes = shared->sockets->view();
    auto owner = routes->by_partition.find(child->id.partition());
    if (owner != routes->by_partition.end())
      tell(self, owner->second.owner, arrive_calls{{child}, {}, 0, false});
  }
}

void socket_state::wake(uint64_t tag) {
  if (tag != wake_at_ms) return; // an earlier timer has been set since
  wake_at_ms = 0;
  run(tick_command{});
}

// -- answers ------------------------------------------------------------------

void socket_state::answer(uint64_t session, wire::node_message message) {
  outputs[session].messages.push_back(std::move(message));
}

void socket_state::send_outputs() {
  for (auto& [number, output] : outputs)
    if (auto found = sessions.find(number); found != sessions.end())
      tell(self, found->second, std::move(output));
  outputs.clear();
}

socket_actor::behavior_type socket(socket_actor::stateful_pointer<socket_state> self,
                                   services_ptr shared, partition_id id, configure_socket wiring) {
  auto& state = self->state;
  state.self = self;
  state.shared = std::move(shared);
  state.machine.emplace(id, wiring.policy, state.shared->incarnations->fetch_add(1));
  state.wiring = std::move(wiring);
  self->set_down_handler([self](const caf::down_msg& down) { self->state.someone_ended(down); });
  // Here and not by a message: nothing that others send may be handled before the rows are in.
  state.open();
  return {
      [self](submit_calls& calls) { self->state.submit(calls); },
      [self](await_calls& calls) { self->state.await(calls); },
      [self](arrive_calls& calls) { self->state.arrive(calls); },
      [self](adopt_rows) { self->state.adopt(); },
      [self](window_changed window) { self->state.open_window(window); },
      [self](attempts_command& ends) { self->state.run(std::move(ends)); },
      [self](returned_command& back) { self->state.run(std::move(back)); },
      [self](rows_committed& done) { self->state.committed(done); },
      [self](configure_socket& next) { self->state.configure(next); },
      [self](flush_now) { self->state.send_outputs(); },
      [self](wake_up wake) { self->state.wake(wake.tag); },
      [self](trim_history) {
        self->state.trim_at_ms = 0;
        self->state.trim();
      },
      [self](bury_command& bury) { self->state.run(std::move(bury)); },
      [self](revive_command& revive) { self->state.revive(revive); },
      [self](cancel_command& cancel) { return self->state.cancel(cancel); },
      [self](const find_call& what) { return self->state.find(what.id); },
      [self](const list_calls& what) { return self->state.list(what); },
      [self](const list_joins& what) { return self->state.list(what); },
      [self](describe) { return self->state.describe_it(); },
  };
}

} // namespace flow::actors
