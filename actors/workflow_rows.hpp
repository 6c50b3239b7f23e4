// What is shown of workflows beside the rows that all calls have.
#pragma once

#include "actors/verbs_actor.hpp"

namespace flow::actors {

/// Trees of members in the order in which the workflow names their steps: their ids are in no order
/// that means something.
void sort_steps(nlohmann::json& trees);

/// The row of a call; a workflow's with its steps as `flow`.
result<json_ptr> with_steps(const services& shared, const call_id& id, result<json_ptr> row);

/// The workflow that the call belongs to: itself, or the nearest above it. `wrong_state` when there
/// is none.
result<call_id> workflow_of(const services& shared, const verbs_state::in_flight& live,
                            const call_id& id);

} // namespace flow::actors
