// Randomness of tests: every run draws a new seed, prints it, and repeats the seed in
// MILLRACE_SEED.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace flow::test {

inline uint64_t seed_of(const char* what) {
  const char* given = std::getenv("MILLRACE_SEED");
  auto seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cerr << what << ": MILLRACE_SEED=" << seed << '\n';
  return seed;
}

using random_engine = std::mt19937_64;

/// A number below `n`.
inline size_t below(random_engine& random, size_t n) {
  return static_cast<size_t>(random() % n);
}

inline std::string random_bytes(random_engine& random, size_t size) {
  std::string bytes(size, '\0');
  for (auto& byte : bytes)
    byte = static_cast<char>(random());
  return bytes;
}

} // namespace flow::test
