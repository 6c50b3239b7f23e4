// Half-filled sets: what has arrived at joins, and what they wait for.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "caf/all.hpp"

#include "actors/list_page.hpp"
#include "actors/row_filter.hpp"
#include "actors/verbs_actor.hpp"
#include "flows/utf8.hpp"

namespace flow::actors {

using nlohmann::json;

namespace {

const char* word_of(join_mode how) {
  switch (how) {
  case join_mode::key:
    return "key";
  case join_mode::zip:
    return "zip";
  case join_mode::latch:
    return "latch";
  default:
    return "auto";
  }
}

json row_of(const join_list& of, const join_view& set) {
  auto which = of.joined_by == join_mode::key ? set.key : to_string(set.root);
  auto name = of.socket + "/" + which;
  return {{"kind", "join"},
          {"name", name},
          {"id", name},
          {"socket", of.socket},
          {"by", word_of(of.joined_by)},
          {"key", of.joined_by == join_mode::key ? json(set.key) : json()},
          {"root", to_string(set.root)},
          {"since_ms", set.since_ms},
          {"arrived", set.arrived},
          {"missing", set.missing}};
}

const std::vector<std::string>& fields() {
  static const auto names = filter::fields_of(json::array({row_of({}, {})}));
  return names;
}

} // namespace

void verbs_state::join_list_verb(asked a) {
  params given{a.given};
  auto page = list_page::read(given);
  auto sockets = given.texts("names");
  if (!page) return refuse(a, page.error());
  if (auto fine = given.check(); !fine) return refuse(a, fine.error());
  auto wanted = row_filter::parse(page->filter, fields());
  if (!wanted) return refuse(a, wanted.error());
  auto routes = shared->sockets->view();
  for (const auto& wanted_socket : sockets)
    if (!routes->by_name.contains(wanted_socket))
      return refuse(a, make_error(ec::unknown_socket, "no socket \"" + wanted_socket + "\"",
                                  "see: flow ls sockets"));
  auto rows = std::make_shared<std::vector<json>>();
  auto finish = [this, a, rows, page = *page, wanted = *wanted] {
    std::ranges::sort(*rows, {}, [](const json& row) { return row["name"].get<std::string>(); });
    auto items = json::array();
    json next;
    for (auto& row : *rows) {
      if (row["name"].get<std::string>() <= page.cursor) continue;
      if (!wanted.matches(row, shared->clock->wall_ms())) continue;
      if (items.size() == page.limit) {
        next = items.back()["name"];
        break;
      }
      items.push_back(std::move(row));
    }
    answer(a, {{"items", std::move(items)}, {"next", std::move(next)}});
  };
  auto open = std::make_shared<size_t>(1);
  auto count_down = [open, finish] {
    if (--*open == 0) finish();
  };
  for (const auto& [socket_name, route] : routes->by_name) {
    if (!sockets.empty() && std::ranges::find(sockets, socket_name) == sockets.end()) continue;
    ++*open;
    self->request(caf::actor_cast<socket_actor>(route.owner), caf::infinite, list_joins{})
        .then(
            [rows, count_down](const join_list& list) {
              for (const auto& set : list.joins)
                rows->push_back(row_of(list, set));
              count_down();
            },
            [count_down](const caf::error&) { count_down(); });
  }
  count_down();
}

} // namespace flow::actors
