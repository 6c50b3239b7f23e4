// What the catalog means for the actors: pure.
#pragma once

#include <cstdint>
#include <string>

#include "flows/catalog.hpp"
#include "flows/partition.hpp"
#include "flows/retention.hpp"

namespace flow::actors {

/// The policy of a socket's partition: its queue's bounds, its processor's retries, the plugs out
/// of it, and the arguments that its join waits for when plugs deliver arguments.
partition_policy policy_of(const catalog& objects, const object& socket, const std::string& node);

/// How long the socket keeps what has ended.
retention_rule retention_of(const catalog& objects, const object& socket);

/// How many workers the processor has on this node: what its deployments here say, or its own cpus
/// when it has none.
uint32_t slots_of(const catalog& objects, const object& processor, const std::string& node);

/// The sockets whose policy may differ after these changes, by name.
std::vector<std::string> sockets_touched(const catalog& objects,
                                         const std::vector<object_change>& changes);

} // namespace flow::actors
