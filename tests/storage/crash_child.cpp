// A process to be killed: commits the groups of a history and says on stdout which are
// acknowledged. crash_child DIRECTORY SEED FIRST_GROUP LAST_GROUP
#include <cstdio>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "storage/rocks_store.hpp"
#include "tests/storage/model.hpp"

namespace {

bool say(uint64_t group) {
  return ::write(STDOUT_FILENO, &group, sizeof group) == sizeof group;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  uint64_t seed = std::strtoull(argv[2], nullptr, 10);
  uint64_t first = std::strtoull(argv[3], nullptr, 10);
  uint64_t last = std::strtoull(argv[4], nullptr, 10);
  flow::storage::rocks_options options;
  options.directory = argv[1];
  // Small, so that flushes and compactions happen all the time.
  options.memtable_bytes = 64u << 10;
  auto store = flow::storage::open_rocks_store(options);
  if (!store) {
    std::fprintf(stderr, "%s\n", flow::to_string(store.error()).c_str());
    return 1;
  }
  // Zero: it is open.
  if (!say(0)) return 3;
  for (uint64_t group = first; group <= last; ++group) {
    auto done = (*store)->commit(flow::storage::test::group_of_history(seed, group));
    if (!done) {
      std::fprintf(stderr, "%s\n", flow::to_string(done.error()).c_str());
      return 1;
    }
    if (!say(group)) return 3;
  }
  // Until it is killed.
  for (;;)
    ::pause();
}
