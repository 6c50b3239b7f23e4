#include "flows/ids.hpp"

#include <algorithm>

namespace flow {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_dash_position(size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

} // namespace

call_id::operator bool() const {
  return *this != call_id{};
}

uint64_t call_id::time_ms() const {
  uint64_t ms = 0;
  for (size_t i = 0; i < 6; ++i)
    ms = ms << 8 | bytes[i];
  return ms;
}

partition_id call_id::partition() const {
  return partition_id{uint32_t{bytes[13]} << 16 | uint32_t{bytes[14]} << 8 | uint32_t{bytes[15]}};
}

call_id make_call_id(uint64_t time_ms, partition_id owner, uint64_t entropy) {
  call_id id;
  for (size_t i = 0; i < 6; ++i)
    id.bytes[i] = static_cast<uint8_t>(time_ms >> (40 - 8 * i));
  id.bytes[6] = static_cast<uint8_t>(0x70 | (entropy >> 46 & 0x0f));
  id.bytes[7] = static_cast<uint8_t>(entropy >> 38);
  id.bytes[8] = static_cast<uint8_t>(0x80 | (entropy >> 32 & 0x3f));
  for (size_t i = 0; i < 4; ++i)
    id.bytes[9 + i] = static_cast<uint8_t>(entropy >> (24 - 8 * i));
  auto number = static_cast<uint32_t>(owner);
  for (size_t i = 0; i < 3; ++i)
    id.bytes[13 + i] = static_cast<uint8_t>(number >> (16 - 8 * i));
  return id;
}

call_id derive_call_id(const call_id& parent, std::string_view edge, uint32_t generation,
                       partition_id owner) {
  auto seed = stable_hash(parent.view(), generation);
  return make_call_id(parent.time_ms(), owner, stable_hash(edge, seed));
}

std::string to_string(const call_id& id) {
  std::string text;
  text.reserve(36);
  for (uint8_t byte : id.bytes) {
    if (is_dash_position(text.size())) text += '-';
    text += hex_digits[byte >> 4];
    text += hex_digits[byte & 15];
  }
  return text;
}

result<call_id> parse_call_id(std::string_view text) {
  auto refuse = [&] {
    return make_error(ec::bad_call_id,
                      "\"" + std::string{text.substr(0, 64)} + "\" is not a call id",
                      "a call id has 36 characters, such as 01890a5d-ac96-774b-bcce-b302099a8057");
  };
  if (text.size() != 36) return refuse();
  call_id id;
  size_t nibble = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_dash_position(i)) {
      if (text[i] != '-') return refuse();
      continue;
    }
    int digit = hex_value(text[i]);
    if (digit < 0) return refuse();
    auto& byte = id.bytes[nibble / 2];
    byte = static_cast<uint8_t>(byte << 4 | digit);
    ++nibble;
  }
  return id;
}

result<call_id> call_id_of_bytes(std::string_view bytes) {
  call_id id;
  if (bytes.size() != id.bytes.size())
    return make_error(ec::bad_call_id, "a call id of " + std::to_string(bytes.size()) + " bytes");
  std::ranges::copy(bytes, reinterpret_cast<char*>(id.bytes.data()));
  return id;
}

uint64_t stable_hash(std::string_view bytes, uint64_t seed) {
  constexpr uint64_t multiplier = 0x9fb21c651e98df25ull;
  uint64_t hash = (seed ^ bytes.size()) * multiplier + 0x9e3779b97f4a7c15ull;
  while (!bytes.empty()) {
    uint64_t word = 0;
    auto n = std::min<size_t>(bytes.size(), 8);
    for (size_t i = 0; i < n; ++i)
      word |= uint64_t{static_cast<uint8_t>(bytes[i])} << 8 * i;
    hash = (hash ^ word) * multiplier;
    hash ^= hash >> 29;
    bytes.remove_prefix(n);
  }
  // The final mix of splitmix64 spreads the last word over all bits.
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9ull;
  hash = (hash ^ hash >> 27) * 0x94d049bb133111ebull;
  return hash ^ hash >> 31;
}

} // namespace flow
