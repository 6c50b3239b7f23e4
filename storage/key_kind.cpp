#include "storage/key_kind.hpp"

#include <algorithm>

namespace flow::storage {

namespace {

void append_partition(std::string& key, partition_id owner) {
  auto n = static_cast<uint32_t>(owner);
  for (int shift = 16; shift >= 0; shift -= 8)
    key += static_cast<char>(n >> shift & 0xff);
}

std::string partition_prefix(std::string_view kind, partition_id owner) {
  std::string key{kind};
  append_partition(key, owner);
  return key;
}

std::string with_id(std::string key, const call_id& id) {
  key += id.view();
  return key;
}

} // namespace

std::string call_key(const call_id& id) {
  return with_id(partition_prefix(key_kind::call, id.partition()), id);
}

std::string progress_key(const call_id& id) {
  return with_id(partition_prefix(key_kind::progress, id.partition()), id);
}

std::string ended_key(const call_id& id) {
  return with_id(std::string{key_kind::ended}, id);
}

std::string child_key(const call_id& parent, const call_id& child) {
  return with_id(with_id(std::string{key_kind::child}, parent), child);
}

std::string dead_letter_key(const call_id& id) {
  return with_id(std::string{key_kind::dead_letter}, id);
}

std::string ended_in_time_key(const kept_call& call) {
  auto key = partition_prefix(key_kind::ended_in_time, call.id.partition());
  key += call.is_dead_letter ? '\1' : '\0';
  for (int shift = 56; shift >= 0; shift -= 8)
    key += static_cast<char>(call.ended_ms >> shift & 0xff);
  return with_id(std::move(key), call.id);
}

std::string idempotency_key(partition_id owner, std::string_view key) {
  return partition_prefix(key_kind::key, owner) += key;
}

std::string workflow_key(const call_id& id) {
  return with_id(std::string{key_kind::workflow}, id);
}

std::string workflow_step_key(const call_id& id, uint32_t step) {
  auto key = with_id(std::string{key_kind::workflow_step}, id);
  for (int shift = 24; shift >= 0; shift -= 8)
    key += static_cast<char>(step >> shift & 0xff);
  return key;
}

std::string object_key(std::string_view kind, std::string_view name) {
  std::string key{key_kind::object};
  key += kind;
  key += '\0';
  key += name;
  return key;
}

range calls_of(partition_id owner) {
  return prefix_range(partition_prefix(key_kind::call, owner));
}

range progress_of(partition_id owner) {
  return prefix_range(partition_prefix(key_kind::progress, owner));
}

range ended_in_time(partition_id owner, bool dead_letters) {
  return prefix_range(partition_prefix(key_kind::ended_in_time, owner)
                      + (dead_letters ? '\1' : '\0'));
}

range children_of(const call_id& parent) {
  return prefix_range(with_id(std::string{key_kind::child}, parent));
}

range workflow_steps_of(const call_id& id) {
  return prefix_range(with_id(std::string{key_kind::workflow_step}, id));
}

uint32_t step_at_end(std::string_view key) {
  uint32_t step = 0;
  for (auto byte : key.substr(key.size() - std::min<size_t>(key.size(), 4)))
    step = step << 8 | static_cast<uint8_t>(byte);
  return step;
}

result<call_id> id_at_end(std::string_view key) {
  if (key.size() < 18)
    return make_error(ec::store_corrupt,
                      "a key of " + std::to_string(key.size()) + " bytes has no call id");
  return call_id_of_bytes(key.substr(key.size() - 16));
}

} // namespace flow::storage
