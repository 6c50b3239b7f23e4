#include "flows/call.hpp"

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

} // namespace flow
