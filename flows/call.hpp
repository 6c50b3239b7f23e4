// A call: what is kept of it while it lives, and what is kept of it when it has ended.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flows/ids.hpp"
#include "flows/value.hpp"

namespace flow {

/// Where a call is in its life (spec 1.2). Written to disk: never renumber.
enum class call_state : uint8_t {
  joining = 0,   ///< waits for its other arguments
  scheduled = 1, ///< waits for its time
  queued = 2,
  taken = 3, ///< handed to its processor
  running = 4,
  waiting = 5, ///< between attempts
  finished = 6,
  failed = 7,
  timed_out = 8,
  cancelled = 9,
  dead = 10,
};

std::string_view to_string(call_state state);
constexpr bool is_ended(call_state state) {
  return state >= call_state::finished;
}

/// Why an attempt, or a call, did not succeed; shown to people and sent over `error` plugs.
struct failure {
  ec code = ec::none;
  std::string type; ///< "KeyError", or a code's name
  std::string message;
  std::string traceback;

  explicit operator bool() const { return code != ec::none; }
  bool operator==(const failure&) const = default;
};

/// The parts of a call that most calls do not have; kept apart so that a million waiting calls stay
/// small.
struct call_extras {
  std::string edge;     ///< the plug that made it
  std::string argument; ///< set: delivers only this argument, to a join
  std::string key;      ///< idempotency key
  std::string user;
  std::string trace;       ///< W3C traceparent
  uint64_t expires_ms = 0; ///< wall time after which an untaken call is a dead letter; 0: never
  std::string join_key;    ///< the key of the call that began it all, by which its arguments join

  bool operator==(const call_extras&) const = default;
};

/// What was asked, unchanged for the call's whole life.
struct call_record {
  call_id id;
  call_id root;   ///< the call that began it all; itself when it has no parent
  call_id parent; ///< none for a root
  arguments args;
  uint64_t queued_ms = 0;
  uint64_t due_ms = 0;     ///< wall time before which it must not run; 0: at once
  uint32_t generation = 0; ///< how often it was retried by hand
  uint8_t priority = 4;
  std::shared_ptr<const call_extras> extras; ///< null: all empty

  const call_extras& more() const;
  void set_extras(call_extras changed) {
    extras = std::make_shared<const call_extras>(std::move(changed));
  }
  bool operator==(const call_record& other) const;
};
using call_ptr = std::shared_ptr<const call_record>;

/// What makes a submission a repeat of this call; empty: nothing does. Arguments of one join may
/// have one key.
std::string idempotency_text(const call_record& call);

/// One attempt that did not end its call.
struct attempt_record {
  uint32_t number = 0;     ///< from 1, in each generation
  uint32_t generation = 0; ///< of the call
  uint64_t taken_ms = 0;
  uint64_t started_ms = 0;
  uint64_t ended_ms = 0;
  uint64_t run_us = 0;
  uint64_t worker = 0; ///< process id
  std::string node;
  failure why; ///< cut, without its traceback

  bool operator==(const attempt_record&) const = default;
};

/// What has happened to a call that has not ended.
struct call_progress {
  uint32_t attempts = 0; ///< attempts that have ended
  uint32_t deaths = 0;   ///< of these, how many ended with the worker's death
  uint64_t due_ms = 0;   ///< wall time of the next attempt
  failure last;          ///< of the latest attempt
  /// Oldest first; the last `limits::attempts_kept_max` of them.
  std::vector<attempt_record> earlier;
  bool is_spent = false; ///< an argument that has been used, which its join still holds

  bool operator==(const call_progress&) const = default;
};

/// A call that has ended, whole: the row of its history.
struct ended_call {
  call_ptr call;
  call_state state = call_state::finished;
  uint32_t attempts = 0;
  value result; ///< when finished
  failure why;  ///< when not
  std::string socket;
  std::string function;
  std::string processor;
  std::string commit;
  std::string node;
  uint64_t worker = 0; ///< process id
  uint64_t taken_ms = 0;
  uint64_t started_ms = 0;
  uint64_t ended_ms = 0;
  uint64_t run_us = 0;
  std::vector<std::pair<std::string, value>> artifacts;
  std::string out; ///< stdout of the last attempt
  std::string err;
  bool is_dead_letter = false;
  std::string arguments_hash; ///< set when the arguments were too large to keep
  /// Attempts before the last, oldest first; as many as progress keeps.
  std::vector<attempt_record> earlier;
};
using ended_ptr = std::shared_ptr<const ended_call>;

/// All attempts that are known, the last one too, oldest first; at most
/// `limits::attempts_kept_max`.
std::vector<attempt_record> attempts_of(const ended_call& ended);

} // namespace flow
