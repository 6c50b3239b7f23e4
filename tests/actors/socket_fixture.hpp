// A socket between its session, its processor and a journal that commits when the test says so.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "caf/all.hpp"

#include "actors/socket_actor.hpp"
#include "storage/codec.hpp"
#include "storage/key_kind.hpp"
#include "storage/memory_store.hpp"

#include "caf/test/dsl.hpp"

namespace flow::actors::test {

inline constexpr partition_id own{7};
inline constexpr partition_id other{8};

/// What has come to the socket's neighbours.
struct neighbours {
  std::deque<append_rows> rows;
  std::vector<wire::node_message> answers;
  std::vector<dispatch> dispatches;
  std::vector<lease_id> ended_leases;
  std::vector<call_ptr> children;
};
using neighbours_ptr = std::shared_ptr<neighbours>;

inline journal_actor::behavior_type slow_journal(journal_actor::pointer, neighbours_ptr seen) {
  return {[seen](append_rows& rows) { seen->rows.push_back(std::move(rows)); }, [](flush_now) {},
          [](try_recover) {}, [](actors::describe) { return journal_status{}; }};
}

inline caf::behavior session(caf::event_based_actor*, neighbours_ptr seen) {
  return {[seen](session_output& output) {
    for (auto& message : output.messages)
      seen->answers.push_back(std::move(message));
  }};
}

inline caf::behavior processor(caf::event_based_actor*, neighbours_ptr seen) {
  return {[seen](run_calls& calls) {
            for (auto& item : calls.calls)
              seen->dispatches.push_back(std::move(item));
          },
          [seen](const end_leases& what) {
            for (auto lease : what.leases)
              seen->ended_leases.push_back(lease);
          },
          [](const attach_socket&) {}, [](const detach_socket&) {}};
}

inline caf::behavior courier(caf::event_based_actor*, neighbours_ptr seen) {
  return {[seen](arrive_calls& parcel) {
    for (auto& call : parcel.calls)
      seen->children.push_back(std::move(call));
  }};
}

struct socket_fixture : test_coordinator_fixture<> {
  socket_fixture() {
    shared->clock = &time;
    shared->store = storage::make_memory_store(time);
    shared->journal = sys.spawn(slow_journal, seen);
    shared->may_detach = false;
    client = sys.spawn(session, seen);
    wiring.policy.socket = "shop.price";
    wiring.policy.edges = {{"next", "result", other, {}}};
    wiring.processor = sys.spawn(processor, seen);
    wiring.plugs = {{"next", sys.spawn(courier, seen)}};
    open();
  }

  ~socket_fixture() {
    close();
    caf::anon_send_exit(shared->journal, caf::exit_reason::user_shutdown);
    for (const auto& each : {client, wiring.processor, wiring.plugs[0].courier})
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    sched.run();
  }

  void open() {
    subject = sys.spawn(actors::socket, services_ptr{shared}, own, wiring);
    tell(window_changed{10});
  }

  void close() {
    caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
    sched.run();
  }

  template <class Message>
  void tell(Message what) {
    caf::anon_send(subject, std::move(what));
    sched.run();
  }

  call_id submit(wire::submit what = {}) {
    what.seq = ++seq;
    auto id = make_call_id(time.now_ms, own, stable_hash("id", seq));
    tell(submit_calls{client, "ann", {{id, std::move(what)}}});
    return id;
  }
  void submit_again(const call_id& id) {
    wire::submit what;
    what.seq = ++seq;
    what.again = what.push_end = true;
    tell(submit_calls{client, "ann", {{id, std::move(what)}}});
  }
  void await(const call_id& id) { tell(await_calls{client, {{++seq, id}}}); }
  void finish(lease_id lease) {
    attempts_command command;
    command.ends.emplace_back().lease = lease;
    command.ends.back().returned = value_of_json("42").value();
    tell(std::move(command));
  }

  /// A call that another partition's end has made durable.
  call_ptr child(uint64_t n) {
    auto call = std::make_shared<call_record>();
    call->id = make_call_id(time.now_ms, own, n);
    call->root = call->id;
    storage::batch rows;
    storage::append(rows, std::vector<row_change>{put_call{call}});
    CAF_REQUIRE(shared->store->commit({&rows, 1}));
    return call;
  }
  void arrive(const call_ptr& call, bool again) { tell(arrive_calls{{call}, {}, 0, again}); }

  /// The oldest rows are written, and the socket is told.
  void commit() {
    CAF_REQUIRE(!seen->rows.empty());
    auto rows = std::move(seen->rows.front());
    seen->rows.pop_front();
    CAF_REQUIRE(shared->store->commit({&rows.rows, 1}));
    tell(rows_committed{{rows.ticket}, {}});
  }
  void commit_all() {
    while (!seen->rows.empty())
      commit();
  }

  /// Time goes on, in steps of a minute.
  void pass(uint64_t ms) {
    for (; ms >= 60'000; ms -= 60'000) {
      time.now_ms += 60'000;
      advance_time(std::chrono::minutes{1});
      sched.run();
    }
  }

  size_t rows_of(const storage::range& keys) {
    size_t count = 0;
    auto read
        = shared->store->scan(storage::family::history, keys,
                              [&](std::string_view, std::string_view) { return ++count > 0; });
    CAF_CHECK(read);
    return count;
  }

  /// The answers of one kind since the last look at them.
  template <class Answer>
  std::vector<Answer> take() {
    std::vector<Answer> found;
    std::erase_if(seen->answers, [&](const wire::node_message& message) {
      const auto* answer = std::get_if<Answer>(&message);
      if (answer) found.push_back(*answer);
      return answer != nullptr;
    });
    return found;
  }

  manual_clock time;
  uint64_t seq = 0;
  neighbours_ptr seen = std::make_shared<neighbours>();
  std::shared_ptr<services> shared = std::make_shared<services>();
  caf::actor client;
  configure_socket wiring;
  socket_actor subject;
};

} // namespace flow::actors::test
