#include "cli/kinds.hpp"

namespace flow::cli {

kind node_kind() {
  kind made;
  made.name = "node";
  made.plural = "nodes";
  made.summary = "one machine with its daemon";
  made.not_added_because
      = "a node adds itself when its daemon starts: flow up, or flow-node --join HOST:PORT";
  made.columns = {
      {"NAME", "name"},
      {"STATE", "status.state", cell::state},
      {"HOSTNAME", "spec.hostname"},
      {"CPUS", "spec.cpus", cell::number},
      {"LOAD", "status.load", cell::number},
      {"MEMORY", "status.memory_bytes", cell::bytes},
      {"DISK FREE", "status.disk_bytes_free", cell::bytes},
      {"VERSION", "status.version"},
      {"ADDRESS", "status.address", cell::text, true},
      {"AGE", "created_ms", cell::age, true},
  };
  return made;
}

} // namespace flow::cli
