// What precedes the beginning of a call whose arguments arrive one by one: its join.
#include "flows/cbor.hpp"
#include "flows/partition.hpp"

#include <algorithm>

namespace flow {

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

/// Whether an argument that did not arrive stands in the way: no default, or one that would have to
/// be written in its place before a later positional argument, and cannot be read as a value.
bool partition::is_needed(size_t index, const std::vector<bool>& arrived) const {
  const auto& p = policy_.join[index];
  if (!p.default_text) return true;
  if (p.kind != parameter_kind::positional_only) return false;
  for (size_t later = index + 1; later < arrived.size(); ++later)
    if (arrived[later] && policy_.join[later].kind == parameter_kind::positional_only)
      return !value_of_literal(*p.default_text);
  return false;
}

/// The oldest arrival of each argument, in the function's order, if all that are needed are there.
std::optional<std::vector<call_id>> partition::whole_set(join_set& set) {
  std::vector<bool> arrived(policy_.join.size());
  std::vector<call_id> arrivals;
  for (size_t i = 0; i < arrived.size(); ++i) {
    auto found = set.find(policy_.join[i].name);
    if (found == set.end()) continue;
    auto& queue = found->second;
    while (!queue.empty() && !find_entry(queue.front()))
      queue.pop_front(); // cancelled
    if (queue.empty()) continue;
    arrived[i] = true;
    arrivals.push_back(queue.front());
  }
  for (size_t i = 0; i < arrived.size(); ++i)
    if (!arrived[i] && is_needed(i, arrived)) return std::nullopt;
  if (arrivals.empty()) return std::nullopt;
  return arrivals;
}

arguments partition::joined_arguments(const std::vector<call_id>& arrivals) {
  std::vector<value> positional;
  std::vector<std::pair<std::string, value>> keyword;
  std::vector<value> skipped; // defaults, needed only before a later positional argument
  auto next = arrivals.begin();
  for (const auto& p : policy_.join) {
    value v;
    bool is_positional = p.kind == parameter_kind::positional_only;
    if (next == arrivals.end() || find_entry(*next)->call->more().argument != p.name) {
      if (!is_positional || !p.default_text) continue;
      if (auto literal = value_of_literal(*p.default_text)) skipped.push_back(std::move(*literal));
      continue;
    }
    cbor::reader args{find_entry(*next++)->call->args.positional};
    args.array(); // of exactly one
    v.cbor = args.raw();
    if (!is_positional) {
      keyword.emplace_back(p.name, std::move(v));
      continue;
    }
    std::ranges::move(skipped, std::back_inserter(positional));
    skipped.clear();
    positional.push_back(std::move(v));
  }
  return make_arguments(positional, keyword);
}

call_ptr partition::make_fired(const std::vector<call_id>& arrivals, uint64_t now_ms) {
  auto fired = std::make_shared<call_record>();
  const auto first = find_entry(arrivals.front())->call;
  fired->id = derive_call_id(first->id, "join", first->generation, id_);
  fired->root = first->root;
  fired->parent = first->parent ? first->parent : first->id;
  fired->args = joined_arguments(arrivals);
  fired->queued_ms = now_ms;
  fired->priority = first->priority;
  auto extras = first->more();
  extras.argument.clear();
  extras.key.clear();
  extras.expires_ms = 0;
  fired->set_extras(std::move(extras));
  return fired;
}

/// An argument has done its part.
void partition::deliver(entry& arrival, const call_record& fired, uint64_t now_ms,
                        transition& out) {
  auto call = arrival.call;
  out.rows.push_back(erase_call{call->id, arrival.has_progress_row});
  if (call->parent) {
    // The arrival was only a carrier: in the tree its maker has the fired call as child.
    out.rows.push_back(erase_child{call->parent, call->id});
    out.rows.push_back(put_child{call->parent, fired.id});
    return remove(call->id);
  }
  out.rows.push_back(put_child{call->id, fired.id});
  auto delivered = std::make_shared<ended_call>();
  delivered->call = call;
  delivered->socket = policy_.socket;
  delivered->function = policy_.function;
  delivered->processor = policy_.processor;
  delivered->node = policy_.node;
  delivered->ended_ms = now_ms;
  out.rows.push_back(put_ended{delivered});
  out.ended.push_back(std::move(delivered));
  remove(call->id);
}

/// Makes one call of a whole set, if there is one.
bool partition::fire_join(const call_id& group, uint64_t now_ms, transition& out) {
  auto set = joins_.find(group);
  if (set == joins_.end()) return false;
  auto arrivals = whole_set(set->second);
  if (!arrivals) return false;
  size_t bytes = 0;
  for (const auto& id : *arrivals) {
    auto& arrival = *find_entry(id);
    bytes += arrival.call->args.size_bytes();
    set->second[arrival.call->more().argument].pop_front();
  }
  if (bytes > limits::payload_bytes_max) {
    for (const auto& id : *arrivals)
      end_waiting(*find_entry(id), call_state::dead,
                  {ec::payload_too_large,
                   "payload_too_large",
                   "the arguments of this join have " + std::to_string(bytes)
                       + " bytes together, the limit is "
                       + std::to_string(limits::payload_bytes_max),
                   {}},
                  now_ms, out);
  } else {
    auto fired = make_fired(*arrivals, now_ms);
    out.rows.push_back(put_call{fired});
    out.pending.push_back(fired->id);
    for (const auto& id : *arrivals)
      deliver(*find_entry(id), *fired, now_ms, out);
    out.cut();
    place(insert(std::move(fired)), now_ms, out);
  }
  prune_join(group);
  return true;
}

} // namespace flow
