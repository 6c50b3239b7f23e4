#include "flows/partition.hpp"

#include <algorithm>
#include <cmath>

namespace flow {

namespace {

/// What one waiting call costs beside its arguments: counted against the queue's bytes.
constexpr uint64_t entry_overhead_bytes = 256;

uint64_t uid(lease_id lease) {
  return static_cast<uint64_t>(lease);
}

} // namespace

partition::partition(partition_id id, partition_policy policy, uint32_t incarnation)
    : id_{id}, policy_{std::move(policy)}, last_lease_{uint64_t{incarnation} << 44} {}

transition partition::restore(std::vector<restored_call> rows, uint64_t now_ms) {
  transition out;
  // Key order is id order; what counts for fairness is the order in which the calls came.
  std::ranges::stable_sort(rows, {}, [](const restored_call& row) { return row.call->queued_ms; });
  for (auto& row : rows) {
    auto& e = insert(std::move(row.call));
    if (row.progress) {
      e.progress = std::move(*row.progress);
      e.has_progress_row = true;
      e.is_solo = e.progress.deaths > 0;
    }
    place(e, now_ms, out);
    if (resident_bytes_ > limits::resident_arguments_bytes_max) strip(e);
  }
  out.wake_at_ms = timers_.empty() ? 0 : timers_.begin()->first;
  return out;
}

transition partition::apply(partition_command command, uint64_t now_ms) {
  transition out;
  std::visit([&](auto& c) { on(c, now_ms, out); }, command);
  dispatch_ready(now_ms, out);
  out.wake_at_ms = timers_.empty() ? 0 : timers_.begin()->first;
  return out;
}

// -- new calls ----------------------------------------------------------------

void partition::on(submit_command& command, uint64_t now_ms, transition& out) {
  out.is_refusable = true;
  for (auto& item : command.items)
    submit_one(item, now_ms, out);
}

void partition::submit_one(submission& item, uint64_t now_ms, transition& out) {
  const auto& call = *item.call;
  const auto& key = call.more().key;
  if (auto same_key = keys_.find(key); !key.empty() && same_key != keys_.end())
    item.known = same_key->second;
  if (auto* same = find_entry(item.known ? item.known : call.id)) {
    // A repeat. One whose row is not durable yet is written once more, so that its acknowledgement
    // waits for a commit.
    if (!same->is_durable) {
      out.rows.push_back(put_call{same->call});
      out.pending.push_back(same->call->id);
    }
    out.accepted.push_back({item.from, same->call->id, item.push_end, false});
    return;
  }
  if (item.known) {
    out.accepted.push_back({item.from, item.known, item.push_end, item.known_has_ended});
    return;
  }
  auto bytes = call.args.size_bytes() + entry_overhead_bytes;
  if (entries_.size() >= policy_.calls_max || counts_.bytes + bytes > policy_.bytes_max) {
    out.refused.push_back(
        {item.from, make_error(ec::queue_full,
                               "the queue of socket \"" + policy_.socket + "\" is full ("
                                   + std::to_string(entries_.size()) + " calls, "
                                   + std::to_string(counts_.bytes) + " bytes)",
                               "wait for its workers, add more, or raise the queue's max_length")});
    return;
  }
  auto& e = insert(item.call);
  e.is_durable = false;
  out.rows.push_back(put_call{e.call});
  if (!key.empty()) out.rows.push_back(put_key{id_, key, call.id});
  out.pending.push_back(call.id);
  out.accepted.push_back({item.from, call.id, item.push_end, false});
  place(e, now_ms, out);
}

void partition::on(arrive_command& command, uint64_t now_ms, transition& out) {
  for (auto& call : command.calls) {
    if (find_entry(call->id)) continue;
    place(insert(std::move(call)), now_ms, out);
  }
}

void partition::on(committed_command& command, uint64_t now_ms, transition& out) {
  for (const auto& id : command.ids) {
    auto* e = find_entry(id);
    if (!e || e->is_durable) continue;
    e->is_durable = true;
    if (e->state == call_state::joining) {
      join_arrival(*e, now_ms, out);
    } else if (e->held) {
      auto held = std::move(e->held);
      end_attempt(*e, *held, now_ms, out);
    } else if (e->is_cancelled && e->state != call_state::taken) {
      end_waiting(*e, call_state::cancelled, {}, now_ms, out);
    } else if (resident_bytes_ > limits::resident_arguments_bytes_max
               && e->state != call_state::taken) {
      strip(*e);
    }
  }
}

void partition::on(uncommitted_command& command, uint64_t, transition& out) {
  for (const auto& id : command.ids) {
    auto* e = find_entry(id);
    if (!e || e->is_durable) continue;
    if (e->state == call_state::taken) out.revokes.push_back(e->lease);
    remove(id);
  }
}

void partition::on(revive_command& command, uint64_t now_ms, transition& out) {
  for (auto& ended : command.calls) {
    if (find_entry(ended->call->id)) continue;
    auto call = std::make_shared<call_record>(*ended->call);
    ++call->generation;
    call->due_ms = 0;
    out.rows.push_back(erase_ended{ended});
    out.rows.push_back(put_call{call});
    place(insert(std::move(call)), now_ms, out);
  }
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
  e.bytes = e.call->args.size_bytes() + entry_overhead_bytes;
  if (!e.call->more().key.empty()) keys_[e.call->more().key] = id;
  resident_bytes_ += e.call->args.size_bytes();
  counts_.bytes += e.bytes;
  ++count_of(e.state);
  return e;
}

void partition::remove(const call_id& id) {
  auto found = entries_.find(id);
  auto& e = found->second;
  --count_of(e.state);
  counts_.bytes -= e.bytes;
  if (!e.is_stripped) resident_bytes_ -= e.call->args.size_bytes();
  leases_.erase(uid(e.lease));
  if (!e.call->more().key.empty()) keys_.erase(e.call->more().key);
  entries_.erase(found);
}

uint64_t partition::expiry_ms(const entry& e) const {
  if (e.call->more().expires_ms != 0) return e.call->more().expires_ms;
  return policy_.ttl_ms == 0 ? 0 : e.call->queued_ms + policy_.ttl_ms;
}

void partition::place(entry& e, uint64_t now_ms, transition& out) {
  if (!e.call->more().argument.empty()) {
    set_state(e, call_state::joining);
    if (e.is_durable) join_arrival(e, now_ms, out);
    return;
  }
  if (auto expires = expiry_ms(e); expires != 0) timers_.emplace(expires, e.call->id);
  auto due = std::max(e.call->due_ms, e.progress.due_ms);
  if (due <= now_ms) {
    enqueue(e, false);
    return;
  }
  set_state(e, e.progress.attempts == 0 ? call_state::scheduled : call_state::waiting);
  timers_.emplace(due, e.call->id);
}

void partition::enqueue(entry& e, bool at_front) {
  set_state(e, call_state::queued);
  auto& queue = ready_[std::min(e.call->priority, limits::priority_max)];
  if (at_front)
    queue.push_front(e.call->id);
  else
    queue.push_back(e.call->id);
}

void partition::strip(entry& e) {
  if (e.is_stripped || !e.is_durable || e.state == call_state::joining) return;
  resident_bytes_ -= e.call->args.size_bytes();
  auto bare = std::make_shared<call_record>(*e.call);
  bare->args = {};
  e.call = std::move(bare);
  e.is_stripped = true;
}

void partition::set_state(entry& e, call_state state) {
  --count_of(e.state);
  e.state = state;
  ++count_of(state);
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

// -- running ------------------------------------------------------------------

void partition::on(window_command& command, uint64_t, transition&) {
  window_ = command.calls;
}

void partition::dispatch_ready(uint64_t now_ms, transition& out) {
  if (policy_.is_paused) return;
  for (auto queue = ready_.rbegin(); queue != ready_.rend(); ++queue) {
    while (!queue->empty() && counts_.taken < window_) {
      auto* e = find_entry(queue->front());
      queue->pop_front();
      if (!e || e->state != call_state::queued || e->is_cancelled) continue;
      // An expired call is buried by its timer: here its rows could be refused together with new
      // work.
      if (auto expires = expiry_ms(*e); expires != 0 && expires <= now_ms) continue;
      set_state(*e, call_state::taken);
      e->lease = lease_id{++last_lease_};
      e->taken_ms = now_ms;
      leases_[uid(e->lease)] = e->call->id;
      out.dispatches.push_back(
          {e->lease, e->call, e->progress.attempts + 1, e->is_solo, e->is_stripped});
    }
  }
}

void partition::on(attempts_command& command, uint64_t now_ms, transition& out) {
  for (auto& end : command.ends) {
    auto lease = leases_.find(uid(end.lease));
    if (lease == leases_.end()) continue; // an old lease: fenced
    auto& e = *find_entry(lease->second);
    if (e.is_durable)
      end_attempt(e, end, now_ms, out);
    else if (!e.held)
      e.held = std::make_unique<attempt_end>(std::move(end));
  }
}

void partition::end_attempt(entry& e, attempt_end& end, uint64_t now_ms, transition& out) {
  leases_.erase(uid(e.lease));
  e.lease = {};
  ++e.progress.attempts;
  if (!end.why) return end_call(e, call_state::finished, end, now_ms, out);
  if (e.is_cancelled) return end_call(e, call_state::cancelled, end, now_ms, out);
  e.progress.last = end.why;
  // A worker's death is not the function's error: the call is given to another worker, up to a
  // limit.
  if (end.worker_died && ++e.progress.deaths < limits::worker_deaths_max) {
    e.is_solo = true;
    auto counted = e.progress.attempts - e.progress.deaths;
    return retry_later(e, counted == 0 && e.progress.deaths == 1 ? 0 : policy_.retry_delay_ms,
                       now_ms, out);
  }
  if (!end.worker_died && e.progress.attempts <= policy_.retries
      && end.why.code != ec::unknown_function)
    return retry_later(e, retry_delay_ms(e), now_ms, out);
  auto state = end.why.code == ec::task_timed_out ? call_state::timed_out : call_state::failed;
  end_call(e, state, end, now_ms, out);
}

uint64_t partition::retry_delay_ms(const entry& e) const {
  auto factor
      = std::pow(std::max(policy_.retry_backoff, 1.0), std::min(e.progress.attempts - 1, 64u));
  auto delay = std::min(static_cast<double>(policy_.retry_delay_ms) * factor,
                        static_cast<double>(policy_.retry_delay_ms_max));
  // Jitter of up to a quarter, from the call's id so that a replay waits as long: spreads calls
  // that failed together.
  auto jitter
      = static_cast<double>(stable_hash(e.call->id.view(), e.progress.attempts) % 1'000) / 4'000.0;
  return static_cast<uint64_t>(delay * (1.0 + jitter));
}

void partition::retry_later(entry& e, uint64_t delay_ms, uint64_t now_ms, transition& out) {
  e.progress.due_ms = now_ms + delay_ms;
  e.has_progress_row = true;
  out.rows.push_back(put_progress{e.call->id, e.progress});
  if (delay_ms == 0) {
    enqueue(e, true);
    return;
  }
  set_state(e, call_state::waiting);
  timers_.emplace(e.progress.due_ms, e.call->id);
}

void partition::on(returned_command& command, uint64_t now_ms, transition& out) {
  // Back to front, so that the first of them is again the first in the queue.
  for (auto lease = command.leases.rbegin(); lease != command.leases.rend(); ++lease) {
    auto found = leases_.find(uid(*lease));
    if (found == leases_.end()) continue;
    auto& e = *find_entry(found->second);
    leases_.erase(found);
    e.lease = {};
    e.is_solo = e.is_solo || command.solo;
    if (e.is_cancelled && e.is_durable)
      end_waiting(e, call_state::cancelled, {}, now_ms, out);
    else
      enqueue(e, true);
  }
}

// -- ending -------------------------------------------------------------------

void partition::end_call(entry& e, call_state state, attempt_end& end, uint64_t now_ms,
                         transition& out) {
  auto ended = std::make_shared<ended_call>();
  ended->call = e.call;
  ended->state = state;
  ended->attempts = e.progress.attempts;
  ended->result = std::move(end.returned);
  ended->why = std::move(end.why);
  ended->socket = policy_.socket;
  ended->function = policy_.function;
  ended->processor = policy_.processor;
  ended->commit = policy_.commit;
  ended->node = policy_.node;
  ended->worker = end.worker;
  ended->taken_ms = e.taken_ms;
  ended->ended_ms = now_ms;
  ended->started_ms
      = e.taken_ms == 0 ? 0 : std::max(e.taken_ms, now_ms - std::min(now_ms, end.run_us / 1'000));
  ended->run_us = end.run_us;
  ended->artifacts = std::move(end.artifacts);
  ended->out = std::move(end.out);
  ended->err = std::move(end.err);
  ended->is_dead_letter
      = state == call_state::failed || state == call_state::timed_out || state == call_state::dead;
  if (state == call_state::cancelled && !ended->why)
    ended->why = {ec::task_cancelled, "cancelled", "the call was cancelled", {}};
  follow_edges(*ended, end, out);
  auto argument_bytes = e.call->args.size_bytes();
  if (state == call_state::finished && argument_bytes > limits::arguments_kept_bytes_max) {
    auto bare = std::make_shared<call_record>(*e.call);
    bare->args = {};
    ended->arguments_hash
        = std::to_string(stable_hash(e.call->args.positional, stable_hash(e.call->args.keyword)));
    ended->call = std::move(bare);
  }
  if (state == call_state::finished)
    ++counts_.finished;
  else
    ++counts_.failed;
  out.rows.push_back(erase_call{e.call->id, e.has_progress_row});
  out.rows.push_back(put_ended{ended});
  out.ended.push_back(std::move(ended));
  remove(out.ended.back()->call->id);
}

void partition::end_waiting(entry& e, call_state state, failure why, uint64_t now_ms,
                            transition& out) {
  attempt_end end;
  end.why = std::move(why);
  end_call(e, state, end, now_ms, out);
}

void partition::on(cancel_command& command, uint64_t now_ms, transition& out) {
  for (const auto& id : command.ids) {
    auto* e = find_entry(id);
    if (!e || e->is_cancelled) continue;
    if (e->state == call_state::taken) {
      e->is_cancelled = true;
      out.kills.push_back(e->lease);
    } else if (!e->is_durable) {
      e->is_cancelled = true;
    } else {
      end_waiting(*e, call_state::cancelled, {}, now_ms, out);
    }
  }
}

void partition::on(bury_command& command, uint64_t now_ms, transition& out) {
  std::vector<call_id> waiting;
  for (const auto& [id, e] : entries_)
    if (e.state != call_state::taken && e.is_durable) waiting.push_back(id);
  std::ranges::sort(waiting);
  for (const auto& id : waiting)
    end_waiting(*find_entry(id), call_state::dead,
                {ec::call_dead, "dead letter", command.reason, {}}, now_ms, out);
}

void partition::on(tick_command&, uint64_t now_ms, transition& out) {
  while (!timers_.empty() && timers_.begin()->first <= now_ms) {
    auto id = timers_.begin()->second;
    timers_.erase(timers_.begin());
    auto* e = find_entry(id);
    if (!e || e->state == call_state::taken) continue;
    auto expires = expiry_ms(*e);
    if (expires != 0 && expires <= now_ms && e->progress.attempts == 0) {
      if (e->is_durable)
        end_waiting(*e, call_state::dead,
                    {ec::call_dead, "expired", "not taken within its time to live", {}}, now_ms,
                    out);
      else
        timers_.emplace(now_ms + 1'000, id); // its own commit is on the way
      continue;
    }
    bool is_waiting = e->state == call_state::scheduled || e->state == call_state::waiting;
    if (is_waiting && std::max(e->call->due_ms, e->progress.due_ms) <= now_ms) enqueue(*e, false);
  }
}

void partition::on(policy_command& command, uint64_t, transition&) {
  policy_ = std::move(command.policy);
}

// -- views --------------------------------------------------------------------

std::optional<call_view> partition::find(const call_id& id) const {
  auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  const auto& e = found->second;
  call_view view{e.call, e.state, e.progress, e.taken_ms, 0};
  if (e.state != call_state::queued) return view;
  for (auto queue = ready_.rbegin(); queue != ready_.rend(); ++queue)
    for (const auto& waiting : *queue) {
      ++view.position;
      if (waiting == id) return view;
    }
  return view;
}

void partition::each(const std::function<bool(const call_view&)>& visit) const {
  for (const auto& [id, e] : entries_)
    if (!visit({e.call, e.state, e.progress, e.taken_ms, 0})) return;
}

std::string partition::check() const {
  partition_counts seen;
  uint64_t resident = 0;
  for (const auto& [id, e] : entries_) {
    switch (e.state) {
    case call_state::joining:
      ++seen.joining;
      break;
    case call_state::scheduled:
    case call_state::waiting:
      ++seen.scheduled;
      break;
    case call_state::taken:
      ++seen.taken;
      break;
    default:
      ++seen.queued;
    }
    seen.bytes += e.bytes;
    if (!e.is_stripped) resident += e.call->args.size_bytes();
    bool has_lease = leases_.contains(uid(e.lease));
    if ((e.state == call_state::taken) != has_lease)
      return "lease and state disagree for " + to_string(id);
    if (e.state == call_state::queued && !e.is_cancelled
        && !std::ranges::any_of(ready_,
                                [&](const auto& q) { return std::ranges::find(q, id) != q.end(); })
        && expiry_ms(e) == 0)
      return "queued call is in no queue: " + to_string(id);
  }
  if (seen.joining != counts_.joining || seen.scheduled != counts_.scheduled
      || seen.queued != counts_.queued || seen.taken != counts_.taken
      || seen.bytes != counts_.bytes)
    return "counters differ from the calls";
  if (resident != resident_bytes_) return "resident bytes differ from the calls";
  if (leases_.size() != seen.taken) return "leases differ from taken calls";
  return {};
}

} // namespace flow
