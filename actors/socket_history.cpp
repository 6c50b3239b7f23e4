#include "actors/socket_history.hpp"

#include <algorithm>

#include "caf/all.hpp"

#include "actors/socket_actor.hpp"

#include "flows/text.hpp"
#include "storage/codec.hpp"
#include "storage/key_kind.hpp"

namespace flow::actors {

namespace {

/// Few enough that calls do not wait for them.
constexpr size_t calls_forgotten_at_once = 200;
/// After an end, and between two looks at what is too much.
constexpr uint64_t trim_period_ms = 60'000;

using storage::family;

result<void> visit_kept(const storage::store& from, partition_id owner, bool dead_letters,
                        const std::function<bool(const kept_call&)>& visit) {
  error failed;
  auto read = from.scan(family::history, storage::ended_in_time(owner, dead_letters),
                        [&](std::string_view key, std::string_view row) {
                          auto call = storage::decode_kept(key, row);
                          if (!call) failed = call.error();
                          return call && visit(*call);
                        });
  if (read && failed.code != ec::none) return failed;
  return read;
}

} // namespace

result<retention_plan> plan_history(const storage::store& from, partition_id owner,
                                    const retention_rule& rule, uint64_t now_ms) {
  uint64_t bytes = 0;
  error failed;
  auto kept = [&](bool dead_letters) {
    return [&, dead_letters](const std::function<bool(const kept_call&)>& visit) {
      auto read = visit_kept(from, owner, dead_letters, visit);
      if (!read) failed = read.error();
    };
  };
  if (rule.bytes_max != 0)
    for (bool dead_letters : {false, true})
      kept(dead_letters)([&](const kept_call& call) {
        bytes += call.bytes;
        return true;
      });
  auto plan = plan_retention(rule, now_ms, bytes, calls_forgotten_at_once, kept(false), kept(true));
  if (failed.code != ec::none) return failed;
  return plan;
}

result<storage::batch> forget_calls(const storage::store& from, const std::vector<kept_call>& gone,
                                    const std::function<bool(const call_id&)>& is_alive) {
  storage::batch rows;
  for (const auto& each : gone) {
    if (is_alive(each.id)) continue;
    auto ended = storage::read_ended(from, each.id);
    if (!ended) return ended.error();
    rows.erase(family::history, storage::ended_in_time_key(each));
    if (!*ended) continue;
    auto whole = std::make_shared<const ended_call>(std::move(**ended));
    storage::append(rows, std::vector<row_change>{erase_ended{whole}});
    auto read = from.scan(family::history, storage::children_of(each.id),
                          [&](std::string_view key, std::string_view) {
                            rows.erase(family::history, std::string{key});
                            return true;
                          });
    if (!read) return read.error();
    auto text = idempotency_text(*whole->call);
    if (text.empty()) continue;
    auto key = storage::idempotency_key(each.id.partition(), text);
    auto named = from.get(family::history, key);
    if (!named) return named.error();
    if (*named && **named == each.id.view()) rows.erase(family::history, std::move(key));
  }
  return rows;
}

void socket_state::trim_later(uint64_t at_ms) {
  if (trim_at_ms != 0) return; // it will look at all that is due then
  trim_at_ms = std::max(at_ms, now_ms() + trim_period_ms);
  self->delayed_send(self, std::chrono::milliseconds{trim_at_ms - now_ms()}, trim_history{});
}

void socket_state::trim() {
  if (trim_ticket != 0 || broken.code != ec::none) return;
  auto plan = plan_history(*shared->store, machine->id(), wiring.retention, now_ms());
  auto rows = plan ? forget_calls(
                  *shared->store, plan->gone,
                  [this](const call_id& id) { return machine->contains(id) || find_ending(id); })
                   : result<storage::batch>{plan.error()};
  if (!rows) {
    shared->health->set("history/" + wiring.policy.socket,
                        "socket \"" + wiring.policy.socket
                            + "\" cannot tidy its history: " + rows.error().text);
    return;
  }
  if (!rows->mutations.empty()) {
    trim_ticket = ++last_ticket;
    self->send(shared->journal, append_rows{caf::actor_cast<caf::actor>(self), trim_ticket,
                                            std::move(*rows), false});
    return; // more of it after the commit
  }
  if (plan->next_ms != 0) trim_later(plan->next_ms);
}

error missing_call(const call_id& id, const retention_rule& rule, uint64_t now_ms) {
  bool is_forgotten = rule.age_ms != 0 && id.time_ms() + rule.age_ms <= now_ms;
  if (!is_forgotten)
    return make_error(ec::unknown_call, "no call " + to_string(id),
                      rule.bytes_max == 0 ? "see: flow ls calls"
                                          : "its history may have been too large to keep");
  return make_error(ec::result_gone,
                    "call " + to_string(id) + " is gone: its socket keeps calls for "
                        + duration_text(rule.age_ms) + " after their end",
                    "keep them longer with: flow update processor NAME --history-age DURATION");
}

} // namespace flow::actors
