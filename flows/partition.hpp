// The state machine of one partition: a socket with its queue, its joins, its leases and its
// timers. Pure: command in, rows and effects out. No clock, no store, no actor; `now_ms` comes with
// the command.
//
// Everything in memory is a function of the rows: `restore` rebuilds it. Rows and effects of one
// command belong together: effects under `after_commit` may be performed only once the rows are
// durable.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "flows/call.hpp"
#include "flows/limits.hpp"
#include "flows/object_specs.hpp"
#include "flows/signature.hpp"

namespace flow {

/// The right to complete one attempt; unique in a node's life. A completion under any other has no
/// effect.
enum class lease_id : uint64_t {};

// -- what the catalog says ----------------------------------------------------

/// A plug that leaves this socket.
struct out_edge {
  std::string plug;
  std::string on = "result"; ///< `result`, `error`, or the name of an output
  partition_id target{};
  std::string argument; ///< set: delivers this argument to the target's join

  bool operator==(const out_edge&) const = default;
};

struct partition_policy {
  std::string socket;
  std::string function;
  std::string processor;
  std::string commit;
  std::string node;
  uint32_t retries = 0;
  uint64_t retry_delay_ms = limits::retry_delay_ms_default;
  double retry_backoff = 2.0;
  uint64_t retry_delay_ms_max = limits::retry_delay_ms_max;
  uint64_t calls_max = limits::queue_calls_max;
  uint64_t bytes_max = limits::queue_bytes_max;
  uint64_t ttl_ms = 0; ///< a call not taken by then is a dead letter; 0: never
  bool is_paused = false;
  std::vector<out_edge> edges;
  /// Arguments that a join waits for, in the function's order; empty when no plug delivers an
  /// argument.
  std::vector<parameter> join;
  /// For each of them the partitions, ascending, whose calls can bring it about; missing: all.
  std::vector<std::vector<partition_id>> join_sources;
  join_mode join_by = join_mode::automatic;
  std::string join_key; ///< where a value has its key: "order.id"; empty: the key that callers give
  uint64_t join_timeout_ms = 0; ///< half-filled sets are dead letters after it; 0: never
};

// -- rows: what becomes durable -----------------------------------------------

struct put_call {
  call_ptr call;
};
struct put_progress {
  call_id id;
  call_progress progress;
};
/// Removes the call and its progress from the calls in flight.
struct erase_call {
  call_id id;
  bool has_progress = false;
};
struct put_ended {
  ended_ptr ended;
};
struct erase_ended {
  ended_ptr ended;
};
/// `child` was made by `parent`: what draws trees.
struct put_child {
  call_id parent;
  call_id child;
};
struct erase_child {
  call_id parent;
  call_id child;
};
struct put_key {
  partition_id owner;
  std::string key;
  call_id id;
};

using row_change = std::variant<put_call, put_progress, erase_call, put_ended, erase_ended,
                                put_child, erase_child, put_key>;

// -- commands -----------------------------------------------------------------

/// Who is told of a submission: opaque to the machine.
struct ticket {
  uint64_t session = 0;
  uint64_t seq = 0;
};

struct submission {
  ticket from;
  call_ptr call;
  bool push_end = false;
  /// Facts from the store, for submissions that may be repeats: the call that has this key, or this
  /// id, already.
  call_id known;
  bool known_has_ended = false;
};

/// New calls from outside. Refused ones leave nothing behind.
struct submit_command {
  std::vector<submission> items;
};
/// Calls whose rows are durable already: children that another partition's end has made.
struct arrive_command {
  std::vector<call_ptr> calls;
};
/// The rows of these submissions are durable, or (refused) will never be.
struct committed_command {
  std::vector<call_id> ids;
};
struct uncommitted_command {
  std::vector<call_id> ids;
  error why;
};
/// The processor takes up to this many calls that have not come back.
struct window_command {
  uint64_t calls = 0;
};
/// One attempt has ended.
struct attempt_end {
  lease_id lease{};
  failure why; ///< none: success
  value returned;
  std::vector<std::pair<std::string, value>> plugs;
  std::vector<std::pair<std::string, value>> artifacts;
  std::string out;
  std::string err;
  uint64_t run_us = 0;
  uint64_t worker = 0;
  bool worker_died = false;
};
struct attempts_command {
  std::vector<attempt_end> ends;
};
/// Taken calls that did not start, or whose worker died with several at hand: they go back to the
/// head of the queue and no attempt is counted. `solo`: run each without company from now on, so
/// that a killer is found.
struct returned_command {
  std::vector<lease_id> leases;
  bool solo = false;
};
struct cancel_command {
  std::vector<call_id> ids;
};
/// Calls that ended, as history has them now, live again (retried by hand). One whose retry is on
/// its way to the disk is left alone.
struct revive_command {
  std::vector<ended_ptr> calls;
};
/// Ends calls that have not been taken as dead letters (purge, forced removal).
struct bury_command {
  std::string reason;
};
struct policy_command {
  partition_policy policy;
};
struct tick_command {};

using partition_command
    = std::variant<submit_command, arrive_command, committed_command, uncommitted_command,
                   window_command, attempts_command, returned_command, cancel_command,
                   revive_command, bury_command, policy_command, tick_command>;

// -- effects ------------------------------------------------------------------

struct dispatch {
  lease_id lease{};
  call_ptr call;
  uint32_t attempt = 1;
  bool is_solo = false;
  bool read_arguments = false; ///< they are only in the store
};

struct acceptance {
  ticket from;
  call_id id;
  bool push_end = false;
  bool has_ended = false; ///< it is a repeat of a call that has ended: look in history
};

struct refusal {
  ticket from;
  error why;
};

struct transition {
  std::vector<row_change> rows;
  /// Where `rows` may be divided into batches, ascending: all between two cuts is one step of some
  /// call's life, and durable together or not at all.
  std::vector<size_t> cuts;
  /// The rows are new work: when the store is full they may be refused, and nothing is lost.
  bool is_refusable = false;
  std::vector<call_id> pending; ///< whose rows these are: what `committed_command` is to name

  // at once
  std::vector<dispatch> dispatches;
  std::vector<lease_id> kills;   ///< end these attempts with their workers
  std::vector<lease_id> revokes; ///< take these back if they have not started
  std::vector<refusal> refused;
  uint64_t wake_at_ms = 0; ///< send tick_command then; 0: no timer needed

  // after commit
  std::vector<acceptance> accepted;
  std::vector<ended_ptr> ended;
  std::vector<call_ptr> children; ///< durable calls of other partitions: tell their owners

  void cut() {
    if (rows.size() > (cuts.empty() ? 0 : cuts.back())) cuts.push_back(rows.size());
  }
};

struct partition_counts {
  uint64_t joining = 0;
  uint64_t scheduled = 0; ///< scheduled or waiting for their next attempt
  uint64_t queued = 0;
  uint64_t taken = 0; ///< taken or running
  uint64_t bytes = 0;
  uint64_t finished = 0; ///< since the partition was opened
  uint64_t failed = 0;
};

/// What is known of one call that has not ended.
struct call_view {
  call_ptr call;
  call_state state = call_state::queued;
  call_progress progress;
  uint64_t taken_ms = 0;
  uint64_t position = 0; ///< in its queue, 1 is next; 0: not queued
};

/// A half-filled set of a join.
struct join_view {
  std::string key; ///< when joined by key
  call_id root;    ///< of one of its arrivals
  uint64_t since_ms = 0;
  std::map<std::string, size_t> arrived; ///< argument -> values that wait
  std::vector<std::string> missing;
};

/// A row of a call in flight, as the store had it.
struct restored_call {
  call_ptr call;
  std::optional<call_progress> progress;
};

/// The arguments in the durable row of a call; nothing if there is no such row.
using arguments_reader = std::function<std::optional<arguments>(const call_id&)>;

class partition {
public:
  /// `incarnation` is unique in the node's life, so that leases of an earlier life of this
  /// partition mean nothing.
  partition(partition_id id, partition_policy policy, uint32_t incarnation);

  /// Before the first command: the rows of this partition, in key order.
  transition restore(std::vector<restored_call> rows, uint64_t now_ms);

  transition apply(partition_command command, uint64_t now_ms);

  /// Reads back arguments that are only in the store when their call ends without success, or goes
  /// to history. Called from `apply`, only for rows that were reported as durable.
  void read_arguments_with(arguments_reader read) { stored_arguments_ = std::move(read); }

  partition_id id() const { return id_; }
  const partition_policy& policy() const { return policy_; }
  const partition_counts& counts() const { return counts_; }
  bool contains(const call_id& id) const { return entries_.contains(id); }
  /// Nothing if the call is not in flight here. Walks the queue for the position: `contains` is for
  /// those who do not want it.
  std::optional<call_view> find(const call_id& id) const;
  /// The live leases, oldest first.
  std::vector<lease_id> leases() const;
  /// Visits calls in flight in no particular order until `visit` returns false.
  void each(const std::function<bool(const call_view&)>& visit) const;
  /// Half-filled sets, in no particular order.
  std::vector<join_view> joins(size_t limit) const;
  /// Asserts what must always hold; for tests. Empty: sound.
  std::string check() const;

private:
  struct entry {
    call_ptr call;
    call_progress progress;
    call_state state = call_state::queued;
    lease_id lease{};
    uint64_t taken_ms = 0;
    uint64_t bytes = 0;
    uint64_t number = 0;         ///< rises in order of arrival
    uint64_t timer_ms = 0;       ///< its place in `timers_`; 0: none
    uint32_t writes_pending = 0; ///< submissions that are on their way to the disk
    uint64_t written_in = 0;     ///< the command whose rows have it as a submission
    bool is_durable = true;      ///< or follows from durable rows, whatever becomes of its own
    bool is_on_disk = false;     ///< its own row can be read
    bool has_progress_row = false;
    bool is_stripped = false; ///< arguments are only in the store
    bool is_passed_over
        = false; ///< queued, but in no queue: it has expired, and ends with its timer
    bool is_solo = false;
    bool is_cancelled = false;         ///< ends as cancelled as soon as its attempt is over
    std::unique_ptr<attempt_end> held; ///< an end that came before its submission was durable
  };
  using entries = std::unordered_map<call_id, entry>;

  void on(submit_command& command, uint64_t now_ms, transition& out);
  error no_key(const call_record& call) const;
  void submit_one(submission& item, uint64_t now_ms, transition& out);
  void on(arrive_command& command, uint64_t now_ms, transition& out);
  void on(committed_command& command, uint64_t now_ms, transition& out);
  void on(uncommitted_command& command, uint64_t now_ms, transition& out);
  void on(window_command& command, uint64_t now_ms, transition& out);
  void on(attempts_command& command, uint64_t now_ms, transition& out);
  void on(returned_command& command, uint64_t now_ms, transition& out);
  void on(cancel_command& command, uint64_t now_ms, transition& out);
  void on(revive_command& command, uint64_t now_ms, transition& out);
  void on(bury_command& command, uint64_t now_ms, transition& out);
  void on(policy_command& command, uint64_t now_ms, transition& out);
  void on(tick_command& command, uint64_t now_ms, transition& out);

  static uint64_t cost_bytes(const call_record& call);
  entry* find_entry(const call_id& id);
  entry& insert(call_ptr call);
  void enqueue(entry& e, bool at_front);
  void place(entry& e, uint64_t now_ms, transition& out);
  void strip(entry& e);
  void read_back(entry& e);
  void remove(const call_id& id);
  uint64_t due_ms(const entry& e) const { return std::max(e.call->due_ms, e.progress.due_ms); }
  uint64_t expiry_ms(const entry& e) const;
  bool has_expired(const entry& e, uint64_t now_ms) const;
  uint64_t next_timer_ms(const entry& e) const;
  void change_expiry(uint64_t now_ms);
  void arm(entry& e);
  void disarm(entry& e);
  void dispatch_ready(uint64_t now_ms, transition& out);
  void end_attempt(entry& e, attempt_end& end, uint64_t now_ms, transition& out);
  void end_call(entry& e, call_state state, attempt_end& end, uint64_t now_ms, transition& out);
  /// A success whose rows no batch could hold becomes a failure.
  void refuse_too_large(const entry& e, call_state& state, attempt_end& end) const;
  /// What the plugs of a success deliver: together, and the largest of them.
  struct following {
    size_t bytes = 0;
    size_t bytes_max = 0;
  };
  following what_follows(const attempt_end& end) const;
  static uint64_t started_ms(const entry& e, const attempt_end& end, uint64_t now_ms);
  void remember_attempt(entry& e, const attempt_end& end, uint64_t now_ms) const;
  void follow_edges(const ended_call& ended, const attempt_end& end, transition& out);
  uint64_t retry_delay_ms(const entry& e) const;
  void retry_later(entry& e, uint64_t delay_ms, uint64_t now_ms, transition& out);
  void end_waiting(entry& e, call_state state, failure why, uint64_t now_ms, transition& out);
  using argument_set = std::vector<bool>; ///< by index in `partition_policy::join`
  /// Arrivals that belong together.
  struct join_bundle {
    argument_set arguments; ///< what they can bring
    std::map<std::string, std::deque<call_id>> arrivals;
    uint64_t order = 0; ///< rises with the time at which it became whole; 0: it is not
  };
  struct bundle_place {
    std::string name;
    argument_set arguments;
  };
  size_t argument_index(const call_record& call) const;
  bool is_required(size_t index) const;
  bool can_come_from(size_t index, partition_id origin) const;
  std::optional<std::string> join_key_of(const call_record& call) const;
  std::optional<bundle_place> bundle_of(const call_record& call) const;
  void join_arrival(entry& e, uint64_t now_ms, transition& out);
  void leave_join(const entry& e);
  void settle_bundle(const std::string& name);
  void rebuild_joins(uint64_t now_ms, transition& out);
  std::vector<std::string> choose_bundles(const argument_set& first) const;
  bool fire_join(const argument_set& first, uint64_t now_ms, transition& out);
  bool refuse_too_large(const std::vector<call_id>& arrivals, uint64_t now_ms, transition& out);
  arguments joined_arguments(const std::vector<call_id>& arrivals);
  call_ptr make_fired(const std::vector<call_id>& arrivals, const call_record& origin,
                      uint64_t now_ms);
  void deliver(entry& arrival, const call_record& fired, uint64_t now_ms, transition& out);
  void latch(entry& e, uint64_t now_ms, transition& out);
  void fire_latch(const call_id& trigger, uint64_t now_ms, transition& out);
  void hold(call_ptr call, transition& out);
  void drop_latched(entry& e, transition& out);
  uint64_t join_deadline_ms(const entry& e) const;
  void time_out_join(const entry& e, uint64_t now_ms, transition& out);
  bool has_whole_with(size_t index) const;
  std::vector<std::string> missing_of(const join_bundle& bundle) const;
  std::string check_entry(const entry& e) const;
  void set_state(entry& e, call_state state);
  uint64_t& count_of(call_state state);

  partition_id id_;
  partition_policy policy_;
  entries entries_;
  std::unordered_map<uint64_t, call_id> leases_;
  std::array<std::deque<call_id>, limits::priority_max + 1>
      ready_;                                     ///< may hold ids that have left: skipped
  std::set<std::pair<uint64_t, call_id>> timers_; ///< one a call: due or expiry, by wall time
  std::map<std::string, join_bundle> joins_;      ///< half-filled sets
  std::map<argument_set, std::set<std::pair<uint64_t, std::string>>>
      whole_;                              ///< by what they bring, the oldest first
  std::map<std::string, call_id> latched_; ///< argument -> its latest value
  uint64_t last_order_ = 0;
  std::set<call_id> reviving_;                    ///< history has them still
  std::unordered_map<std::string, call_id> keys_; ///< idempotency keys of calls in flight
  arguments_reader stored_arguments_;
  uint64_t window_ = 0;
  uint64_t last_lease_ = 0;
  uint64_t commands_ = 0; ///< applied so far
  uint64_t inserted_ = 0;
  uint64_t resident_bytes_ = 0;
  partition_counts counts_;
};

} // namespace flow
