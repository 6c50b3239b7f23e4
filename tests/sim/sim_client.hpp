// A client of a simulated node: the real ledger of the client library over a connection that breaks
// when the simulation says so.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "caf/all.hpp"

#include "flows/client_ledger.hpp"
#include "nodes/session_actor.hpp"
#include "tests/sim/checked_store.hpp"

namespace flow::sim {

class sim_client {
public:
  sim_client(checked_store& store, const clock& time, verdict& found)
      : store_{store}, time_{time}, found_{found}, ledger_{std::string(16, 's'), "sim"} {}

  // -- what the program asks --------------------------------------------------

  void submit(const std::string& socket, bool wants_end) {
    wire::submit what;
    what.time_ms = time_.wall_ms();
    what.socket = socket;
    ++submitted_;
    on::ended ended;
    if (wants_end) {
      ++open_ends_;
      ended = [this](result<call_outcome> outcome) { on_ended(outcome); };
    }
    ledger_.submit(
        std::move(what),
        [this, wants_end](result<call_id> id) {
          if (id) return on_accepted(*id);
          ++refused_;
          open_ends_ -= wants_end;
        },
        std::move(ended));
  }
  void request(
      const std::string& verb, const std::string& params,
      std::function<void(result<value>)> replied = [](const result<value>&) {}) {
    ledger_.request(verb, value_of_json(params).value(), std::move(replied));
  }

  // -- the connection ---------------------------------------------------------

  bool is_connected() const { return session_ != nullptr; }

  void connect(caf::actor_system& system, const actors::directory* sockets, caf::actor verbs) {
    auto who = std::make_shared<nodes::principal>();
    who->user = "ann";
    who->rights = {"ALL"};
    sink_ = std::make_shared<sink>();
    nodes::session_options options;
    options.sink = sink_;
    options.who = who;
    options.node_name = "sim";
    options.directory = sockets;
    options.verbs = std::move(verbs);
    options.time = &time_;
    session_ = nodes::spawn_session(system, std::move(options));
    send(1, [&] {
      std::string items;
      wire::encode(items, wire::client_message{ledger_.hello()});
      return items;
    }());
    ledger_.opened();
  }

  /// The connection is cut, by whomever. What the node said last may be lost with it.
  void disconnect() {
    if (!session_) return;
    caf::anon_send(session_, nodes::connection_ended{});
    session_ = nullptr;
    sink_.reset();
    std::vector<answer> answers;
    ledger_.lost(answers);
    deliver(answers);
  }

  /// Sends what is to be sent and reads what has come.
  void work() {
    if (!session_) return;
    wire_batch batch;
    while (ledger_.next_batch(batch))
      send(batch.count, batch.items);
    std::vector<answer> answers;
    for (auto& message : std::exchange(sink_->inbox, {}))
      ledger_.on_message(std::move(message), answers);
    deliver(answers);
    if (sink_->is_ended) disconnect();
  }

  size_t unanswered() const { return ledger_.unanswered(); }
  size_t open_ends() const { return open_ends_; }
  size_t submitted() const { return submitted_; }
  size_t refused() const { return refused_; }
  const std::set<call_id>& accepted() const { return accepted_; }

private:
  struct sink final : nodes::session_sink {
    void deliver(std::vector<wire::node_message> messages) override {
      for (auto& message : messages)
        inbox.push_back(std::move(message));
    }
    void consumed(size_t) override {}
    void end(error) override { is_ended = true; }

    std::deque<wire::node_message> inbox;
    bool is_ended = false;
  };

  void send(size_t count, std::string_view items) {
    caf::anon_send(session_, nodes::frame_received{wire::frame_of(count, items)});
  }

  static void deliver(std::vector<answer>& answers) {
    for (auto& each : answers)
      each.deliver();
  }

  void on_accepted(const call_id& id) {
    found_.require(store_.knows(id),
                   "I1: call " + to_string(id) + " was acknowledged without a row");
    found_.require(accepted_.insert(id).second,
                   "call " + to_string(id) + " was acknowledged for two");
  }

  void on_ended(const result<call_outcome>& outcome) {
    --open_ends_;
    found_.require(outcome.has_value(), "a call that was acknowledged was refused its end");
    if (!outcome) return;
    auto end = store_.ended(outcome->id);
    found_.require(end && end->state == outcome->state,
                   "the end of call " + to_string(outcome->id) + " was told and is not on disk");
  }

  checked_store& store_;
  const clock& time_;
  verdict& found_;
  client_ledger ledger_;
  caf::actor session_;
  std::shared_ptr<sink> sink_;
  std::set<call_id> accepted_;
  size_t submitted_ = 0;
  size_t refused_ = 0;
  size_t open_ends_ = 0;
};

} // namespace flow::sim
