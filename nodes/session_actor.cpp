#include "nodes/session_actor.hpp"

#include <algorithm>

#include "caf/all.hpp"

#include "flows/limits.hpp"
#include "nodes/session_checks.hpp"

namespace flow::nodes {

namespace {

constexpr size_t suggestions_max = 16; // of one frame: each costs a look at all names

struct session_state {
  static inline const char* name = "session";

  caf::event_based_actor* self = nullptr;
  session_options options;

  /// Why a number of the client is open.
  enum class asked : uint8_t {
    launch,
    call,
    wait,
    request,
    subscription
  }; // launch: its end is not wanted
  struct open_item {
    asked what;
    partition_id partition{};
    call_id id; ///< of a wait
  };
  std::unordered_map<uint64_t, open_item> open;
  size_t open_calls = 0; ///< those up to `wait`: a client full of calls can still ask about them
  /// Waits for one call share one request to its owner; the first number is the one that was sent.
  /// Numbers that are forgotten leave, the request stays until it is answered: so one call costs
  /// its owner one watcher, however often an impatient client asks.
  struct shared_wait {
    uint64_t asked_as = 0;
    std::vector<uint64_t> seqs;
  };
  std::unordered_map<call_id, shared_wait> waits;
  std::unordered_map<caf::actor_addr, partition_id> owners; ///< those that are monitored

  // Work of the frame at hand, sent when it has been read to its end.
  template <class Calls>
  struct to_owner {
    caf::actor owner;
    Calls calls;
  };
  std::unordered_map<partition_id, to_owner<submit_calls>> submits;
  std::unordered_map<partition_id, to_owner<await_calls>> awaits;
  std::vector<wire::node_message> answers;
  std::shared_ptr<const actors::routes> routes;
  size_t suggestions_left = 0;

  // -- from the client --------------------------------------------------------

  void on_frame(const std::string& bytes) {
    auto messages = wire::decode_client_frame(bytes);
    if (messages)
      on_messages(*messages);
    else
      end(messages.error());
    options.sink->consumed(bytes.size());
  }

  void on_messages(std::vector<wire::client_message>& messages) {
    routes = options.directory->view();
    suggestions_left = suggestions_max;
    for (auto& message : messages)
      if (!std::visit([this](auto& m) { return take(m); }, message)) break;
    for (auto& [partition, group] : submits)
      send(partition, group);
    for (auto& [partition, group] : awaits)
      send(partition, group);
    submits.clear();
    awaits.clear();
    routes.reset();
    if (!answers.empty()) options.sink->deliver(std::exchange(answers, {}));
  }

  template <class Calls>
  void send(partition_id partition, to_owner<Calls>& group) {
    if (owners.try_emplace(group.owner.address(), partition).second) self->monitor(group.owner);
    self->send(group.owner, std::move(group.calls));
  }

  template <class Calls>
  static Calls& group_of(std::unordered_map<partition_id, to_owner<Calls>>& groups,
                         const actors::socket_route& route, caf::event_based_actor* from) {
    auto [at, is_new] = groups.try_emplace(route.partition);
    if (is_new) {
      at->second.owner = route.owner;
      at->second.calls.session = from;
    }
    return at->second.calls;
  }

  bool take(wire::client_hello& m) {
    if (m.major != wire::version_major) {
      end(make_error(ec::version_mismatch, "the client speaks version " + std::to_string(m.major)
                                               + " of the protocol, this node "
                                               + std::to_string(wire::version_major)));
      return false;
    }
    if (!options.session.empty()) {
      end(make_error(ec::bad_frame, "a client says hello once"));
      return false;
    }
    options.session = std::move(m.session);
    answers.emplace_back(wire::node_hello{wire::version_major, wire::version_minor,
                                          options.node_name, options.who->user,
                                          options.time->wall_ms()});
    return true;
  }

  bool take(wire::submit& m) {
    if (!is_greeted()) return false;
    auto may = check_new(m.seq, right_to_call, open_calls);
    if (may) may = check_submit(m, options.time->wall_ms());
    if (!may) {
      refuse(m.seq, may.error());
      return true;
    }
    const auto* route = route_of(m);
    if (!route) {
      const bool with_hint = suggestions_left > 0;
      suggestions_left -= with_hint;
      refuse(m.seq, unknown_socket(m.socket, *routes, with_hint));
      return true;
    }
    auto partition = route->partition;
    auto id = make_call_id(m.time_ms, partition, stable_hash(options.session, m.seq));
    remember(m.seq, open_item{m.push_end ? asked::call : asked::launch, partition, {}});
    auto& group = group_of(submits, *route, self);
    if (group.user.empty()) group.user = options.who->user;
    group.items.push_back({id, std::move(m)});
    return true;
  }

  /// Of its socket, or of the owner of workflows.
  const actors::socket_route* route_of(const wire::submit& m) const {
    if (!m.options.flow.empty()) {
      auto at = routes->by_partition.find(workflow_partition);
      return at == routes->by_partition.end() ? nullptr : &at->second;
    }
    auto at = routes->by_name.find(m.socket);
    return at == routes->by_name.end() ? nullptr : &at->second;
  }

  bool take(wire::wait& m) {
    if (!is_greeted()) return false;
    // Waits that were forgotten still weigh on their owners.
    if (auto may = check_new(m.seq, right_to_wait, std::max(open_calls, waits.size())); !may) {
      refuse(m.seq, may.error());
      return true;
    }
    auto route = routes->by_partition.find(m.id.partition());
    if (route == routes->by_partition.end()) {
      refuse(m.seq, make_error(ec::unknown_call, "no call " + to_string(m.id)));
      return true;
    }
    remember(m.seq, open_item{asked::wait, m.id.partition(), m.id});
    auto [at, is_first] = waits.try_emplace(m.id);
    at->second.seqs.push_back(m.seq);
    if (!is_first) return true;
    at->second.asked_as = m.seq;
    group_of(awaits, route->second, self).items.push_back(m);
    return true;
  }

  bool take(wire::request& m) {
    if (!is_greeted()) return false;
    auto right = right_of_verb(m.verb, m.params);
    auto may
        = right ? check_new(m.seq, *right, open.size() - open_calls) : result<void>{right.error()};
    if (may) may = wire::check_values(m.params);
    if (!may) {
      refuse(m.seq, may.error());
      return true;
    }
    remember(m.seq, open_item{asked::request, {}, {}});
    self->send(options.verbs, run_verb{self, options.who->user, std::move(m)});
    return true;
  }

  bool take(wire::subscribe& m) {
    if (!is_greeted()) return false;
    auto right = right_of_channel(m.channel);
    auto may
        = right ? check_new(m.seq, *right, open.size() - open_calls) : result<void>{right.error()};
    if (may) may = wire::check_values(m.params);
    if (!may) {
      refuse(m.seq, may.error());
      return true;
    }
    remember(m.seq, open_item{asked::subscription, {}, {}});
    self->send(options.verbs, subscribe_session{self, std::move(m)});
    return true;
  }

  bool take(wire::forget& m) {
    if (!is_greeted()) return false;
    auto at = open.find(m.seq);
    if (at == open.end()) return true;
    if (at->second.what == asked::subscription)
      self->send(options.verbs, forget_session{self, m.seq, false});
    else if (at->second.what == asked::wait)
      std::erase(waits[at->second.id].seqs, m.seq);
    drop(at);
    return true;
  }

  bool is_greeted() {
    if (!options.session.empty()) return true;
    end(make_error(ec::bad_frame, "the first message of a client must be hello"));
    return false;
  }

  void remember(uint64_t seq, open_item item) {
    open_calls += item.what <= asked::wait;
    open.emplace(seq, item);
  }

  void drop(std::unordered_map<uint64_t, open_item>::iterator at) {
    open_calls -= at->second.what <= asked::wait;
    open.erase(at);
  }

  bool drop(uint64_t seq) {
    auto at = open.find(seq);
    if (at == open.end()) return false;
    drop(at);
    return true;
  }

  // -- what is refused --------------------------------------------------------

  result<void> check_new(uint64_t seq, std::string_view right, size_t weight) {
    if (auto may = check_right(*options.who, right); !may) return may;
    if (open.contains(seq))
      return make_error(ec::bad_usage, "the number " + std::to_string(seq) + " is in use");
    if (weight >= limits::api_calls_in_flight_max)
      return make_error(ec::too_busy,
                        std::to_string(limits::api_calls_in_flight_max)
                            + " messages of this connection are unanswered",
                        "go on when some of them have ended");
    return {};
  }

  void refuse(uint64_t seq, error why) { answers.emplace_back(wire::refused{seq, std::move(why)}); }

  // -- to the client ----------------------------------------------------------

  void on_output(session_output& output) {
    auto& messages = output.messages;
    std::vector<wire::node_message> fanned_out;
    auto kept = messages.begin();
    for (auto& message : messages)
      if (std::visit([&](auto& m) { return pass(m, fanned_out); }, message)) {
        if (&*kept != &message) *kept = std::move(message);
        ++kept;
      }
    messages.erase(kept, messages.end());
    for (auto& message : fanned_out)
      messages.push_back(std::move(message));
    if (!messages.empty()) options.sink->deliver(std::move(messages));
  }

  using more = std::vector<wire::node_message>;

  bool pass(wire::node_hello&, more&) { return false; }

  bool pass(wire::accepted& m, more&) {
    auto at = open.find(m.seq);
    if (at == open.end()) return false;
    if (at->second.what == asked::launch) drop(at);
    return true;
  }

  bool pass(wire::ended& m, more& fanned_out) {
    if (auto at = waits.find(m.id); at != waits.end() && at->second.asked_as == m.seq) {
      answer_waits(at->second, fanned_out, [&m](uint64_t seq) {
        auto copy = m;
        copy.seq = seq;
        return copy;
      });
      waits.erase(at);
      return false;
    }
    return drop(m.seq);
  }

  bool pass(wire::refused& m, more& fanned_out) {
    // A wait that was forgotten has no number any more, so look for who asked under it.
    auto at = open.find(m.seq);
    if (at != open.end() && at->second.what == asked::wait)
      return refuse_waits(waits.find(at->second.id), m, fanned_out);
    if (at != open.end()) {
      drop(at);
      return true;
    }
    for (auto it = waits.begin(); it != waits.end(); ++it)
      if (it->second.asked_as == m.seq) return refuse_waits(it, m, fanned_out);
    return false;
  }

  bool refuse_waits(std::unordered_map<call_id, shared_wait>::iterator at, const wire::refused& m,
                    more& fanned_out) {
    if (at == waits.end()) return false;
    answer_waits(at->second, fanned_out, [&m](uint64_t seq) { return wire::refused{seq, m.why}; });
    waits.erase(at);
    return false;
  }

  template <class Make>
  void answer_waits(shared_wait& wait, more& fanned_out, Make make) {
    for (auto seq : wait.seqs) {
      drop(seq);
      fanned_out.emplace_back(make(seq));
    }
  }

  bool pass(wire::reply& m, more&) {
    auto at = open.find(m.seq);
    if (at == open.end()) return false;
    if (at->second.what == asked::request) drop(at);
    return true;
  }

  bool pass(wire::event& m, more&) { return open.contains(m.seq); }

  // -- the end ----------------------------------------------------------------

  void on_down(const caf::down_msg& news) {
    if (news.source == options.verbs.address())
      return end(
          make_error(ec::connection_lost, "a part of the node was restarted", "connect again"));
    auto at = owners.find(news.source);
    if (at == owners.end()) return;
    auto partition = at->second;
    owners.erase(at);
    auto is_due = [partition](auto& it) {
      return it.second.partition == partition && it.second.what <= asked::wait;
    };
    std::erase_if(waits, [partition](auto& it) {
      return it.second.seqs.empty() && it.first.partition() == partition;
    });
    if (std::any_of(open.begin(), open.end(), is_due))
      end(make_error(ec::connection_lost, "a socket was restarted with answers due",
                     "connect again"));
  }

  void end(error why) {
    // Number 0 is nobody's: a client that waits for its hello reads here why there is none.
    std::vector<wire::node_message> last;
    last.emplace_back(wire::refused{0, why});
    options.sink->deliver(std::move(last));
    options.sink->end(std::move(why));
  }

  void on_connection_ended() {
    self->send(options.verbs, forget_session{self, 0, true});
    self->quit();
  }
};

caf::behavior session_actor(caf::stateful_actor<session_state>* self, session_options options) {
  auto& state = self->state;
  state.self = self;
  state.options = std::move(options);
  self->monitor(state.options.verbs);
  self->set_down_handler([self](caf::down_msg& news) { self->state.on_down(news); });
  return {
      [self](frame_received& frame) { self->state.on_frame(frame.bytes); },
      [self](messages_received& all) { self->state.on_messages(all.messages); },
      [self](session_output& output) { self->state.on_output(output); },
      [self](connection_ended) { self->state.on_connection_ended(); },
  };
}

} // namespace

caf::actor spawn_session(caf::actor_system& system, session_options options) {
  return system.spawn(session_actor, std::move(options));
}

} // namespace flow::nodes
