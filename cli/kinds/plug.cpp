#include "cli/kinds.hpp"

namespace flow::cli {

kind plug_kind() {
  kind made;
  made.name = "plug";
  made.plural = "plugs";
  made.summary = "an edge: an output of one socket feeds another socket, or one of its arguments";
  made.fields = {
      {{"-s,--source", "SOCKET", "whose output", {}, "socket"}, "source", field_type::text, true},
      {{"-t,--target", "SOCKET", "who is called with it", {}, "socket"},
       "target",
       field_type::text,
       true},
      {{"-a,--argument", "NAME",
        "deliver only this argument; the target fires when all have arrived"},
       "argument"},
      {{"--on", "OUTPUT", "result (default), error, or the name of an output"}, "on"},
      {{"-q,--queue", "QUEUE", "where its calls wait; without: the target's queue", {}, "queue"},
       "queue"},
      {{"--cycle", "", "this plug closes a circle on purpose"}, "cycle", field_type::flag},
  };
  made.columns = {
      {"NAME", "name"},
      {"SOURCE", "spec.source"},
      {"ON", "spec.on"},
      {"TARGET", "spec.target"},
      {"ARGUMENT", "spec.argument"},
      {"DELIVERED", "status.delivered", cell::number},
      {"QUEUE", "spec.queue", cell::text, true},
      {"AGE", "created_ms", cell::age, true},
  };
  made.add_examples = {
      {"flow add plug total --source shop.price --target shop.total",
       "each price goes to the total"},
      {"flow add plug alarm --source shop.price --target shop.alarm --on error", "failures only"},
      {"flow add plug -n p -q q -s SOURCE -t TARGET", "the older form"},
  };
  made.next_command = "show plug";
  return made;
}

} // namespace flow::cli
