#include "flows/client.hpp"

#include <atomic>
#include <future>
#include <optional>

#include "flows/cbor.hpp"
#include "flows/client_connection.hpp"

namespace flow {

namespace {

using full = client_connection::when_full;

/// What a callback leaves for a caller that waits; outlives both.
template <class T>
class mailbox {
public:
  mailbox() : told_{shared_->get_future()} {}

  auto sender() const {
    return [shared = shared_](result<T> what) { shared->set_value(std::move(what)); };
  }
  std::optional<result<T>> receive(std::chrono::milliseconds timeout) {
    if (told_.wait_for(timeout) != std::future_status::ready) return std::nullopt;
    return told_.get();
  }

private:
  std::shared_ptr<std::promise<result<T>>> shared_ = std::make_shared<std::promise<result<T>>>();
  std::future<result<T>> told_;
};

/// Ends with its last handle.
struct subscription {
  subscription(std::shared_ptr<client_connection> over, uint64_t number)
      : connection{std::move(over)}, seq{number} {}
  ~subscription() { connection->forget(seq); }
  subscription(const subscription&) = delete;
  subscription& operator=(const subscription&) = delete;

  const std::shared_ptr<client_connection> connection;
  const uint64_t seq;
};

error would_wait_for_itself() {
  return make_error(ec::bad_usage,
                    "a callback of the connection must not block on the same connection",
                    "use `submit`, an actor, or another thread");
}

error not_within(const std::string& what, std::chrono::milliseconds timeout, std::string hint) {
  return make_error(ec::timed_out, what + " within " + std::to_string(timeout.count()) + " ms",
                    std::move(hint));
}

/// The failure of a call as the error of who asked for its result.
error error_of(const call_outcome& outcome) {
  auto text = "call " + to_string(outcome.id) + " " + std::string{to_string(outcome.state)};
  if (!outcome.why.type.empty()) text += ": " + outcome.why.type;
  if (!outcome.why.message.empty()) text += ": " + outcome.why.message;
  return make_error(outcome.why ? outcome.why.code : ec::task_failed, std::move(text),
                    outcome.why.traceback);
}

result<value> value_of(result<call_outcome> ended) {
  if (!ended) return ended.error();
  if (!ended->ok()) return error_of(*ended);
  return std::move(ended->returned);
}

} // namespace

// -- call_handle --------------------------------------------------------------

call_handle::call_handle(call_id id, std::shared_ptr<client_connection> connection)
    : id_{id}, connection_{std::move(connection)} {}

result<call_outcome> call_handle::wait(std::chrono::milliseconds timeout) const {
  if (connection_->on_own_thread()) return would_wait_for_itself();
  mailbox<call_outcome> ended;
  auto seq = connection_->wait(id_, ended.sender(), full::block);
  if (auto told = ended.receive(timeout)) return std::move(*told);
  connection_->forget(seq);
  return not_within("call " + to_string(id_) + " did not end", timeout,
                    "it goes on: wait again, or cancel it");
}

result<value> call_handle::get(std::chrono::milliseconds timeout) const {
  return value_of(wait(timeout));
}

result<void> call_handle::cancel() const {
  if (connection_->on_own_thread()) return would_wait_for_itself();
  value params;
  params.cbor.clear();
  cbor::writer{params.cbor}.map(1).text("ids").array(1).text(to_string(id_));
  mailbox<value> replied;
  auto timeout = connection_->options().request_timeout;
  auto seq = connection_->request("call.cancel", std::move(params), replied.sender());
  auto told = replied.receive(timeout);
  if (!told) {
    connection_->forget(seq);
    return not_within("cancelling " + to_string(id_) + " was not answered", timeout,
                      "look at the call's state");
  }
  if (!*told) return told->error();
  return {};
}

// -- client -------------------------------------------------------------------

client::client(std::shared_ptr<client_connection> connection)
    : connection_{std::move(connection)} {}

result<client> client::connect(client_options options) {
  auto connection = client_connection::open(std::move(options));
  if (!connection) return connection.error();
  return client{std::move(*connection)};
}

result<call_handle> client::launch(const std::string& socket, const arguments& args,
                                   const wire::submit_options& options) const {
  if (connection_->on_own_thread()) return would_wait_for_itself();
  mailbox<call_id> accepted;
  auto timeout = connection_->options().request_timeout;
  auto seq = connection_->submit(socket, args, options, accepted.sender(), {}, full::block);
  auto id = accepted.receive(timeout);
  if (!id) {
    connection_->forget(seq);
    return not_within(
        "the call of " + socket + " was not acknowledged", timeout,
        "it may run all the same; give it a `key` to ask again without a second call");
  }
  if (!*id) return id->error();
  return call_handle{**id, connection_};
}

void client::submit(const std::string& socket, arguments args, const wire::submit_options& options,
                    std::function<void(result<call_id>)> accepted,
                    std::function<void(const call_outcome&)> ended) const {
  if (!ended) {
    connection_->submit(socket, std::move(args), options, std::move(accepted), {}, full::block);
    return;
  }
  // The id is kept only for the outcome of a connection that is given up.
  auto id = std::make_shared<call_id>();
  auto on_accepted = [id, tell = std::move(accepted)](result<call_id> what) {
    if (what) *id = *what;
    if (tell) tell(std::move(what));
  };
  auto on_ended = [id, tell = std::move(ended)](result<call_outcome> what) {
    if (what) return tell(*what);
    call_outcome unknown;
    unknown.id = *id;
    unknown.state = call_state::queued;
    unknown.why
        = {what.error().code, std::string{describe(what.error().code).name}, what.error().text, {}};
    tell(unknown);
  };
  connection_->submit(socket, std::move(args), options, std::move(on_accepted), std::move(on_ended),
                      full::block);
}

result<value> client::call(const std::string& socket, const arguments& args,
                           std::chrono::milliseconds timeout,
                           const wire::submit_options& options) const {
  if (connection_->on_own_thread()) return would_wait_for_itself();
  // One answer: the refusal of the submission, or the end of the call.
  mailbox<call_outcome> ended;
  auto id = std::make_shared<std::atomic<bool>>(false);
  auto accepted_id = std::make_shared<call_id>();
  auto on_accepted = [accepted_id, known = id, tell = ended.sender()](result<call_id> what) {
    if (!what) return tell(what.error());
    *accepted_id = *what;
    known->store(true);
  };
  auto seq = connection_->submit(socket, args, options, std::move(on_accepted), ended.sender(),
                                 full::block);
  if (auto told = ended.receive(timeout)) return value_of(std::move(*told));
  connection_->forget(seq);
  if (!id->load())
    return not_within(
        "the call of " + socket + " was not acknowledged", timeout,
        "it may run all the same; give it a `key` to ask again without a second call");
  return not_within("call " + to_string(*accepted_id) + " of " + socket + " did not end", timeout,
                    "it goes on: wait for it by its id, or cancel it");
}

call_handle client::find(const call_id& id) const {
  return call_handle{id, connection_};
}

result<value> client::request(const std::string& verb, const value& params) const {
  if (connection_->on_own_thread()) return would_wait_for_itself();
  mailbox<value> replied;
  auto timeout = connection_->options().request_timeout;
  auto seq = connection_->request(verb, params, replied.sender());
  if (auto told = replied.receive(timeout)) return std::move(*told);
  connection_->forget(seq);
  return not_within(verb + " was not answered", timeout,
                    "it may have happened or not: look, then ask again");
}

result<std::shared_ptr<void>> client::subscribe(const std::string& channel, const value& params,
                                                std::function<void(const value&)> on_event) const {
  if (connection_->on_own_thread()) return would_wait_for_itself();
  mailbox<value> ready;
  auto timeout = connection_->options().request_timeout;
  auto seq = connection_->subscribe(channel, params, ready.sender(), std::move(on_event));
  auto told = ready.receive(timeout);
  if (!told) {
    connection_->forget(seq);
    return not_within("the subscription to " + channel + " was not answered", timeout, {});
  }
  if (!*told) return told->error();
  return std::make_shared<subscription>(connection_, seq);
}

const std::string& client::node_name() const {
  return connection_->node_name();
}
const std::string& client::user() const {
  return connection_->user();
}

} // namespace flow
