// Joins that keep what has arrived, and those that wait too long: latches, time limits, and what
// can be seen of half-filled sets.
#include "flows/partition.hpp"

#include <algorithm>

#include "flows/text.hpp"

namespace flow {

// -- latches --------------------------------------------------------------------
//
// Each arrival makes a call with the latest value of every other argument. A value that has been
// used stays as a call in flight of its own, marked as spent, until the next one takes its place.

void partition::latch(entry& e, uint64_t now_ms, transition& out) {
  auto id = e.call->id;
  const auto& argument = e.call->more().argument;
  bool is_spent = e.progress.is_spent;
  if (auto before = latched_.find(argument); before != latched_.end()) {
    auto& old = *find_entry(before->second);
    if (old.progress.is_spent) {
      drop_latched(old, out);
    } else {
      end_waiting(old, call_state::dead,
                  {ec::call_dead,
                   "replaced",
                   "a later value came before the other arguments of its join",
                   {}},
                  now_ms, out);
    }
  }
  latched_[argument] = id;
  if (!is_spent) fire_latch(id, now_ms, out);
}

void partition::drop_latched(entry& e, transition& out) {
  out.rows.push_back(erase_call{e.call->id, e.has_progress_row});
  out.cut();
  remove(e.call->id);
}

void partition::fire_latch(const call_id& trigger, uint64_t now_ms, transition& out) {
  std::vector<call_id> arrivals;
  for (size_t i = 0; i < policy_.join.size(); ++i) {
    auto latest = latched_.find(policy_.join[i].name);
    if (latest != latched_.end())
      arrivals.push_back(latest->second);
    else if (is_required(i))
      return;
  }
  if (refuse_too_large(arrivals, now_ms, out)) return;
  auto origin = find_entry(trigger)->call;
  auto fired = make_fired(arrivals, *origin, now_ms);
  out.rows.push_back(put_call{fired});
  out.pending.push_back(fired->id);
  for (const auto& id : arrivals) {
    auto& arrival = *find_entry(id);
    if (arrival.progress.is_spent) continue;
    auto held = std::make_shared<call_record>(*arrival.call);
    held->id = derive_call_id(id, "latch", held->generation, id_);
    if (!held->parent) held->parent = id;
    auto more = held->more();
    more.key.clear();
    more.expires_ms = 0;
    held->set_extras(std::move(more));
    deliver(arrival, *fired, now_ms, out);
    hold(std::move(held), out);
  }
  out.cut();
  place(insert(std::move(fired)), now_ms, out);
}

void partition::hold(call_ptr call, transition& out) {
  call_progress progress;
  progress.is_spent = true;
  out.rows.push_back(put_call{call});
  out.rows.push_back(put_progress{call->id, progress});
  out.pending.push_back(call->id);
  latched_[call->more().argument] = call->id;
  auto& e = insert(std::move(call));
  e.progress = std::move(progress);
  e.has_progress_row = true;
  set_state(e, call_state::joining);
}

// -- sets that wait too long ------------------------------------------------------

uint64_t partition::join_deadline_ms(const entry& e) const {
  if (e.state != call_state::joining || policy_.join_timeout_ms == 0) return 0;
  return e.call->queued_ms + policy_.join_timeout_ms;
}

/// The arguments that still have to come before the bundle can fire.
std::vector<std::string> partition::missing_of(const join_bundle& bundle) const {
  std::vector<std::string> missing;
  for (size_t i = 0; i < policy_.join.size(); ++i) {
    if (!is_required(i)) continue;
    const auto& name = policy_.join[i].name;
    bool is_own = i < bundle.arguments.size() && bundle.arguments[i];
    if (is_own ? bundle.arrivals.contains(name) : has_whole_with(i)) continue;
    missing.push_back(name);
  }
  return missing;
}

bool partition::has_whole_with(size_t index) const {
  return std::ranges::any_of(whole_, [&](const auto& kind) { return kind.first[index]; });
}

void partition::time_out_join(const entry& e, uint64_t now_ms, transition& out) {
  std::vector<call_id> set{e.call->id};
  std::vector<std::string> missing;
  auto place = bundle_of(*e.call);
  if (auto found = place ? joins_.find(place->name) : joins_.end(); found != joins_.end()) {
    missing = missing_of(found->second);
    set.clear();
    for (const auto& [argument, arrivals] : found->second.arrivals)
      set.insert(set.end(), arrivals.begin(), arrivals.end());
  }
  std::string names;
  for (const auto& name : missing)
    names += (names.empty() ? "" : ", ") + name;
  auto why = "the other arguments of its join did not come within "
             + duration_text(policy_.join_timeout_ms);
  if (!names.empty()) why += ": " + names;
  for (const auto& id : set)
    if (auto* waiting = find_entry(id))
      end_waiting(*waiting, call_state::dead, {ec::call_dead, "join timed out", why, {}}, now_ms,
                  out);
}

// -- views ------------------------------------------------------------------------

std::vector<join_view> partition::joins(size_t limit) const {
  std::vector<join_view> views;
  auto count = [&](join_view& view, const std::string& argument, const call_id& id) {
    const auto& call = *entries_.at(id).call;
    view.since_ms = view.since_ms == 0 ? call.queued_ms : std::min(view.since_ms, call.queued_ms);
    view.root = call.root;
    ++view.arrived[argument];
  };
  for (const auto& [name, bundle] : joins_) {
    if (views.size() == limit) return views;
    auto& view = views.emplace_back();
    if (policy_.join_by == join_mode::key)
      view.key = policy_.join_key.empty() ? name : to_plain_text({name});
    for (const auto& [argument, arrivals] : bundle.arrivals)
      for (const auto& id : arrivals)
        count(view, argument, id);
    view.missing = missing_of(bundle);
  }
  if (latched_.empty()) return views;
  auto& view = views.emplace_back();
  for (const auto& [argument, id] : latched_)
    count(view, argument, id);
  for (size_t i = 0; i < policy_.join.size(); ++i)
    if (is_required(i) && !latched_.contains(policy_.join[i].name))
      view.missing.push_back(policy_.join[i].name);
  return views;
}

} // namespace flow
