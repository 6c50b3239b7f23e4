#include "flows/client_actor.hpp"

#include <unordered_map>
#include <variant>

#include "caf/all.hpp"

#include "flows/client_connection.hpp"

namespace flow {

namespace {

/// The connection's thread tells the actor, and only the actor touches its promises.
struct answered {
  uint64_t ticket = 0;
  std::variant<result<call_id>, result<call_outcome>, result<value>> what;
};

} // namespace

} // namespace flow

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::answered)

namespace flow {

namespace {

constexpr auto error_category = caf::atom("flow");
constexpr uint8_t error_number = 1; // CAF has eight bits for it; the code travels in the context

/// Speaks for one client in the caller's actor system. Replies are durable facts: `call_launched`
/// after the call is on disk, `call_outcome` after its end is.
struct client_actor_state {
  static inline const char* name = "client";

  caf::event_based_actor* self = nullptr;
  std::shared_ptr<client_connection> connection;
  std::unordered_map<uint64_t, caf::response_promise> promises;
  uint64_t last_ticket = 0;

  /// A callback for `ticket`. It holds the actor: who asked through a temporary handle is still
  /// answered.
  template <class T>
  auto sender(uint64_t ticket) {
    return [to = caf::actor{self}, ticket](result<T> what) {
      caf::anon_send(to, answered{ticket, {std::move(what)}});
    };
  }
  uint64_t open_promise() {
    promises.emplace(++last_ticket, self->make_response_promise());
    return last_ticket;
  }

  void call(const call_socket& what) {
    auto ticket = open_promise();
    auto refused = [tell = sender<call_id>(ticket)](result<call_id> id) {
      if (!id) tell(std::move(id));
    };
    connection->submit(what.socket, what.args, what.options, std::move(refused),
                       sender<call_outcome>(ticket), client_connection::when_full::refuse);
  }
  void launch(const launch_call& what) {
    connection->submit(what.socket, what.args, what.options, sender<call_id>(open_promise()), {},
                       client_connection::when_full::refuse);
  }
  void await(const await_call& what) {
    connection->wait(what.id, sender<call_outcome>(open_promise()),
                     client_connection::when_full::refuse);
  }
  void ask(const ask_node& what) {
    connection->request(what.verb, what.params, sender<value>(open_promise()));
  }

  void answer(answered& news) {
    auto at = promises.find(news.ticket);
    if (at == promises.end()) return;
    auto promise = std::move(at->second);
    promises.erase(at);
    std::visit(
        [&promise](auto& what) {
          if (what)
            promise.deliver(message_of(std::move(*what)));
          else
            promise.deliver(make_caf_error(what.error()));
        },
        news.what);
  }

  static call_launched message_of(call_id&& id) { return {id}; }
  static call_outcome message_of(call_outcome&& outcome) { return std::move(outcome); }
  static node_answered message_of(value&& answer) { return {std::move(answer)}; }
};

caf::behavior client_actor(caf::stateful_actor<client_actor_state>* self,
                           std::shared_ptr<client_connection> connection) {
  self->state.self = self;
  self->state.connection = std::move(connection);
  return {
      [self](const call_socket& what) { self->state.call(what); },
      [self](const launch_call& what) { self->state.launch(what); },
      [self](const await_call& what) { self->state.await(what); },
      [self](const ask_node& what) { self->state.ask(what); },
      [self](answered& news) { self->state.answer(news); },
  };
}

} // namespace

caf::error make_caf_error(const error& why) {
  return {error_number, error_category,
          caf::make_message(static_cast<uint16_t>(why.code), why.text, why.hint)};
}

error error_of(const caf::error& why) {
  if (why.category() == error_category
      && why.context().match_elements<uint16_t, std::string, std::string>())
    return {static_cast<ec>(why.context().get_as<uint16_t>(0)),
            why.context().get_as<std::string>(1), why.context().get_as<std::string>(2)};
  if (why == caf::sec::request_timeout)
    return make_error(ec::timed_out, "not answered within the time of the request",
                      "what was asked may still happen");
  return make_error(ec::internal, "actor error " + std::to_string(why.code()));
}

caf::actor client::spawn_actor(caf::actor_system& system) const {
  return system.spawn(client_actor, connection_);
}

} // namespace flow
