// A node with all its actors, on the memory store and with fake processes.
#pragma once

#include "actors/node_actor.hpp"
#include "actors/socket_actor.hpp"
#include "storage/codec.hpp"
#include "tests/actors/actor_fixture.hpp"
#include "tests/support/catalog_fixture.hpp"

namespace flow::test {

using namespace flow::actors;

struct node_fixture : actor_fixture {
  node_fixture() {
    modules->function("price");
    modules->function("bill");
    plan.shop();
    plan.found("p", modules->module.functions);
    plan.socket("shop.price", "price");
    plan.socket("shop.bill", "bill");
    plan.plug("then", "shop.price", "shop.bill");
    shared->node = "sim";
    client = own(sys.spawn(
        [said = said](caf::event_based_actor*) -> caf::behavior { return {keep(said)}; }));
  }

  ~node_fixture() {
    caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
    sched.run();
    for (auto& [number, process] : processes->all)
      if (!process.is_over) processes->exit(number, "the test is over", true);
    sched.run();
    shared->journal = nullptr;
    shared->hub = nullptr;
    shared->sockets->publish(std::make_shared<const routes>());
  }

  void start() {
    subject = sys.spawn(node, shared, std::make_shared<const catalog>(plan.all));
    self->monitor(subject);
    sched.run();
    ready_all();
  }
  void ready_all() {
    for (auto number : processes->live())
      if (greeted.insert(number).second) processes->ready(number);
    sched.run();
  }

  node_life& state() {
    using pointer = node_actor::stateful_pointer<node_life>;
    return deref<std::remove_pointer_t<pointer>>(subject).state;
  }
  caf::actor owner(const std::string& socket) {
    return shared->sockets->view()->by_name.at(socket).owner;
  }
  template <class Handle>
  void kill(const Handle& victim) {
    caf::anon_send_exit(victim, caf::exit_reason::kill);
  }
  bool has_ended() {
    bool is_down = false;
    self->receive([&](const caf::down_msg&) { is_down = true; },
                  caf::after(std::chrono::seconds{0}) >> [] {});
    return is_down;
  }

  call_id submit(const std::string& socket) {
    wire::submit what;
    what.seq = ++seq;
    what.push_end = true;
    auto route = shared->sockets->view()->by_name.at(socket);
    auto id = make_call_id(time.now_ms, route.partition, stable_hash("id", seq));
    tell(route.owner, submit_calls{client, "ann", {{id, std::move(what)}}});
    return id;
  }
  /// The live process that runs `id` now; 0: none.
  uint64_t runner_of(const call_id& id) {
    for (const auto& [number, process] : processes->all)
      if (!process.is_over && !process.is_killed)
        for (const auto& call : process.calls)
          if (call.id == id) return number;
    return 0;
  }
  void finish(uint64_t process) {
    CAF_REQUIRE(process != 0);
    processes->finish(process);
    sched.run();
  }
  bool has_ended(const call_id& id) {
    auto row = storage::read_ended(*shared->store, id);
    return row && *row;
  }
  call_id child_of(const call_id& id) {
    return derive_call_id(id, "then", 0, owner_partition("shop.bill"));
  }
  partition_id owner_partition(const std::string& socket) {
    return shared->sockets->view()->by_name.at(socket).partition;
  }
  size_t ends_told() {
    size_t n = 0;
    for (const auto& each : *said)
      for (const auto& message : each.messages)
        n += std::holds_alternative<wire::ended>(message);
    return n;
  }
  void fill_store() { fault = storage::write_fault{ec::store_full, false}; }
  void make_room() {
    fault.reset();
    advance(200);
  }

  catalog_fixture plan;
  node_actor subject;
  caf::actor client;
  seen<session_output> said = nothing_seen<session_output>();
  std::set<uint64_t> greeted;
  uint64_t seq = 0;
};

} // namespace flow::test
