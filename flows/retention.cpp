#include "flows/retention.hpp"

#include <algorithm>

namespace flow {

namespace {

constexpr uint64_t dead_letter_ages = 4;

} // namespace

uint64_t forget_at_ms(const retention_rule& rule, const kept_call& call) {
  if (rule.age_ms == 0) return 0;
  return call.ended_ms + rule.age_ms * (call.is_dead_letter ? dead_letter_ages : 1);
}

retention_plan plan_retention(const retention_rule& rule, uint64_t now_ms, uint64_t bytes_kept,
                              size_t calls_max, const kept_calls& ordinary,
                              const kept_calls& dead_letters) {
  retention_plan plan;
  auto excess = rule.bytes_max == 0 ? 0 : bytes_kept - std::min(bytes_kept, rule.bytes_max);
  auto visit = [&](const kept_call& call) {
    auto at = forget_at_ms(rule, call);
    if (excess == 0 && (at == 0 || at > now_ms)) {
      if (at != 0 && (plan.next_ms == 0 || at < plan.next_ms)) plan.next_ms = at;
      return false;
    }
    plan.has_more = plan.gone.size() == calls_max;
    if (plan.has_more) return false;
    plan.gone.push_back(call);
    excess -= std::min(excess, call.bytes);
    return true;
  };
  ordinary(visit);
  if (!plan.has_more) dead_letters(visit);
  return plan;
}

} // namespace flow
