#include "cli/kinds.hpp"

namespace flow::cli {

kind task_kind() {
  kind made;
  made.name = "task";
  made.plural = "tasks";
  made.summary = "a function in a processor's module";
  made.not_added_because
      = "functions are found by reading the module: flow add processor NAME -g REPO -m MODULE";
  made.columns = {
      {"NAME", "name"},
      {"PROCESSOR", "spec.processor"},
      {"FUNCTION", "spec.function"},
      {"SOCKETS", "status.sockets"},
      {"REPLACED", "status.replaced", cell::text, true},
      {"VERSION", "status.version", cell::number, true},
      {"SIGNATURE", "status.signature.text|status.signature", cell::text, true},
  };
  return made;
}

} // namespace flow::cli
