// The faults that the store in memory plays for the tests of others, and that no store may confuse.
#define CAF_SUITE storage.fault

#include "tests/storage/stores.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::storage;
using namespace flow::storage::test;

namespace {

struct faulty {
  manual_clock time;
  std::optional<write_fault> next;
  std::unique_ptr<store> it
      = make_memory_store(time, [this](uint64_t) { return std::exchange(next, std::nullopt); });
};

} // namespace

CAF_TEST(a full store refuses writes and goes on reading until it recovers) {
  for (ec code : {ec::store_full, ec::store_io}) {
    faulty f;
    commit_one(*f.it, put_batch("a", "1")).value();
    f.next = write_fault{code, false};
    CAF_CHECK_EQUAL(code_of(commit_one(*f.it, put_batch("a", "2"))), code);
    CAF_CHECK_EQUAL(code_of(commit_one(*f.it, put_batch("a", "3"))), code);
    CAF_CHECK_EQUAL(code_of(f.it->acquire("l", "me", 10)), code);
    CAF_CHECK_EQUAL(code_of(f.it->put_blob("abc")), code);
    CAF_CHECK_EQUAL(f.it->get(family::in_flight, "a")->value_or(""), "1");
    f.next = write_fault{code, false};
    CAF_CHECK_EQUAL(code_of(f.it->recover()), code);
    CAF_CHECK(f.it->recover().has_value());
    CAF_CHECK_EQUAL(code_of(commit_one(*f.it, put_batch("a", "4"))), ec::none);
    CAF_CHECK_EQUAL(f.it->get(family::in_flight, "a")->value_or(""), "4");
  }
}

CAF_TEST(an unknown outcome becomes known by repeating the batch) {
  for (bool applied : {false, true}) {
    faulty f;
    uint64_t before = f.it->stats().sequence;
    batch wanted = put_batch("a", "1", family::catalog);
    wanted.id = {5, 1};
    f.next = write_fault{ec::outcome_unknown, applied};
    CAF_CHECK_EQUAL(code_of(commit_one(*f.it, wanted)), ec::outcome_unknown);
    CAF_CHECK_EQUAL(f.it->get(family::catalog, "a")->has_value(), applied);
    CAF_CHECK_EQUAL(commit_one(*f.it, wanted).value(), before + 1);
    CAF_CHECK_EQUAL(commit_one(*f.it, wanted).value(), before + 1);
    CAF_CHECK_EQUAL(f.it->stats().sequence, before + 1);
    CAF_CHECK_EQUAL(f.it->revision(), 2u);
  }
}

CAF_TEST(a watcher is told to list again after a change that nobody was told of) {
  for (bool applied : {false, true}) {
    faulty f;
    std::string heard;
    auto keep = f.it->watch("", 0,
                            [&](const watch_event& event) {
                              heard += event.relist ? "relist " : "change ";
                            })
                    .value();
    f.next = write_fault{ec::outcome_unknown, applied};
    (void)commit_one(*f.it, put_batch("a", "1", family::catalog));
    commit_one(*f.it, put_batch("b", "1", family::catalog)).value();
    CAF_CHECK_EQUAL(heard, applied ? "relist change " : "change ");
  }
}

CAF_TEST(a lease whose grant is unknown is found by asking again) {
  faulty f;
  f.next = write_fault{ec::outcome_unknown, true};
  CAF_CHECK_EQUAL(code_of(f.it->acquire("l", "a", 1000)), ec::outcome_unknown);
  CAF_CHECK_EQUAL(code_of(f.it->acquire("l", "b", 1000)), ec::lease_held);
  CAF_CHECK_EQUAL(f.it->acquire("l", "a", 1000)->epoch, 1u);
}

CAF_TEST(a store in memory has no backup) {
  faulty f;
  CAF_CHECK_EQUAL(code_of(f.it->backup("anywhere")), ec::wrong_state);
}
