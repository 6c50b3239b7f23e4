#include <algorithm>
#include <array>

#include "flows/catalog_words.hpp"
#include "flows/object_specs.hpp"

namespace flow {

namespace {

struct kind_words {
  object_kind kind;
  std::string_view singular;
  std::string_view plural;
  std::string_view short_word; ///< empty: none
};

constexpr std::array kind_table{
    kind_words{object_kind::network, "network", "networks", "net"},
    kind_words{object_kind::node, "node", "nodes", ""},
    kind_words{object_kind::scheduler, "scheduler", "schedulers", "sched"},
    kind_words{object_kind::queue, "queue", "queues", "q"},
    kind_words{object_kind::processor, "processor", "processors", "proc"},
    kind_words{object_kind::socket, "socket", "sockets", "sock"},
    kind_words{object_kind::plug, "plug", "plugs", ""},
    kind_words{object_kind::argument, "argument", "arguments", "arg"},
    kind_words{object_kind::deployment, "deployment", "deployments", "dep"},
    kind_words{object_kind::user, "user", "users", ""},
    kind_words{object_kind::role, "role", "roles", ""},
    kind_words{object_kind::agent, "agent", "agents", ""},
    kind_words{object_kind::worker, "worker", "workers", ""},
    kind_words{object_kind::task, "task", "tasks", ""},
    kind_words{object_kind::call, "call", "calls", ""},
    kind_words{object_kind::schedule, "schedule", "schedules", ""},
    kind_words{object_kind::flow, "flow", "flows", ""},
    kind_words{object_kind::module, "module", "modules", ""},
    kind_words{object_kind::privilege, "privilege", "privileges", ""},
    kind_words{object_kind::token, "token", "tokens", ""},
    kind_words{object_kind::secret, "secret", "secrets", ""},
    kind_words{object_kind::log, "log", "logs", ""},
    kind_words{object_kind::event, "event", "events", ""},
};

const kind_words& words_of(object_kind kind) {
  auto found = std::ranges::find(kind_table, kind, &kind_words::kind);
  return found != kind_table.end() ? *found : kind_table.front();
}

} // namespace

std::string_view to_string(object_kind kind) {
  return words_of(kind).singular;
}

std::string_view plural(object_kind kind) {
  return words_of(kind).plural;
}

const std::vector<object_kind>& stored_kinds() {
  static const std::vector<object_kind> kinds{
      object_kind::network,   object_kind::role,     object_kind::user,       object_kind::node,
      object_kind::scheduler, object_kind::queue,    object_kind::processor,  object_kind::socket,
      object_kind::plug,      object_kind::argument, object_kind::deployment,
  };
  return kinds;
}

result<object_kind> parse_kind(std::string_view word) {
  std::vector<std::string> known;
  for (const auto& row : kind_table) {
    if (word == row.singular || word == row.plural
        || (!row.short_word.empty() && word == row.short_word))
      return row.kind;
    known.emplace_back(row.singular);
    known.emplace_back(row.plural);
  }
  return make_error(ec::unknown_command, "no kind of object is called " + quoted(word),
                    internal::did_you_mean_or(word, known, "`flow help kinds` lists the kinds"));
}

} // namespace flow
