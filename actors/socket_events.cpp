// What a socket tells those who listen: that a call has changed its state, and how it ended.
#include "caf/all.hpp"

#include "actors/socket_actor.hpp"

namespace flow::actors {

namespace {

value failure_value(const failure& why) {
  if (!why) return {};
  return map_builder{}
      .text("code", code_text(why.code))
      .text("type", why.type)
      .text("message", why.message)
      .finish();
}

} // namespace

void socket_state::tell_hub(channel where, const map_builder& what) {
  happened event;
  event.where = where;
  event.processor = wiring.policy.processor;
  event.socket = wiring.policy.socket;
  event.what = what.finish();
  self->send(shared->hub, std::move(event));
}

void socket_state::tell_watchers(call_state state, const call_id& id) {
  map_builder what;
  what.text("channel", "task").text("state", to_string(state)).text("call", to_string(id));
  what.text("socket", wiring.policy.socket).text("processor", wiring.policy.processor);
  tell_hub(channel::task, what.number("time_ms", now_ms()));
}

void socket_state::tell_watchers_of_end(const ended_call& ended) {
  tell_watchers(ended.state, ended.call->id);
  map_builder what;
  what.text("channel", "result").text("state", to_string(ended.state));
  what.text("call", to_string(ended.call->id)).text("socket", wiring.policy.socket);
  what.text("processor", wiring.policy.processor).item("result", ended.result);
  what.item("failure", failure_value(ended.why));
  tell_hub(channel::result, what.number("time_ms", now_ms()));
}

} // namespace flow::actors
