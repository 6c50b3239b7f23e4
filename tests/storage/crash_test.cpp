// A store whose process is killed: all that was acknowledged is there, and of the rest each batch
// whole or not at all.
#define CAF_SUITE storage.crash

#include "tests/storage/child.hpp"
#include "tests/storage/model.hpp"
#include "tests/storage/stores.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::storage;
using namespace flow::storage::test;

namespace {

/// A history whose process is killed again and again; knows what must be there.
struct killed_history {
  scratch files;
  uint64_t seed = 0;
  uint64_t groups = 0; ///< all batches of these are there
  model rows;

  rocks_options options() const {
    rocks_options made;
    made.directory = files.path();
    return made;
  }

  /// Lets a process commit, kills it after `count` acknowledgements, and reads what it left. The
  /// trouble, or "".
  std::string kill_after(uint64_t count) {
    uint64_t acknowledged = groups;
    {
      child victim{files.path(), seed, groups + 1, groups + count + 100};
      if (victim.next() != 0u) return "the process did not open the store";
      for (uint64_t i = 0; i < count; ++i) {
        auto group = victim.next();
        if (!group) return "the process ended by itself";
        acknowledged = *group;
      }
      victim.end();
      // Some were acknowledged between the last look and the kill.
      while (auto group = victim.next())
        acknowledged = *group;
    }
    auto opened = open_rocks_store(options());
    if (!opened) return "after the kill: " + to_string(opened.error());
    while (groups < acknowledged)
      apply(++groups);
    return find_rest(**opened);
  }

  void apply(uint64_t group) {
    for (const auto& each : group_of_history(seed, group))
      rows.apply(each);
  }

  /// One more group may have been on its way: a part of its batches, from the first on, is there.
  std::string find_rest(store& opened) {
    auto seen = content_of(opened);
    if (!seen.error.empty()) return seen.error;
    if (seen.rows == rows) return {};
    auto group = group_of_history(seed, groups + 1);
    for (size_t i = 0; i < group.size(); ++i) {
      rows.apply(group[i]);
      if (seen.rows != rows) continue;
      if (i + 1 == group.size()) {
        ++groups;
        return {};
      }
    }
    return "the rows are not those of a history up to group " + std::to_string(groups)
           + " or one more";
  }
};

} // namespace

CAF_TEST(a killed process loses nothing that it acknowledged) {
  killed_history h;
  h.seed = seed_of_run();
  std::mt19937_64 random{h.seed};
  for (int kill = 0; kill < 25; ++kill) {
    uint64_t count = random() % (kill % 3 == 0 ? 200 : 20);
    std::string trouble = h.kill_after(count);
    if (!trouble.empty()) {
      CAF_FAIL("MILLRACE_SEED=" << h.seed << ": kill " << kill << ": " << trouble);
    }
  }
  CAF_CHECK(h.groups > 25u);
  auto opened = open_rocks_store(h.options()).value();
  auto report = opened->verify().value();
  CAF_CHECK(report.problems.empty());
}

CAF_TEST(a group that was repeated after a kill has its effect once) {
  scratch files;
  uint64_t seed = seed_of_run();
  {
    child victim{files.path(), seed, 1, 5};
    while (victim.next() != 5u) {}
  }
  rocks_options options;
  options.directory = files.path();
  auto opened = open_rocks_store(options).value();
  uint64_t sequence = opened->stats().sequence;
  auto before = content_of(*opened).rows;
  auto outcomes = opened->commit(group_of_history(seed, 5)).value();
  CAF_CHECK_EQUAL(outcomes.back().value(), sequence);
  CAF_CHECK_EQUAL(opened->stats().sequence, sequence);
  CAF_CHECK(content_of(*opened).rows == before);
}

CAF_TEST(a directory that another process has open is refused until it ends) {
  scratch files;
  rocks_options options;
  options.directory = files.path();
  {
    child other{files.path(), 1, 1, 0};
    CAF_REQUIRE(other.next() == 0u);
    auto refused = open_rocks_store(options);
    CAF_REQUIRE_EQUAL(code_of(refused), ec::data_directory_in_use);
    CAF_CHECK(refused.error().text.find(files.path()) != std::string::npos);
  }
  auto opened = open_rocks_store(options);
  CAF_CHECK_EQUAL(code_of(opened), ec::none);
  CAF_CHECK_EQUAL(code_of(open_rocks_store(options)), ec::data_directory_in_use);
}
