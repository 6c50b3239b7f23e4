// The map: every actor of a node, what it takes and from whom. Read this first; actors/messages.hpp
// has the payloads.
//
//   node ──┬── catalog ── loader            sessions (one a client) ──> socket, verbs
//          ├── journal <── socket, catalog
//          ├── socket (one a socket) ──> processor, plug, journal, hub
//          ├── plug (one a plug) ──> socket
//          ├── flow (all workflows) ──> plug (its own), journal, socket ──> flow
//          ├── processor (one a processor) ──> worker (one a process) ──> socket
//          └── hub, verbs
#pragma once

#include "caf/replies_to.hpp"
#include "caf/typed_actor.hpp"

#include "actors/messages.hpp"

namespace flow::actors {

/// The single writer of the node's store. Everything that arrived while the last commit synced goes
/// into the next one.
using journal_actor = caf::typed_actor<
    caf::reacts_to<append_rows>, ///< from sockets and the catalog; answered by rows_committed after
                                 ///< the sync
    caf::reacts_to<flush_now>,   ///< from itself: lands behind everything that waits
    caf::reacts_to<try_recover>, ///< from itself, while the store cannot be written
    caf::replies_to<describe>::with<journal_status>>;

/// Owner of one partition: queue, joins, leases, timers (flows/partition.hpp). Loads its rows from
/// the store when it starts.
using socket_actor = caf::typed_actor<
    caf::reacts_to<submit_calls>, ///< from sessions; each item is answered after its commit
    caf::reacts_to<await_calls>,  ///< from sessions
    caf::reacts_to<arrive_calls>, ///< from plugs: rows that are durable already
    caf::reacts_to<adopt_rows>,   ///< from the node and from sockets: another socket, or a courier,
                                  ///< was started again
    caf::reacts_to<window_changed>,   ///< from its processor
    caf::reacts_to<attempts_command>, ///< from workers
    caf::reacts_to<returned_command>, ///< from workers and its processor
    caf::reacts_to<rows_committed>,   ///< from the journal
    caf::reacts_to<configure_socket>, ///< from the node: the catalog has changed
    caf::reacts_to<flush_now>,        ///< from itself: hand on what has gathered
    caf::reacts_to<wake_up>,          ///< from itself: a timer is due
    caf::reacts_to<trim_history>,     ///< from itself: a timer is due
    caf::reacts_to<bury_command>,     ///< from verbs: purge
    caf::reacts_to<revive_command>,   ///< from verbs: retry by hand; durable later, idempotent
    caf::replies_to<cancel_command>::with<call_ids>, caf::replies_to<find_call>::with<found_call>,
    caf::replies_to<list_calls>::with<call_list>, caf::replies_to<list_joins>::with<join_list>,
    caf::replies_to<describe>::with<socket_status>>;

/// Owner of all workflows in progress (flows/workflow_machine.hpp), each a call of the partition
/// `workflow_partition`. Loads them from the store when it starts.
using flow_actor = caf::typed_actor<
    caf::reacts_to<submit_calls>,   ///< from sessions; each item is answered after its commit
    caf::reacts_to<await_calls>,    ///< from sessions
    caf::reacts_to<members_ended>,  ///< from sockets, after the commit
    caf::reacts_to<settle_members>, ///< from the node: a socket, or this one, was started again
    caf::reacts_to<rows_committed>, ///< from the journal
    caf::reacts_to<wake_up>,        ///< from itself: a workflow is due
    caf::reacts_to<revive_command>, ///< from verbs: retry by hand; durable later, idempotent
    caf::replies_to<cancel_command>::with<call_ids>, caf::replies_to<find_call>::with<found_call>,
    caf::replies_to<list_calls>::with<call_list>>;

/// The courier of one plug: hands durable children to the socket that owns them. Holds nothing
/// durable.
using plug_actor
    = caf::typed_actor<caf::reacts_to<arrive_calls>,  ///< from the plug's source socket
                       caf::reacts_to<calls_arrived>, ///< from the target
                       caf::reacts_to<wake_up>, ///< from itself: send again what was not answered
                       caf::replies_to<describe>::with<plug_status>>;

/// The workers of one processor, its life cycle, and the fair sharing of its slots among its
/// sockets.
using processor_actor = caf::typed_actor<
    caf::reacts_to<configure_processor>, ///< from the node
    caf::reacts_to<module_loaded>,       ///< from the loader
    caf::reacts_to<loading_step>,        ///< from the loader: progress
    caf::reacts_to<attach_socket>,       ///< from sockets, once: wants to be told its window
    caf::reacts_to<detach_socket>,
    caf::reacts_to<run_calls>,    ///< from sockets, within their window
    caf::reacts_to<end_leases>,   ///< from sockets: revoke what has not started, or kill
    caf::reacts_to<worker_ready>, ///< from its workers
    caf::reacts_to<worker_freed>, caf::reacts_to<worker_gone>,
    caf::reacts_to<start_worker>, ///< from itself, after a delay
    caf::reacts_to<drain_over>,   ///< from itself: the deadline of a stop has passed
    caf::replies_to<control_processor>::with<processor_status>,
    caf::replies_to<describe>::with<processor_status>>;

/// One worker process in its sandbox. Ends with its process.
using worker_actor
    = caf::typed_actor<caf::reacts_to<run_calls>, ///< from its processor, within its credit
                       caf::reacts_to<end_leases>, caf::reacts_to<stop_worker>,
                       caf::reacts_to<host_ready>, ///< from the worker host's thread
                       caf::reacts_to<host_broken>, caf::reacts_to<host_results>,
                       caf::reacts_to<host_logs>, caf::reacts_to<host_exited>,
                       caf::reacts_to<wake_up>, ///< from itself: a time limit is due
                       caf::replies_to<describe>::with<worker_status>>;

/// Brings modules from git to disk. Spawns a helper for each request, a few at a time.
using loader_actor = caf::typed_actor<
    caf::reacts_to<load_module>, ///< from processors; answered by loading_step, then module_loaded
    caf::reacts_to<load_finished>, ///< from its helpers
    caf::reacts_to<answer_resolved>, caf::replies_to<resolve_module>::with<resolved_module>>;

/// The one writer of the catalog (flows/catalog.hpp). Changes are one commit each, told to the node
/// after it.
using catalog_actor
    = caf::typed_actor<caf::reacts_to<run_verb>,        ///< object.*; answered to the session
                       caf::reacts_to<rows_committed>,  ///< from the journal
                       caf::reacts_to<functions_found>, ///< from the node: a module was parsed
                       caf::reacts_to<status_settled>,  ///< from the node: a processor that was
                                                        ///< added is running, or broken
                       caf::reacts_to<set_desired>,     ///< from verbs: proc.*
                       caf::reacts_to<wake_up>>; ///< from itself: an answer has waited long enough

/// Root supervisor: starts everything, in order, and starts again what fails.
using node_actor = caf::typed_actor<
    caf::reacts_to<catalog_changed>, ///< from the catalog, after its commit
    caf::reacts_to<restart_child>,   ///< from itself, after a delay
    caf::reacts_to<rows_committed>, ///< from the journal: what a dead socket had written is durable
    caf::reacts_to<processor_changed>, ///< from processors
    caf::reacts_to<functions_found>,   ///< from processors; handed on to the catalog
    caf::reacts_to<run_verb>,          ///< object.*; handed on to the catalog
    caf::replies_to<control_processor>::with<processor_status>,
    caf::replies_to<drain_node>::with<drained>, caf::replies_to<describe>::with<node_status>>;

/// Answers the verbs of docs/api.md: reads itself, hands on what changes something.
using verbs_actor
    = caf::typed_actor<caf::reacts_to<run_verb>,          ///< from sessions, rights checked
                       caf::reacts_to<rows_committed>,    ///< from the journal
                       caf::reacts_to<subscribe_session>, ///< from sessions; handed on to the hub
                       caf::reacts_to<forget_session>>;

/// Tells subscribers what happens. Slow ones lose events, and are told how many.
using hub_actor
    = caf::typed_actor<caf::reacts_to<happened>, ///< from everyone
                       caf::reacts_to<subscribe_session>, caf::reacts_to<forget_session>>;

} // namespace flow::actors
