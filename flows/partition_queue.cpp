// The queue of a partition: who waits for what, and until when; and what can be seen of it.
#include "flows/partition.hpp"

#include <algorithm>

namespace flow {

namespace {

/// What one waiting call costs beside its arguments: counted against the queue's bytes.
constexpr uint64_t entry_overhead_bytes = 256;
/// A queue with fewer ids than this is not swept.
constexpr size_t ready_ids_min = 64;

} // namespace

uint64_t partition::cost_bytes(const call_record& call) {
  return call.args.size_bytes() + entry_overhead_bytes;
}

// -- the queue ----------------------------------------------------------------

partition::entry* partition::find_entry(const call_id& id) {
  auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

partition::entry& partition::insert(call_ptr call) {
  auto id = call->id;
  auto& e = entries_[id];
  e.call = std::move(call);
  e.bytes = cost_bytes(*e.call);
  e.number = ++inserted_;
  if (auto key = idempotency_text(*e.call); !key.empty()) keys_[std::move(key)] = id;
  resident_bytes_ += e.call->args.size_bytes();
  counts_.bytes += e.bytes;
  ++count_of(e.state);
  return e;
}

void partition::remove(const call_id& id) {
  auto found = entries_.find(id);
  auto& e = found->second;
  disarm(e);
  if (e.state == call_state::joining) leave_join(e);
  --count_of(e.state);
  counts_.bytes -= e.bytes;
  if (!e.is_stripped) resident_bytes_ -= e.call->args.size_bytes();
  leases_.erase(static_cast<uint64_t>(e.lease));
  if (auto key = idempotency_text(*e.call); !key.empty()) keys_.erase(key);
  auto& queue = ready_[std::min(e.call->priority, limits::priority_max)];
  entries_.erase(found);
  // Ids of calls that ended in the queue are dropped when they reach its head; a queue that nobody
  // takes from is swept.
  if (queue.size() > 2 * counts_.queued + ready_ids_min)
    std::erase_if(queue, [this](const call_id& waiting) {
      auto* left = find_entry(waiting);
      return !left || left->state != call_state::queued;
    });
}

uint64_t partition::expiry_ms(const entry& e) const {
  if (e.call->more().expires_ms != 0) return e.call->more().expires_ms;
  return policy_.ttl_ms == 0 ? 0 : e.call->queued_ms + policy_.ttl_ms;
}

/// Only a call that was never tried expires.
bool partition::has_expired(const entry& e, uint64_t now_ms) const {
  auto expires = expiry_ms(e);
  return expires != 0 && expires <= now_ms && e.progress.attempts == 0 && !e.progress.is_spent;
}

uint64_t partition::next_timer_ms(const entry& e) const {
  if (e.state == call_state::taken) return 0;
  bool is_waiting = e.state == call_state::scheduled || e.state == call_state::waiting;
  auto due = is_waiting ? due_ms(e) : 0;
  // The end of a call that may yet be refused waits for its commit.
  auto expiry = e.is_durable && e.progress.attempts == 0 ? expiry_ms(e) : 0;
  auto deadline = e.is_durable ? join_deadline_ms(e) : 0;
  if (e.progress.is_spent) return 0;
  uint64_t first = 0;
  for (auto at : {due, expiry, deadline})
    if (at != 0 && (first == 0 || at < first)) first = at;
  return first;
}

/// The time to live is another one.
void partition::change_expiry(uint64_t now_ms) {
  std::vector<call_id> saved;
  for (auto& [id, e] : entries_) {
    arm(e);
    if (e.is_passed_over && !has_expired(e, now_ms)) saved.push_back(id);
  }
  std::ranges::sort(saved, std::greater{}); // the oldest is put in front last
  for (const auto& id : saved)
    enqueue(*find_entry(id), true);
}

void partition::arm(entry& e) {
  auto at = next_timer_ms(e);
  if (at == e.timer_ms) return;
  disarm(e);
  if (at != 0) timers_.emplace(at, e.call->id);
  e.timer_ms = at;
}

void partition::disarm(entry& e) {
  if (e.timer_ms != 0) timers_.erase({e.timer_ms, e.call->id});
  e.timer_ms = 0;
}

void partition::place(entry& e, uint64_t now_ms, transition& out) {
  if (!e.call->more().argument.empty()) {
    set_state(e, call_state::joining);
    if (e.is_durable) join_arrival(e, now_ms, out);
    return;
  }
  if (due_ms(e) <= now_ms)
    enqueue(e, false);
  else
    set_state(e, e.progress.attempts == 0 ? call_state::scheduled : call_state::waiting);
}

void partition::enqueue(entry& e, bool at_front) {
  set_state(e, call_state::queued);
  e.is_passed_over = false;
  auto& queue = ready_[std::min(e.call->priority, limits::priority_max)];
  if (at_front)
    queue.push_front(e.call->id);
  else
    queue.push_back(e.call->id);
}

/// Above the limit, arguments of calls that wait are only in the store.
void partition::strip(entry& e) {
  if (resident_bytes_ <= limits::resident_arguments_bytes_max) return;
  if (e.is_stripped || !e.is_on_disk) return;
  if (e.state == call_state::joining || e.state == call_state::taken) return;
  resident_bytes_ -= e.call->args.size_bytes();
  auto bare = std::make_shared<call_record>(*e.call);
  bare->args = {};
  e.call = std::move(bare);
  e.is_stripped = true;
}

void partition::read_back(entry& e) {
  if (!e.is_stripped || !stored_arguments_) return;
  auto args = stored_arguments_(e.call->id);
  if (!args) return;
  auto whole = std::make_shared<call_record>(*e.call);
  whole->args = std::move(*args);
  e.call = std::move(whole);
  e.is_stripped = false;
  resident_bytes_ += e.call->args.size_bytes();
}

void partition::set_state(entry& e, call_state state) {
  --count_of(e.state);
  e.state = state;
  ++count_of(state);
  arm(e);
}

uint64_t& partition::count_of(call_state state) {
  switch (state) {
  case call_state::joining:
    return counts_.joining;
  case call_state::scheduled:
  case call_state::waiting:
    return counts_.scheduled;
  case call_state::taken:
  case call_state::running:
    return counts_.taken;
  default:
    return counts_.queued;
  }
}

// -- views --------------------------------------------------------------------

std::vector<lease_id> partition::leases() const {
  std::vector<lease_id> live;
  live.reserve(leases_.size());
  for (const auto& [lease, id] : leases_)
    live.push_back(lease_id{lease});
  std::ranges::sort(live);
  return live;
}

std::optional<call_view> partition::find(const call_id& id) const {
  auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  const auto& e = found->second;
  call_view view{e.call, e.state, e.progress, e.taken_ms, 0};
  if (e.state != call_state::queued) return view;
  for (auto queue = ready_.rbegin(); queue != ready_.rend(); ++queue)
    for (const auto& waiting : *queue) {
      auto other = entries_.find(waiting);
      if (other == entries_.end() || other->second.state != call_state::queued) continue;
      ++view.position;
      if (waiting == id) return view;
    }
  return view;
}

void partition::each(const std::function<bool(const call_view&)>& visit) const {
  for (const auto& [id, e] : entries_)
    if (!visit({e.call, e.state, e.progress, e.taken_ms, 0})) return;
}

std::string partition::check_entry(const entry& e) const {
  const auto& id = e.call->id;
  auto in = [&](const auto& ids) { return std::ranges::find(ids, id) != ids.end(); };
  auto lease = leases_.find(static_cast<uint64_t>(e.lease));
  bool has_lease = lease != leases_.end() && lease->second == id;
  if ((e.state == call_state::taken) != has_lease) return "lease and state disagree";
  if (e.timer_ms != next_timer_ms(e)) return "its timer is not set";
  if (e.timer_ms != 0 && !timers_.contains({e.timer_ms, id})) return "it has lost its timer";
  bool is_in_queue = std::ranges::any_of(ready_, in);
  if (e.state == call_state::queued && !e.is_cancelled && !e.is_passed_over && !is_in_queue)
    return "it is queued but in no queue";
  if (e.is_passed_over && e.is_durable && e.timer_ms == 0) return "it was passed over for ever";
  if (e.state == call_state::joining && e.is_durable) {
    const auto& argument = e.call->more().argument;
    auto latest = latched_.find(argument);
    bool is_latched = latest != latched_.end() && latest->second == id;
    auto place = bundle_of(*e.call);
    auto set = place ? joins_.find(place->name) : joins_.end();
    bool is_in_set = set != joins_.end() && set->second.arrivals.contains(argument)
                     && in(set->second.arrivals.at(argument));
    if (is_latched == is_in_set) return "it is joining but in no set, or in two";
  }
  if (e.is_stripped && !e.is_on_disk) return "its arguments are nowhere";
  if (!e.is_durable && e.writes_pending == 0) return "it waits for a commit that is not asked for";
  return {};
}

std::string partition::check() const {
  partition_counts seen;
  uint64_t resident = 0;
  size_t timers = 0;
  for (const auto& [id, e] : entries_) {
    ++(e.state == call_state::joining                                       ? seen.joining
       : e.state == call_state::scheduled || e.state == call_state::waiting ? seen.scheduled
       : e.state == call_state::taken                                       ? seen.taken
                                                                            : seen.queued);
    seen.bytes += e.bytes;
    if (!e.is_stripped) resident += e.call->args.size_bytes();
    timers += e.timer_ms != 0;
    if (auto wrong = check_entry(e); !wrong.empty()) return to_string(id) + ": " + wrong;
  }
  if (seen.joining != counts_.joining || seen.scheduled != counts_.scheduled
      || seen.queued != counts_.queued || seen.taken != counts_.taken
      || seen.bytes != counts_.bytes)
    return "counters differ from the calls";
  if (resident != resident_bytes_) return "resident bytes differ from the calls";
  if (leases_.size() != seen.taken) return "leases differ from taken calls";
  if (timers_.size() != timers) return "timers differ from the calls";
  return {};
}

} // namespace flow
