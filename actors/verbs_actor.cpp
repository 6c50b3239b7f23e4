#include "actors/verbs_actor.hpp"

#include <nlohmann/json.hpp>

#include "caf/all.hpp"

#include "actors/tell.hpp"
#include "flows/text.hpp"

namespace flow::actors {

json_ptr share(nlohmann::json tree) {
  return std::make_shared<const nlohmann::json>(std::move(tree));
}

const std::map<std::string, verbs_state::method, std::less<>>& verbs_state::table() {
  static const std::map<std::string, method, std::less<>> all{
      {"object.list", &verbs_state::object_list},
      {"object.show", &verbs_state::object_show},
      {"object.delete", &verbs_state::object_delete},
      {"socket.resolve", &verbs_state::socket_resolve},
      {"node.status", &verbs_state::node_status_verb},
      {"node.drain", &verbs_state::node_drain},
      {"proc.start", &verbs_state::proc_control},
      {"proc.stop", &verbs_state::proc_control},
      {"proc.pause", &verbs_state::proc_control},
      {"proc.resume", &verbs_state::proc_control},
      {"proc.restart", &verbs_state::proc_control},
      {"proc.remove", &verbs_state::proc_remove},
      {"proc.scale", &verbs_state::proc_scale},
      {"queue.pause", &verbs_state::queue_control},
      {"queue.resume", &verbs_state::queue_control},
      {"queue.purge", &verbs_state::queue_purge},
      {"call.list", &verbs_state::call_list_verb},
      {"join.list", &verbs_state::join_list_verb},
      {"call.show", &verbs_state::call_show},
      {"call.tree", &verbs_state::call_tree},
      {"call.graph", &verbs_state::call_graph},
      {"call.flow", &verbs_state::call_tree},
      {"call.result", &verbs_state::call_result},
      {"call.logs", &verbs_state::call_logs},
      {"call.why", &verbs_state::call_why},
      {"call.cancel", &verbs_state::call_cancel},
      {"call.retry", &verbs_state::call_retry},
      {"dlq.list", &verbs_state::dead_letter_list},
      {"dlq.replay", &verbs_state::call_retry},
      {"dlq.drop", &verbs_state::dead_letter_drop},
  };
  return all;
}

void verbs_state::run(run_verb& verb) {
  asked a{verb.session, verb.what.seq, verb.user, verb.what.verb, verb.what.params};
  if (a.verb == "object.add" || a.verb == "object.update" || a.verb == "task.code") {
    self->send(node, std::move(verb));
    return;
  }
  auto found = table().find(a.verb);
  if (found != table().end()) {
    (this->*found->second)(std::move(a));
    return;
  }
  std::vector<std::string> known{"object.add", "object.update", "task.code"};
  for (const auto& [word, unused] : table())
    known.push_back(word);
  refuse(a,
         make_error(ec::bad_usage, "no verb " + flow::quoted(a.verb), did_you_mean(a.verb, known)));
}

void verbs_state::answer(const asked& a, const nlohmann::json& tree) {
  session_output out;
  out.messages.push_back(wire::reply{a.seq, value_of_json_tree(tree)});
  tell(self, a.session, std::move(out));
}

void verbs_state::refuse(const asked& a, const error& why) {
  session_output out;
  out.messages.push_back(wire::refused{a.seq, why});
  tell(self, a.session, std::move(out));
}

void verbs_state::reply_with(const asked& a, const std::function<result<json_ptr>()>& body) {
  auto made = body();
  if (made)
    answer(a, **made);
  else
    refuse(a, made.error());
}

void verbs_state::committed(const rows_committed& done) {
  auto finish = [this](uint64_t ticket, const result<void>& outcome) {
    auto found = in_journal.extract(ticket);
    if (!found.empty()) found.mapped()(outcome);
  };
  for (auto ticket : done.tickets)
    finish(ticket, {});
  for (const auto& [ticket, why] : done.refused)
    finish(ticket, why);
}

verbs_actor::behavior_type verbs(verbs_actor::stateful_pointer<verbs_state> self,
                                 services_ptr shared, node_actor node) {
  self->state.self = self;
  self->state.shared = std::move(shared);
  self->state.node = std::move(node);
  return {
      [self](run_verb& verb) { self->state.run(verb); },
      [self](const rows_committed& done) { self->state.committed(done); },
      [self](subscribe_session& what) { self->send(self->state.shared->hub, std::move(what)); },
      [self](forget_session& what) { self->send(self->state.shared->hub, std::move(what)); },
  };
}

} // namespace flow::actors
