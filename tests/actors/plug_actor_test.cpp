#define CAF_SUITE actors.plug_actor

#include "actors/plug_actor.hpp"
#include "tests/actors/actor_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::actors;
using namespace flow::test;

namespace {

constexpr partition_id target{8};
constexpr uint64_t answer_within_ms = 500;

struct fixture : actor_fixture {
  fixture() { subject = own(sys.spawn(plug, services_ptr{shared})); }

  /// A target that keeps what comes and answers nothing.
  seen<arrive_calls> target_appears() {
    auto arrived = nothing_seen<arrive_calls>();
    auto owner
        = own(sys.spawn([=](caf::event_based_actor*) -> caf::behavior { return {keep(arrived)}; }));
    auto next = std::make_shared<routes>();
    next->by_partition.emplace(target, socket_route{target, owner, {}});
    shared->sockets->publish(std::move(next));
    return arrived;
  }

  void give(uint64_t n) {
    auto call = std::make_shared<call_record>();
    call->id = make_call_id(time.now_ms, target, n);
    tell(subject, arrive_calls{{call}, {}, 0, false});
  }

  plug_actor subject;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(plug_actor_tests, fixture)

CAF_TEST(a call goes to the owner of its partition and names its courier) {
  auto arrived = target_appears();
  give(1);
  CAF_REQUIRE_EQUAL(arrived->size(), 1u);
  CAF_CHECK(arrived->front().courier == caf::actor_cast<caf::actor>(subject));
  CAF_CHECK(!arrived->front().again);
  CAF_CHECK_EQUAL(ask<plug_status>(subject, actors::describe{}).delivered, 1u);
}

CAF_TEST(what is not answered is sent again as such until it is) {
  auto arrived = target_appears();
  give(1);
  give(2);
  tell(subject, calls_arrived{arrived->at(1).number});
  advance(answer_within_ms - 1);
  CAF_CHECK_EQUAL(arrived->size(), 2u);
  advance(1);
  CAF_REQUIRE_EQUAL(arrived->size(), 3u);
  CAF_CHECK(arrived->back().again);
  CAF_CHECK(arrived->back().calls[0]->id == arrived->front().calls[0]->id);
  CAF_CHECK_EQUAL(arrived->back().number, arrived->front().number);
  advance(answer_within_ms);
  CAF_CHECK_EQUAL(arrived->size(), 4u);
  tell(subject, calls_arrived{arrived->front().number});
  advance(10 * answer_within_ms);
  CAF_CHECK_EQUAL(arrived->size(), 4u);
}

CAF_TEST(calls for a target that is not there wait for it) {
  give(1);
  advance(answer_within_ms);
  auto arrived = target_appears();
  advance(answer_within_ms);
  CAF_CHECK_EQUAL(arrived->size(), 1u);
}

CAF_TEST(calls go to the successor of a target that has ended) {
  auto lost = target_appears();
  give(1);
  auto arrived = target_appears();
  advance(answer_within_ms);
  CAF_CHECK_EQUAL(lost->size(), 1u);
  CAF_CHECK_EQUAL(arrived->size(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
