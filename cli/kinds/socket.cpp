#include "cli/kinds.hpp"
#include "cli/legacy.hpp"

namespace flow::cli {
namespace {

/// The concurrency of a socket was never its own.
void drop_concurrency(std::vector<std::string>& args, std::vector<std::string>& notes) {
  if (auto count = take_value(args, {"-c"}))
    notes.push_back(
        "-c " + *count
        + " is left out: a processor has cpus, a socket has none; see: flow proc scale");
}

} // namespace

kind socket_kind() {
  kind made;
  made.name = "socket";
  made.plural = "sockets";
  made.shorts = {"sock", "socks"};
  made.summary = "the address of one function behind one queue";
  made.fields = {
      {{"--processor", "PROCESSOR", "whose function it is", {}, "processor"},
       "processor",
       field_type::text,
       true},
      {{"-t,--task", "FUNCTION", "the function", {}, "task"}, "task", field_type::text, true},
      {{"-q,--queue",
        "QUEUE",
        "where its calls wait; without: a queue of the socket's own name",
        {},
        "queue"},
       "queue"},
      {{"-i,--every,--interval", "DURATION", "call it at this interval; a bare number is seconds"},
       "interval_ms",
       field_type::duration},
      {{"--cron", "EXPR", "call it at these times (5 or 6 fields)"}, "cron"},
      {{"--tz", "ZONE", "time zone of --cron; without: UTC"}, "tz"},
      {{"--join",
        "HOW",
        "which arguments belong together: of one run, of one key, by order, or the latest",
        {"auto", "key", "zip", "latch"}},
       "join"},
      {{"--join-key", "PATH", "where a value has its key, such as order.id; without: --key"},
       "join_key"},
      {{"--join-timeout", "DURATION", "a set that is not whole by then becomes dead letters"},
       "join_timeout_ms",
       field_type::duration},
  };
  made.columns = {
      {"NAME", "name"},
      {"PROCESSOR", "spec.processor"},
      {"TASK", "spec.task"},
      {"QUEUE", "spec.queue"},
      {"STATE", "status.state", cell::state},
      {"QUEUED", "status.queued", cell::number},
      {"RUNNING", "status.running", cell::number},
      {"FINISHED", "status.finished", cell::number, true},
      {"FAILED", "status.failed", cell::number, true},
      {"EVERY", "spec.interval_ms", cell::duration_ms, true},
      {"CRON", "spec.cron", cell::text, true},
      {"AGE", "created_ms", cell::age, true},
  };
  made.add_examples = {
      {"flow add socket shop.price --processor shop --task price",
       "call it: flow task run shop.price"},
      {"flow add socket tick --processor shop --task tick --every 10s", "called every ten seconds"},
      {"flow add socket -n pyfi.processors.sample.do_something -q pyfi.queue1 -pn proc1 -t "
       "do_something",
       "the older form"},
  };
  made.legacy = {{"-pn", "--processor"}, {"--procname", "--processor"}};
  made.rewrite = drop_concurrency;
  made.next_command = "task run";
  return made;
}

} // namespace flow::cli
