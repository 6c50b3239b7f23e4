#include "cli/kinds.hpp"

namespace flow::cli {

kind queue_kind() {
  kind made;
  made.name = "queue";
  made.plural = "queues";
  made.shorts = {"q"};
  made.summary = "a durable, ordered store of calls that are not yet taken";
  made.fields = {
      {{"-t,--type",
        "TYPE",
        "who gets a call: one socket, those whose pattern fits, or all",
        {"direct", "topic", "fanout"}},
       "type"},
      {{"--ttl", "DURATION", "a call that waits longer becomes a dead letter"},
       "ttl_ms",
       field_type::duration},
      {{"--max-length", "N", "calls it holds at most"}, "max_length", field_type::number},
      {{"--max-bytes", "BYTES", "bytes it holds at most"}, "max_bytes", field_type::bytes},
      {{"--overflow", "WHAT", "what happens at the limit", {"block", "reject", "drop-oldest"}},
       "overflow"},
      {{"--expires", "DURATION", "remove the queue when it was empty and unused this long"},
       "expires_ms",
       field_type::duration},
  };
  made.columns = {
      {"NAME", "name"},
      {"TYPE", "spec.type"},
      {"QUEUED", "status.queued", cell::number},
      {"RUNNING", "status.running", cell::number},
      {"BYTES", "status.bytes", cell::bytes},
      {"PAUSED", "status.paused"},
      {"SOCKETS", "status.sockets"},
      {"AGE", "created_ms", cell::age},
      {"OVERFLOW", "spec.overflow", cell::text, true},
      {"TTL", "spec.ttl_ms", cell::duration_ms, true},
      {"BY", "by", cell::text, true},
  };
  made.add_examples = {
      {"flow add queue orders", "a queue whose calls go to one socket each"},
      {"flow add queue orders --ttl 1h --max-length 100000 --overflow reject", "with limits"},
      {"flow add queue -n pyfi.queue1 -t direct", "the older form"},
  };
  made.next_command = "add socket NAME --processor PROCESSOR --task FUNCTION --queue";
  return made;
}

} // namespace flow::cli
