#include "actors/flow_actor.hpp"

#include <algorithm>
#include <set>

#include "caf/all.hpp"

#include "actors/plug_actor.hpp"
#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "storage/codec.hpp"
#include "storage/key_kind.hpp"

namespace flow::actors {

namespace {

/// The row of what was learned of a step: the member's end, without what history has of it besides.
std::string outcome_row(const call_record& workflow, const member_outcome& outcome) {
  ended_call ended;
  auto member = std::make_shared<call_record>();
  member->parent = workflow.id;
  ended.call = std::move(member);
  ended.state = outcome.why ? call_state::failed : call_state::finished;
  ended.result = outcome.result;
  ended.why = outcome.why;
  return storage::encode(ended);
}

void append(workflow_progress& to, workflow_progress&& more) {
  std::ranges::move(more.begun, std::back_inserter(to.begun));
  std::ranges::move(more.outcomes, std::back_inserter(to.outcomes));
  std::ranges::move(more.cancelled, std::back_inserter(to.cancelled));
  if (more.end) to.end = std::move(more.end);
}

} // namespace

// -- opening ------------------------------------------------------------------

socket_finder flow_state::finder() const {
  return [directory = shared->sockets](const std::string& socket) -> std::optional<partition_id> {
    auto routes = directory->view();
    auto found = routes->by_name.find(socket);
    if (found == routes->by_name.end()) return std::nullopt;
    return found->second.partition;
  };
}

result<workflow> flow_state::read_definition(const call_id& id) const {
  auto row = shared->store->get(storage::family::history, storage::workflow_key(id));
  if (!row) return row.error();
  if (!*row)
    return make_error(ec::store_corrupt, "the steps of workflow " + to_string(id) + " are gone");
  return decode_workflow(**row);
}

flow_state::in_progress& flow_state::insert(call_ptr call, workflow what) {
  auto id = call->id;
  if (const auto& key = call->more().key; !key.empty()) keys[key] = id;
  in_progress made{workflow_run{std::move(call), std::move(what), finder()}};
  return workflows.insert_or_assign(id, std::move(made)).first->second;
}

result<void> flow_state::read(restored_call& row) {
  auto id = row.call->id;
  auto what = read_definition(id);
  if (!what) return what.error();
  std::map<uint32_t, member_outcome> outcomes;
  error failed;
  auto scanned
      = shared->store->scan(storage::family::in_flight, storage::workflow_steps_of(id),
                            [&](std::string_view key, std::string_view bytes) {
                              auto ended = storage::decode_ended(bytes);
                              if (ended)
                                outcomes.emplace(storage::step_at_end(key), outcome_of(*ended));
                              else
                                failed = ended.error();
                              return failed.code == ec::none;
                            });
  if (!scanned) return scanned.error();
  if (failed.code != ec::none) return failed;
  std::vector<call_id> made;
  scanned = shared->store->scan(storage::family::history, storage::children_of(id),
                                [&](std::string_view key, std::string_view) {
                                  if (auto child = storage::id_at_end(key)) made.push_back(*child);
                                  return true;
                                });
  if (!scanned) return scanned.error();
  auto due_ms = row.call->due_ms;
  auto& it = insert(std::move(row.call), std::move(*what));
  it.is_durable = true;
  it.has_progress_row = row.progress.has_value();
  if (made.empty() && due_ms > now_ms()) {
    self->delayed_send(self, std::chrono::milliseconds{due_ms - now_ms()}, wake_up{});
    if (!it.has_progress_row) return {};
  } else {
    it.is_begun = true;
    it.started_ms = it.run.call()->queued_ms;
    perform(it, it.run.restore(outcomes, made, now_ms()), {});
  }
  // The one thing that a workflow's progress row says.
  if (auto found = workflows.find(id); found != workflows.end() && row.progress)
    perform(found->second, found->second.run.cancel(), {});
  return {};
}

void flow_state::open() {
  auto rows = storage::read_partition(*shared->store, workflow_partition);
  if (!rows) broken = rows.error();
  for (size_t i = 0; rows && broken.code == ec::none && i < rows->size(); ++i)
    if (auto done = read((*rows)[i]); !done) broken = done.error();
  if (broken.code != ec::none)
    shared->health->set("rows/workflows", "workflows are closed: " + broken.text);
}

// -- members ------------------------------------------------------------------

void flow_state::members_have_ended(members_ended& what) {
  std::map<call_id, workflow_progress> learned;
  for (const auto& ended : what.members) {
    auto found = workflows.find(ended->call->parent);
    if (found == workflows.end()) continue; // it was over before this member was
    append(learned[found->first],
           found->second.run.member_ended(ended->call->id, outcome_of(*ended), now_ms()));
  }
  for (auto& [id, progress] : learned)
    perform(workflows.at(id), std::move(progress), {});
  desk.send(self);
}

/// How a member that is waited for has ended, if it has. One that lives is told to its socket once
/// more.
member_outcome flow_state::outcome_on_disk(const call_id& member, arrive_calls& to_tell,
                                           bool& is_over) const {
  is_over = true;
  for (int look = 0; look < 2; ++look) {
    if (auto ended = storage::read_ended(*shared->store, member); ended && *ended)
      return outcome_of(**ended);
    if (auto call = storage::read_call(*shared->store, member); !call || *call) {
      if (call) to_tell.calls.push_back(std::make_shared<const call_record>(std::move(**call)));
      is_over = false;
      return {};
    } // neither: it ended between the two looks, or is gone
  }
  return {{}, {ec::result_gone, "result_gone", "nothing is known of the call any more", {}}};
}

void flow_state::look_at_members(in_progress& it) {
  std::set<call_id> not_yet;
  for (const auto& batch : in_journal)
    for (const auto& member : batch.progress.begun)
      not_yet.insert(member->id);
  workflow_progress learned;
  arrive_calls to_tell;
  for (const auto& member : it.run.running()) {
    if (not_yet.contains(member)) continue;
    bool is_over = false;
    auto outcome = outcome_on_disk(member, to_tell, is_over);
    if (is_over) append(learned, it.run.member_ended(member, std::move(outcome), now_ms()));
  }
  hand_over(to_tell.calls, true);
  if (it.run.is_cancelled()) cancel_members(it.run.running());
  perform(it, std::move(learned), {});
}

void flow_state::settle() {
  std::vector<call_id> all;
  for (const auto& [id, it] : workflows)
    if (it.is_durable) all.push_back(id);
  for (const auto& id : all)
    if (auto found = workflows.find(id); found != workflows.end()) look_at_members(found->second);
  desk.send(self);
}

// -- effects ------------------------------------------------------------------

/// One batch; what follows from it waits for its commit. `it` is gone afterwards if it has ended.
void flow_state::perform(in_progress& it, workflow_progress progress, storage::batch rows,
                         std::vector<acceptance> accepted) {
  const auto& workflow = *it.run.call();
  std::vector<row_change> changes;
  for (const auto& member : progress.begun) {
    changes.push_back(put_call{member});
    changes.push_back(put_child{workflow.id, member->id});
  }
  awaited effects{0, workflow.id, std::move(accepted), {}, {}};
  if (progress.end) {
    changes.push_back(erase_call{workflow.id, it.has_progress_row});
    effects.ended = end(it, std::move(*progress.end));
    changes.push_back(put_ended{effects.ended});
    std::set<uint32_t> never_written;
    for (const auto& [step, outcome] : progress.outcomes)
      never_written.insert(step);
    for (auto step : it.run.recorded())
      if (!never_written.contains(step))
        rows.erase(storage::family::in_flight, storage::workflow_step_key(workflow.id, step));
  } else {
    for (const auto& [step, outcome] : progress.outcomes)
      rows.put(storage::family::in_flight, storage::workflow_step_key(workflow.id, step),
               outcome_row(workflow, outcome));
  }
  storage::append(rows, changes);
  progress.outcomes.clear();
  effects.progress = std::move(progress);
  append_rows append;
  append.from = caf::actor_cast<caf::actor>(self);
  append.ticket = effects.ticket = ++last_ticket;
  append.is_refusable = !effects.accepted.empty();
  append.rows = std::move(rows);
  if (effects.ended) {
    keys.erase(workflow.more().key);
    workflows.erase(effects.workflow);
  }
  if (append.rows.mutations.empty()) return perform_after_commit(effects);
  in_journal.push_back(std::move(effects));
  self->send(shared->journal, std::move(append));
}

ended_ptr flow_state::end(in_progress& it, member_outcome outcome) {
  auto ended = std::make_shared<ended_call>();
  ended->call = it.run.call();
  ended->state = !outcome.why            ? call_state::finished
                 : it.run.is_cancelled() ? call_state::cancelled
                                         : call_state::failed;
  ended->attempts = 1;
  ended->result = std::move(outcome.result);
  ended->why = std::move(outcome.why);
  ended->socket = flow_state::shown_socket;
  ended->function = to_string(it.run.what().root().kind);
  ended->node = shared->node;
  ended->taken_ms = ended->started_ms = it.started_ms;
  ended->ended_ms = now_ms();
  ended->run_us = (ended->ended_ms - std::min(ended->ended_ms, it.started_ms)) * 1'000;
  return ended;
}

void flow_state::committed(rows_committed& done) {
  auto take = [this](uint64_t ticket) -> std::optional<awaited> {
    auto found = std::ranges::lower_bound(in_journal, ticket, {}, &awaited::ticket);
    if (found == in_journal.end() || found->ticket != ticket) return std::nullopt;
    auto effects = std::move(*found);
    in_journal.erase(found);
    return effects;
  };
  for (auto ticket : done.tickets)
    if (auto effects = take(ticket)) perform_after_commit(*effects);
  for (const auto& [ticket, why] : done.refused)
    if (auto effects = take(ticket)) refuse(*effects, why);
  desk.send(self);
}

/// Nothing of it is on disk, and nobody was told of its members.
void flow_state::refuse(awaited& effects, const error& why) {
  for (const auto& each : effects.accepted)
    desk.answer(each.from.session, wire::refused{each.from.seq, why});
  if (auto found = workflows.find(effects.workflow); found != workflows.end()) {
    keys.erase(found->second.run.call()->more().key);
    workflows.erase(found);
  }
}

void flow_state::accept(const call_id& id, const acceptance& who) {
  desk.answer(who.from.session, wire::accepted{who.from.seq, id});
  if (who.push_end) desk.wait_for(id, who.from);
}

void flow_state::perform_after_commit(awaited& effects) {
  for (const auto& each : effects.accepted)
    accept(effects.workflow, each);
  if (!effects.accepted.empty()) tell_watchers("running", effects.workflow);
  hand_over(effects.progress.begun, false);
  cancel_members(effects.progress.cancelled);
  if (effects.ended) {
    desk.tell_end(*effects.ended);
    tell_watchers(to_string(effects.ended->state), effects.workflow);
  }
  auto found = workflows.find(effects.workflow);
  if (found == workflows.end() || effects.accepted.empty() || found->second.is_durable) return;
  found->second.is_durable = true;
  if (found->second.is_cancel_wanted) cancel(found->second);
}

void flow_state::hand_over(std::vector<call_ptr>& calls, bool again) {
  std::map<partition_id, arrive_calls> parcels;
  for (auto& call : calls) {
    auto& parcel = parcels[call->id.partition()];
    parcel.again = again;
    parcel.calls.push_back(std::move(call));
  }
  calls.clear();
  for (auto& [owner, parcel] : parcels)
    tell(self, courier, std::move(parcel));
}

void flow_state::cancel_members(const std::vector<call_id>& ids) {
  std::map<partition_id, cancel_command> by_owner;
  for (const auto& id : ids)
    by_owner[id.partition()].ids.push_back(id);
  auto routes = shared->sockets->view();
  for (auto& [owner, command] : by_owner)
    if (auto found = routes->by_partition.find(owner); found != routes->by_partition.end())
      tell(self, found->second.owner, std::move(command));
}

void flow_state::tell_watchers(std::string_view state, const call_id& id) {
  if (!shared->is_watched->load(std::memory_order_relaxed)) return;
  happened event;
  event.where = channel::task;
  event.socket = flow_state::shown_socket;
  event.what.cbor.clear();
  cbor::writer out{event.what.cbor};
  out.map(5).text("channel").text("task").text("state").text(state);
  out.text("call").text(to_string(id)).text("socket").text(flow_state::shown_socket);
  out.text("time_ms").unsigned_integer(now_ms());
  self->send(shared->hub, std::move(event));
}

flow_actor::behavior_type flows(flow_actor::stateful_pointer<flow_state> self,
                                services_ptr shared) {
  auto& state = self->state;
  state.self = self;
  state.shared = std::move(shared);
  state.courier = caf::actor_cast<caf::actor>(self->spawn<caf::linked>(plug, state.shared));
  self->set_down_handler(
      [self](const caf::down_msg& down) { self->state.desk.forget(down.source.id()); });
  // Here and not by a message: nothing that others send may be handled before the rows are in.
  state.open();
  return {
      [self](submit_calls& calls) { self->state.submit(calls); },
      [self](await_calls& calls) { self->state.await(calls); },
      [self](members_ended& what) { self->state.members_have_ended(what); },
      [self](settle_members) { self->state.settle(); },
      [self](rows_committed& done) { self->state.committed(done); },
      [self](wake_up) { self->state.wake(); },
      [self](revive_command& revive) { self->state.revive(revive); },
      [self](const cancel_command& what) { return self->state.cancel(what); },
      [self](const find_call& what) { return self->state.find(what.id); },
      [self](const list_calls& what) { return self->state.list(what); },
  };
}

} // namespace flow::actors
