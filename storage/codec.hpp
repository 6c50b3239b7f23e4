// Rows of calls as bytes, and back. Every row starts with its version byte; docs/data.md shows the
// bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flows/call.hpp"
#include "flows/partition.hpp"
#include "flows/retention.hpp"
#include "storage/store.hpp"

namespace flow::storage {

std::string encode(const call_record& call);
std::string encode(const call_progress& progress);
std::string encode(const ended_call& ended);

/// `store_corrupt`, naming the row, for bytes that no version of ours has written.
result<call_record> decode_call(std::string_view row);
result<call_progress> decode_progress(std::string_view row);
result<ended_call> decode_ended(std::string_view row);

/// What an entry of `ended_in_time` says.
result<kept_call> decode_kept(std::string_view key, std::string_view row);

/// Appends what a transition wants to be durable.
void append(batch& out, std::span<const row_change> rows);

/// All calls in flight of one partition, with their progress, in key order.
result<std::vector<restored_call>> read_partition(const store& from, partition_id owner);
/// The ended call with this id; nothing if there is none (any more).
result<std::optional<ended_call>> read_ended(const store& from, const call_id& id);
result<std::optional<call_record>> read_call(const store& from, const call_id& id);

} // namespace flow::storage
