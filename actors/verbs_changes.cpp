// Verbs that change calls: cancel, retry, and what becomes of dead letters.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "caf/all.hpp"

#include "actors/call_rows.hpp"
#include "actors/list_page.hpp"
#include "actors/row_filter.hpp"
#include "actors/tell.hpp"
#include "actors/verbs_actor.hpp"
#include "storage/codec.hpp"
#include "storage/key_kind.hpp"

namespace flow::actors {

using nlohmann::json;

namespace {

/// One item of an answer about several calls.
json not_done(const call_id& id, const error& why) {
  return {{"id", to_string(id)},
          {"ok", false},
          {"error", {{"code", code_text(why.code)}, {"message", why.text}}}};
}

error why_not_in_flight(const services& shared, const call_id& id) {
  auto ended = storage::read_ended(*shared.store, id);
  if (!ended) return ended.error();
  if (!*ended) return make_error(ec::unknown_call, "there is no such call");
  return make_error(ec::wrong_state, "it has ended: " + std::string{to_string((*ended)->state)});
}

} // namespace

void verbs_state::call_cancel(asked a) {
  with_in_flight({}, [this, a](const in_flight& live) {
    auto chosen = select(a, live, false);
    if (!chosen) return refuse(a, chosen.error());
    std::map<partition_id, std::vector<call_id>> by_owner;
    auto items = std::make_shared<json>(json::array());
    for (const auto& id : *chosen) {
      if (live.find(id))
        by_owner[id.partition()].push_back(id);
      else if (!params{a.given}.has("filter")) // what a filter found ended meanwhile needs no word
        items->push_back(not_done(id, why_not_in_flight(*shared, id)));
    }
    auto routes = shared->sockets->view();
    auto open = std::make_shared<size_t>(by_owner.size());
    auto finish = [this, a, items, open] {
      if (--*open == 0) answer(a, {{"items", *items}});
    };
    if (by_owner.empty()) return answer(a, {{"items", *items}});
    for (const auto& [owner, ids] : by_owner) {
      auto route = routes->by_partition.find(owner);
      if (route == routes->by_partition.end()) {
        finish();
        continue;
      }
      self->request(caf::actor_cast<socket_actor>(route->second.owner), caf::infinite,
                    cancel_command{ids})
          .then(
              [items, finish](const call_ids& done) {
                for (const auto& id : done.ids)
                  items->push_back({{"id", to_string(id)}, {"ok", true}});
                finish();
              },
              [finish](const caf::error&) { finish(); });
    }
  });
}

void verbs_state::call_retry(asked a) {
  with_in_flight({}, [this, a](const in_flight& live) {
    auto chosen = select(a, live, a.verb == "dlq.replay");
    if (!chosen) return refuse(a, chosen.error());
    std::map<partition_id, revive_command> by_owner;
    auto items = json::array();
    auto routes = shared->sockets->view();
    for (const auto& id : *chosen) {
      auto ended = storage::read_ended(*shared->store, id);
      if (!ended)
        items.push_back(not_done(id, ended.error()));
      else if (!*ended)
        items.push_back(not_done(id, live.find(id)
                                         ? make_error(ec::wrong_state, "it has not ended")
                                         : make_error(ec::unknown_call, "there is no such call")));
      else if ((*ended)->state == call_state::finished)
        items.push_back(not_done(id, make_error(ec::wrong_state, "it has finished")));
      else if (!routes->by_partition.contains(id.partition()))
        items.push_back(not_done(
            id, make_error(ec::unknown_socket, "its socket \"" + (*ended)->socket + "\" is gone")));
      else {
        by_owner[id.partition()].calls.push_back(
            std::make_shared<const ended_call>(std::move(**ended)));
        items.push_back({{"id", to_string(id)}, {"ok", true}});
      }
    }
    for (auto& [owner, command] : by_owner)
      tell(self, routes->by_partition.find(owner)->second.owner, std::move(command));
    answer(a, {{"items", std::move(items)}});
  });
}

// -- dead letters -------------------------------------------------------------

void verbs_state::dead_letter_list(asked a) {
  reply_with(a, [&]() -> result<json_ptr> {
    params given{a.given};
    auto page = list_page::read(given);
    if (!page) return page.error();
    auto wanted = row_filter::parse(page->filter, call_fields());
    if (!wanted) return wanted.error();
    auto keys = storage::prefix_range(storage::key_kind::dead_letter);
    if (!page->cursor.empty()) {
      auto id = parse_call_id(page->cursor);
      if (!id) return id.error();
      keys.last = storage::dead_letter_key(*id);
    }
    auto items = json::array();
    json next;
    error failed;
    auto now = shared->clock->wall_ms();
    auto objects = shared->objects->view();
    auto read = shared->store->scan_reverse(
        storage::family::history, keys, [&](std::string_view key, std::string_view) {
          auto id = storage::id_at_end(key);
          auto ended = id ? storage::read_ended(*shared->store, *id)
                          : result<std::optional<ended_call>>{id.error()};
          if (!ended) {
            failed = ended.error();
            return false;
          }
          if (!*ended) return true;
          auto row = row_of(*objects, **ended, false);
          if (!wanted->matches(row, now)) return true;
          if (items.size() == page->limit) {
            next = items.back()["id"];
            return false;
          }
          items.push_back(std::move(row));
          return true;
        });
    if (!read) return read.error();
    if (failed.code != ec::none) return failed;
    return share({{"items", std::move(items)}, {"next", std::move(next)}});
  });
}

void verbs_state::dead_letter_drop(asked a) {
  auto chosen = select(a, {}, true);
  if (!chosen) return refuse(a, chosen.error());
  append_rows rows;
  auto items = json::array();
  for (const auto& id : *chosen) {
    auto ended = storage::read_ended(*shared->store, id);
    bool is_there = ended && *ended && (*ended)->is_dead_letter;
    if (!is_there) {
      items.push_back(
          not_done(id, make_error(ec::wrong_state, "it is not among the dead letters")));
      continue;
    }
    items.push_back({{"id", to_string(id)}, {"ok", true}});
    // The call stays in history, only nobody has to look at it any more.
    auto before = std::make_shared<const ended_call>(**ended);
    (*ended)->is_dead_letter = false;
    auto after = std::make_shared<const ended_call>(std::move(**ended));
    storage::append(rows.rows, std::vector<row_change>{erase_ended{before}, put_ended{after}});
  }
  if (rows.rows.mutations.empty()) return answer(a, {{"items", std::move(items)}});
  rows.from = caf::actor_cast<caf::actor>(self);
  rows.ticket = ++last_ticket;
  rows.is_refusable = true;
  in_journal[rows.ticket] = [this, a, items](const result<void>& done) {
    if (done)
      answer(a, {{"items", items}});
    else
      refuse(a, done.error());
  };
  self->send(shared->journal, std::move(rows));
}

} // namespace flow::actors
