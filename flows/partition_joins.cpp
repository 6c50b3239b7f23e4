// What precedes the beginning of a call whose arguments arrive one by one: its join (spec 1.7).
//
// Arrivals that belong together for certain, because they have one root or one key, are a bundle. A
// bundle is whole when it has what it can have. Whole bundles that differ in their arguments are
// paired, the oldest of each first, until together they bring every argument that is needed.
#include "flows/partition.hpp"

#include <algorithm>

#include "flows/cbor.hpp"

namespace flow {

namespace {

bool is_disjoint(const std::vector<bool>& a, const std::vector<bool>& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] && b[i]) return false;
  return true;
}

value only_value(const call_record& call) {
  cbor::reader args{call.args.positional};
  args.array(); // of exactly one
  return {std::string{args.raw()}};
}

/// The item at "order.id" in a value: names in maps, numbers in lists. Nothing if there is none.
std::optional<std::string> item_at(const value& whole, std::string_view path) {
  std::string at = whole.cbor;
  while (!path.empty()) {
    auto dot = path.find('.');
    auto name = path.substr(0, dot);
    path = dot == path.npos ? std::string_view{} : path.substr(dot + 1);
    cbor::reader in{at};
    std::string next;
    if (in.peek() == cbor::kind::map) {
      for (auto n = in.map(); n > 0 && !in.failed() && next.empty(); --n)
        if (in.text() == name)
          next = in.raw();
        else
          in.skip();
    } else if (in.peek() == cbor::kind::array) {
      for (uint64_t i = 0, n = in.array(); i < n && !in.failed() && next.empty(); ++i)
        if (std::to_string(i) == name)
          next = in.raw();
        else
          in.skip();
    }
    if (in.failed() || next.empty()) return std::nullopt;
    at = std::move(next);
  }
  return at;
}

} // namespace

// -- which arguments belong together --------------------------------------------

size_t partition::argument_index(const call_record& call) const {
  auto found = std::ranges::find(policy_.join, call.more().argument, &parameter::name);
  return static_cast<size_t>(found - policy_.join.begin());
}

/// Not needed: one with a default; but one that would have to be written in its place before a
/// later positional argument needs a default that can be read as a value.
bool partition::is_required(size_t index) const {
  const auto& p = policy_.join[index];
  if (!p.default_text) return true;
  if (p.kind != parameter_kind::positional_only) return false;
  bool is_before_other = std::any_of(
      policy_.join.begin() + static_cast<std::ptrdiff_t>(index) + 1, policy_.join.end(),
      [](const parameter& later) { return later.kind == parameter_kind::positional_only; });
  return is_before_other && !value_of_literal(*p.default_text);
}

/// Whether calls of this partition can bring about an arrival of the argument.
bool partition::can_come_from(size_t index, partition_id origin) const {
  const auto& sources = policy_.join_sources;
  return index >= sources.size() || std::ranges::binary_search(sources[index], origin);
}

std::optional<std::string> partition::join_key_of(const call_record& call) const {
  const auto& more = call.more();
  if (!policy_.join_key.empty()) return item_at(only_value(call), policy_.join_key);
  if (!more.key.empty()) return more.key;
  if (!more.join_key.empty()) return more.join_key;
  return std::nullopt;
}

/// Nothing: its value has no key.
std::optional<partition::bundle_place> partition::bundle_of(const call_record& call) const {
  bundle_place place{std::string{call.id.view()}, argument_set(policy_.join.size())};
  auto own = argument_index(call);
  if (own == policy_.join.size()) return place; // nothing waits for it (any more)
  if (policy_.join_by == join_mode::key) {
    auto key = join_key_of(call);
    if (!key) return std::nullopt;
    place.name = std::move(*key);
    place.arguments.assign(policy_.join.size(), true);
    return place;
  }
  place.arguments[own] = true;
  // A call by hand is a root of its own; so is every arrival of a zip.
  if (!call.parent || policy_.join_by != join_mode::automatic) return place;
  size_t together = 0;
  for (size_t i = 0; i < place.arguments.size(); ++i) {
    if (can_come_from(i, call.root.partition())) place.arguments[i] = true;
    together += place.arguments[i];
  }
  if (together < 2) return place;
  place.name = call.root.view();
  for (bool is_in : place.arguments)
    place.name += is_in ? '1' : '0';
  return place;
}

void partition::join_arrival(entry& e, uint64_t now_ms, transition& out) {
  auto id = e.call->id;
  bool is_waited_for = argument_index(*e.call) < policy_.join.size();
  if (policy_.join_by == join_mode::latch && is_waited_for) return latch(e, now_ms, out);
  if (e.progress.is_spent) return drop_latched(e, out); // of a policy that is no more
  auto place = bundle_of(*e.call);
  if (!place)
    return end_waiting(e, call_state::dead, {ec::call_dead, "no key", no_key(*e.call).text, {}},
                       now_ms, out);
  auto& bundle = joins_[place->name];
  bundle.arguments = place->arguments;
  bundle.arrivals[e.call->more().argument].push_back(id);
  settle_bundle(place->name);
  while (fire_join(place->arguments, now_ms, out)) {}
}

/// An arrival that waits no more, for whatever reason.
void partition::leave_join(const entry& e) {
  const auto& id = e.call->id;
  const auto& argument = e.call->more().argument;
  if (auto latest = latched_.find(argument); latest != latched_.end() && latest->second == id)
    latched_.erase(latest);
  auto place = bundle_of(*e.call);
  auto bundle = place ? joins_.find(place->name) : joins_.end();
  if (bundle == joins_.end()) return;
  auto& queue = bundle->second.arrivals[argument];
  if (auto found = std::ranges::find(queue, id); found != queue.end()) queue.erase(found);
  if (queue.empty()) bundle->second.arrivals.erase(argument);
  settle_bundle(place->name);
}

/// Keeps its place among the whole ones, and forgets it when it is empty.
void partition::settle_bundle(const std::string& name) {
  auto found = joins_.find(name);
  auto& bundle = found->second;
  bool is_whole = !bundle.arrivals.empty() && std::ranges::count(bundle.arguments, true) > 0;
  for (size_t i = 0; i < policy_.join.size() && is_whole; ++i)
    if (i < bundle.arguments.size() && bundle.arguments[i] && is_required(i))
      is_whole = bundle.arrivals.contains(policy_.join[i].name);
  if (is_whole && bundle.order == 0) {
    bundle.order = ++last_order_;
    whole_[bundle.arguments].emplace(bundle.order, name);
  } else if (!is_whole && bundle.order != 0) {
    auto kind = whole_.find(bundle.arguments);
    kind->second.erase({bundle.order, name});
    if (kind->second.empty()) whole_.erase(kind);
    bundle.order = 0;
  }
  if (bundle.arrivals.empty()) joins_.erase(found);
}

void partition::rebuild_joins(uint64_t now_ms, transition& out) {
  joins_.clear();
  whole_.clear();
  latched_.clear();
  std::vector<std::tuple<bool, uint64_t, call_id>> waiting;
  for (const auto& [id, e] : entries_)
    if (e.state == call_state::joining && e.is_durable)
      waiting.emplace_back(!e.progress.is_spent, e.number, id);
  std::ranges::sort(waiting);
  for (const auto& [is_unused, number, id] : waiting)
    if (auto* e = find_entry(id)) join_arrival(*e, now_ms, out);
}

// -- firing ---------------------------------------------------------------------

/// Bundles that together bring every argument that is needed, one of them the oldest of kind
/// `first`.
std::vector<std::string> partition::choose_bundles(const argument_set& first) const {
  std::vector<std::string> chosen;
  auto kind = whole_.find(first);
  if (kind == whole_.end()) return chosen;
  chosen.push_back(kind->second.begin()->second);
  auto covered = first;
  for (size_t i = 0; i < covered.size(); ++i) {
    if (covered[i]) continue;
    auto oldest = whole_.end();
    for (auto it = whole_.begin(); it != whole_.end(); ++it)
      if (it->first[i] && is_disjoint(it->first, covered)
          && (oldest == whole_.end() || *it->second.begin() < *oldest->second.begin()))
        oldest = it;
    if (oldest == whole_.end()) {
      if (is_required(i)) return {};
      continue;
    }
    chosen.push_back(oldest->second.begin()->second);
    for (size_t j = 0; j < covered.size(); ++j)
      if (oldest->first[j]) covered[j] = true;
  }
  return chosen;
}

/// Makes one call of a whole set, if there is one.
bool partition::fire_join(const argument_set& first, uint64_t now_ms, transition& out) {
  auto chosen = choose_bundles(first);
  std::vector<call_id> arrivals;
  for (const auto& p : policy_.join)
    for (const auto& name : chosen) {
      const auto& bundle = joins_.at(name);
      auto found = bundle.arrivals.find(p.name);
      if (found == bundle.arrivals.end()) continue;
      arrivals.push_back(found->second.front());
      break;
    }
  if (arrivals.empty()) return false;
  if (refuse_too_large(arrivals, now_ms, out)) return true;
  auto fired = make_fired(arrivals, *find_entry(arrivals.front())->call, now_ms);
  out.rows.push_back(put_call{fired});
  out.pending.push_back(fired->id);
  for (const auto& id : arrivals)
    deliver(*find_entry(id), *fired, now_ms, out);
  out.cut();
  place(insert(std::move(fired)), now_ms, out);
  return true;
}

/// Ends a set whose values are more than one call may have.
bool partition::refuse_too_large(const std::vector<call_id>& arrivals, uint64_t now_ms,
                                 transition& out) {
  size_t bytes = 0;
  for (const auto& id : arrivals)
    bytes += find_entry(id)->call->args.size_bytes();
  if (bytes <= limits::payload_bytes_max) return false;
  for (const auto& id : arrivals)
    end_waiting(*find_entry(id), call_state::dead,
                {ec::payload_too_large,
                 "payload_too_large",
                 "the arguments of this join have " + std::to_string(bytes)
                     + " bytes together, the limit is " + std::to_string(limits::payload_bytes_max),
                 {}},
                now_ms, out);
  return true;
}

arguments partition::joined_arguments(const std::vector<call_id>& arrivals) {
  std::vector<value> positional;
  std::vector<std::pair<std::string, value>> keyword;
  std::vector<value> skipped; // defaults, needed only before a later positional argument
  auto next = arrivals.begin();
  for (const auto& p : policy_.join) {
    bool is_positional = p.kind == parameter_kind::positional_only;
    if (next == arrivals.end() || find_entry(*next)->call->more().argument != p.name) {
      if (!is_positional || !p.default_text) continue;
      if (auto literal = value_of_literal(*p.default_text)) skipped.push_back(std::move(*literal));
      continue;
    }
    auto v = only_value(*find_entry(*next++)->call);
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

/// The id follows from `origin`, one of the arrivals, so that a replay makes the same call.
call_ptr partition::make_fired(const std::vector<call_id>& arrivals, const call_record& origin,
                               uint64_t now_ms) {
  auto fired = std::make_shared<call_record>();
  fired->id = derive_call_id(origin.id, "join", origin.generation, id_);
  fired->root = origin.root;
  fired->parent = origin.parent ? origin.parent : origin.id;
  fired->args = joined_arguments(arrivals);
  fired->queued_ms = now_ms;
  fired->priority = origin.priority;
  auto extras = origin.more();
  if (extras.join_key.empty()) extras.join_key = extras.key;
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

} // namespace flow
