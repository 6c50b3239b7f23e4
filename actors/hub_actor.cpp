#include "actors/hub_actor.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "caf/all.hpp"

#include "actors/tell.hpp"
#include "flows/cbor.hpp"
#include "flows/text.hpp"

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

bool is_older_form(const object& socket, std::string_view name) {
  const auto& spec = socket.as<socket_spec>();
  auto processor = spec.queue + "." + spec.processor;
  return name == processor || name == processor + "." + spec.task;
}

/// Nobody may wait for ever for what a misspelt name never brings.
result<void> check_name_heard(const catalog& objects, channel where, const std::string& name) {
  static constexpr std::array runs{object_kind::processor, object_kind::socket, object_kind::queue};
  std::vector<object_kind> kinds{runs.begin(), runs.end()};
  if (where == channel::event)
    kinds.insert(kinds.end(), {object_kind::plug, object_kind::argument, object_kind::node,
                               object_kind::deployment});
  std::set<std::string> known; // a socket and its queue may share a name
  for (auto kind : kinds)
    for (const auto& it : objects.list(kind)) {
      if (it->name == name || (kind == object_kind::socket && is_older_form(*it, name))) return {};
      known.insert(it->name);
    }
  auto hint = did_you_mean(name, {known.begin(), known.end()});
  return make_error(ec::unknown_object, "no processor, socket or queue " + quoted(name),
                    hint.empty() ? "without a name everything is heard" : hint);
}

result<channel> check(const wire::subscribe& what, const catalog& objects) {
  auto where = parse_channel(what.channel);
  if (!where)
    return make_error(ec::bad_usage, "no channel " + quoted(what.channel),
                      "the channels are task, result, log and event");
  auto name = text_in(what.params, "name");
  if (!name.empty())
    if (auto known = check_name_heard(objects, *where, name); !known) return known.error();
  return *where;
}

} // namespace

bool is_about(const happened& what, std::string_view name, const catalog& objects) {
  if (name == what.processor || name == what.socket || name == what.object) return true;
  auto socket = objects.find(object_kind::socket, what.socket);
  return socket && (socket->as<socket_spec>().queue == name || is_older_form(*socket, name));
}

void hub_state::subscribe(subscribe_session& what) {
  auto where = check(what.what, *shared->objects->view());
  session_output out;
  if (!where) {
    out.messages.push_back(wire::refused{what.what.seq, where.error()});
  } else {
    self->monitor(what.session);
    subscriptions.push_back(
        {what.session, what.what.seq, *where, text_in(what.what.params, "name")});
    shared->is_watched->store(true);
    out.messages.push_back(wire::reply{what.what.seq, {}});
  }
  tell(self, what.session, std::move(out));
}

void hub_state::unsubscribe(const std::function<bool(const subscription&)>& which) {
  std::erase_if(subscriptions, which);
  shared->is_watched->store(!subscriptions.empty());
}

void hub_state::forget(const forget_session& what) {
  unsubscribe([&](const subscription& s) {
    return s.session == what.session && (what.all || s.seq == what.seq);
  });
}

void hub_state::spread(const happened& what) {
  auto objects = shared->objects->view();
  for (const auto& s : subscriptions) {
    if (s.where != what.where) continue;
    if (!s.wanted.empty() && !is_about(what, s.wanted, *objects)) continue;
    session_output out;
    out.messages.push_back(wire::event{s.seq, what.what});
    tell(self, s.session, std::move(out));
  }
}

hub_actor::behavior_type hub(hub_actor::stateful_pointer<hub_state> self, services_ptr shared) {
  self->state.self = self;
  self->state.shared = std::move(shared);
  self->set_down_handler([self](const caf::down_msg& down) {
    self->state.unsubscribe([&](const auto& one) { return one.session.address() == down.source; });
  });
  return {
      [self](const happened& what) { self->state.spread(what); },
      [self](subscribe_session& what) { self->state.subscribe(what); },
      [self](const forget_session& what) { self->state.forget(what); },
  };
}

} // namespace flow::actors
