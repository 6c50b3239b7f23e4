// Which ended calls history forgets.
#define CAF_SUITE flows.retention

#include "flows/retention.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;

namespace {

constexpr uint64_t now_ms = 1'000'000;

struct history {
  std::vector<kept_call> ordinary;
  std::vector<kept_call> dead_letters;

  void add(uint64_t age_ms, uint64_t bytes = 100, bool is_dead_letter = false) {
    auto id = make_call_id(now_ms - age_ms, partition_id{7}, ++entropy);
    (is_dead_letter ? dead_letters : ordinary)
        .push_back({id, now_ms - age_ms, bytes, is_dead_letter});
  }
  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const auto* calls : {&ordinary, &dead_letters})
      for (const auto& call : *calls)
        sum += call.bytes;
    return sum;
  }
  retention_plan plan(const retention_rule& rule, size_t calls_max = 100) const {
    auto all = [](const std::vector<kept_call>& calls) -> kept_calls {
      return [&calls](const std::function<bool(const kept_call&)>& visit) {
        for (const auto& call : calls)
          if (!visit(call)) return;
      };
    };
    return plan_retention(rule, now_ms, bytes(), calls_max, all(ordinary), all(dead_letters));
  }
  uint64_t entropy = 0;
};

} // namespace

CAF_TEST(a call goes when it is too old and a dead letter four times as late) {
  history kept;
  for (uint64_t age_ms : {1'001u, 1'000u, 999u, 10u})
    kept.add(age_ms);
  for (uint64_t age_ms : {4'000u, 3'999u})
    kept.add(age_ms, 100, true);
  auto plan = kept.plan({1'000, 0});
  CAF_REQUIRE_EQUAL(plan.gone.size(), 3u);
  CAF_CHECK(plan.gone[0].id == kept.ordinary[0].id);
  CAF_CHECK(plan.gone[1].id == kept.ordinary[1].id);
  CAF_CHECK(plan.gone[2].id == kept.dead_letters[0].id);
  CAF_CHECK(!plan.has_more);
  CAF_CHECK_EQUAL(plan.next_ms, now_ms + 1);
}

CAF_TEST(without an age nothing goes and nothing is waited for) {
  history kept;
  kept.add(999'999);
  auto plan = kept.plan({0, 0});
  CAF_CHECK(plan.gone.empty());
  CAF_CHECK_EQUAL(plan.next_ms, 0u);
}

CAF_TEST(what is too much goes oldest first and dead letters last) {
  history kept;
  for (uint64_t age_ms : {50u, 40u, 30u})
    kept.add(age_ms);
  kept.add(60, 100, true);
  CAF_CHECK(kept.plan({0, 400}).gone.empty());
  auto plan = kept.plan({0, 399});
  CAF_REQUIRE_EQUAL(plan.gone.size(), 1u);
  CAF_CHECK(plan.gone[0].id == kept.ordinary[0].id);
  plan = kept.plan({0, 50});
  CAF_REQUIRE_EQUAL(plan.gone.size(), 4u);
  CAF_CHECK(plan.gone[3].is_dead_letter);
}

CAF_TEST(many go in small batches) {
  history kept;
  for (uint64_t i = 0; i < 25; ++i)
    kept.add(2'000 - i);
  auto plan = kept.plan({1'000, 0}, 10);
  CAF_CHECK_EQUAL(plan.gone.size(), 10u);
  CAF_CHECK(plan.has_more);
}
