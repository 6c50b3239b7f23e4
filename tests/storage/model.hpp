// A store as simple as can be, and random batches for it: what the real ones are compared with.
#pragma once

#include <array>
#include <map>
#include <random>
#include <string>

#include "flows/ids.hpp"
#include "storage/store.hpp"

namespace flow::storage::test {

/// The rows that a store should have.
struct model {
  std::array<std::map<std::string, std::string>, family_count> families;

  bool operator==(const model&) const = default;

  void apply(const batch& wanted) {
    for (const auto& each : wanted.mutations) {
      auto& in = families[static_cast<size_t>(each.where)];
      if (each.what == mutation::kind::put) in[each.key] = each.value;
      if (each.what == mutation::kind::erase) in.erase(each.key);
      if (each.what == mutation::kind::erase_range && each.key < each.value) {
        in.erase(in.lower_bound(each.key), in.lower_bound(each.value));
      }
    }
  }
};

/// The same for the same rows, in every process.
inline uint64_t digest_of(const model& rows) {
  uint64_t digest = 0;
  for (const auto& in : rows.families) {
    for (const auto& [key, value] : in)
      digest = stable_hash(value, stable_hash(key, digest));
    digest = stable_hash("next", digest);
  }
  return digest;
}

/// What a store has, read with one scan a family; `error` is set when a scan failed.
struct content {
  model rows;
  std::string error;
};

inline content content_of(const store& from) {
  content seen;
  for (size_t i = 0; i < family_count; ++i) {
    auto visited
        = from.scan(static_cast<family>(i), {}, [&](std::string_view key, std::string_view value) {
            seen.rows.families[i].emplace(key, value);
            return true;
          });
    if (!visited) seen.error = to_string(visited.error());
  }
  return seen;
}

/// Bytes that no compression makes fewer.
inline std::string large(std::mt19937_64& random) {
  std::string value(4096 + random() % 4096, '\0');
  for (auto& byte : value)
    byte = static_cast<char>(random());
  return value;
}

/// Few keys, so that they are overwritten and erased often; some values large enough for a blob
/// file.
inline batch random_batch(std::mt19937_64& random) {
  auto below = [&](uint64_t n) { return random() % n; };
  auto key = [&] { return "key/" + std::to_string(below(40)); };
  batch made;
  for (uint64_t count = 1 + below(4); count > 0; --count) {
    constexpr std::array<family, 3> where{family::catalog, family::in_flight, family::history};
    family in = where[below(where.size())];
    switch (below(8)) {
    case 0:
      made.erase(in, key());
      break;
    case 1:
      made.erase_range(in, key(), key());
      break;
    case 2:
      made.put(in, key(), large(random));
      break;
    default:
      made.put(in, key(), std::to_string(random()));
      break;
    }
  }
  return made;
}

/// The `index`-th group of a history: the same in every process.
inline std::vector<batch> group_of_history(uint64_t seed, uint64_t index) {
  std::mt19937_64 random{seed * 1'000'003 + index};
  std::vector<batch> group(1 + random() % 6);
  uint64_t number = index * 100;
  for (auto& each : group) {
    each = random_batch(random);
    each.id = {seed | 1, ++number};
  }
  return group;
}

} // namespace flow::storage::test
