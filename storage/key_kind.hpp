// Every key of the engine, in one place: two bytes of kind, then big-endian parts, so that key
// order is the order we scan in. A retired kind stays here, commented out, and is never used again.
#pragma once

#include <string>
#include <string_view>

#include "flows/ids.hpp"
#include "flows/retention.hpp"
#include "storage/store.hpp"

namespace flow::storage {

/// The first two bytes of a key. (The leading byte 0x00 belongs to the stores themselves.)
namespace key_kind {
// family::catalog
inline constexpr std::string_view object = "ob";       ///< kind name, 0x00, object name -> object
inline constexpr std::string_view catalog_meta = "om"; ///< name -> number
// family::in_flight
inline constexpr std::string_view call = "ca"; ///< partition (3 bytes), call id -> call_record
inline constexpr std::string_view progress
    = "cp"; ///< partition (3 bytes), call id -> call_progress
// family::history
inline constexpr std::string_view ended = "he";       ///< call id -> ended_call
inline constexpr std::string_view child = "hc";       ///< parent id, child id -> empty
inline constexpr std::string_view dead_letter = "hd"; ///< call id -> empty
inline constexpr std::string_view ended_in_time
    = "ht"; ///< partition (3 bytes), 0 or 1 for a dead letter, ended_ms (8), call id -> its bytes
inline constexpr std::string_view key = "hk"; ///< partition (3 bytes), idempotency key -> call id
inline constexpr std::string_view workflow = "hw"; ///< call id -> the workflow's steps
inline constexpr std::string_view workflow_step
    = "ws"; ///< in_flight: call id of the workflow, step number (4 bytes) -> ended_call
} // namespace key_kind

std::string call_key(const call_id& id);
std::string progress_key(const call_id& id);
std::string ended_key(const call_id& id);
std::string child_key(const call_id& parent, const call_id& child);
std::string dead_letter_key(const call_id& id);
std::string ended_in_time_key(const kept_call& call);
std::string idempotency_key(partition_id owner, std::string_view key);
std::string workflow_key(const call_id& id);
std::string workflow_step_key(const call_id& id, uint32_t step);
std::string object_key(std::string_view kind, std::string_view name);

/// All calls in flight of one partition; all progress rows of it.
range calls_of(partition_id owner);
range progress_of(partition_id owner);
/// Calls that have ended, oldest first: either those that are dead letters, or the others.
range ended_in_time(partition_id owner, bool dead_letters);
range children_of(const call_id& parent);
range workflow_steps_of(const call_id& id);
/// The step number that a key of kind workflow_step ends in.
uint32_t step_at_end(std::string_view key);

/// The id that a key of kind call, progress, ended or dead_letter ends in; the child of a child
/// key.
result<call_id> id_at_end(std::string_view key);

} // namespace flow::storage
