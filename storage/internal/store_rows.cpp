#include "storage/internal/store_rows.hpp"

#include "flows/cbor.hpp"

namespace flow::storage::internal {

namespace {

error damaged(std::string_view row) {
  return make_error(ec::store_corrupt, "the store's " + std::string{row} + " row cannot be read",
                    "restore a backup; the store's own records are damaged");
}

} // namespace

std::string lease_row_key(std::string_view name) {
  std::string key{lease_row_prefix};
  key += name;
  return key;
}

std::string writer_row_key(uint64_t writer) {
  std::string key{writer_row_prefix};
  for (int shift = 56; shift >= 0; shift -= 8)
    key += static_cast<char>(writer >> shift & 0xff);
  return key;
}

result<uint64_t> writer_of_key(std::string_view key) {
  if (key.size() != writer_row_prefix.size() + 8) return damaged("writer");
  uint64_t writer = 0;
  for (char byte : key.substr(writer_row_prefix.size())) {
    writer = writer << 8 | static_cast<uint8_t>(byte);
  }
  return writer;
}

std::string encode_state(const store_state& state) {
  std::string bytes;
  bytes.reserve(48);
  cbor::writer out{bytes};
  out.array(5 + family_count - 1).unsigned_integer(state.sequence).unsigned_integer(state.revision);
  out.unsigned_integer(state.epoch).unsigned_integer(state.time_ms).integer(state.offset_ms);
  for (size_t i = 1; i < family_count; ++i)
    out.unsigned_integer(state.family_ends[i]);
  return bytes;
}

result<store_state> decode_state(std::string_view bytes) {
  cbor::reader in{bytes};
  auto items = in.array();
  bool has_ends = items == 5 + family_count - 1; // stores of before the end rows have none of both
  if (!has_ends && items != 5) return damaged("state");
  store_state state;
  state.sequence = in.unsigned_integer();
  state.revision = in.unsigned_integer();
  state.epoch = in.unsigned_integer();
  state.time_ms = in.unsigned_integer();
  state.offset_ms = in.integer();
  for (size_t i = 1; has_ends && i < family_count; ++i)
    state.family_ends[i] = in.unsigned_integer();
  if (!in.finish("state row")) return damaged("state");
  return state;
}

std::string encode_end(uint64_t sequence) {
  std::string bytes;
  cbor::writer{bytes}.unsigned_integer(sequence);
  return bytes;
}

result<uint64_t> decode_end(std::string_view bytes) {
  cbor::reader in{bytes};
  uint64_t sequence = in.unsigned_integer();
  if (!in.finish("end row")) return damaged("end");
  return sequence;
}

std::string encode_lease(const lease& row) {
  std::string bytes;
  cbor::writer out{bytes};
  out.array(3).text(row.holder).unsigned_integer(row.epoch).unsigned_integer(row.expires_ms);
  return bytes;
}

result<lease> decode_lease(std::string_view name, std::string_view bytes) {
  cbor::reader in{bytes};
  if (in.array() != 3) return damaged("lease");
  lease row;
  row.name = name;
  row.holder = in.text();
  row.epoch = in.unsigned_integer();
  row.expires_ms = in.unsigned_integer();
  if (!in.finish("lease row")) return damaged("lease");
  return row;
}

std::string encode_outcomes(const std::vector<remembered_outcome>& outcomes) {
  std::string bytes;
  cbor::writer out{bytes};
  out.array(outcomes.size() * 3);
  // Differences to the row before: two bytes less of each number in the common case.
  uint64_t number = 0;
  uint64_t sequence = 0;
  for (const auto& outcome : outcomes) {
    out.unsigned_integer(outcome.number - number);
    out.unsigned_integer(static_cast<uint64_t>(outcome.code));
    out.unsigned_integer(outcome.sequence - sequence);
    number = outcome.number;
    sequence = outcome.sequence;
  }
  return bytes;
}

result<std::vector<remembered_outcome>> decode_outcomes(std::string_view bytes) {
  cbor::reader in{bytes};
  uint64_t items = in.array();
  if (items % 3 != 0) return damaged("writer");
  std::vector<remembered_outcome> outcomes;
  outcomes.reserve(items / 3);
  remembered_outcome last;
  for (uint64_t i = 0; i < items; i += 3) {
    last.number += in.unsigned_integer();
    last.code = static_cast<ec>(in.unsigned_integer());
    last.sequence += in.unsigned_integer();
    outcomes.push_back(last);
  }
  if (!in.finish("writer row")) return damaged("writer");
  return outcomes;
}

std::string encode_format(const format_row& row) {
  std::string bytes;
  cbor::writer out{bytes};
  out.array(2).unsigned_integer(row.version).bytes(row.store_id);
  return bytes;
}

result<format_row> decode_format(std::string_view bytes) {
  cbor::reader in{bytes};
  // A later format may append fields; the first two are for ever.
  if (in.array() < 2) return damaged("format");
  format_row row;
  row.version = static_cast<uint32_t>(in.unsigned_integer());
  row.store_id = in.bytes();
  if (in.failed() || row.store_id.size() != 16) return damaged("format");
  return row;
}

} // namespace flow::storage::internal
