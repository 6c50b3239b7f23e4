#include "cli/kinds.hpp"

namespace flow::cli {

kind join_kind() {
  kind made;
  made.name = "join";
  made.plural = "joins";
  made.summary = "arguments that have arrived and wait for the others";
  made.not_added_because = "a plug delivers an argument: flow add plug --argument NAME";
  made.list_verb = "join.list";
  made.columns = {
      {"SOCKET", "socket"},
      {"BY", "by"},
      {"KEY", "key"},
      {"ROOT", "root", cell::id},
      {"AGE", "since_ms", cell::age},
      {"ARRIVED", "arrived"},
      {"MISSING", "missing"},
      {"NAME", "name", cell::text, true},
  };
  return made;
}

} // namespace flow::cli
