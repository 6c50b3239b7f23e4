// Another process with a store. Either it commits the groups of a history, says on stdout which are
// acknowledged, and waits to be killed:
//   crash_child DIRECTORY SEED FIRST_GROUP LAST_GROUP
// or it reads all rows and says their digest; a damaged file may end that by an assertion of
// RocksDB:
//   crash_child DIRECTORY
#include <cstdio>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "storage/rocks_store.hpp"
#include "tests/storage/model.hpp"

namespace {

using flow::storage::store;

int fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  return 1;
}

bool say(uint64_t number) {
  return ::write(STDOUT_FILENO, &number, sizeof number) == sizeof number;
}

int read_all(const store& from) {
  auto seen = flow::storage::test::content_of(from);
  if (!seen.error.empty()) return fail(seen.error);
  return say(flow::storage::test::digest_of(seen.rows)) ? 0 : 3;
}

int commit_until_killed(store& to, uint64_t seed, uint64_t first, uint64_t last) {
  // Zero: it is open.
  if (!say(0)) return 3;
  for (uint64_t group = first; group <= last; ++group) {
    auto done = to.commit(flow::storage::test::group_of_history(seed, group));
    if (!done) return fail(flow::to_string(done.error()));
    if (!say(group)) return 3;
  }
  for (;;)
    ::pause();
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 5) return 2;
  flow::storage::rocks_options options;
  options.directory = argv[1];
  // Small, so that flushes and compactions happen all the time.
  options.memtable_bytes = 64u << 10;
  auto opened = flow::storage::open_rocks_store(options);
  if (!opened) return fail(flow::to_string(opened.error()));
  if (argc == 2) return read_all(**opened);
  auto number = [&](int at) { return std::strtoull(argv[at], nullptr, 10); };
  return commit_until_killed(**opened, number(2), number(3), number(4));
}
