// What follows the end of a call: its plugs; and what precedes the beginning of one: its join.
#include "flows/cbor.hpp"
#include "flows/partition.hpp"

#include <algorithm>

namespace flow {

namespace {

/// What an `error` plug delivers (spec 1.6).
value error_value(const ended_call& ended, bool with_arguments = true) {
  value v;
  v.cbor.clear();
  cbor::writer out{v.cbor};
  out.map(8);
  out.text("type").text(ended.why.type);
  out.text("message").text(ended.why.message);
  out.text("traceback").text(ended.why.traceback);
  out.text("call").text(to_string(ended.call->id));
  out.text("socket").text(ended.socket);
  out.text("attempt").unsigned_integer(ended.attempts);
  const arguments none;
  const auto& args = with_arguments ? ended.call->args : none;
  out.text("args").raw(args.positional);
  out.text("kwargs").raw(args.keyword);
  // Errors of errors hold each other's arguments: those that would nest too deep for a value stay
  // behind.
  cbor::reader whole{v.cbor};
  whole.skip();
  return whole.failed() && with_arguments ? error_value(ended, false) : v;
}

call_ptr make_child(const ended_call& ended, const out_edge& edge, const value& what) {
  auto child = std::make_shared<call_record>();
  child->id = derive_call_id(ended.call->id, edge.plug, ended.call->generation, edge.target);
  child->root = ended.call->root;
  child->parent = ended.call->id;
  child->args.positional = '\x81' + what.cbor;
  child->queued_ms = ended.ended_ms;
  child->priority = ended.call->priority;
  call_extras extras;
  extras.edge = edge.plug;
  extras.argument = edge.argument;
  extras.user = ended.call->more().user;
  extras.trace = ended.call->more().trace;
  child->set_extras(std::move(extras));
  return child;
}

/// Which value travels over the edge; null when it does not fire.
const value* value_for(const out_edge& edge, const ended_call& ended, const attempt_end& end,
                       const value& error) {
  if (ended.state != call_state::finished)
    return edge.on == "error" && ended.is_dead_letter ? &error : nullptr;
  auto named = [&](const std::string& name) -> const value* {
    auto found = std::ranges::find(end.plugs, name, &std::pair<std::string, value>::first);
    return found == end.plugs.end() ? nullptr : &found->second;
  };
  if (edge.on == "error") return nullptr;
  if (edge.on != "result") return named(edge.on);
  if (const auto* routed = named(edge.plug)) return routed;
  return &ended.result;
}

} // namespace

void partition::follow_edges(const ended_call& ended, const attempt_end& end, transition& out) {
  if (policy_.edges.empty()) return;
  value error;
  if (ended.state != call_state::finished) error = error_value(ended);
  for (const auto& edge : policy_.edges) {
    const auto* what = value_for(edge, ended, end, error);
    if (!what) continue;
    auto child = make_child(ended, edge, *what);
    out.rows.push_back(put_call{child});
    out.rows.push_back(put_child{ended.call->id, child->id});
    out.children.push_back(std::move(child));
  }
}

/// Arguments of one root belong together; those that callers deliver by hand are paired in order of
/// arrival.
call_id partition::join_group(const call_record& call) {
  return call.parent ? call.root : call_id{};
}

void partition::join_arrival(entry& e, uint64_t now_ms, transition& out) {
  auto group = join_group(*e.call);
  joins_[group][e.call->more().argument].push_back(e.call->id);
  fire_join(group, now_ms, out);
}

/// Forgets arrivals that ended before their set was whole.
void partition::prune_join(const call_id& group) {
  auto set = joins_.find(group);
  if (set == joins_.end()) return;
  bool is_empty = true;
  for (auto& [argument, arrivals] : set->second) {
    while (!arrivals.empty() && !find_entry(arrivals.front()))
      arrivals.pop_front();
    is_empty = is_empty && arrivals.empty();
  }
  if (is_empty) joins_.erase(set);
}

/// Makes one call of the oldest arrivals if there is one for each required argument.
bool partition::fire_join(const call_id& group, uint64_t now_ms, transition& out) {
  auto set = joins_.find(group);
  if (set == joins_.end()) return false;
  auto has_arrived = [&](const parameter& p) {
    auto found = set->second.find(p.name);
    if (found == set->second.end()) return false;
    while (!found->second.empty() && !find_entry(found->second.front()))
      found->second.pop_front(); // cancelled
    return !found->second.empty();
  };
  for (const auto& p : policy_.join)
    if (!p.default_text && !has_arrived(p)) return false;
  auto fired = std::make_shared<call_record>();
  std::vector<value> positional;
  std::vector<std::pair<std::string, value>> keyword;
  std::vector<call_id> arrivals;
  for (const auto& p : policy_.join) {
    if (!has_arrived(p)) continue;
    auto& queue = set->second[p.name];
    arrivals.push_back(queue.front());
    queue.pop_front();
    cbor::reader args{find_entry(arrivals.back())->call->args.positional};
    args.array(); // of exactly one
    value v;
    v.cbor = args.raw();
    if (p.kind == parameter_kind::positional_only)
      positional.push_back(std::move(v));
    else
      keyword.emplace_back(p.name, std::move(v));
  }
  if (arrivals.empty()) return false;
  const auto first = find_entry(arrivals.front())->call;
  fired->id = derive_call_id(first->id, "join", first->generation, id_);
  fired->root = first->root;
  fired->parent = first->parent ? first->parent : first->id;
  fired->args = make_arguments(positional, keyword);
  fired->queued_ms = now_ms;
  fired->priority = first->priority;
  auto extras = first->more();
  extras.argument.clear();
  extras.key.clear();
  extras.expires_ms = 0;
  fired->set_extras(std::move(extras));
  out.rows.push_back(put_call{fired});
  out.pending.push_back(fired->id);
  for (const auto& id : arrivals) {
    auto& arrival = *find_entry(id);
    auto call = arrival.call;
    if (call->parent) {
      // The arrival was only a carrier: in the tree its maker has the fired call as child.
      out.rows.push_back(erase_child{call->parent, id});
      out.rows.push_back(put_child{call->parent, fired->id});
      out.rows.push_back(erase_call{id, arrival.has_progress_row});
      remove(id);
      continue;
    }
    out.rows.push_back(put_child{id, fired->id});
    auto delivered = std::make_shared<ended_call>();
    delivered->call = call;
    delivered->socket = policy_.socket;
    delivered->function = policy_.function;
    delivered->processor = policy_.processor;
    delivered->ended_ms = now_ms;
    out.rows.push_back(erase_call{id, arrival.has_progress_row});
    out.rows.push_back(put_ended{delivered});
    out.ended.push_back(std::move(delivered));
    remove(id);
  }
  prune_join(group);
  place(insert(std::move(fired)), now_ms, out);
  return true;
}

} // namespace flow
