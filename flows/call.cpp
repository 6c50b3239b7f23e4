#include "flows/call.hpp"

#include "flows/limits.hpp"

#include <algorithm>
#include <array>

namespace flow {

std::string_view to_string(call_state state) {
  static constexpr std::array<std::string_view, 11> names{
      "joining",  "scheduled", "queued",    "taken",     "running", "waiting",
      "finished", "failed",    "timed_out", "cancelled", "dead"};
  auto i = static_cast<size_t>(state);
  return i < names.size() ? names[i] : "unknown";
}

const call_extras& call_record::more() const {
  static const call_extras empty;
  return extras ? *extras : empty;
}

bool call_record::operator==(const call_record& other) const {
  return id == other.id && root == other.root && parent == other.parent && args == other.args
         && queued_ms == other.queued_ms && due_ms == other.due_ms && generation == other.generation
         && priority == other.priority && more() == other.more();
}

std::string idempotency_text(const call_record& call) {
  const auto& more = call.more();
  if (more.key.empty() || more.argument.empty()) return more.key;
  return more.argument + '\0' + more.key;
}

std::vector<attempt_record> attempts_of(const ended_call& ended) {
  auto attempts = ended.earlier;
  bool has_last = !attempts.empty() && attempts.back().generation == ended.call->generation
                  && attempts.back().number == ended.attempts;
  if (ended.attempts == 0 || has_last) return attempts;
  attempt_record last{ended.attempts, ended.call->generation, ended.taken_ms, ended.started_ms,
                      ended.ended_ms, ended.run_us,           ended.worker,   ended.node,
                      ended.why};
  last.why.message.resize(std::min(last.why.message.size(), limits::attempt_message_bytes_max));
  last.why.traceback.clear();
  attempts.push_back(std::move(last));
  if (attempts.size() > limits::attempts_kept_max) attempts.erase(attempts.begin());
  return attempts;
}

} // namespace flow
