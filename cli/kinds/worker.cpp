#include "cli/kinds.hpp"

namespace flow::cli {

kind worker_kind() {
  kind made;
  made.name = "worker";
  made.plural = "workers";
  made.summary = "one sandboxed process of a processor";
  made.not_added_because = "workers are started for a processor: flow proc scale NAME CPUS";
  made.columns = {
      {"NAME", "name"},
      {"PROCESSOR", "spec.processor"},
      {"NODE", "spec.node"},
      {"STATE", "status.state", cell::state},
      {"PID", "status.pid", cell::number},
      {"CALL", "status.current", cell::id},
      {"AGE", "status.started_ms", cell::age},
      {"SANDBOX", "status.sandbox", cell::text, true},
  };
  return made;
}

} // namespace flow::cli
