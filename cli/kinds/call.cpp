#include "cli/kinds.hpp"

namespace flow::cli {

kind call_kind() {
  kind made;
  made.name = "call";
  made.plural = "calls";
  made.summary = "one invocation, with its whole history";
  made.not_added_because = "a call is made by running a socket: flow task run SOCKET";
  made.is_listed_by_calls = true;
  made.columns = {
      {"ID", "id", cell::id},
      {"NAME", "socket|call.socket"},
      {"STATE", "state", cell::state},
      {"AGE", "queued_ms", cell::age},
      {"TIME", "run_us", cell::duration_us},
      {"NODE", "node"},
      {"FUNCTION", "function", cell::text, true},
      {"PROCESSOR", "processor", cell::text, true},
      {"COMMIT", "commit", cell::commit, true},
      {"ATTEMPT", "attempt", cell::number, true},
      {"WORKER", "worker", cell::number, true},
      {"PARENT", "parent", cell::id, true},
      {"VIA", "via", cell::text, true},
      {"USER", "user", cell::text, true},
      {"KEY", "key", cell::text, true},
      {"FAILURE", "failure.message", cell::text, true},
  };
  return made;
}

} // namespace flow::cli
