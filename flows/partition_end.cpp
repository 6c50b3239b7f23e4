// How attempts end, and calls with them.
#include "flows/partition.hpp"

#include <algorithm>
#include <cmath>

namespace flow {

namespace {

uint64_t uid(lease_id lease) {
  return static_cast<uint64_t>(lease);
}

/// What an ended call keeps of a successful attempt.
size_t kept_bytes(const attempt_end& end) {
  size_t bytes = end.returned.cbor.size() + end.out.size() + end.err.size();
  for (const auto& [name, v] : end.artifacts)
    bytes += name.size() + v.cbor.size();
  return bytes;
}

} // namespace

// -- attempts -----------------------------------------------------------------

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
  remember_attempt(e, end, now_ms);
  auto failures = [&] { return e.progress.attempts - e.progress.deaths; };
  // A worker's death is not the function's error: the call is given to another worker, up to a
  // limit.
  if (end.worker_died && ++e.progress.deaths < limits::worker_deaths_max) {
    e.is_solo = true;
    bool is_first = failures() == 0 && e.progress.deaths == 1;
    return retry_later(e, is_first ? 0 : policy_.retry_delay_ms, now_ms, out);
  }
  if (!end.worker_died && failures() <= policy_.retries && end.why.code != ec::unknown_function)
    return retry_later(e, retry_delay_ms(e), now_ms, out);
  e.progress.earlier.pop_back(); // it is the last: the ended call tells of it whole
  auto state = end.why.code == ec::task_timed_out ? call_state::timed_out : call_state::failed;
  end_call(e, state, end, now_ms, out);
}

uint64_t partition::started_ms(const entry& e, const attempt_end& end, uint64_t now_ms) {
  return std::max(e.taken_ms, now_ms - std::min(now_ms, end.run_us / 1'000));
}

void partition::remember_attempt(entry& e, const attempt_end& end, uint64_t now_ms) const {
  attempt_record record;
  record.number = e.progress.attempts;
  record.generation = e.call->generation;
  record.taken_ms = e.taken_ms;
  record.started_ms = started_ms(e, end, now_ms);
  record.ended_ms = now_ms;
  record.run_us = end.run_us;
  record.worker = end.worker;
  record.node = policy_.node;
  record.why = {
      end.why.code, end.why.type, end.why.message.substr(0, limits::attempt_message_bytes_max), {}};
  auto& earlier = e.progress.earlier;
  earlier.push_back(std::move(record));
  if (earlier.size() > limits::attempts_kept_max) earlier.erase(earlier.begin());
}

uint64_t partition::retry_delay_ms(const entry& e) const {
  auto failures = e.progress.attempts - e.progress.deaths;
  auto factor = std::pow(std::max(policy_.retry_backoff, 1.0), std::min(failures - 1, 64u));
  // Jitter of up to a quarter spreads calls that failed together, also at the longest delay; from
  // the call's id, so that a replay waits as long.
  auto jitter
      = static_cast<double>(stable_hash(e.call->id.view(), e.progress.attempts) % 1'000) / 4'000.0;
  auto delay = std::min(static_cast<double>(policy_.retry_delay_ms) * factor,
                        static_cast<double>(policy_.retry_delay_ms_max) / 1.25);
  return static_cast<uint64_t>(delay * (1.0 + jitter));
}

void partition::retry_later(entry& e, uint64_t delay_ms, uint64_t now_ms, transition& out) {
  e.progress.due_ms = now_ms + delay_ms;
  e.has_progress_row = true;
  out.rows.push_back(put_progress{e.call->id, e.progress});
  out.cut();
  if (delay_ms == 0) return enqueue(e, true);
  set_state(e, call_state::waiting);
  strip(e);
}

// -- ending -------------------------------------------------------------------

void partition::refuse_too_large(const entry& e, call_state& state, attempt_end& end) const {
  if (state != call_state::finished) return;
  auto refuse = [&](const std::string& what, size_t bytes, size_t bytes_max) {
    state = call_state::failed;
    end.why = {ec::output_too_large,
               "output_too_large",
               policy_.socket + ": " + what + " " + std::to_string(bytes) + " bytes, the limit is "
                   + std::to_string(bytes_max),
               {}};
    end.returned = {};
    end.plugs.clear();
    end.artifacts.clear();
  };
  auto followed = what_follows(end);
  auto kept = kept_bytes(end);
  if (auto args = e.call->args.size_bytes(); args <= limits::arguments_kept_bytes_max) kept += args;
  if (followed.bytes_max > limits::payload_bytes_max)
    refuse("a value for a plug has", followed.bytes_max, limits::payload_bytes_max);
  else if (kept > limits::ended_bytes_max)
    refuse("the result, the named outputs and what was printed have", kept,
           limits::ended_bytes_max);
  else if (kept + followed.bytes > limits::call_end_bytes_max)
    refuse("the result and what its plugs deliver have", kept + followed.bytes,
           limits::call_end_bytes_max);
}

void partition::end_call(entry& e, call_state state, attempt_end& end, uint64_t now_ms,
                         transition& out) {
  read_back(e);
  refuse_too_large(e, state, end);
  auto ended = std::make_shared<ended_call>();
  ended->call = e.call;
  if (e.is_stripped) ended->arguments_hash = "unreadable";
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
  ended->started_ms = e.state == call_state::taken ? started_ms(e, end, now_ms) : e.taken_ms;
  ended->earlier = std::move(e.progress.earlier);
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
  out.cut();
  out.ended.push_back(std::move(ended));
  remove(out.ended.back()->call->id);
}

void partition::end_waiting(entry& e, call_state state, failure why, uint64_t now_ms,
                            transition& out) {
  if (e.progress.is_spent) return drop_latched(e, out);
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
    if (auto* e = find_entry(id))
      end_waiting(*e, call_state::dead, {ec::call_dead, "dead letter", command.reason, {}}, now_ms,
                  out);
}

void partition::on(tick_command&, uint64_t now_ms, transition& out) {
  while (!timers_.empty() && timers_.begin()->first <= now_ms) {
    auto& e = *find_entry(timers_.begin()->second);
    disarm(e);
    if (has_expired(e, now_ms) && e.is_durable)
      end_waiting(e, call_state::dead,
                  {ec::call_dead, "expired", "not taken within its time to live", {}}, now_ms, out);
    else if (e.state == call_state::joining)
      time_out_join(e, now_ms, out);
    else
      enqueue(e, false);
  }
}

} // namespace flow
