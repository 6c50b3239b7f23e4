// Why a call is where it is: a sentence for people.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "caf/all.hpp"

#include "actors/call_rows.hpp"
#include "actors/verbs_actor.hpp"
#include "flows/text.hpp"

namespace flow::actors {

namespace {

std::string running_sentence(const verbs_state::located& at, uint64_t now_ms) {
  auto ran_ms = now_ms - std::min(now_ms, at.running->started_ms);
  return "it runs since " + duration_text(ran_ms - ran_ms % 10) + " on worker "
         + std::to_string(at.running->worker) + " of processor " + quoted(at.where->processor);
}

} // namespace

void verbs_state::call_why(asked a) {
  with_in_flight({}, [this, a](const in_flight& live) {
    params given{a.given};
    auto id = resolve_id(given.required_text("id"), live);
    if (!id) return refuse(a, id.error());
    auto at = live.find(*id);
    if (!at) {
      auto row = row_anywhere(*shared, live, *id, false);
      if (!row) return refuse(a, row.error());
      auto why = "it has ended: " + (**row).at("state").get<std::string>();
      if ((**row).at("reason").is_string())
        why += " (" + (**row).at("reason").get<std::string>() + ")";
      return answer(a, {{"id", to_string(*id)}, {"state", (**row).at("state")}, {"why", why}});
    }
    if (at.running)
      return answer(a, {{"id", to_string(*id)},
                        {"state", to_string(call_state::running)},
                        {"why", running_sentence(at, shared->clock->wall_ms())}});
    auto routes = shared->sockets->view();
    auto route = routes->by_partition.find(id->partition());
    if (route == routes->by_partition.end())
      return refuse(a, make_error(ec::unknown_call, "no call " + to_string(*id)));
    self->request(caf::actor_cast<socket_actor>(route->second.owner), caf::infinite, find_call{*id})
        .then(
            [this, a, id = *id](const found_call& found) {
              with_status(a, [this, a, id, found](const node_status& status) {
                answer(a,
                       {{"id", to_string(id)},
                        {"state", found.call ? std::string{to_string(found.call->state)} : "ended"},
                        {"why", why_sentence(found, status, shared->clock->wall_ms())}});
              });
            },
            [this, a](const caf::error&) {
              refuse(a, make_error(ec::internal, "the socket does not answer"));
            });
  });
}

std::string why_sentence(const found_call& found, const node_status& node, uint64_t now_ms) {
  if (!found.call) return "it has just ended";
  if (!found.note.empty()) return found.note;
  const auto& call = *found.call;
  auto in = [&](uint64_t due_ms) { return duration_text(due_ms > now_ms ? due_ms - now_ms : 0); };
  auto processor
      = std::ranges::find(node.processors, found.policy.processor, &processor_status::name);
  switch (call.state) {
  case call_state::scheduled:
    return "it is scheduled to start in " + in(call.call->due_ms);
  case call_state::waiting:
    return "attempt " + std::to_string(call.progress.attempts) + " failed ("
           + call.progress.last.type + ": " + call.progress.last.message + "); the next is in "
           + in(call.progress.due_ms);
  case call_state::joining: {
    std::string wanted;
    for (const auto& p : found.policy.join)
      wanted += (wanted.empty() ? "" : ", ") + p.name;
    return "it delivers argument \"" + call.call->more().argument + "\" to a join that waits for "
           + wanted;
  }
  case call_state::taken:
    return "it is next at a worker of processor \"" + found.policy.processor + "\"";
  default:
    break;
  }
  auto place = "it is number " + std::to_string(call.position) + " in the queue of socket \""
               + found.policy.socket + "\"";
  if (found.policy.is_paused) return place + ", and the queue is paused";
  if (processor == node.processors.end()) return place + ", and its processor is being restarted";
  if (processor->state != processor_state::running)
    return place + ", and processor \"" + processor->name + "\" is "
           + std::string{to_string(processor->state)}
           + (processor->text.empty() ? "" : ": " + processor->text);
  return place + ", behind " + std::to_string(processor->running + processor->waiting)
         + " calls at " + std::to_string(processor->workers_ready) + " workers";
}

} // namespace flow::actors
