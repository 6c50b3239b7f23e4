// What a socket keeps of its calls that have ended, and what of it goes (flows/retention.hpp).
#pragma once

#include <functional>
#include <memory>

#include "flows/retention.hpp"
#include "storage/store.hpp"

namespace flow::actors {

/// Reads which ended calls of the partition go now.
result<retention_plan> plan_history(const storage::store& from, partition_id owner,
                                    const retention_rule& rule, uint64_t now_ms);

/// The rows that go with these calls: their history, their place in trees, their idempotency keys.
/// One that `is_alive` again is left alone.
result<storage::batch> forget_calls(const storage::store& from, const std::vector<kept_call>& gone,
                                    const std::function<bool(const call_id&)>& is_alive);

/// Of a call that is nowhere: `result_gone` if its history has been forgotten, `unknown_call` if it
/// never was.
error missing_call(const call_id& id, const retention_rule& rule, uint64_t now_ms);

} // namespace flow::actors
