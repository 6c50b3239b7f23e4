#include "flows/partition.hpp"

#include "flows/cbor.hpp"

#include <algorithm>

namespace flow {

namespace {

uint64_t uid(lease_id lease) {
  return static_cast<uint64_t>(lease);
}

bool is_one_value(const arguments& args) {
  cbor::reader positional{args.positional};
  cbor::reader keyword{args.keyword};
  return positional.array() == 1 && keyword.map() == 0;
}

} // namespace

partition::partition(partition_id id, partition_policy policy, uint32_t incarnation)
    : id_{id}, policy_{std::move(policy)}, last_lease_{uint64_t{incarnation} << 44} {}

transition partition::restore(std::vector<restored_call> rows, uint64_t now_ms) {
  transition out;
  // Key order is id order; what counts for fairness is the order in which the calls came. What a
  // latch holds came before all that it has not used.
  std::ranges::stable_sort(rows, {}, [](const restored_call& row) {
    bool is_spent = row.progress && row.progress->is_spent;
    return std::pair{!is_spent, row.call->queued_ms};
  });
  for (auto& row : rows) {
    auto id = row.call->id;
    auto& e = insert(std::move(row.call));
    e.is_on_disk = true;
    if (row.progress) {
      e.progress = std::move(*row.progress);
      e.has_progress_row = true;
      e.is_solo = e.progress.deaths > 0;
    }
    place(e, now_ms, out);
    if (auto* placed = find_entry(id)) strip(*placed); // the last arrival of a join has gone
  }
  out.wake_at_ms = timers_.empty() ? 0 : timers_.begin()->first;
  return out;
}

transition partition::apply(partition_command command, uint64_t now_ms) {
  transition out;
  ++commands_;
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
  const auto key = idempotency_text(call);
  if (auto same_key = keys_.find(key); !key.empty() && same_key != keys_.end())
    item.known = same_key->second;
  if (auto* same = find_entry(item.known ? item.known : call.id)) {
    // A repeat. One whose row is not durable yet is written once more, so that its acknowledgement
    // waits for a commit; the rows of one command have it once.
    if (!same->is_durable && same->written_in != commands_) {
      same->written_in = commands_;
      out.rows.push_back(put_call{same->call});
      if (auto first_key = idempotency_text(*same->call); !first_key.empty())
        out.rows.push_back(put_key{id_, first_key, same->call->id});
      out.pending.push_back(same->call->id);
      ++same->writes_pending;
    }
    out.accepted.push_back({item.from, same->call->id, item.push_end, false});
    return;
  }
  if (item.known) {
    out.accepted.push_back({item.from, item.known, item.push_end, item.known_has_ended});
    return;
  }
  if (!call.more().argument.empty() && !is_one_value(call.args)) {
    out.refused.push_back(
        {item.from, make_error(ec::bad_arguments,
                               "argument \"" + call.more().argument + "\" of socket \""
                                   + policy_.socket + "\" takes exactly one value",
                               "give one positional value")});
    return;
  }
  if (!call.more().argument.empty() && !bundle_of(call)) {
    out.refused.push_back({item.from, no_key(call)});
    return;
  }
  auto bytes = cost_bytes(call);
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
  e.written_in = commands_;
  e.writes_pending = 1;
  out.rows.push_back(put_call{e.call});
  if (!key.empty()) out.rows.push_back(put_key{id_, key, call.id});
  out.pending.push_back(call.id);
  out.accepted.push_back({item.from, call.id, item.push_end, false});
  place(e, now_ms, out);
}

error partition::no_key(const call_record& call) const {
  auto where = policy_.join_key.empty() ? "no key" : "nothing at \"" + policy_.join_key + "\"";
  return make_error(ec::bad_arguments,
                    "argument \"" + call.more().argument + "\" has " + where
                        + ", by which socket \"" + policy_.socket + "\" joins",
                    policy_.join_key.empty() ? "give one with --key" : "");
}

void partition::on(arrive_command& command, uint64_t now_ms, transition& out) {
  for (auto& call : command.calls) {
    auto id = call->id;
    if (find_entry(id)) continue;
    auto& e = insert(std::move(call));
    e.is_on_disk = true;
    place(e, now_ms, out);
    if (auto* placed = find_entry(id)) strip(*placed);
  }
}

void partition::on(committed_command& command, uint64_t now_ms, transition& out) {
  for (const auto& id : command.ids) {
    reviving_.erase(id);
    auto* e = find_entry(id);
    if (!e) continue;
    e->is_on_disk = true;
    if (e->is_durable) {
      strip(*e);
      continue;
    }
    e->is_durable = true;
    arm(*e);
    if (e->is_cancelled && e->state != call_state::taken) {
      end_waiting(*e, call_state::cancelled, {}, now_ms, out);
    } else if (e->state == call_state::joining) {
      join_arrival(*e, now_ms, out);
    } else if (e->held) {
      auto held = std::move(e->held);
      end_attempt(*e, *held, now_ms, out);
    } else {
      strip(*e);
    }
  }
}

void partition::on(uncommitted_command& command, uint64_t, transition& out) {
  for (const auto& id : command.ids) {
    reviving_.erase(id);
    auto* e = find_entry(id);
    if (!e || e->is_durable) continue;
    if (e->writes_pending > 1) { // a repeat was written after it: that decides
      --e->writes_pending;
      continue;
    }
    if (e->state == call_state::taken) out.revokes.push_back(e->lease);
    remove(id);
  }
}

void partition::on(revive_command& command, uint64_t now_ms, transition& out) {
  for (auto& ended : command.calls) {
    const auto& id = ended->call->id;
    if (find_entry(id) || !reviving_.insert(id).second) continue;
    auto call = std::make_shared<call_record>(*ended->call);
    ++call->generation;
    call->due_ms = 0;
    if (auto more = call->more(); more.expires_ms != 0) { // as long to live as it had at first
      more.expires_ms = now_ms + more.expires_ms - std::min(more.expires_ms, call->queued_ms);
      call->set_extras(std::move(more));
    }
    call->queued_ms = now_ms;
    out.rows.push_back(erase_ended{ended});
    out.rows.push_back(put_call{call});
    out.pending.push_back(call->id);
    auto& e = insert(std::move(call));
    if (e.progress.earlier = attempts_of(*ended); !e.progress.earlier.empty()) {
      e.has_progress_row = true;
      out.rows.push_back(put_progress{id, e.progress});
    }
    out.cut();
    place(e, now_ms, out);
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
      if (has_expired(*e, now_ms)) {
        e->is_passed_over = true;
        continue;
      }
      set_state(*e, call_state::taken);
      e->lease = lease_id{++last_lease_};
      e->taken_ms = now_ms;
      leases_[uid(e->lease)] = e->call->id;
      out.dispatches.push_back(
          {e->lease, e->call, e->progress.attempts + 1, e->is_solo, e->is_stripped});
    }
  }
}

void partition::on(returned_command& command, uint64_t now_ms, transition& out) {
  // Back to front, so that the first of them is again the first in the queue.
  for (auto lease = command.leases.rbegin(); lease != command.leases.rend(); ++lease) {
    auto found = leases_.find(uid(*lease));
    if (found == leases_.end()) continue;
    auto& e = *find_entry(found->second);
    if (e.held) continue; // it did end
    leases_.erase(found);
    e.lease = {};
    if (e.progress.attempts == 0) e.taken_ms = 0;
    e.is_solo = e.is_solo || command.solo;
    if (e.is_cancelled && e.is_durable)
      end_waiting(e, call_state::cancelled, {}, now_ms, out);
    else
      enqueue(e, true);
  }
}

// -- the catalog has changed ---------------------------------------------------

void partition::on(policy_command& command, uint64_t now_ms, transition& out) {
  const auto& next = command.policy;
  bool is_other_time
      = next.ttl_ms != policy_.ttl_ms || next.join_timeout_ms != policy_.join_timeout_ms;
  bool is_other_join = next.join != policy_.join || next.join_by != policy_.join_by
                       || next.join_key != policy_.join_key
                       || next.join_sources != policy_.join_sources;
  policy_ = std::move(command.policy);
  if (is_other_time) change_expiry(now_ms);
  if (is_other_join) rebuild_joins(now_ms, out); // what half a set was may be a whole one now
}

} // namespace flow
