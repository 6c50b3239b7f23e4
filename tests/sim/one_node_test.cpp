// Random lives of one node. MILLRACE_SIM_SEEDS=1000 runs more of them; MILLRACE_SIM_SEED=7 repeats
// one that failed.
#define CAF_SUITE sim.one_node

#include <cstdlib>

#include "tests/sim/node_world.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::sim;

namespace {

constexpr uint64_t seeds_default = 30;
constexpr size_t steps_of_one_life = 6'000;

uint64_t number_in(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

} // namespace

CAF_TEST(a node that dies in part and in whole keeps its promises) {
  auto only = number_in("MILLRACE_SIM_SEED", 0);
  auto first = only == 0 ? 1 : only;
  auto last = only == 0 ? number_in("MILLRACE_SIM_SEEDS", seeds_default) : only;
  tally all;
  for (auto seed = first; seed <= last; ++seed) {
    node_world world{seed};
    auto trouble = world.run(steps_of_one_life);
    if (!trouble.empty()) CAF_FAIL("MILLRACE_SIM_SEED=" << seed << ": " << trouble);
    all += world.counts();
  }
  CAF_MESSAGE(all.calls << " calls, " << all.ended << " ended, " << all.actors_killed
                        << " actors killed, " << all.nodes_killed << " nodes killed, "
                        << all.nodes_failed << " nodes failed, " << all.workers_lost
                        << " workers lost, " << all.writes_failed << " writes failed, "
                        << all.connections_cut << " connections cut");
  CAF_CHECK_EQUAL(all.ended, all.calls);
  if (only != 0) return;
  // A simulation in which nothing goes wrong shows nothing.
  auto lives = last - first + 1;
  CAF_CHECK(all.calls > 50 * lives);
  CAF_CHECK(all.actors_killed > lives);
  CAF_CHECK(all.nodes_killed > lives);
  CAF_CHECK(all.workers_lost > lives);
  CAF_CHECK(all.writes_failed > lives);
  CAF_CHECK(all.connections_cut > lives);
}

CAF_TEST(the same seed gives the same life) {
  auto fingerprint = [](uint64_t seed) {
    node_world world{seed};
    CAF_CHECK_EQUAL(world.run(3'000), "");
    return world.fingerprint();
  };
  CAF_CHECK_EQUAL(fingerprint(5), fingerprint(5));
  CAF_CHECK_NOT_EQUAL(fingerprint(5), fingerprint(6));
}
