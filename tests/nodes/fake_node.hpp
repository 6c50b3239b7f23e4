// A node without an engine: the real API server over actors that accept and end calls as a test
// says.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "caf/all.hpp"

#include "actors/directory.hpp"
#include "flows/cbor.hpp"
#include "flows/messages.hpp"
#include "nodes/access.hpp"
#include "nodes/api_server.hpp"

namespace flow::test {

using namespace std::chrono_literals;

/// Longest wait for something that must happen; reached only by a failing test.
inline constexpr auto patience = 30s;

/// A number that tests wait for.
class counter {
public:
  void add(size_t n = 1) {
    std::lock_guard lock{mutex_};
    n_ += n;
    changed_.notify_all();
  }
  size_t now() const {
    std::lock_guard lock{mutex_};
    return n_;
  }
  bool reaches(size_t n) const {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, [&] { return n_ >= n; });
  }

private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  size_t n_ = 0;
};

inline value text_value(std::string_view text) {
  value v;
  v.cbor.clear();
  cbor::writer{v.cbor}.text(text);
  return v;
}

/// How the fake owner of sockets treats calls; shared with the test. Every call returns its
/// positional arguments.
struct call_book {
  enum class mode { end_now, refuse, hold, hold_unaccepted };

  struct held {
    caf::actor session;
    uint64_t seq;
    call_id id;
    value result;
  };

  std::mutex mutex;
  mode how = mode::end_now;
  std::map<call_id, value> ended; ///< by id: so a repeat is the same call
  std::set<call_id> known;
  std::vector<held> waiting;
  size_t submissions = 0;
  size_t repeats = 0; ///< marked `again`
  size_t awaited = 0;
  std::vector<wire::submit> last; ///< the latest ones, without order
  counter arrived;                ///< submissions and waits

  void set(mode next) {
    std::lock_guard lock{mutex};
    how = next;
  }

  /// Ends all that is held, and everything from now on at once.
  void release() {
    std::lock_guard lock{mutex};
    how = mode::end_now;
    for (auto& call : waiting) {
      ended[call.id] = call.result;
      session_output output;
      output.messages.emplace_back(
          wire::ended{call.seq, call.id, call_state::finished, call.result, {}, 1});
      caf::anon_send(call.session, std::move(output));
    }
    waiting.clear();
  }

  void take(submit_calls& calls) {
    std::lock_guard lock{mutex};
    session_output output;
    for (auto& [id, what] : calls.items) {
      ++submissions;
      repeats += what.again;
      last.push_back(what);
      if (how == mode::refuse) {
        output.messages.emplace_back(
            wire::refused{what.seq, make_error(ec::queue_full, "the queue is full", "later")});
        continue;
      }
      known.insert(id);
      if (how == mode::hold_unaccepted) continue;
      output.messages.emplace_back(wire::accepted{what.seq, id});
      value result{what.args.positional};
      if (how == mode::end_now || ended.contains(id)) {
        ended[id] = result;
        if (what.push_end)
          output.messages.emplace_back(
              wire::ended{what.seq, id, call_state::finished, result, {}, 1});
      } else {
        waiting.push_back({calls.session, what.seq, id, result});
      }
    }
    if (last.size() > 1'000) last.clear();
    if (!output.messages.empty()) caf::anon_send(calls.session, std::move(output));
    arrived.add(calls.items.size());
  }

  void take(await_calls& waits) {
    std::lock_guard lock{mutex};
    session_output output;
    for (auto& wait : waits.items) {
      ++awaited;
      if (auto at = ended.find(wait.id); at != ended.end())
        output.messages.emplace_back(
            wire::ended{wait.seq, wait.id, call_state::finished, at->second, {}, 1});
      else if (known.contains(wait.id))
        waiting.push_back({waits.session, wait.seq, wait.id, {}});
      else
        output.messages.emplace_back(
            wire::refused{wait.seq, make_error(ec::unknown_call, "no such call")});
    }
    if (!output.messages.empty()) caf::anon_send(waits.session, std::move(output));
    arrived.add(waits.items.size());
  }
};

inline caf::behavior fake_owner(caf::event_based_actor*, std::shared_ptr<call_book> book) {
  return {
      [book](submit_calls& calls) { book->take(calls); },
      [book](await_calls& waits) { book->take(waits); },
  };
}

/// Verbs that a test can see through: what was asked comes back. `call.show` knows the calls of the
/// book.
struct verb_book {
  std::mutex mutex;
  std::vector<std::string> users;
  std::map<uint64_t, caf::actor> subscriptions;
  bool is_silent = false;
  counter asked;
  counter sessions_ended;
};

inline value shown_call(call_book& calls, std::string_view id) {
  std::lock_guard lock{calls.mutex};
  auto parsed = parse_call_id(id);
  const bool has_ended = parsed && calls.ended.contains(*parsed);
  value v;
  v.cbor.clear();
  cbor::writer w{v.cbor};
  w.map(has_ended ? 3 : 2)
      .text("id")
      .text(id)
      .text("state")
      .text(has_ended ? "finished" : "running");
  if (has_ended) w.text("result").raw(calls.ended[*parsed].cbor);
  return v;
}

inline wire::node_message verb_answer(const run_verb& asked, call_book& calls) {
  auto seq = asked.what.seq;
  cbor::reader r{asked.what.params.cbor};
  if (asked.what.verb == "call.show") {
    r.map();
    r.skip();
    return wire::reply{seq, shown_call(calls, r.text())};
  }
  if (asked.what.verb == "socket.resolve") {
    // {"name": .., "signature": null}
    value v;
    v.cbor.clear();
    cbor::writer{v.cbor}.map(2).text("name").text("shop.price").text("signature").null();
    return wire::reply{seq, v};
  }
  if (asked.what.verb == "queue.purge")
    return wire::refused{seq, make_error(ec::unknown_object, "no queue", "none")};
  return wire::reply{seq, asked.what.params};
}

inline caf::behavior fake_verbs(caf::event_based_actor*, std::shared_ptr<verb_book> verbs,
                                std::shared_ptr<call_book> calls) {
  return {
      [=](const run_verb& asked) {
        std::lock_guard lock{verbs->mutex};
        verbs->users.push_back(asked.user);
        if (!verbs->is_silent) {
          session_output output;
          output.messages.push_back(verb_answer(asked, *calls));
          caf::anon_send(asked.session, std::move(output));
        }
        verbs->asked.add();
      },
      [=](const subscribe_session& asked) {
        std::lock_guard lock{verbs->mutex};
        verbs->subscriptions[asked.what.seq] = asked.session;
        session_output output;
        output.messages.emplace_back(wire::reply{asked.what.seq, {}});
        caf::anon_send(asked.session, std::move(output));
      },
      [=](const forget_session& forgotten) {
        std::lock_guard lock{verbs->mutex};
        if (forgotten.all) {
          std::erase_if(verbs->subscriptions,
                        [&](auto& it) { return it.second == forgotten.session; });
          verbs->sessions_ended.add();
        } else {
          verbs->subscriptions.erase(forgotten.seq);
        }
      },
  };
}

/// The whole: sockets "shop.price" (partition 1) and "shop.total" (2), token "secret" of admin,
/// "reader" of a user who may only look.
class fake_node {
public:
  fake_node() : system{config} {
    owner = system.spawn(fake_owner, calls);
    verbs_actor = system.spawn(fake_verbs, verbs, calls);
    auto routes = std::make_shared<actors::routes>();
    uint32_t n = 0;
    for (auto* name : {"shop.price", "shop.total"}) {
      actors::socket_route route{partition_id{++n}, owner, name};
      routes->by_name.emplace(name, route);
      routes->by_partition.emplace(route.partition, route);
    }
    directory.publish(std::move(routes));
    auto users = std::make_shared<nodes::access>();
    users->grant("secret", {"admin", {"ALL"}, {}});
    users->grant("reader", {"rita", {"READ_CALL", "LS_CALLS", "LS_QUEUES"}, {}});
    options.who = users;
    options.address = "127.0.0.1:0";
    options.node_name = "n1";
    options.system = &system;
    options.directory = &directory;
    options.verbs = verbs_actor;
    options.health_now = [this] { return health; };
  }
  ~fake_node() {
    stop();
    caf::anon_send_exit(owner, caf::exit_reason::kill);
    caf::anon_send_exit(verbs_actor, caf::exit_reason::kill);
  }

  /// Listens; again on the same port when it did before.
  bool start() {
    auto made = nodes::make_api_server(options);
    if (!made) return false;
    server = std::move(*made);
    options.address = server->address();
    return true;
  }
  void stop() { server.reset(); }

  caf::actor_system_config config;
  caf::actor_system system;
  actors::directory directory;
  std::shared_ptr<call_book> calls = std::make_shared<call_book>();
  std::shared_ptr<verb_book> verbs = std::make_shared<verb_book>();
  caf::actor owner;
  caf::actor verbs_actor;
  nodes::health health; ///< written only while no request is under way
  nodes::api_server_options options;
  std::unique_ptr<nodes::api_server> server;
};

} // namespace flow::test
