// What can be seen of a socket and its calls.
#include "actors/socket_actor.hpp"

#include <algorithm>

namespace flow::actors {

/// Until its end is durable a call has not ended: whoever asks sees it still running.
call_view socket_state::view_of(const ended_call& ending) {
  call_progress progress;
  progress.attempts = ending.attempts;
  progress.earlier = ending.earlier;
  return {ending.call, call_state::running, std::move(progress), ending.taken_ms, 0};
}

found_call socket_state::find(const call_id& id) const {
  found_call found{machine->find(id), machine->counts(), 0, machine->policy(), {}};
  if (const auto* ending = found.call ? nullptr : find_ending(id)) found.call = view_of(*ending);
  return found;
}

call_list socket_state::list(const list_calls& what) const {
  call_list found{wiring.policy.socket, wiring.policy.function, wiring.policy.processor, {}};
  machine->each([&](const call_view& view) {
    if (!what.before || view.call->id < what.before) found.calls.push_back(view);
    return true;
  });
  for (const auto& batch : in_journal)
    for (const auto& ended : batch.effects.ended)
      if (!what.before || ended->call->id < what.before) found.calls.push_back(view_of(*ended));
  auto is_newer = [](const call_view& a, const call_view& b) { return b.call->id < a.call->id; };
  if (found.calls.size() > what.limit) {
    std::ranges::nth_element(
        found.calls, found.calls.begin() + static_cast<std::ptrdiff_t>(what.limit), is_newer);
    found.calls.resize(what.limit);
  }
  std::ranges::sort(found.calls, is_newer);
  return found;
}

join_list socket_state::list(const list_joins& what) const {
  return {wiring.policy.socket, wiring.policy.join_by, machine->joins(what.limit)};
}

socket_status socket_state::describe_it() const {
  return {wiring.policy.socket,    machine->counts(),       0,
          broken.code == ec::none, wiring.policy.is_paused, broken};
}

} // namespace flow::actors
