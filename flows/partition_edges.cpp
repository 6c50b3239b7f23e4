// What follows the end of a call: its plugs.
#include "flows/cbor.hpp"
#include "flows/partition.hpp"

#include <algorithm>

namespace flow {

namespace {

/// What an `error` plug delivers (spec 1.6).
value error_value(const ended_call& ended, bool with_arguments) {
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
  const auto& of_parent = ended.call->more();
  extras.join_key = of_parent.join_key.empty() ? of_parent.key : of_parent.join_key;
  child->set_extras(std::move(extras));
  return child;
}

const value* named(const attempt_end& end, const std::string& name) {
  auto found = std::ranges::find(end.plugs, name, &std::pair<std::string, value>::first);
  return found == end.plugs.end() ? nullptr : &found->second;
}

/// Which value of a success travels over each edge; null: it does not fire.
std::vector<const value*> values_for(const std::vector<out_edge>& edges, const attempt_end& end,
                                     const value& returned) {
  std::vector<const value*> values;
  for (const auto& edge : edges) {
    const value* travels = nullptr;
    if (edge.on != "error") travels = named(end, edge.on == "result" ? edge.plug : edge.on);
    if (edge.on == "result" && !travels) travels = &returned;
    values.push_back(travels);
  }
  return values;
}

/// Whether a failure may carry the call's arguments to so many plugs.
bool is_small_enough(const arguments& args, size_t plugs) {
  auto bytes = args.size_bytes() + limits::error_text_bytes_max;
  return bytes <= limits::payload_bytes_max && (plugs + 1) * bytes <= limits::call_end_bytes_max;
}

} // namespace

partition::following partition::what_follows(const attempt_end& end) const {
  following all;
  for (const auto* v : values_for(policy_.edges, end, end.returned)) {
    if (!v) continue;
    all.bytes += v->cbor.size();
    all.bytes_max = std::max(all.bytes_max, v->cbor.size());
  }
  return all;
}

void partition::follow_edges(const ended_call& ended, const attempt_end& end, transition& out) {
  const auto& edges = policy_.edges;
  std::vector<const value*> values(edges.size());
  value error;
  if (ended.state == call_state::finished) {
    values = values_for(edges, end, ended.result);
  } else if (ended.is_dead_letter) {
    auto plugs = static_cast<size_t>(std::ranges::count(edges, "error", &out_edge::on));
    if (plugs != 0) error = error_value(ended, is_small_enough(ended.call->args, plugs));
    for (size_t i = 0; i < edges.size(); ++i)
      if (edges[i].on == "error") values[i] = &error;
  }
  for (size_t i = 0; i < edges.size(); ++i) {
    if (!values[i]) continue;
    auto child = make_child(ended, edges[i], *values[i]);
    out.rows.push_back(put_call{child});
    out.rows.push_back(put_child{ended.call->id, child->id});
    out.children.push_back(std::move(child));
  }
}

} // namespace flow
