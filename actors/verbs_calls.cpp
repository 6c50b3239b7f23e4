// Verbs on calls: those in flight are asked of their sockets, those that have ended are read from
// history.
#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "caf/all.hpp"

#include "actors/call_rows.hpp"
#include "actors/row_filter.hpp"
#include "actors/tell.hpp"
#include "actors/verbs_actor.hpp"
#include "flows/text.hpp"
#include "storage/codec.hpp"
#include "storage/key_kind.hpp"

namespace flow::actors {

namespace {

using nlohmann::json;

constexpr size_t tree_calls_max = 10'000;

struct located {
  const call_view* view = nullptr;
  const call_list* where = nullptr;
};

located find_live(const verbs_state::in_flight& live, const call_id& id) {
  for (const auto& list : live) {
    auto found = std::ranges::find_if(list.calls,
                                      [&](const call_view& view) { return view.call->id == id; });
    if (found != list.calls.end()) return {&*found, &list};
  }
  return {};
}

/// The row of a call wherever it is; `unknown_call` when it is nowhere.
result<json_ptr> row_anywhere(const storage::store& store, const verbs_state::in_flight& live,
                              const call_id& id, bool whole) {
  if (auto at = find_live(live, id); at.view)
    return share(
        row_of(*at.view, at.where->socket, at.where->function, at.where->processor, whole));
  auto ended = storage::read_ended(store, id);
  if (!ended) return ended.error();
  if (*ended) return share(row_of(**ended, whole));
  return make_error(ec::unknown_call, "no call " + to_string(id),
                    "it may be older than history is kept");
}

result<json_ptr> tree_of(const storage::store& store, const verbs_state::in_flight& live,
                         const call_id& id, size_t& left) {
  auto row = row_anywhere(store, live, id, false);
  if (!row) return row.error();
  std::vector<call_id> below;
  auto read = store.scan(storage::family::history, storage::children_of(id),
                         [&](std::string_view key, std::string_view) {
                           if (auto child = storage::id_at_end(key)) below.push_back(*child);
                           return below.size() < left;
                         });
  if (!read) return read.error();
  auto children = json::array();
  for (const auto& child : below) {
    if (left == 0) break;
    --left;
    auto tree = tree_of(store, live, child, left);
    // A child that is neither in flight nor in history has been removed by retention: the rest is
    // still worth showing.
    if (tree) children.push_back(**tree);
  }
  return share({{"call", **row}, {"children", std::move(children)}});
}

/// Id prefixes are hexadecimal, with or without dashes; the bytes that all ids with this prefix lie
/// between.
result<std::pair<call_id, call_id>> ids_between(const std::string& prefix) {
  std::string digits;
  for (char c : prefix)
    if (c != '-') digits += c;
  if (digits.size() < 4 || digits.size() > 32
      || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
    return make_error(ec::bad_call_id,
                      flow::quoted(prefix) + " is not a call id or the beginning of one",
                      "give at least 4 of its characters");
  auto fill = [&](char with) {
    auto full = digits + std::string(32 - digits.size(), with);
    std::string text;
    for (size_t i = 0; i < 32; ++i) {
      if (i == 8 || i == 12 || i == 16 || i == 20) text += '-';
      text += full[i];
    }
    return *parse_call_id(text);
  };
  return std::pair{fill('0'), fill('f')};
}

} // namespace

bool is_live(const verbs_state::in_flight& live, const call_id& id) {
  return find_live(live, id).view != nullptr;
}

void verbs_state::with_in_flight(list_calls what, std::function<void(const in_flight&)> next) {
  auto routes = shared->sockets->view();
  auto gathered = std::make_shared<in_flight>();
  auto open = std::make_shared<size_t>(routes->by_name.size());
  if (*open == 0) return next(*gathered);
  auto finish = [gathered, open, next = std::move(next)] {
    if (--*open == 0) next(*gathered);
  };
  for (const auto& [socket_name, route] : routes->by_name)
    self->request(caf::actor_cast<socket_actor>(route.owner), caf::infinite, what)
        .then(
            [gathered, finish](call_list& list) {
              gathered->push_back(std::move(list));
              finish();
            },
            [finish](const caf::error&) { finish(); });
}

result<call_id> verbs_state::resolve_id(const std::string& text, const in_flight& live) const {
  if (auto whole = parse_call_id(text)) return *whole;
  auto between = ids_between(text);
  if (!between) return between.error();
  auto [low, high] = *between;
  std::set<call_id> found;
  for (const auto& list : live)
    for (const auto& view : list.calls)
      if (view.call->id >= low && view.call->id <= high) found.insert(view.call->id);
  auto last = storage::ended_key(high) + '\0';
  auto read = shared->store->scan(storage::family::history, {storage::ended_key(low), last},
                                  [&](std::string_view key, std::string_view) {
                                    if (auto id = storage::id_at_end(key)) found.insert(*id);
                                    return found.size() < 3;
                                  });
  if (!read) return read.error();
  if (found.empty())
    return make_error(ec::unknown_call, "no call " + flow::quoted(text), "see: flow ls calls");
  if (found.size() == 1) return *found.begin();
  std::string some;
  for (const auto& id : found)
    some += (some.empty() ? "" : ", ") + to_string(id);
  return make_error(ec::bad_call_id,
                    flow::quoted(text) + " is the beginning of several calls: " + some,
                    "give more of it");
}

result<std::vector<call_id>> verbs_state::select(const asked& a, const in_flight& live,
                                                 bool only_dead) const {
  params given{a.given};
  auto texts = given.texts("ids");
  auto filter_text = given.text("filter");
  if (auto fine = given.check(); !fine) return fine.error();
  std::vector<call_id> chosen;
  for (const auto& text : texts) {
    auto id = resolve_id(text, live);
    if (!id) return id.error();
    chosen.push_back(*id);
  }
  if (filter_text.empty() && !given.has("all")) {
    if (texts.empty())
      return make_error(ec::bad_usage, "neither ids nor a filter", "name calls, or use --filter");
    return chosen;
  }
  auto wanted = row_filter::parse(filter_text);
  if (!wanted) return wanted.error();
  auto now = shared->clock->wall_ms();
  for (const auto& list : live)
    for (const auto& view : list.calls)
      if (!only_dead
          && wanted->matches(row_of(view, list.socket, list.function, list.processor, false), now))
        chosen.push_back(view.call->id);
  error failed;
  auto visit = [&](std::string_view key, std::string_view) {
    auto id = storage::id_at_end(key);
    auto ended = id ? storage::read_ended(*shared->store, *id)
                    : result<std::optional<ended_call>>{id.error()};
    if (!ended) failed = ended.error();
    if (ended && *ended && wanted->matches(row_of(**ended, false), now)) chosen.push_back(*id);
    return failed.code == ec::none && chosen.size() < limits::list_items_max;
  };
  auto kind = only_dead ? storage::key_kind::dead_letter : storage::key_kind::ended;
  auto read = shared->store->scan(storage::family::history, storage::prefix_range(kind), visit);
  if (!read) return read.error();
  if (failed.code != ec::none) return failed;
  return chosen;
}

// -- reading ------------------------------------------------------------------

void verbs_state::call_list_verb(asked a) {
  params given{a.given};
  auto limit = std::min<uint64_t>(given.unsigned_integer("limit", limits::list_items_default),
                                  limits::list_items_max);
  auto cursor = given.text("cursor");
  auto text = given.text("filter");
  bool unfinished = given.boolean("unfinished");
  if (auto fine = given.check(); !fine) return refuse(a, fine.error());
  auto wanted = row_filter::parse(text);
  if (!wanted) return refuse(a, wanted.error());
  call_id before;
  if (!cursor.empty()) {
    auto id = parse_call_id(cursor);
    if (!id) return refuse(a, id.error());
    before = *id;
  }
  with_in_flight({limits::list_items_max, before}, [this, a, limit, before, unfinished,
                                                    wanted = *wanted](const in_flight& live) {
    reply_with(a, [&]() -> result<json_ptr> {
      auto now = shared->clock->wall_ms();
      std::vector<std::pair<call_id, json>> rows;
      for (const auto& list : live)
        for (const auto& view : list.calls) {
          auto row = row_of(view, list.socket, list.function, list.processor, false);
          if (wanted.matches(row, now)) rows.emplace_back(view.call->id, std::move(row));
        }
      size_t from_history = 0;
      error failed;
      auto keys = storage::prefix_range(storage::key_kind::ended);
      if (before) keys.last = storage::ended_key(before);
      if (!unfinished) {
        auto read = shared->store->scan_reverse(
            storage::family::history, keys, [&](std::string_view, std::string_view bytes) {
              auto ended = storage::decode_ended(bytes);
              if (!ended) {
                failed = ended.error();
                return false;
              }
              auto row = row_of(*ended, false);
              if (!wanted.matches(row, now)) return true;
              rows.emplace_back(ended->call->id, std::move(row));
              return ++from_history <= limit;
            });
        if (!read) return read.error();
        if (failed.code != ec::none) return failed;
      }
      std::ranges::sort(rows, [](const auto& x, const auto& y) { return y.first < x.first; });
      auto items = json::array();
      json next;
      for (auto& [id, row] : rows) {
        if (items.size() == limit) {
          next = items.back()["id"];
          break;
        }
        items.push_back(std::move(row));
      }
      return share({{"items", std::move(items)}, {"next", std::move(next)}});
    });
  });
}

void verbs_state::call_show(asked a) {
  with_in_flight({}, [this, a](const in_flight& live) {
    reply_with(a, [&]() -> result<json_ptr> {
      params given{a.given};
      auto text = given.has("id") ? given.required_text("id") : given.required_text("name");
      if (auto fine = given.check(); !fine) return fine.error();
      auto id = resolve_id(text, live);
      if (!id) return id.error();
      return row_anywhere(*shared->store, live, *id, true);
    });
  });
}

void verbs_state::call_tree(asked a) {
  with_in_flight({}, [this, a](const in_flight& live) {
    reply_with(a, [&]() -> result<json_ptr> {
      params given{a.given};
      auto id = resolve_id(given.required_text("id"), live);
      if (!id) return id.error();
      if (a.verb == "call.graph") {
        auto row = row_anywhere(*shared->store, live, *id, false);
        if (!row) return row.error();
        // The root may be gone from history: then the tree begins where we stand.
        auto root = parse_call_id((**row).at("root").get<std::string>());
        if (root && row_anywhere(*shared->store, live, *root, false)) id = *root;
      }
      size_t left = tree_calls_max;
      return tree_of(*shared->store, live, *id, left);
    });
  });
}

void verbs_state::call_graph(asked a) {
  call_tree(std::move(a));
}

void verbs_state::call_result(asked a) {
  with_in_flight({}, [this, a](const in_flight& live) {
    reply_with(a, [&]() -> result<json_ptr> {
      params given{a.given};
      auto id = resolve_id(given.required_text("id"), live);
      if (!id) return id.error();
      auto row = row_anywhere(*shared->store, live, *id, true);
      if (!row) return row.error();
      return share({{"id", to_string(*id)},
                    {"state", (**row).at("state")},
                    {"result", (**row).at("result")},
                    {"failure", (**row).at("failure")}});
    });
  });
}

void verbs_state::call_logs(asked a) {
  with_in_flight({}, [this, a](const in_flight& live) {
    reply_with(a, [&]() -> result<json_ptr> {
      params given{a.given};
      auto id = resolve_id(given.required_text("id"), live);
      if (!id) return id.error();
      auto ended = storage::read_ended(*shared->store, *id);
      if (!ended) return ended.error();
      if (!*ended && !find_live(live, *id).view)
        return make_error(ec::unknown_call, "no call " + to_string(*id));
      return share({{"items", *ended ? log_rows_of(**ended) : json::array()}, {"next", nullptr}});
    });
  });
}

void verbs_state::call_why(asked a) {
  with_in_flight({}, [this, a](const in_flight& live) {
    params given{a.given};
    auto id = resolve_id(given.required_text("id"), live);
    if (!id) return refuse(a, id.error());
    auto at = find_live(live, *id);
    if (!at.view) {
      auto row = row_anywhere(*shared->store, live, *id, false);
      if (!row) return refuse(a, row.error());
      auto why = "it has ended: " + (**row).at("state").get<std::string>();
      if ((**row).at("reason").is_string())
        why += " (" + (**row).at("reason").get<std::string>() + ")";
      return answer(a, {{"id", to_string(*id)}, {"state", (**row).at("state")}, {"why", why}});
    }
    auto routes = shared->sockets->view();
    auto route = routes->by_partition.find(id->partition());
    if (route == routes->by_partition.end())
      return refuse(a, make_error(ec::unknown_call, "no call " + to_string(*id)));
    self->request(caf::actor_cast<socket_actor>(route->second.owner), caf::infinite, find_call{*id})
        .then(
            [this, a, id = *id](const found_call& found) {
              with_status(a, [this, a, id, found](const node_status& status) {
                answer(a,
                       {{"id", to_string(id)},
                        {"state", found.call ? std::string{to_string(found.call->state)} : "ended"},
                        {"why", why_sentence(found, status, shared->clock->wall_ms())}});
              });
            },
            [this, a](const caf::error&) {
              refuse(a, make_error(ec::internal, "the socket does not answer"));
            });
  });
}

std::string why_sentence(const found_call& found, const node_status& node, uint64_t now_ms) {
  if (!found.call) return "it has just ended";
  const auto& call = *found.call;
  auto in = [&](uint64_t due_ms) { return duration_text(due_ms > now_ms ? due_ms - now_ms : 0); };
  auto processor
      = std::ranges::find(node.processors, found.policy.processor, &processor_status::name);
  switch (call.state) {
  case call_state::scheduled:
    return "it is scheduled to start in " + in(call.call->due_ms);
  case call_state::waiting:
    return "attempt " + std::to_string(call.progress.attempts) + " failed ("
           + call.progress.last.type + ": " + call.progress.last.message + "); the next is in "
           + in(call.progress.due_ms);
  case call_state::joining: {
    std::string wanted;
    for (const auto& p : found.policy.join)
      wanted += (wanted.empty() ? "" : ", ") + p.name;
    return "it delivers argument \"" + call.call->more().argument + "\" to a join that waits for "
           + wanted;
  }
  case call_state::taken:
    return "it is at a worker of processor \"" + found.policy.processor + "\"";
  default:
    break;
  }
  auto place = "it is number " + std::to_string(call.position) + " in the queue of socket \""
               + found.policy.socket + "\"";
  if (found.policy.is_paused) return place + ", and the queue is paused";
  if (processor == node.processors.end()) return place + ", and its processor is being restarted";
  if (processor->state != processor_state::running)
    return place + ", and processor \"" + processor->name + "\" is "
           + std::string{to_string(processor->state)}
           + (processor->text.empty() ? "" : ": " + processor->text);
  return place + ", behind " + std::to_string(processor->running + processor->waiting)
         + " calls at " + std::to_string(processor->workers_ready) + " workers";
}

} // namespace flow::actors
