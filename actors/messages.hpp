// What the actors of one node say to each other, by receiver. Local only: nothing here is ever
// serialized.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "caf/actor.hpp"
#include "caf/allowed_unsafe_message_type.hpp"

#include "codeloader/loader.hpp"
#include "codeloader/worker_host.hpp"
#include "flows/catalog.hpp"
#include "flows/messages.hpp"
#include "flows/partition.hpp"
#include "flows/retention.hpp"
#include "storage/store.hpp"

namespace flow::actors {

// -- to anyone ----------------------------------------------------------------

struct describe {};
struct wake_up {
  uint64_t tag = 0;
};
struct flush_now {};

// -- to the journal -----------------------------------------------------------

/// Make these rows durable. `from` gets `rows_committed` naming `ticket`. What one sender appends
/// becomes durable in order.
struct append_rows {
  caf::actor from;
  uint64_t ticket = 0;
  storage::batch rows;
  /// New work: refused when the store is full. Otherwise the rows are kept until they are durable.
  bool is_refusable = false;
};
struct try_recover {};

struct journal_status {
  bool is_writable = true;
  uint64_t waiting = 0; ///< batches
  uint64_t commits = 0;
  uint64_t batches = 0;
  error last_error;
  uint64_t stalled_ms = 0; ///< how long the oldest waiting batch has waited
};

/// From the journal: durable (or refused) tickets of this receiver, in order.
struct rows_committed {
  std::vector<uint64_t> tickets;
  std::vector<std::pair<uint64_t, error>> refused;
};

// -- to a socket --------------------------------------------------------------

/// Calls whose rows are durable. With a `courier` the receiver answers `calls_arrived` with
/// `number`.
struct arrive_calls {
  std::vector<call_ptr> calls;
  caf::actor courier;
  uint64_t number = 0;
  bool again = false; ///< sent before: those without a row have ended meanwhile
};
/// Take up the calls of the own partition whose rows are durable and that were never told of: who
/// made them has died in between.
struct adopt_rows {};
struct window_changed {
  uint64_t calls = 0;
};

struct plug_route {
  std::string plug;
  caf::actor courier; ///< takes arrive_calls
};
struct configure_socket {
  partition_policy policy;
  std::vector<plug_route> plugs; ///< as policy.edges
  std::optional<signature>
      known; ///< of its function: calls are checked against it before they are acknowledged
  caf::actor processor;
  retention_rule retention;
};
/// From itself: ended calls may be too old, or too many.
struct trim_history {};

struct call_ids {
  std::vector<call_id> ids;
};
struct find_call {
  call_id id;
};
struct found_call {
  std::optional<call_view> call;
  partition_counts counts;
  uint64_t window = 0;
  partition_policy policy;
  std::string note; ///< set: why it is where it is, as its owner says it
};
/// The newest calls in flight, with ids below `before` if it is set.
struct list_calls {
  size_t limit = limits::list_items_max;
  call_id before;
};
struct call_list {
  std::string socket;
  std::string function;
  std::string processor;
  std::vector<call_view> calls;
};
/// Half-filled sets of its join.
struct list_joins {
  size_t limit = limits::list_items_max;
};
struct join_list {
  std::string socket;
  join_mode joined_by = join_mode::automatic;
  std::vector<join_view> joins;
};
struct socket_status {
  std::string name;
  partition_counts counts;
  uint64_t window = 0;
  bool is_open = false; ///< its rows have been read
  bool is_paused = false;
  error broken; ///< why it could not be opened
};

// -- to the flow actor --------------------------------------------------------

/// Ends of calls that workflows have made; durable.
struct members_ended {
  std::vector<ended_ptr> members;
};
/// Who would have told of members and their ends may have died before: look at their rows.
struct settle_members {};

// -- to a plug ----------------------------------------------------------------

struct calls_arrived {
  uint64_t number = 0;
};

struct plug_status {
  uint64_t delivered = 0;
};

// -- to a processor -----------------------------------------------------------

struct configure_processor {
  std::string name;
  processor_spec spec;
  code_facts code; ///< `wanted_revision` names the code; a pinned commit is loaded again as it is
  uint32_t slots = 1; ///< workers that the deployments on this node give it
};
struct load_module {
  caf::actor from;
  uint64_t wanted_revision = 0; ///< comes back with the answer
  codeloader::module_request request;
};
struct module_loaded {
  uint64_t wanted_revision = 0;
  result<codeloader::loaded_module> outcome;
};
struct loading_step {
  std::string text;
};
struct attach_socket {
  caf::actor socket;
  std::string name;
};
struct detach_socket {
  caf::actor socket;
};
/// Calls for one function, from one socket.
struct run_calls {
  caf::actor socket; ///< gets attempts_command or returned_command for every lease
  std::string function;
  std::vector<dispatch> calls;
};
struct end_leases {
  caf::actor socket;
  std::vector<lease_id> leases;
  bool kill = false; ///< also those that run, with their worker
};
struct worker_ready {
  uint64_t worker = 0;
};
struct worker_freed {
  uint64_t worker = 0;
  uint32_t calls = 0;
  uint64_t run_us = 0; ///< of these calls together; 0 when they did not run to an end
};
struct worker_gone {
  uint64_t worker = 0;
  codeloader::worker_exit how;
  failure import_failure; ///< set when it could not import the module
};
struct start_worker {};
struct drain_over {
  uint64_t generation = 0;
};

enum class processor_verb : uint8_t { start, stop, pause, resume, restart, remove };
struct control_processor {
  std::string name;
  processor_verb verb = processor_verb::start;
  uint64_t deadline_ms = 30'000;
  std::string user; ///< who asked
};

enum class processor_state : uint8_t {
  loading,
  starting,
  running,
  paused,
  draining,
  stopped,
  broken
};
std::string_view to_string(processor_state state);

struct worker_status {
  uint64_t number = 0;
  int pid = 0;
  std::string state;
  uint64_t outstanding = 0;
  uint64_t started_ms = 0;
  uint64_t finished = 0;
  call_id current; ///< the call that runs now, if any
  uint64_t current_since_ms = 0;
};
struct processor_status {
  std::string name;
  processor_state state = processor_state::loading;
  std::string text;
  std::string commit;
  std::vector<signature> functions;
  uint32_t slots = 0;
  uint32_t workers_ready = 0;
  uint64_t running = 0;  ///< calls at its workers
  uint64_t waiting = 0;  ///< calls handed over that have no worker yet
  uint32_t restarts = 0; ///< of workers, since the processor started
  std::vector<worker_status> workers;
};

// -- to a worker --------------------------------------------------------------

struct stop_worker {
  bool kill = false;
};
struct host_ready {
  int pid = 0;
};
struct host_broken {
  failure why;
};
struct host_results {
  std::vector<codeloader::worker_result> results;
};
struct host_logs {
  std::vector<codeloader::worker_log> logs;
};
struct host_exited {
  codeloader::worker_exit how;
};

// -- to the loader ------------------------------------------------------------

struct resolve_module {
  codeloader::module_request request;
  bool whole = false; ///< load it, to see that this works
};
struct resolved_module {
  result<std::string> commit;
};
struct load_finished {};
/// Back on the loader's own thread: promises are not for others.
struct answer_resolved {
  std::function<void()> deliver;
};

// -- to the catalog -----------------------------------------------------------

struct functions_found {
  std::string processor;
  uint64_t wanted_revision = 0;
  result<codeloader::loaded_module> outcome;
};
struct status_settled {
  processor_status status;
};
struct set_desired {
  std::string processor;
  desired_state desired = desired_state::running;
  std::string user;
};

// -- to the node --------------------------------------------------------------

/// A published version of the catalog, whole, and what differs from the one before.
struct catalog_changed {
  std::shared_ptr<const catalog> now;
  std::vector<object_change> changes;
};
struct restart_child {
  std::string child;
};
struct processor_changed {
  processor_status status;
};
struct drain_node {
  uint64_t deadline_ms = 30'000;
};
struct drained {
  uint64_t calls_left = 0;
};
struct node_status {
  std::string name;
  uint32_t restarts = 0; ///< of actors, since the node started
  uint64_t started_ms = 0;
  std::vector<socket_status> sockets;
  std::vector<processor_status> processors;
  std::map<std::string, plug_status> plugs;
  journal_status journal;
  std::vector<std::string> unhealthy; ///< a sentence each; empty: green
};

// -- to the hub ---------------------------------------------------------------

enum class channel : uint8_t { task, result, log, event };
/// Something that subscribers may want to know.
struct happened {
  channel where = channel::event;
  std::string processor;
  std::string socket;
  std::string object; ///< of an event: the object that it is about
  value what;
};

} // namespace flow::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::attempts_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::returned_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::cancel_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::revive_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::bury_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::describe)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::wake_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::flush_now)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::append_rows)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::try_recover)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::journal_status)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::rows_committed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::arrive_calls)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::adopt_rows)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::window_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::configure_socket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::trim_history)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::call_ids)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::find_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::found_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::list_calls)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::call_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::list_joins)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::join_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::socket_status)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::members_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::settle_members)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::calls_arrived)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::plug_status)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::configure_processor)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::load_module)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::module_loaded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::loading_step)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::attach_socket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::detach_socket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::run_calls)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::end_leases)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::worker_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::worker_freed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::worker_gone)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::start_worker)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::drain_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::control_processor)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::worker_status)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::processor_status)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::stop_worker)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::host_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::host_broken)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::host_results)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::host_logs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::host_exited)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::resolve_module)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::resolved_module)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::load_finished)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::answer_resolved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::functions_found)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::status_settled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::set_desired)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::catalog_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::restart_child)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::processor_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::drain_node)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::drained)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::node_status)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(flow::actors::happened)
