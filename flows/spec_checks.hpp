// Internal to the specs: what can be checked of one spec alone, after its keys were read.
#pragma once

#include "flows/object_specs.hpp"

namespace flow::internal {

result<void> check_spec(const network_spec& spec);
result<void> check_spec(const node_spec& spec);
result<void> check_spec(const scheduler_spec& spec);
result<void> check_spec(const queue_spec& spec);
result<void> check_spec(const processor_spec& spec);
result<void> check_spec(const socket_spec& spec);
result<void> check_spec(const plug_spec& spec);
result<void> check_spec(const argument_spec& spec);
result<void> check_spec(const deployment_spec& spec);
result<void> check_spec(const user_spec& spec);
result<void> check_spec(const role_spec& spec);

} // namespace flow::internal
