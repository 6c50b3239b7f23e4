#include "storage/store.hpp"

#include "storage/internal/store_rows.hpp"

namespace flow::storage {

range prefix_range(std::string_view prefix) {
  std::string last{prefix};
  // The next string that does not start with `prefix`: the last byte that can grow does; 0xff
  // cannot.
  while (!last.empty() && static_cast<uint8_t>(last.back()) == 0xff)
    last.pop_back();
  if (!last.empty()) last.back() = static_cast<char>(static_cast<uint8_t>(last.back()) + 1);
  return {std::string{prefix}, std::move(last)};
}

std::string lease_key(std::string_view name) {
  return internal::lease_row_key(name);
}

} // namespace flow::storage
