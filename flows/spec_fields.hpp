// Internal to flows/object_specs*.cpp: the one list of every spec's keys, in the order in which
// they are shown. A visitor reads, writes or compares; so that no key can be read but not written.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "flows/limits.hpp"
#include "flows/object_specs.hpp"

namespace flow::internal {

template <class Enum>
struct choice {
  std::string_view word;
  Enum means;
};

inline constexpr std::array placement_words{
    choice<placement_strategy>{"BALANCED", placement_strategy::balanced},
    choice<placement_strategy>{"EFFICIENT", placement_strategy::efficient},
};
inline constexpr std::array queue_type_words{
    choice<queue_type>{"direct", queue_type::direct},
    choice<queue_type>{"topic", queue_type::topic},
    choice<queue_type>{"fanout", queue_type::fanout},
};
inline constexpr std::array overflow_words{
    choice<overflow_policy>{"block", overflow_policy::block},
    choice<overflow_policy>{"reject", overflow_policy::reject},
    choice<overflow_policy>{"drop-oldest", overflow_policy::drop_oldest},
};
inline constexpr std::array join_words{
    choice<join_mode>{"auto", join_mode::automatic},
    choice<join_mode>{"key", join_mode::key},
    choice<join_mode>{"zip", join_mode::zip},
    choice<join_mode>{"latch", join_mode::latch},
};
inline constexpr std::array desired_words{
    choice<desired_state>{"running", desired_state::running},
    choice<desired_state>{"paused", desired_state::paused},
    choice<desired_state>{"stopped", desired_state::stopped},
};

template <class Visitor>
void visit_fields(Visitor& v, network_spec& s) {
  v.text("description", s.description, limits::description_bytes_max);
}

template <class Visitor>
void visit_fields(Visitor& v, node_spec& s) {
  v.text("hostname", s.hostname);
  v.number("cpus", s.cpus, 1, limits::cpus_max);
}

template <class Visitor>
void visit_fields(Visitor& v, scheduler_spec& s) {
  v.word("strategy", s.strategy, placement_words);
  v.texts("nodes", s.nodes);
}

template <class Visitor>
void visit_fields(Visitor& v, queue_spec& s) {
  v.word("type", s.type, queue_type_words);
  v.number("ttl_ms", s.ttl_ms, 0, limits::queue_ttl_ms_max);
  v.number("max_length", s.max_length, 1, limits::queue_calls_ceiling);
  v.number("max_bytes", s.max_bytes, 1, limits::queue_bytes_ceiling);
  v.word("overflow", s.overflow, overflow_words);
  v.number("expires_ms", s.expires_ms, 0, limits::queue_ttl_ms_max);
  v.flag("paused", s.paused);
}

template <class Visitor>
void visit_fields(Visitor& v, processor_spec& s) {
  v.text("repository", s.repository);
  v.text("branch", s.branch);
  v.text("tag", s.tag);
  v.text("commit", s.commit);
  v.text("module", s.module, limits::name_bytes_max);
  v.text("module_path", s.module_path);
  v.text("language", s.language);
  v.number("cpus", s.cpus, 1, limits::cpus_max);
  v.lines("requirements", s.requirements, limits::description_bytes_max);
  v.number("retries", s.retries, 0, limits::retries_max);
  v.number("retry_delay_ms", s.retry_delay_ms, 0, limits::retry_delay_ms_max);
  v.factor("retry_backoff", s.retry_backoff, 1.0, limits::retry_backoff_max);
  v.number("retry_delay_ms_max", s.retry_delay_ms_max, 0, limits::retry_delay_ms_max);
  v.number("time_limit_ms", s.time_limit_ms, 0, limits::time_limit_ms_max);
  v.text_map("environment", s.environment, limits::processor_environment_bytes_max);
  v.text_map("replacements", s.replacements, limits::replacements_bytes_max);
  v.text("image", s.image);
  v.flag("network", s.network);
  v.number("memory_bytes", s.memory_bytes, limits::sandbox_memory_bytes_min,
           limits::sandbox_memory_bytes_max);
  v.text("description", s.description, limits::description_bytes_max);
  v.word("desired", s.desired, desired_words);
  v.policy("sockets", s.sockets);
  v.number("history_age_ms", s.history_age_ms, 0, limits::queue_ttl_ms_max);
  v.number("history_bytes", s.history_bytes, 0, limits::queue_bytes_ceiling);
}

template <class Visitor>
void visit_fields(Visitor& v, socket_spec& s) {
  v.text("processor", s.processor);
  v.text("task", s.task);
  v.text("queue", s.queue);
  v.number("interval_ms", s.interval_ms, 0, limits::interval_ms_max);
  v.text("cron", s.cron);
  v.text("tz", s.tz);
  v.word("join", s.join, join_words);
  v.text("join_key", s.join_key);
  v.number("join_timeout_ms", s.join_timeout_ms, 0, limits::queue_ttl_ms_max);
}

template <class Visitor>
void visit_fields(Visitor& v, plug_spec& s) {
  v.text("source", s.source);
  v.text("target", s.target);
  v.text("argument", s.argument);
  v.text("on", s.on);
  v.text("queue", s.queue);
  v.flag("cycle", s.cycle);
}

template <class Visitor>
void visit_fields(Visitor& v, argument_spec& s) {
  v.text("plug", s.plug);
  v.text("task", s.task);
  v.text("argument", s.argument);
}

template <class Visitor>
void visit_fields(Visitor& v, deployment_spec& s) {
  v.text("processor", s.processor);
  v.text("node", s.node);
  v.number("cpus", s.cpus, 1, limits::cpus_max);
}

template <class Visitor>
void visit_fields(Visitor& v, user_spec& s) {
  v.text("email", s.email);
  v.texts("roles", s.roles);
  v.texts("privileges", s.privileges);
  v.texts("revoked", s.revoked);
  v.flag("locked", s.locked);
}

template <class Visitor>
void visit_fields(Visitor& v, role_spec& s) {
  v.texts("privileges", s.privileges);
}

} // namespace flow::internal
