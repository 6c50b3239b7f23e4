// Verbs on calls: those in flight are asked of their sockets, those that have ended are read from
// history.
#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "caf/all.hpp"

#include "actors/call_rows.hpp"
#include "actors/list_page.hpp"
#include "actors/row_filter.hpp"
#include "actors/socket_history.hpp"
#include "actors/tell.hpp"
#include "actors/verbs_actor.hpp"
#include "actors/wiring.hpp"
#include "actors/workflow_rows.hpp"
#include "flows/text.hpp"
#include "storage/codec.hpp"
#include "storage/key_kind.hpp"

namespace flow::actors {

namespace {

using nlohmann::json;

constexpr size_t tree_calls_max = 10'000;

result<json_ptr> tree_of(const services& shared, const verbs_state::in_flight& live,
                         const call_id& id, size_t& left) {
  auto row = row_anywhere(shared, live, id, false);
  if (!row) return row.error();
  std::vector<call_id> below;
  auto read = shared.store->scan(storage::family::history, storage::children_of(id),
                                 [&](std::string_view key, std::string_view) {
                                   if (auto child = storage::id_at_end(key))
                                     below.push_back(*child);
                                   return below.size() < left;
                                 });
  if (!read) return read.error();
  auto children = json::array();
  for (const auto& child : below) {
    if (left == 0) break;
    --left;
    auto tree = tree_of(shared, live, child, left);
    // A child that is neither in flight nor in history has been removed by retention: the rest is
    // still worth showing.
    if (tree) children.push_back(**tree);
  }
  if (id.partition() == workflow_partition) sort_steps(children);
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

retention_rule retention_of_call(const services& shared, const call_id& id) {
  auto routes = shared.sockets->view();
  auto objects = shared.objects->view();
  for (const auto& [socket_name, route] : routes->by_name)
    if (route.partition == id.partition())
      if (auto socket = objects->find(object_kind::socket, socket_name))
        return retention_of(*objects, *socket);
  return {};
}

} // namespace

verbs_state::located verbs_state::in_flight::find(const call_id& id) const {
  for (const auto& list : lists) {
    auto found = std::ranges::find_if(list.calls,
                                      [&](const call_view& view) { return view.call->id == id; });
    if (found == list.calls.end()) continue;
    auto run = running.find(id);
    return {&*found, &list, run == running.end() ? nullptr : &run->second};
  }
  return {};
}

void verbs_state::in_flight::each(const std::function<void(const located&)>& visit) const {
  for (const auto& list : lists)
    for (const auto& view : list.calls) {
      auto run = running.find(view.call->id);
      visit({&view, &list, run == running.end() ? nullptr : &run->second});
    }
}

nlohmann::json verbs_state::located::row(const catalog& objects, bool whole) const {
  return row_of(objects, *view, *where, running, whole);
}

result<json_ptr> row_anywhere(const services& shared, const verbs_state::in_flight& live,
                              const call_id& id, bool whole) {
  auto objects = shared.objects->view();
  if (auto at = live.find(id)) return share(at.row(*objects, whole));
  auto ended = storage::read_ended(*shared.store, id);
  if (!ended) return ended.error();
  if (*ended) return share(row_of(*objects, **ended, whole));
  return missing_call(id, retention_of_call(shared, id), shared.clock->wall_ms());
}

void verbs_state::with_in_flight(list_calls what, std::function<void(const in_flight&)> next) {
  auto routes = shared->sockets->view();
  auto gathered = std::make_shared<in_flight>();
  auto open = std::make_shared<size_t>(routes->by_partition.size());
  if (*open == 0) return next(*gathered);
  auto finish = [this, gathered, open, next = std::move(next)] {
    if (--*open == 0) with_running(gathered, next);
  };
  for (const auto& [partition, route] : routes->by_partition)
    self->request(caf::actor_cast<socket_actor>(route.owner), caf::infinite, what)
        .then(
            [gathered, finish](call_list& list) {
              gathered->lists.push_back(std::move(list));
              finish();
            },
            [finish](const caf::error&) { finish(); });
}

/// A socket knows what it has handed over; what of that runs now, only the workers know.
void verbs_state::with_running(const std::shared_ptr<in_flight>& gathered,
                               const std::function<void(const in_flight&)>& next) {
  auto is_taken = [](const call_view& view) { return view.state == call_state::taken; };
  if (std::ranges::none_of(gathered->lists, [&](const call_list& list) {
        return std::ranges::any_of(list.calls, is_taken);
      }))
    return next(*gathered);
  self->request(node, caf::infinite, describe{})
      .then(
          [gathered, next](const node_status& status) {
            for (const auto& processor : status.processors)
              for (const auto& worker : processor.workers)
                if (worker.current)
                  gathered->running[worker.current]
                      = {static_cast<uint64_t>(worker.pid), worker.current_since_ms, status.name};
            next(*gathered);
          },
          [gathered, next](const caf::error&) { next(*gathered); });
}

result<call_id> verbs_state::resolve_id(const std::string& text, const in_flight& live) const {
  if (auto whole = parse_call_id(text)) return *whole;
  auto between = ids_between(text);
  if (!between) return between.error();
  auto [low, high] = *between;
  std::set<call_id> found;
  live.each([&](const located& at) {
    if (at.view->call->id >= low && at.view->call->id <= high) found.insert(at.view->call->id);
  });
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
  auto wanted = row_filter::parse(filter_text, call_fields());
  if (!wanted) return wanted.error();
  auto now = shared->clock->wall_ms();
  auto objects = shared->objects->view();
  live.each([&](const located& at) {
    if (!only_dead && wanted->matches(at.row(*objects, false), now))
      chosen.push_back(at.view->call->id);
  });
  error failed;
  auto visit = [&](std::string_view key, std::string_view) {
    auto id = storage::id_at_end(key);
    auto ended = id ? storage::read_ended(*shared->store, *id)
                    : result<std::optional<ended_call>>{id.error()};
    if (!ended) failed = ended.error();
    if (ended && *ended && wanted->matches(row_of(*objects, **ended, false), now))
      chosen.push_back(*id);
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
  bool unfinished = given.boolean("unfinished");
  auto page = list_page::read(given);
  if (!page) return refuse(a, page.error());
  auto wanted = row_filter::parse(page->filter, call_fields());
  if (!wanted) return refuse(a, wanted.error());
  call_id before;
  if (!page->cursor.empty()) {
    auto id = parse_call_id(page->cursor);
    if (!id) return refuse(a, id.error());
    before = *id;
  }
  with_in_flight(
      {limits::list_items_max, before},
      [this, a, limit = page->limit, before, unfinished, wanted = *wanted](const in_flight& live) {
        reply_with(a, [&]() -> result<json_ptr> {
          auto now = shared->clock->wall_ms();
          std::vector<std::pair<call_id, json>> rows;
          auto objects = shared->objects->view();
          live.each([&](const located& at) {
            auto row = at.row(*objects, false);
            if (wanted.matches(row, now)) rows.emplace_back(at.view->call->id, std::move(row));
          });
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
                  auto row = row_of(*objects, *ended, false);
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
      return with_steps(*shared, *id, row_anywhere(*shared, live, *id, true));
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
        auto row = row_anywhere(*shared, live, *id, false);
        if (!row) return row.error();
        // The root may be gone from history: then the tree begins where we stand.
        auto root = parse_call_id((**row).at("root").get<std::string>());
        if (root && row_anywhere(*shared, live, *root, false)) id = *root;
      }
      if (a.verb == "call.flow") {
        auto top = workflow_of(*shared, live, *id);
        if (!top) return top.error();
        id = *top;
      }
      size_t left = tree_calls_max;
      return tree_of(*shared, live, *id, left);
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
      auto row = row_anywhere(*shared, live, *id, true);
      if (!row) return row.error();
      return share({{"id", to_string(*id)},
                    {"state", (**row).at("state")},
                    {"attempt", (**row).at("attempt")},
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
      if (!*ended && !live.find(*id))
        return make_error(ec::unknown_call, "no call " + to_string(*id));
      return share({{"items", *ended ? log_rows_of(**ended) : json::array()}, {"next", nullptr}});
    });
  });
}

} // namespace flow::actors
