// Sending from a typed actor to a handle whose type is erased.
#pragma once

#include "caf/actor.hpp"
#include "caf/actor_cast.hpp"
#include "caf/message.hpp"
#include "caf/message_id.hpp"

namespace flow::actors {

/// Like `self->send`, which typed actors may not use for untyped receivers. `anon_send` would
/// forget on which scheduler thread we are and wake another core for the receiver.
template <class Self, class Message>
void tell(Self* self, const caf::actor& to, Message what) {
  if (!to) return;
  caf::actor_cast<caf::abstract_actor*>(to)->enqueue(
      caf::actor_cast<caf::strong_actor_ptr>(self->ctrl()), caf::make_message_id(),
      caf::make_message(std::move(what)), self->context());
}

} // namespace flow::actors
