// Who may write, and what was written already: fences, leases and batch ids, on each kind of store.
#define CAF_SUITE storage.ownership

#include "flows/limits.hpp"
#include "tests/storage/stores.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::storage;
using namespace flow::storage::test;

namespace {

constexpr family calls = family::in_flight;

} // namespace

// -- fences and leases --------------------------------------------------------

CAF_TEST(a batch under an old epoch has no effect and the rest of its group has) {
  on_each_store([](subject& s) {
    auto first = s.it->acquire("queue 1", "node a", 1000).value();
    s.time.now_ms += 1000;
    auto second = s.it->acquire("queue 1", "node b", 1000).value();
    CAF_CHECK(second.epoch > first.epoch);
    std::vector<batch> group{put_batch("a", "old owner"), put_batch("b", "new owner"),
                             put_batch("c", "nobody"), put_batch("d", "unknown lease")};
    group[0].guard = {"queue 1", first.epoch};
    group[1].guard = {"queue 1", second.epoch};
    group[3].guard = {"queue 2", second.epoch};
    auto outcomes = s.it->commit(group).value();
    CAF_CHECK_EQUAL(code_of(outcomes[0]), ec::fenced);
    CAF_CHECK_EQUAL(code_of(outcomes[1]), ec::none);
    CAF_CHECK_EQUAL(code_of(outcomes[2]), ec::none);
    CAF_CHECK_EQUAL(code_of(outcomes[3]), ec::fenced);
    CAF_CHECK(rows_of(*s.it, calls) == (rows{{"b", "new owner"}, {"c", "nobody"}}));
  });
}

CAF_TEST(a live lease is refused to others with the holder named) {
  on_each_store([](subject& s) {
    auto held = s.it->acquire("scheduler", "node a", 1000).value();
    CAF_CHECK_EQUAL(held.expires_ms, s.it->time_ms() + 1000);
    s.time.now_ms += 999;
    auto refused = s.it->acquire("scheduler", "node b", 1000);
    CAF_REQUIRE_EQUAL(code_of(refused), ec::lease_held);
    CAF_CHECK(refused.error().text.find("node a") != std::string::npos);
    s.time.now_ms += 1;
    CAF_CHECK(s.it->acquire("scheduler", "node b", 1000)->epoch > held.epoch);
    CAF_CHECK_EQUAL(code_of(s.it->renew(held, 1000)), ec::fenced);
    CAF_CHECK_EQUAL(code_of(s.it->release(held)), ec::fenced);
  });
}

CAF_TEST(a holder keeps its epoch until its lease ends) {
  on_each_store([](subject& s) {
    auto held = s.it->acquire("l", "a", 1000).value();
    s.time.now_ms += 500;
    CAF_CHECK_EQUAL(s.it->acquire("l", "a", 1000)->epoch, held.epoch);
    s.time.now_ms += 600;
    auto renewed = s.it->renew(held, 1000).value();
    CAF_CHECK_EQUAL(renewed.epoch, held.epoch);
    CAF_CHECK_EQUAL(renewed.expires_ms, s.it->time_ms() + 1000);
    s.time.now_ms += 999;
    CAF_CHECK_EQUAL(code_of(s.it->acquire("l", "b", 1)), ec::lease_held);
    s.time.now_ms += 1;
    CAF_CHECK(s.it->acquire("l", "a", 1000)->epoch > held.epoch);
  });
}

CAF_TEST(an expired lease that nobody took is still its holders) {
  on_each_store([](subject& s) {
    auto held = s.it->acquire("l", "a", 10).value();
    s.time.now_ms += 1000;
    batch wanted = put_batch("k", "v");
    wanted.guard = {"l", held.epoch};
    CAF_CHECK_EQUAL(code_of(commit_one(*s.it, wanted)), ec::none);
    CAF_CHECK_EQUAL(code_of(s.it->renew(held, 10)), ec::none);
  });
}

CAF_TEST(a released lease is free at once and its epoch never comes back) {
  on_each_store([](subject& s) {
    auto held = s.it->acquire("l", "a", 1000).value();
    CAF_CHECK(s.it->release(held).has_value());
    batch wanted = put_batch("k", "v");
    wanted.guard = {"l", held.epoch};
    CAF_CHECK_EQUAL(code_of(commit_one(*s.it, wanted)), ec::fenced);
    CAF_CHECK_EQUAL(code_of(s.it->renew(held, 1000)), ec::fenced);
    auto next = s.it->acquire("l", "a", 1000).value();
    CAF_CHECK(next.epoch > held.epoch);
    lease forged = next;
    forged.holder = "b";
    CAF_CHECK_EQUAL(code_of(s.it->renew(forged, 1000)), ec::fenced);
  });
}

CAF_TEST(a lease without a name or a holder or a time is refused) {
  on_each_store([](subject& s) {
    CAF_CHECK_EQUAL(code_of(s.it->acquire("", "a", 1)), ec::bad_value);
    CAF_CHECK_EQUAL(code_of(s.it->acquire("l", "", 1)), ec::bad_value);
    CAF_CHECK_EQUAL(code_of(s.it->acquire("l", "a", 0)), ec::bad_value);
    CAF_CHECK_EQUAL(code_of(s.it->acquire(std::string(limits::name_bytes_max + 1, 'l'), "a", 1)),
                    ec::bad_value);
    CAF_CHECK_EQUAL(s.it->acquire("l", "a", UINT64_MAX)->expires_ms, UINT64_MAX);
  });
}

// -- batch ids ----------------------------------------------------------------

CAF_TEST(a repeated batch id has no second effect and gives the first outcome) {
  on_each_store([](subject& s) {
    batch first = put_batch("a", "1");
    first.id = {7, 1};
    uint64_t sequence = commit_one(*s.it, first).value();
    commit_one(*s.it, put_batch("a", "2")).value();
    CAF_CHECK_EQUAL(commit_one(*s.it, first).value(), sequence);
    CAF_CHECK_EQUAL(s.it->get(calls, "a")->value_or(""), "2");
    batch same_number = put_batch("b", "1");
    same_number.id = {8, 1};
    CAF_CHECK_EQUAL(commit_one(*s.it, same_number).value(), sequence + 2);
    CAF_CHECK_EQUAL(s.it->get(calls, "b")->value_or(""), "1");
  });
}

CAF_TEST(a whole group may be repeated with others behind it) {
  on_each_store([](subject& s) {
    std::vector<batch> group;
    for (uint64_t i = 1; i <= 100; ++i) {
      group.push_back(put_batch("k" + std::to_string(i), "v"));
      group.back().id = {1, i};
    }
    group.push_back(group[4]); // twice in one group
    auto first = s.it->commit(group).value();
    CAF_CHECK_EQUAL(first[100].value(), first[4].value());
    commit_one(*s.it, put_batch("k1", "changed since")).value();
    group[100] = put_batch("next", "v");
    group[100].id = {1, 101};
    auto second = s.it->commit(group).value();
    for (size_t i = 0; i < 100; ++i)
      CAF_CHECK_EQUAL(second[i].value(), first[i].value());
    CAF_CHECK_EQUAL(code_of(second[100]), ec::none);
    CAF_CHECK_EQUAL(s.it->get(calls, "k1")->value_or(""), "changed since");
    CAF_CHECK_EQUAL(s.it->get(calls, "next")->value_or(""), "v");
  });
}

CAF_TEST(a fenced batch stays fenced when it is repeated) {
  on_each_store([](subject& s) {
    batch wanted = put_batch("a", "1");
    wanted.id = {3, 9};
    wanted.guard = {"l", 1};
    CAF_CHECK_EQUAL(code_of(commit_one(*s.it, wanted)), ec::fenced);
    CAF_REQUIRE_EQUAL(s.it->acquire("l", "a", 1000)->epoch, 1u);
    CAF_CHECK_EQUAL(code_of(commit_one(*s.it, wanted)), ec::fenced);
    if (s.is_durable()) {
      s.open();
      CAF_CHECK_EQUAL(code_of(commit_one(*s.it, wanted)), ec::fenced);
    }
    CAF_CHECK_EQUAL(s.it->get(calls, "a")->has_value(), false);
  });
}

CAF_TEST(a forgotten batch id is an error and has no effect) {
  on_each_store([](subject& s) {
    for (uint64_t number = 10; number < 60; ++number) {
      batch wanted = put_batch("n", std::to_string(number));
      wanted.id = {1, number};
      commit_one(*s.it, wanted).value();
    }
    for (uint64_t number : {uint64_t{5}, uint64_t{10}}) {
      batch late = put_batch("n", "late");
      late.id = {1, number};
      CAF_CHECK_EQUAL(code_of(commit_one(*s.it, late)), ec::wrong_state);
    }
    CAF_CHECK_EQUAL(s.it->get(calls, "n")->value_or(""), "59");
  });
}
