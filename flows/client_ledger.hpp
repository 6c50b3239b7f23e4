// What a client has asked and has not been told yet, and what of it must go over the wire. No
// threads, no clock, no I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "flows/client.hpp"
#include "flows/wire.hpp"

namespace flow {

/// How the program is told; every function runs outside of any lock.
namespace on {
using accepted = std::function<void(result<call_id>)>;
using ended = std::function<void(result<call_outcome>)>;
using replied = std::function<void(result<value>)>;
using event = std::function<void(const value&)>;
} // namespace on

/// One thing to tell the program.
class answer {
public:
  answer(on::accepted tell, result<call_id> what)
      : told_{accepted{std::move(tell), std::move(what)}} {}
  answer(on::ended tell, result<call_outcome> what)
      : told_{ended{std::move(tell), std::move(what)}} {}
  answer(on::replied tell, result<value> what) : told_{replied{std::move(tell), std::move(what)}} {}
  answer(std::shared_ptr<const on::event> tell, value what)
      : told_{event{std::move(tell), std::move(what)}} {}

  void deliver();

private:
  struct accepted {
    on::accepted tell;
    result<call_id> what;
  };
  struct ended {
    on::ended tell;
    result<call_outcome> what;
  };
  struct replied {
    on::replied tell;
    result<value> what;
  };
  struct event {
    std::shared_ptr<const on::event> tell;
    value what;
  };
  std::variant<accepted, ended, replied, event> told_;
};

/// Messages that go out as one frame.
struct wire_batch {
  uint64_t number = 0;
  size_t count = 0;
  std::string items;
};

/// Nothing is told twice: an entry leaves the ledger with its last answer, and a sequence number is
/// never reused.
class client_ledger {
public:
  client_ledger(std::string session, std::string name);

  // -- asked by the program ---------------------------------------------------

  /// Whether another call (or wait) of so many bytes is within `api_calls_in_flight_max` and the
  /// bytes that may wait.
  bool has_room(size_t bytes) const;
  /// Without `ended` the node is not asked to push the end.
  uint64_t submit(wire::submit what, on::accepted accepted, on::ended ended);
  uint64_t wait(const call_id& id, on::ended ended);
  uint64_t request(std::string verb, value params, on::replied replied);
  uint64_t subscribe(std::string channel, value params, on::replied ready, on::event event);
  /// No answer to `seq` is wanted any more. The call itself, if it is one, goes on.
  void forget(uint64_t seq);

  // -- the connection ---------------------------------------------------------

  /// The first message of every connection.
  wire::client_hello hello() const;
  /// The hello was answered: queues, in order of seq, what this connection must carry: submits that
  /// are not acknowledged
  /// (`again` if they may have been seen), waits by call id, subscriptions, and requests that were
  /// never sent.
  void opened();
  /// The connection is gone. Requests that may have been seen are answered `connection_lost`; the
  /// rest waits.
  void lost(std::vector<answer>& answers);
  /// Takes what is to be written next; false if there is nothing.
  bool next_batch(wire_batch& batch);
  bool has_batch() const { return !batches_.empty(); }
  void on_message(wire::node_message&& message, std::vector<answer>& answers);
  /// Everything that is unanswered ends with `why`, and so will everything asked from now on.
  void give_up(const error& why, std::vector<answer>& answers);

  size_t unanswered() const { return entries_.size(); }

private:
  struct asked_submit {
    wire::submit what; ///< its arguments are dropped when it is accepted
    on::accepted accepted;
    on::ended ended;
    call_id id; ///< none until accepted
    size_t bytes = 0;
  };
  struct asked_wait {
    call_id id;
    on::ended ended;
  };
  struct asked_request {
    wire::request what;
    on::replied replied;
  };
  struct asked_subscription {
    wire::subscribe what;
    on::replied ready; ///< empty once told
    std::shared_ptr<const on::event> event;
  };
  using asked = std::variant<asked_submit, asked_wait, asked_request, asked_subscription>;
  struct entry {
    uint64_t batch = 0; ///< the one it went into last; 0: none yet
    asked what;
  };
  using entries = std::unordered_map<uint64_t, entry>;

  uint64_t add(uint64_t seq, asked what);
  void put_on_wire(uint64_t seq, entry& it);
  wire_batch& open_batch();
  bool may_have_been_seen(const entry& it) const { return it.batch != 0 && it.batch <= taken_; }
  void erase(entries::iterator at);
  void on_accepted(const wire::accepted& m, std::vector<answer>& answers);
  void on_ended(wire::ended&& m, std::vector<answer>& answers);
  void on_reply(wire::reply&& m, std::vector<answer>& answers);
  void on_event(wire::event&& m, std::vector<answer>& answers);
  void refuse(entries::iterator at, const error& why, std::vector<answer>& answers);

  const std::string session_;
  const std::string name_;
  entries entries_;
  std::deque<wire_batch> batches_;
  uint64_t last_seq_ = 0;
  uint64_t last_batch_ = 0;
  uint64_t taken_ = 0; ///< the batch that was given to the wire last
  size_t calls_ = 0;   ///< submits and waits in `entries_`
  size_t bytes_ = 0;   ///< of submits that are not accepted
  bool open_ = false;
};

} // namespace flow
