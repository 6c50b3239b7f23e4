// Verbs on objects, processors, queues and the node.
#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "caf/all.hpp"

#include "actors/call_rows.hpp"
#include "actors/list_page.hpp"
#include "actors/row_filter.hpp"
#include "actors/tell.hpp"
#include "actors/verbs_actor.hpp"
#include "flows/text.hpp"

namespace flow::actors {

namespace {

using nlohmann::json;

constexpr uint64_t drain_ms_default = 30'000;

const socket_status* status_of_socket(const node_status& node, const std::string& name) {
  auto found = std::ranges::find(node.sockets, name, &socket_status::name);
  return found == node.sockets.end() ? nullptr : &*found;
}

json counts_json(const partition_counts& counts) {
  return {{"queued", counts.queued},   {"running", counts.taken},     {"waiting", counts.scheduled},
          {"joining", counts.joining}, {"finished", counts.finished}, {"failed", counts.failed},
          {"bytes", counts.bytes}};
}

json status_of(const catalog& objects, const object& it, const node_status& node,
               const services& shared) {
  switch (it.kind()) {
  case object_kind::processor: {
    auto found = std::ranges::find(node.processors, it.name, &processor_status::name);
    return found == node.processors.end() ? json{{"state", "starting"}} : row_of(*found);
  }
  case object_kind::socket: {
    json status{{"partition", it.number}};
    if (const auto* live = status_of_socket(node, it.name)) {
      status.update(counts_json(live->counts));
      status["state"] = !live->is_open ? "broken" : live->is_paused ? "paused" : "open";
    }
    if (const auto* sig = objects.signature_of_socket(it)) status["signature"] = to_string(*sig);
    return status;
  }
  case object_kind::queue: {
    partition_counts sum;
    auto names = json::array();
    for (const auto& socket : objects.sockets_of_queue(it.name)) {
      names.push_back(socket->name);
      const auto* live = status_of_socket(node, socket->name);
      if (!live) continue;
      sum.queued += live->counts.queued;
      sum.taken += live->counts.taken;
      sum.scheduled += live->counts.scheduled;
      sum.joining += live->counts.joining;
      sum.finished += live->counts.finished;
      sum.failed += live->counts.failed;
      sum.bytes += live->counts.bytes;
    }
    auto status = counts_json(sum);
    status["paused"] = it.as<queue_spec>().paused;
    status["sockets"] = std::move(names);
    return status;
  }
  case object_kind::plug: {
    auto found = node.plugs.find(it.name);
    return {{"delivered", found == node.plugs.end() ? 0 : found->second.delivered}};
  }
  case object_kind::node: {
    bool is_here = it.name == shared.node;
    return {{"state", is_here ? "up" : "unknown"}, {"version", MILLRACE_VERSION}};
  }
  case object_kind::deployment: {
    auto processor = std::ranges::find(node.processors, it.as<deployment_spec>().processor,
                                       &processor_status::name);
    return {{"state", processor == node.processors.end()
                          ? "unknown"
                          : std::string{to_string(processor->state)}}};
  }
  default:
    return json::object();
  }
}

json row_of_object(const catalog& objects, const object& it, const node_status& node,
                   const services& shared) {
  auto row = json_of_value(to_value(it));
  row["status"] = status_of(objects, it, node, shared);
  return row;
}

json row_of_task(const catalog& objects, const task_view& task) {
  auto sockets = json::array();
  for (const auto& it : objects.sockets_of_processor(task.processor->name))
    if (it->as<socket_spec>().task == task.function) sockets.push_back(it->name);
  json spec{{"processor", task.processor->name}, {"function", task.function}};
  const auto& replacements = task.processor->as<processor_spec>().replacements;
  auto code = replacements.find(task.function);
  if (code != replacements.end()) spec["code"] = code->second;
  json status{{"signature", task.known ? json_of_signature(*task.known) : json()},
              {"sockets", std::move(sockets)},
              {"replaced", code != replacements.end()}};
  const auto& versions = task.processor->code.replacement_versions;
  if (auto version = versions.find(task.function); version != versions.end())
    status["version"] = version->second;
  return {{"kind", "task"},
          {"name", task.name},
          {"id", task.processor->name + "/" + task.name},
          {"spec", std::move(spec)},
          {"status", std::move(status)}};
}

/// The rows of a kind that the catalog does not keep, or keeps only in part.
json observed_rows(object_kind kind, const catalog& objects, const node_status& node) {
  auto rows = json::array();
  if (kind == object_kind::task)
    for (const auto& task : objects.tasks())
      rows.push_back(row_of_task(objects, task));
  if (kind == object_kind::worker)
    for (const auto& processor : node.processors)
      for (const auto& worker : processor.workers)
        rows.push_back(row_of(worker, processor.name, node.name));
  if (kind == object_kind::deployment)
    for (const auto& processor : node.processors) {
      if (!objects.deployments_of_processor(processor.name).empty()) continue;
      // A processor that nobody placed runs here with its own cpus.
      auto name = processor.name + ".auto";
      rows.push_back(
          {{"kind", "deployment"},
           {"name", name},
           {"id", name},
           {"labels", {{"auto", "true"}}},
           {"spec",
            {{"processor", processor.name}, {"node", node.name}, {"cpus", processor.slots}}},
           {"status", {{"state", to_string(processor.state)}}}});
    }
  if (kind == object_kind::agent)
    rows.push_back({{"kind", "agent"},
                    {"name", node.name},
                    {"id", node.name},
                    {"spec", {{"node", node.name}}},
                    {"status", {{"state", "running"}, {"processors", node.processors.size()}}}});
  return rows;
}

/// Filtered, sorted by name, cut to the page that begins after `cursor`.
result<json_ptr> page_of(json rows, params& given, uint64_t now_ms) {
  auto page = list_page::read(given);
  if (!page) return page.error();
  auto wanted = row_filter::parse(page->filter, filter::fields_of(rows));
  if (!wanted) return wanted.error();
  auto items = json::array();
  json next;
  for (auto& row : rows) {
    if (!page->cursor.empty() && row["name"].get<std::string>() <= page->cursor) continue;
    if (!wanted->matches(row, now_ms)) continue;
    if (items.size() == page->limit) {
      next = items.back()["name"];
      break;
    }
    items.push_back(std::move(row));
  }
  return share({{"items", std::move(items)}, {"next", std::move(next)}});
}

json deleted_rows(const change_set& plan) {
  auto rows = json::array();
  for (const auto& change : plan.changes)
    if (!change.after) rows.push_back({{"kind", to_string(change.kind)}, {"name", change.name}});
  return rows;
}

error no_such_row(object_kind kind, const std::string& wanted, const json& rows) {
  std::vector<std::string> known;
  for (const auto& row : rows)
    known.push_back(row["name"].get<std::string>());
  const std::string word{to_string(kind)};
  auto hint = did_you_mean(wanted, known);
  return make_error(ec::unknown_object, "no " + word + " " + flow::quoted(wanted),
                    hint.empty() ? "`flow ls " + word + "s` lists what there is" : hint);
}

result<object_kind> kind_of_request(params& given) {
  auto word = given.required_text("kind");
  if (auto fine = given.check(); !fine) return fine.error();
  return parse_kind(word);
}

} // namespace

// -- objects ------------------------------------------------------------------

void verbs_state::with_status(const asked& a, std::function<void(const node_status&)> next) {
  self->request(node, caf::infinite, describe{})
      .then([next](const node_status& status) { next(status); },
            [this, a](const caf::error&) {
              refuse(a, make_error(ec::shutting_down, "the node is shutting down"));
            });
}

void verbs_state::object_list(asked a) {
  params given{a.given};
  auto kind = kind_of_request(given);
  if (!kind) return refuse(a, kind.error());
  if (*kind == object_kind::call) return call_list_verb(std::move(a));
  with_status(a, [this, a, kind = *kind](const node_status& status) {
    reply_with(a, [&]() -> result<json_ptr> {
      params asked_for{a.given};
      auto objects = shared->objects->view();
      auto names = asked_for.texts("names");
      auto rows = observed_rows(kind, *objects, status);
      if (is_stored(kind))
        for (const auto& it : objects->list(kind))
          rows.push_back(row_of_object(*objects, *it, status, *shared));
      if (!names.empty()) {
        auto chosen = json::array();
        for (const auto& wanted : names) {
          auto found = std::ranges::find_if(
              rows, [&](const json& row) { return row["name"] == wanted || row["id"] == wanted; });
          if (found == rows.end()) {
            auto known = objects->resolve(kind, wanted);
            if (!known) return known.error();
            chosen.push_back(row_of_object(*objects, **known, status, *shared));
            continue;
          }
          chosen.push_back(*found);
        }
        rows = std::move(chosen);
      }
      std::sort(rows.begin(), rows.end(),
                [](const json& x, const json& y) { return x["name"] < y["name"]; });
      return page_of(std::move(rows), asked_for, shared->clock->wall_ms());
    });
  });
}

void verbs_state::object_show(asked a) {
  params given{a.given};
  auto kind = kind_of_request(given);
  if (!kind) return refuse(a, kind.error());
  if (*kind == object_kind::call) return call_show(std::move(a));
  auto wanted = given.required_text("name");
  if (auto fine = given.check(); !fine) return refuse(a, fine.error());
  with_status(a, [this, a, kind = *kind, wanted](const node_status& status) {
    reply_with(a, [&]() -> result<json_ptr> {
      auto objects = shared->objects->view();
      for (auto&& row : observed_rows(kind, *objects, status))
        if (row["name"] == wanted || row["id"] == wanted) return share(std::move(row));
      if (!is_stored(kind)) return no_such_row(kind, wanted, observed_rows(kind, *objects, status));
      auto it = objects->resolve(kind, wanted);
      if (!it) return it.error();
      return share(row_of_object(*objects, **it, status, *shared));
    });
  });
}

/// Sockets that would go, and with them the calls that they hold.
void verbs_state::object_delete(asked a) {
  params given{a.given};
  auto kind = kind_of_request(given);
  auto names = given.texts("names");
  bool force = given.boolean("force");
  if (!kind) return refuse(a, kind.error());
  if (auto fine = given.check(); !fine) return refuse(a, fine.error());
  auto objects = shared->objects->view();
  auto plan = objects->plan_delete(*kind, names, given.boolean("cascade"), {a.user, 0});
  if (!plan) return refuse(a, plan.error());
  if (given.boolean("dry_run")) return answer(a, {{"deleted", deleted_rows(*plan)}});
  std::set<std::string> going;
  for (const auto& change : plan->changes)
    if (change.kind == object_kind::socket && !change.after) going.insert(change.name);
  if (going.empty()) return hand_to_catalog(a, "object.delete", a.given);
  with_status(a, [this, a, going, force](const node_status& status) {
    auto routes = shared->sockets->view();
    for (const auto& live : status.sockets) {
      if (!going.contains(live.name)) continue;
      auto held
          = live.counts.queued + live.counts.taken + live.counts.scheduled + live.counts.joining;
      if (held == 0) continue;
      if (!force)
        return refuse(
            a, make_error(
                   ec::in_use,
                   "socket " + flow::quoted(live.name) + " holds " + std::to_string(held)
                       + (held == 1 ? " call" : " calls"),
                   "wait until they have run, or repeat with --force: they become dead letters"));
      if (auto route = routes->by_name.find(live.name); route != routes->by_name.end())
        tell(self, route->second.owner, bury_command{"its socket was deleted"});
    }
    hand_to_catalog(a, "object.delete", a.given);
  });
}

void verbs_state::hand_to_catalog(const asked& a, std::string verb, value given) {
  run_verb next;
  next.session = a.session;
  next.user = a.user;
  next.what = {a.seq, std::move(verb), std::move(given)};
  self->send(node, std::move(next));
}

void verbs_state::socket_resolve(asked a) {
  reply_with(a, [&]() -> result<json_ptr> {
    params given{a.given};
    auto wanted = given.required_text("name");
    if (auto fine = given.check(); !fine) return fine.error();
    auto objects = shared->objects->view();
    auto it = objects->resolve(object_kind::socket, wanted);
    if (!it) return it.error();
    const auto& spec = (*it)->as<socket_spec>();
    const auto* sig = objects->signature_of_socket(**it);
    return share({{"name", (*it)->name},
                  {"partition", (*it)->number},
                  {"function", spec.task},
                  {"processor", spec.processor},
                  {"signature", sig ? json_of_signature(*sig) : json()}});
  });
}

// -- processors ---------------------------------------------------------------

void verbs_state::proc_control(asked a) {
  static const std::map<std::string, processor_verb, std::less<>> words{
      {"proc.start", processor_verb::start},
      {"proc.stop", processor_verb::stop},
      {"proc.pause", processor_verb::pause},
      {"proc.resume", processor_verb::resume},
      {"proc.restart", processor_verb::restart}};
  params given{a.given};
  auto wanted = given.required_text("name");
  auto deadline_ms = given.unsigned_integer("deadline_ms", drain_ms_default);
  if (auto fine = given.check(); !fine) return refuse(a, fine.error());
  auto it = shared->objects->view()->resolve(object_kind::processor, wanted);
  if (!it) return refuse(a, it.error());
  self->request(node, caf::infinite,
                control_processor{(*it)->name, words.find(a.verb)->second, deadline_ms, a.user})
      .then(
          [this, a](const processor_status& status) {
            answer(
                a,
                {{"name", status.name}, {"state", to_string(status.state)}, {"text", status.text}});
          },
          [this, a](const caf::error&) {
            refuse(a, make_error(ec::wrong_state, "the processor is being restarted"));
          });
}

void verbs_state::proc_scale(asked a) {
  params given{a.given};
  auto wanted = given.required_text("name");
  auto cpus = given.unsigned_integer("cpus");
  if (auto fine = given.check(); !fine) return refuse(a, fine.error());
  auto spec = map_builder{}.number("cpus", cpus).finish();
  hand_to_catalog(
      a, "object.update",
      map_builder{}.text("kind", "processor").text("name", wanted).item("spec", spec).finish());
}

void verbs_state::proc_remove(asked a) {
  params given{a.given};
  auto wanted = given.required_text("name");
  bool force = given.boolean("force");
  if (auto fine = given.check(); !fine) return refuse(a, fine.error());
  list_builder names;
  names.add_text(wanted);
  a.given = map_builder{}
                .text("kind", "processor")
                .item("names", names.finish())
                .boolean("cascade", true)
                .boolean("force", force)
                .finish();
  object_delete(std::move(a));
}

// -- queues -------------------------------------------------------------------

void verbs_state::queue_control(asked a) {
  params given{a.given};
  auto wanted = given.required_text("name");
  if (auto fine = given.check(); !fine) return refuse(a, fine.error());
  auto spec = map_builder{}.boolean("paused", a.verb == "queue.pause").finish();
  hand_to_catalog(
      a, "object.update",
      map_builder{}.text("kind", "queue").text("name", wanted).item("spec", spec).finish());
}

void verbs_state::queue_purge(asked a) {
  params given{a.given};
  auto wanted = given.required_text("name");
  if (auto fine = given.check(); !fine) return refuse(a, fine.error());
  auto objects = shared->objects->view();
  auto it = objects->resolve(object_kind::queue, wanted);
  if (!it) return refuse(a, it.error());
  auto routes = shared->sockets->view();
  auto sockets = json::array();
  for (const auto& socket : objects->sockets_of_queue((*it)->name)) {
    auto route = routes->by_name.find(socket->name);
    if (route == routes->by_name.end()) continue;
    tell(self, route->second.owner, bury_command{"its queue was purged by " + a.user});
    sockets.push_back(socket->name);
  }
  answer(a, {{"name", (*it)->name}, {"sockets", std::move(sockets)}});
}

// -- the node -----------------------------------------------------------------

void verbs_state::node_status_verb(asked a) {
  with_status(a, [this, a](const node_status& status) {
    partition_counts sum;
    for (const auto& live : status.sockets) {
      sum.queued += live.counts.queued;
      sum.taken += live.counts.taken;
      sum.scheduled += live.counts.scheduled;
      sum.joining += live.counts.joining;
      sum.finished += live.counts.finished;
      sum.failed += live.counts.failed;
      sum.bytes += live.counts.bytes;
    }
    auto stored = shared->store->stats();
    auto report = shared->workers->report();
    answer(a, {{"name", status.name},
               {"version", MILLRACE_VERSION},
               {"ready", true},
               {"healthy", status.unhealthy.empty()},
               {"unhealthy", status.unhealthy},
               {"uptime_ms", shared->clock->wall_ms() - status.started_ms},
               {"cpus", shared->cpus},
               {"actor_restarts", status.restarts},
               {"processors", status.processors.size()},
               {"sockets", status.sockets.size()},
               {"calls", counts_json(sum)},
               {"journal",
                {{"writable", status.journal.is_writable},
                 {"commits", status.journal.commits},
                 {"batches", status.journal.batches},
                 {"waiting", status.journal.waiting}}},
               {"store",
                {{"sequence", stored.sequence},
                 {"bytes_on_disk", stored.bytes_on_disk},
                 {"commits", stored.commits},
                 {"syncs", stored.syncs}}},
               {"sandbox",
                {{"namespaces", report.namespaces},
                 {"seccomp", report.seccomp},
                 {"cgroups", report.cgroups},
                 {"own_uid", report.own_uid},
                 {"missing", report.missing}}}});
  });
}

void verbs_state::node_drain(asked a) {
  params given{a.given};
  auto deadline_ms = given.unsigned_integer("deadline_ms", drain_ms_default);
  if (auto fine = given.check(); !fine) return refuse(a, fine.error());
  self->request(node, caf::infinite, drain_node{deadline_ms})
      .then(
          [this, a](const drained& done) {
            answer(a, {{"ok", true}, {"calls_left", done.calls_left}});
          },
          [this, a](const caf::error&) {
            refuse(a, make_error(ec::shutting_down, "the node is shutting down"));
          });
}

} // namespace flow::actors
