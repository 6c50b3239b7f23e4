#include "actors/hub_actor.hpp"

#include <optional>

#include "caf/all.hpp"

#include "actors/tell.hpp"
#include "flows/cbor.hpp"

namespace flow::actors {

namespace {

std::optional<channel> parse_channel(std::string_view word) {
  if (word == "task") return channel::task;
  if (word == "result") return channel::result;
  if (word == "log") return channel::log;
  if (word == "event") return channel::event;
  return std::nullopt;
}

/// The text under `key` in a map, empty if there is none.
std::string text_in(const value& map, std::string_view key) {
  cbor::reader in{map.cbor};
  for (auto n = in.map(); n > 0 && !in.failed(); --n) {
    auto name = in.text();
    if (name == key && in.peek() == cbor::kind::text) return std::string{in.text()};
    in.skip();
  }
  return {};
}

} // namespace

void hub_state::subscribe(subscribe_session& what) {
  auto where = parse_channel(what.what.channel);
  session_output out;
  if (!where) {
    out.messages.push_back(wire::refused{
        what.what.seq, make_error(ec::bad_usage, "no channel \"" + what.what.channel + "\"",
                                  "the channels are task, result, log and event")});
  } else {
    self->monitor(what.session);
    subscriptions.push_back(
        {what.session, what.what.seq, *where, text_in(what.what.params, "name")});
    is_watched->store(true);
    out.messages.push_back(wire::reply{what.what.seq, {}});
  }
  tell(self, what.session, std::move(out));
}

void hub_state::forget(const forget_session& what) {
  std::erase_if(subscriptions, [&](const subscription& s) {
    return s.session == what.session && (what.all || s.seq == what.seq);
  });
  is_watched->store(!subscriptions.empty());
}

void hub_state::spread(const happened& what) {
  for (const auto& s : subscriptions) {
    if (s.where != what.where) continue;
    if (!s.wanted.empty() && s.wanted != what.processor && s.wanted != what.socket) continue;
    session_output out;
    out.messages.push_back(wire::event{s.seq, what.what});
    tell(self, s.session, std::move(out));
  }
}

hub_actor::behavior_type hub(hub_actor::stateful_pointer<hub_state> self,
                             std::shared_ptr<std::atomic<bool>> is_watched) {
  self->state.self = self;
  self->state.is_watched = std::move(is_watched);
  self->set_down_handler([self](const caf::down_msg& down) {
    auto& s = self->state;
    std::erase_if(s.subscriptions,
                  [&](const auto& one) { return one.session.address() == down.source; });
    s.is_watched->store(!s.subscriptions.empty());
  });
  return {
      [self](const happened& what) { self->state.spread(what); },
      [self](subscribe_session& what) { self->state.subscribe(what); },
      [self](const forget_session& what) { self->state.forget(what); },
  };
}

} // namespace flow::actors
