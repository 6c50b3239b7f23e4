// What clients ask of the owner of workflows: submissions, waits, cancels, retries by hand, and
// looks.
#include <algorithm>

#include "caf/all.hpp"

#include "actors/flow_actor.hpp"
#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"
#include "flows/workflow_check.hpp"
#include "storage/codec.hpp"
#include "storage/key_kind.hpp"

namespace flow::actors {

namespace {

constexpr auto cancel_again_after = std::chrono::milliseconds{500};
constexpr size_t members_named_max = 3; // of those that a workflow waits for

error unknown_socket(const std::string& socket, const routes& known) {
  std::vector<std::string> names{"pipeline", "parallel", "funnel", "segment"};
  for (const auto& [each, route] : known.by_name)
    names.push_back(each);
  auto hint = did_you_mean(socket, names);
  return make_error(ec::unknown_socket, "no socket " + flow::quoted(socket),
                    hint.empty() ? "list them with `flow ls sockets`" : hint);
}

} // namespace

// -- from clients -------------------------------------------------------------

result<workflow> flow_state::check(const wire::submit& asked) const {
  if (broken.code != ec::none) return broken;
  if (!asked.options.argument.empty())
    return make_error(ec::bad_arguments, "a workflow waits for no argument");
  if (cbor::reader keyword{asked.args.keyword}; keyword.map() != 0)
    return make_error(ec::bad_arguments, "a workflow is given positional arguments only",
                      "keywords belong to a step: socket(name=value)");
  if (workflows.size() >= limits::queue_calls_max)
    return make_error(ec::queue_full,
                      std::to_string(workflows.size()) + " workflows are in progress");
  auto what = decode_workflow(asked.options.flow);
  if (!what) return what;
  auto routes = shared->sockets->view();
  auto objects = shared->objects->view();
  auto find = [&](const std::string& socket) -> result<const signature*> {
    if (!routes->by_name.contains(socket)) return unknown_socket(socket, *routes);
    auto known = objects->find(object_kind::socket, socket);
    return known ? objects->signature_of_socket(*known) : nullptr;
  };
  cbor::reader given{asked.args.positional};
  if (auto fits = check_workflow(*what, given.array(), find); !fits) return fits.error();
  return what;
}

/// The same submission came before, or another with its key: it is answered as that one.
bool flow_state::is_repeat(const submit_calls::item& item, const acceptance& from) {
  auto id = item.id;
  const auto& key = item.what.options.key;
  bool is_known = item.what.again;
  if (!key.empty()) {
    auto row = shared->store->get(storage::family::history,
                                  storage::idempotency_key(workflow_partition, key));
    auto stored = row && *row ? call_id_of_bytes(**row) : result<call_id>{call_id{}};
    if (auto live = keys.find(key); live != keys.end())
      id = live->second;
    else if (stored && *stored)
      id = *stored;
    is_known = is_known || id != item.id;
  }
  if (auto live = workflows.find(id); live != workflows.end()) {
    if (live->second.is_durable) {
      accept(id, from);
      return true;
    }
    for (auto& batch : in_journal)
      if (batch.workflow == id && !batch.accepted.empty()) batch.accepted.push_back(from);
    return true;
  }
  if (!is_known) return false;
  bool is_ending = find_ending(id) != nullptr;
  auto ended = shared->store->get(storage::family::history, storage::ended_key(id));
  if (!is_ending && !(ended && *ended)) return false; // its history is gone: the key is free again
  accept(id, {from.from, from.push_end && is_ending});
  if (from.push_end && !is_ending) desk.tell_end_from_history(*shared->store, id, from.from);
  return true;
}

void flow_state::submit_one(const std::string& user, submit_calls::item& item,
                            const acceptance& from) {
  auto& asked = item.what;
  if (broken.code == ec::none && is_repeat(item, from)) return;
  auto what = check(asked);
  if (!what) return desk.answer(from.from.session, wire::refused{asked.seq, what.error()});
  auto call = std::make_shared<call_record>();
  call->id = item.id;
  call->root = item.id;
  call->args = std::move(asked.args);
  call->queued_ms = now_ms();
  call->due_ms = asked.options.delay_ms == 0 ? 0 : call->queued_ms + asked.options.delay_ms;
  call->priority = std::min(asked.options.priority, limits::priority_max);
  call_extras more;
  more.key = std::move(asked.options.key);
  more.trace = std::move(asked.options.trace);
  more.user = user;
  call->set_extras(more);
  storage::batch rows;
  std::vector<row_change> changes{put_call{call}};
  if (!more.key.empty()) changes.push_back(put_key{workflow_partition, more.key, call->id});
  storage::append(rows, changes);
  rows.put(storage::family::history, storage::workflow_key(call->id), asked.options.flow);
  begin(insert(std::move(call), std::move(*what)), std::move(rows), {from});
}

/// Now, or when it is due.
void flow_state::begin(in_progress& it, storage::batch rows, std::vector<acceptance> accepted) {
  auto due_ms = it.run.call()->due_ms;
  workflow_progress progress;
  if (due_ms > now_ms()) {
    self->delayed_send(self, std::chrono::milliseconds{due_ms - now_ms()}, wake_up{});
  } else {
    it.is_begun = true;
    it.started_ms = now_ms();
    progress = it.run.begin(it.started_ms);
  }
  perform(it, std::move(progress), std::move(rows), std::move(accepted));
}

void flow_state::submit(submit_calls& calls) {
  auto session = desk.remember(self, calls.session);
  for (auto& item : calls.items)
    submit_one(calls.user, item, {{session, item.what.seq}, item.what.push_end});
  desk.send(self);
}

void flow_state::await(await_calls& calls) {
  auto session = desk.remember(self, calls.session);
  for (const auto& item : calls.items) {
    if (workflows.contains(item.id) || find_ending(item.id))
      desk.wait_for(item.id, {session, item.seq});
    else
      desk.tell_end_from_history(*shared->store, item.id, {session, item.seq});
  }
  desk.send(self);
}

void flow_state::cancel(in_progress& it) {
  storage::batch rows;
  call_progress cancelled;
  cancelled.last = {ec::task_cancelled, "cancelled", {}, {}};
  storage::append(rows, std::vector<row_change>{put_progress{it.run.call()->id, cancelled}});
  it.has_progress_row = true;
  perform(it, it.run.cancel(), std::move(rows));
  // A cancel may overtake the courier that brings the member.
  self->delayed_send(self, cancel_again_after, settle_members{});
}

call_ids flow_state::cancel(const cancel_command& command) {
  call_ids known;
  for (const auto& id : command.ids) {
    auto found = workflows.find(id);
    if (found == workflows.end()) continue;
    known.ids.push_back(id);
    if (!found->second.is_durable)
      found->second.is_cancel_wanted = true;
    else if (!found->second.run.is_cancelled())
      cancel(found->second);
  }
  desk.send(self);
  return known;
}

void flow_state::revive(revive_command& command) {
  for (const auto& before : command.calls) {
    auto now = storage::read_ended(*shared->store, before->call->id);
    auto what = read_definition(before->call->id);
    bool is_same = now && *now && (*now)->call->generation == before->call->generation;
    if (!is_same || !what || workflows.contains(before->call->id)) continue;
    auto call = std::make_shared<call_record>(*before->call);
    ++call->generation; // its members are others than those of its former lives
    call->due_ms = 0;
    call->queued_ms = now_ms();
    storage::batch rows;
    storage::append(rows, std::vector<row_change>{erase_ended{before}, put_call{call}});
    auto& it = insert(std::move(call), std::move(*what));
    it.is_durable = true; // whatever becomes of these rows, it has ended or lives
    begin(it, std::move(rows), {});
  }
  desk.send(self);
}

void flow_state::wake() {
  std::vector<call_id> due;
  for (const auto& [id, it] : workflows)
    if (!it.is_begun && it.is_durable && it.run.call()->due_ms <= now_ms()) due.push_back(id);
  for (const auto& id : due)
    begin(workflows.at(id), {}, {});
  desk.send(self);
}

// -- views --------------------------------------------------------------------

const ended_call* flow_state::find_ending(const call_id& id) const {
  for (const auto& batch : in_journal)
    if (batch.ended && batch.ended->call->id == id) return batch.ended.get();
  return nullptr;
}

call_view flow_state::view_of(const in_progress& it) const {
  auto state = it.is_begun ? call_state::running : call_state::scheduled;
  return {it.run.call(), state, {}, it.started_ms, 0};
}

found_call flow_state::find(const call_id& id) const {
  found_call found;
  found.policy.socket = shown_socket;
  auto live = workflows.find(id);
  if (live == workflows.end()) return found;
  const auto& run = live->second.run;
  found.call = view_of(live->second);
  if (!live->second.is_begun) return found;
  auto waiting = run.running();
  found.note = run.is_cancelled() ? "it is cancelled, and waits for the ends of " : "it waits for ";
  found.note += std::to_string(waiting.size()) + (waiting.size() == 1 ? " step: " : " steps: ");
  for (size_t i = 0; i < std::min(waiting.size(), members_named_max); ++i) {
    auto path = run.path_of(waiting[i]);
    found.note += (i == 0 ? "" : ", ") + (path.empty() ? "" : path + " ") + "(call "
                  + to_string(waiting[i]) + ")";
  }
  if (waiting.size() > members_named_max) found.note += " and others";
  return found;
}

call_list flow_state::list(const list_calls& what) const {
  call_list found;
  found.socket = shown_socket;
  for (const auto& [id, it] : workflows)
    if (!what.before || id < what.before) found.calls.push_back(view_of(it));
  for (const auto& batch : in_journal)
    if (batch.ended && (!what.before || batch.workflow < what.before))
      found.calls.push_back({batch.ended->call, call_state::running, {}, batch.ended->taken_ms, 0});
  std::ranges::sort(found.calls,
                    [](const call_view& a, const call_view& b) { return b.call->id < a.call->id; });
  if (found.calls.size() > what.limit) found.calls.resize(what.limit);
  return found;
}

} // namespace flow::actors
