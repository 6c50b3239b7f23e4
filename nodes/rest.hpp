// REST over the verbs (docs/api.md): what a request asks of a session, and what its answers look
// like. No sockets here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flows/error.hpp"
#include "flows/wire.hpp"
#include "nodes/rest_answer.hpp"

namespace flow::nodes {

struct rest_request {
  std::string method; ///< "GET"
  std::string target; ///< "/api/v1/calls?limit=10", as it came
  std::string body;
  std::string key;   ///< header Idempotency-Key
  std::string trace; ///< header traceparent
};

/// One request on its way: messages go to a session of its own, its answers come back, until there
/// is something to say.
class rest_exchange {
public:
  /// What is wrong with the request is the answer at once.
  static boost::system::result<rest_exchange, rest_answer> begin(const rest_request& request,
                                                                 uint64_t now_ms);

  /// What to send to the session now; taking it empties it.
  std::vector<wire::client_message> take_messages() { return std::move(to_session_); }
  /// How long to wait before `time_is_up`.
  uint64_t wait_ms() const { return wait_ms_; }

  std::optional<rest_answer> on_message(const wire::node_message& message);
  /// The time to wait is over; none: go on, there is one thing more to ask.
  std::optional<rest_answer> time_is_up();

private:
  enum class step { accept, end, show, wait, show_again, answer, cancel };
  struct builder;

  std::optional<rest_answer> on_reply(const value& answer);
  void ask(std::string verb, value params);

  std::vector<wire::client_message> to_session_;
  step step_ = step::answer;
  uint64_t wait_ms_ = 0;
  uint64_t last_seq_ = 0;
  uint64_t wanted_ms_ = 0; ///< `wait_ms` of the request
  std::string verb_;
  std::string state_when_accepted_ = "queued";
  call_id id_;
  std::string id_text_;
};

} // namespace flow::nodes
