// Random lives of a partition, with crashes between any two writes. The store is a few maps; the
// journal is the batches that are not in them yet. MILLRACE_SEED replays one life.
#define CAF_SUITE flows.partition_property

#include "tests/flows/partition_fixture.hpp"
#include "tests/flows/partition_life.hpp"
#include "tests/flows/random_bytes.hpp"

#include <algorithm>
#include <deque>

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

CAF_TEST(no acknowledged call is lost or doubled whatever happens) {
  constexpr size_t lives = 250;
  bool is_replay = std::getenv("MILLRACE_SEED") != nullptr;
  auto first = seed_of("lives of a partition");
  size_t crashes = 0;
  size_t ended = 0;
  for (uint64_t seed = first; seed < first + (is_replay ? 1 : lives); ++seed) {
    life one{seed};
    auto trouble = one.run(200);
    crashes += one.crashes();
    ended += one.ended();
    CAF_CHECK_EQUAL(trouble, "");
    if (trouble.empty()) continue;
    CAF_MESSAGE("replay with MILLRACE_SEED=" << seed);
    return;
  }
  if (is_replay) return;
  // The lives were not empty.
  CAF_CHECK_GREATER(crashes, lives);
  CAF_CHECK_GREATER(ended, lives * 20);
}
