#include "actors/call_rows.hpp"

#include <nlohmann/json.hpp>

#include "flows/filter.hpp"

namespace flow::actors {

namespace {

using nlohmann::json;

json time_or_null(uint64_t ms) {
  return ms == 0 ? json() : json(ms);
}

json text_or_null(const std::string& text) {
  return text.empty() ? json() : json(text);
}

json failure_json(const failure& why, bool whole) {
  if (!why) return {};
  json row{{"code", code_text(why.code)}, {"type", why.type}, {"message", why.message}};
  if (whole) row["traceback"] = why.traceback;
  return row;
}

/// The queue of a socket that is still there.
json queue_of(const catalog& objects, const std::string& socket) {
  auto it = objects.find(object_kind::socket, socket);
  return it ? json(it->as<socket_spec>().queue) : json();
}

/// "KeyError: 'cup'", as a traceback ends.
std::string reason_text(const failure& why) {
  return why.type.empty() ? why.message : why.type + ": " + why.message;
}

json base_row(const call_record& call) {
  const auto& more = call.more();
  return {
      {"kind", "call"},
      {"id", to_string(call.id)},
      {"root", to_string(call.root)},
      {"parent", call.parent ? json(to_string(call.parent)) : json()},
      {"via", text_or_null(more.edge)},
      {"argument", text_or_null(more.argument)},
      {"key", text_or_null(more.key)},
      {"user", text_or_null(more.user)},
      {"trace", text_or_null(more.trace)},
      {"priority", call.priority},
      {"generation", call.generation},
      {"queued_ms", call.queued_ms},
  };
}

void add_arguments(json& row, const arguments& args) {
  row["args"] = json_of_value({args.positional});
  row["kwargs"] = json_of_value({args.keyword});
}

json event(const char* name, uint64_t time_ms, const std::string& node,
           const std::string& note = {}) {
  return {{"name", name},
          {"time_ms", time_ms},
          {"node", text_or_null(node)},
          {"note", text_or_null(note)}};
}

json attempts_json(const std::vector<attempt_record>& attempts) {
  auto rows = json::array();
  for (const auto& a : attempts)
    rows.push_back({{"attempt", a.number},
                    {"generation", a.generation},
                    {"taken_ms", time_or_null(a.taken_ms)},
                    {"started_ms", time_or_null(a.started_ms)},
                    {"ended_ms", time_or_null(a.ended_ms)},
                    {"run_us", a.run_us},
                    {"node", text_or_null(a.node)},
                    {"worker", a.worker == 0 ? json() : json(a.worker)},
                    {"failure", failure_json(a.why, true)}});
  return rows;
}

/// A step in a call's life for each time that is known (spec 1.2), oldest first. `ended_after`: an
/// attempt that ended the call ends with the call's own state.
json events_of(const call_record& call, const std::string& node,
               const std::vector<attempt_record>& attempts, const ended_call* ended) {
  auto events = json::array();
  // A call that was retried by hand is queued anew; its first life has told its own times.
  const auto& before = call.generation == 0 ? call.queued_ms : call.id.time_ms();
  events.push_back(event("queued", before, node));
  auto generation = attempts.empty() ? call.generation : attempts.front().generation;
  auto queue_again = [&](uint32_t next) {
    if (next == generation) return;
    generation = next;
    events.push_back(
        event("queued", next == call.generation ? call.queued_ms : 0, node, "retried by hand"));
  };
  for (const auto& a : attempts) {
    queue_again(a.generation);
    auto which = "attempt " + std::to_string(a.number);
    events.push_back(event("taken", a.taken_ms, a.node, which));
    events.push_back(event("running", a.started_ms, a.node, which));
    bool is_last = ended && a.generation == call.generation && a.number == ended->attempts
                   && a.ended_ms == ended->ended_ms;
    if (is_last) continue;
    events.push_back(
        event("attempt failed", a.ended_ms, a.node, which + ": " + reason_text(a.why)));
  }
  queue_again(call.generation);
  if (ended)
    events.push_back(event(to_string(ended->state).data(), ended->ended_ms, ended->node,
                           ended->why ? reason_text(ended->why) : std::string{}));
  return events;
}

} // namespace

json row_of(const catalog& objects, const ended_call& ended, bool whole) {
  auto row = base_row(*ended.call);
  row["socket"] = ended.socket;
  row["queue"] = queue_of(objects, ended.socket);
  row["function"] = ended.function;
  row["processor"] = ended.processor;
  row["state"] = to_string(ended.state);
  row["attempt"] = ended.attempts;
  row["taken_ms"] = time_or_null(ended.taken_ms);
  row["started_ms"] = time_or_null(ended.started_ms);
  row["ended_ms"] = ended.ended_ms;
  row["run_us"] = ended.run_us;
  row["node"] = text_or_null(ended.node);
  row["worker"] = ended.worker == 0 ? json() : json(ended.worker);
  row["commit"] = text_or_null(ended.commit);
  row["dead_letter"] = ended.is_dead_letter;
  row["reason"] = ended.why ? json(reason_text(ended.why)) : json();
  row["failure"] = failure_json(ended.why, whole);
  if (!whole) return row;
  if (ended.arguments_hash.empty())
    add_arguments(row, ended.call->args);
  else
    row["arguments_hash"] = ended.arguments_hash;
  row["result"] = ended.state == call_state::finished ? json_of_value(ended.result) : json();
  row["artifacts"] = json::object();
  for (const auto& [name, v] : ended.artifacts)
    row["artifacts"][name] = json_of_value(v);
  row["out_bytes"] = ended.out.size() + ended.err.size();
  auto attempts = attempts_of(ended);
  row["attempts"] = attempts_json(attempts);
  row["events"] = events_of(*ended.call, ended.node, attempts, &ended);
  return row;
}

json row_of(const catalog& objects, const call_view& view, const call_list& where,
            const running_call* running, bool whole) {
  auto row = base_row(*view.call);
  row["socket"] = where.socket;
  row["queue"] = queue_of(objects, where.socket);
  row["function"] = where.function;
  row["processor"] = where.processor;
  row["state"] = to_string(running ? call_state::running : view.state);
  row["attempt"] = view.progress.attempts + (view.state == call_state::taken ? 1 : 0);
  row["taken_ms"] = time_or_null(view.taken_ms);
  row["started_ms"] = running ? time_or_null(running->started_ms) : json();
  row["node"] = running ? text_or_null(running->node) : json();
  row["worker"] = running ? json(running->worker) : json();
  row["ended_ms"] = json();
  row["due_ms"] = time_or_null(std::max(view.call->due_ms, view.progress.due_ms));
  row["dead_letter"] = false;
  row["failure"] = failure_json(view.progress.last, whole);
  if (view.position != 0) row["position"] = view.position;
  if (!whole) return row;
  add_arguments(row, view.call->args);
  row["result"] = json();
  row["attempts"] = attempts_json(view.progress.earlier);
  row["events"] = events_of(*view.call, {}, view.progress.earlier, nullptr);
  if (view.state == call_state::taken && view.taken_ms != 0)
    row["events"].push_back(event("taken", view.taken_ms, {}));
  if (running) row["events"].push_back(event("running", running->started_ms, running->node));
  return row;
}

const std::vector<std::string>& call_fields() {
  static const auto names = [] {
    auto call = std::make_shared<const call_record>();
    call_view waiting;
    waiting.call = call;
    waiting.position = 1;
    ended_call ended;
    ended.call = call;
    return filter::fields_of(
        json::array({row_of({}, waiting, {}, nullptr, false), row_of({}, ended, false)}));
  }();
  return names;
}

json json_of_signature(const signature& sig) {
  auto row = json_of_value(to_value(sig));
  row["text"] = to_string(sig);
  return row;
}

json row_of(const processor_status& status) {
  auto functions = json::array();
  for (const auto& sig : status.functions)
    functions.push_back(json_of_signature(sig));
  return {
      {"state", to_string(status.state)},
      {"text", text_or_null(status.text)},
      {"commit", text_or_null(status.commit)},
      {"workers_ready", status.workers_ready},
      {"slots", status.slots},
      {"running", status.running},
      {"waiting", status.waiting},
      {"restarts", status.restarts},
      {"functions", std::move(functions)},
  };
}

json row_of(const worker_status& worker, const std::string& processor, const std::string& node) {
  auto name = processor + "." + std::to_string(worker.number);
  return {
      {"kind", "worker"},
      {"name", name},
      {"id", name},
      {"spec", {{"processor", processor}, {"node", node}}},
      {"status",
       {{"pid", worker.pid},
        {"state", worker.state},
        {"outstanding", worker.outstanding},
        {"current", worker.current ? json(to_string(worker.current)) : json()},
        {"started_ms", worker.started_ms},
        {"finished", worker.finished}}},
  };
}

json log_rows_of(const ended_call& ended) {
  auto rows = json::array();
  auto add = [&](const char* stream, const std::string& text) {
    if (!text.empty())
      rows.push_back({{"stream", stream}, {"attempt", ended.attempts}, {"text", text}});
  };
  add("stdout", ended.out);
  add("stderr", ended.err);
  return rows;
}

} // namespace flow::actors
