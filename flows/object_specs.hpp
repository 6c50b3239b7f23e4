// What is asked of each kind of object: typed, with defaults and bounds, read strictly from what
// people write.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "flows/error.hpp"
#include "flows/limits.hpp"
#include "flows/value.hpp"

namespace flow {

/// Every word of the command line that names a sort of thing. The first block is kept in the
/// catalog and written to disk: never renumber. The second is observed, or kept elsewhere.
enum class object_kind : uint8_t {
  network = 1,
  node = 2,
  scheduler = 3,
  queue = 4,
  processor = 5,
  socket = 6,
  plug = 7,
  argument = 8,
  deployment = 9,
  user = 10,
  role = 11,

  agent = 101,
  worker = 102,
  task = 103,
  call = 104,
  schedule = 105,
  flow = 106,
  module = 107,
  privilege = 108,
  token = 109,
  secret = 110,
  log = 111,
  event = 112,
};

/// "socket", "sockets".
std::string_view to_string(object_kind kind);
std::string_view plural(object_kind kind);
/// Whether the catalog keeps objects of this kind.
constexpr bool is_stored(object_kind kind) {
  return kind <= object_kind::role;
}
/// Stored kinds such that an object refers only to earlier ones.
const std::vector<object_kind>& stored_kinds();

/// Singular, plural and short words ("queue", "queues", "q"). `unknown_command` with the nearest
/// word otherwise.
result<object_kind> parse_kind(std::string_view word);

// -- the specs ----------------------------------------------------------------
// Times are in milliseconds; where 0 has a meaning it is said. Names of other objects are exact.

struct network_spec {
  std::string description;

  bool operator==(const network_spec&) const = default;
};

struct node_spec {
  std::string hostname;
  uint32_t cpus = 1;

  bool operator==(const node_spec&) const = default;
};

enum class placement_strategy : uint8_t { balanced, efficient };

struct scheduler_spec {
  placement_strategy strategy = placement_strategy::balanced;
  std::vector<std::string> nodes;

  bool operator==(const scheduler_spec&) const = default;
};

enum class queue_type : uint8_t { direct, topic, fanout };
enum class overflow_policy : uint8_t { block, reject, drop_oldest };

struct queue_spec {
  queue_type type = queue_type::direct;
  uint64_t ttl_ms = 0; ///< a call not taken by then is a dead letter; 0: never
  uint64_t max_length = limits::queue_calls_max;
  uint64_t max_bytes = limits::queue_bytes_max;
  overflow_policy overflow = overflow_policy::block;
  uint64_t expires_ms = 0; ///< an empty, unused queue is removed after this; 0: never
  bool paused = false;     ///< takes calls, hands none out

  bool operator==(const queue_spec&) const = default;
};

enum class desired_state : uint8_t { running, paused, stopped };
enum class auto_sockets : uint8_t { all, none, listed };

/// Which functions get a socket by themselves: "auto", "none", or a list of functions.
struct socket_policy {
  auto_sockets which = auto_sockets::all;
  std::vector<std::string> functions; ///< when listed

  bool operator==(const socket_policy&) const = default;
};

struct processor_spec {
  std::string repository;
  std::string branch; ///< at most one of branch, tag and commit; none: the remote's default branch
  std::string tag;
  std::string commit;
  std::string module;      ///< as imported: "pyfi.processors.sample"
  std::string module_path; ///< directory in the repository that comes first on the import path
  std::string language = "python";
  uint32_t cpus = 1;        ///< wanted over all deployments
  std::string requirements; ///< one a line; may be given as a list
  uint32_t retries = limits::retries_default;
  uint64_t retry_delay_ms = limits::retry_delay_ms_default;
  double retry_backoff = limits::retry_backoff_default; ///< each delay is the last one times this
  uint64_t retry_delay_ms_max = limits::retry_delay_ms_max;
  uint64_t time_limit_ms = 0; ///< 0: none
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string>
      replacements;     ///< functions, and source that takes their place (mixins)
  std::string image;    ///< of a container; empty: the node's own sandbox
  bool network = false; ///< whether its workers may use the network
  uint64_t memory_bytes = limits::sandbox_memory_bytes_default;
  std::string description;
  desired_state desired = desired_state::running;
  socket_policy sockets;
  uint64_t history_age_ms = limits::history_age_ms_default; ///< 0: for ever; dead letters: 4 times
  uint64_t history_bytes = 0; ///< of one socket, the oldest go first; 0: any number

  bool operator==(const processor_spec&) const = default;
};

/// How arguments that arrive one by one find each other (spec 1.7).
enum class join_mode : uint8_t {
  automatic, ///< by their root; those that its calls cannot reach in order of arrival
  key,
  zip,   ///< in order of arrival
  latch, ///< each arrival with the latest value of the others
};

struct socket_spec {
  std::string processor;
  std::string task;         ///< the function's name; MODULE.FUNCTION is accepted when it is added
  std::string queue;        ///< empty when added: a queue of the socket's own name
  uint64_t interval_ms = 0; ///< 0: not by interval; at most one of interval and cron
  std::string cron;         ///< 5 or 6 fields
  std::string tz;           ///< of cron; empty: UTC
  join_mode join = join_mode::automatic;
  std::string join_key; ///< where a value has its key: "order.id"; empty: the key that callers give
  uint64_t join_timeout_ms = 0; ///< half-filled sets are dead letters after it; 0: never

  bool operator==(const socket_spec&) const = default;
};

struct plug_spec {
  std::string source;
  std::string target;
  std::string argument;      ///< of the target's function; empty: its first free parameter
  std::string on = "result"; ///< `result`, `error`, or the name of an output
  std::string queue;         ///< optional
  bool cycle = false;        ///< this plug closes a circle on purpose

  bool operator==(const plug_spec&) const = default;
};

struct argument_spec {
  std::string plug;
  std::string task; ///< FUNCTION, MODULE.FUNCTION or the target socket's name
  std::string argument;

  bool operator==(const argument_spec&) const = default;
};

struct deployment_spec {
  std::string processor;
  std::string node;
  uint32_t cpus = 1;

  bool operator==(const deployment_spec&) const = default;
};

struct user_spec {
  std::string email;
  std::vector<std::string> roles;
  std::vector<std::string> privileges;
  std::vector<std::string> revoked; ///< beats what roles and privileges grant
  bool locked = false;

  bool operator==(const user_spec&) const = default;
};

struct role_spec {
  std::vector<std::string> privileges;

  bool operator==(const role_spec&) const = default;
};

/// The alternative says of which kind the object is.
using object_spec
    = std::variant<network_spec, node_spec, scheduler_spec, queue_spec, processor_spec, socket_spec,
                   plug_spec, argument_spec, deployment_spec, user_spec, role_spec>;

object_kind kind_of(const object_spec& spec);

/// Reads a map as the spec of `kind`; keys that are absent or null have their defaults. Checks all
/// that can be checked without other objects. Errors: `unknown_key` with the nearest key;
/// `bad_value` naming the key and what is wanted; `bad_usage` for a kind that is not stored.
result<object_spec> parse_spec(object_kind kind, const value& given);

/// `before` with the keys of `changes` replaced; null puts the default back. Errors as
/// `parse_spec`.
result<object_spec> changed_spec(const object_spec& before, const value& changes);

/// The map with every key, defaults included.
value to_value(const object_spec& spec);

/// Reads what `to_value` wrote, from disk: unknown keys (of a newer version) are ignored, bounds
/// are not checked again. `store_corrupt` names the key.
result<object_spec> stored_spec(object_kind kind, const value& stored);

/// The keys in which two specs of one kind differ, in the order of `to_value`.
std::vector<std::string> differing_keys(const object_spec& a, const object_spec& b);

} // namespace flow
