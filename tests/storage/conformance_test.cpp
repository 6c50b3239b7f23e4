// What every store promises, one promise a test, on each kind of store.
#define CAF_SUITE storage.conformance

#include "flows/limits.hpp"
#include "storage/internal/store_core.hpp"
#include "tests/storage/stores.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::storage;
using namespace flow::storage::test;

namespace {

constexpr family calls = family::in_flight;
constexpr family catalog = family::catalog;

struct watcher {
  std::vector<watch_event> events;
  watch_callback callback() {
    return [this](const watch_event& event) { events.push_back(event); };
  }
  /// "r3 put a=1; erase b; " for revision 3.
  std::string text() const {
    std::string text;
    for (const auto& event : events) {
      text += event.relist ? "relist " : "";
      text += "r" + std::to_string(event.revision) + " ";
      for (const auto& each : event.changes) {
        if (each.revision != event.revision) text += "wrong revision ";
        text += each.what == mutation::kind::put ? "put " : "erase ";
        text += each.key + (each.value.empty() ? "" : "=" + each.value) + "; ";
      }
    }
    return text;
  }
};

} // namespace

CAF_TEST(what was put is there and what was erased is not ) {
  on_each_store([](subject& s) {
    CAF_CHECK_EQUAL(code_of(commit_one(*s.it, put_batch("a", "1"))), ec::none);
    CAF_CHECK_EQUAL(s.it->get(calls, "a")->value_or("none"), "1");
    CAF_CHECK_EQUAL(s.it->get(calls, "b")->has_value(), false);
    CAF_CHECK_EQUAL(s.it->get(family::history, "a")->has_value(), false);
    batch wanted;
    wanted.erase(calls, "a");
    wanted.erase(calls, "never there");
    wanted.put(calls, "empty", "");
    CAF_CHECK_EQUAL(code_of(commit_one(*s.it, wanted)), ec::none);
    CAF_CHECK_EQUAL(s.it->get(calls, "a")->has_value(), false);
    CAF_CHECK_EQUAL(s.it->get(calls, "empty")->value_or("none"), "");
  });
}

CAF_TEST(keys and values are bytes) {
  on_each_store([](subject& s) {
    std::string key{"\xff\0\x01", 3};
    std::string value(100'000, '\0');
    commit_one(*s.it, put_batch(key, value)).value();
    CAF_CHECK(s.it->get(calls, key)->value_or("none") == value);
    CAF_CHECK(rows_of(*s.it, calls) == (rows{{key, value}}));
  });
}

CAF_TEST(mutations of a batch apply in their order) {
  on_each_store([](subject& s) {
    batch wanted;
    wanted.put(calls, "a", "1");
    wanted.put(calls, "b", "1");
    wanted.erase_range(calls, "a", "c");
    wanted.put(calls, "b", "2");
    commit_one(*s.it, wanted).value();
    CAF_CHECK(rows_of(*s.it, calls) == (rows{{"b", "2"}}));
  });
}

CAF_TEST(a scan visits its range in order and stops when told) {
  on_each_store([](subject& s) {
    batch wanted;
    for (const char* key : {"d", "b", "a", "c", "\xff"})
      wanted.put(calls, key, key);
    commit_one(*s.it, wanted).value();
    auto keys = [&](const range& within, bool reverse, size_t count_max = 99) {
      std::string seen;
      auto visit = [&](std::string_view key, std::string_view) {
        seen += key;
        return seen.size() < count_max;
      };
      auto done
          = reverse ? s.it->scan_reverse(calls, within, visit) : s.it->scan(calls, within, visit);
      CAF_CHECK(done.has_value());
      return seen;
    };
    CAF_CHECK_EQUAL(keys({}, false), "abcd\xff");
    CAF_CHECK_EQUAL(keys({}, true), "\xff"
                                    "dcba");
    CAF_CHECK_EQUAL(keys({"b", "d"}, false), "bc");
    CAF_CHECK_EQUAL(keys({"b", "d"}, true), "cb");
    CAF_CHECK_EQUAL(keys({"bb", ""}, false), "cd\xff");
    CAF_CHECK_EQUAL(keys({"", "bb"}, true), "ba");
    CAF_CHECK_EQUAL(keys({"d", "b"}, false), "");
    CAF_CHECK_EQUAL(keys({"d", "b"}, true), "");
    CAF_CHECK_EQUAL(keys({}, false, 2), "ab");
    CAF_CHECK_EQUAL(keys({}, true, 2), "\xff"
                                       "d");
  });
}

CAF_TEST(a prefix range holds what begins with the prefix) {
  CAF_CHECK_EQUAL(prefix_range("ab").last, "ac");
  CAF_CHECK_EQUAL(prefix_range("a\xff").last, "b");
  CAF_CHECK_EQUAL(prefix_range("\xff\xff").last, "");
  on_each_store([](subject& s) {
    batch wanted;
    for (const char* key : {"a", "a\xff", "a\xff\xff", "b"})
      wanted.put(calls, key, "");
    commit_one(*s.it, wanted).value();
    CAF_CHECK_EQUAL(rows_of(*s.it, calls, prefix_range("a")).size(), 3u);
    CAF_CHECK_EQUAL(rows_of(*s.it, calls, prefix_range("a\xff")).size(), 2u);
    CAF_CHECK_EQUAL(rows_of(*s.it, calls, prefix_range("")).size(), 4u);
  });
}

CAF_TEST(a scan does not see what is written after it began) {
  on_each_store([](subject& s) {
    if (!s.is_durable()) return; // in memory a scan keeps writers waiting
    batch wanted;
    for (int i = 0; i < 100; ++i)
      wanted.put(calls, "a" + std::to_string(i), "");
    commit_one(*s.it, wanted).value();
    size_t seen = 0;
    auto visit = [&](std::string_view, std::string_view) {
      if (++seen == 1) commit_one(*s.it, put_batch("b", "")).value();
      return true;
    };
    CAF_CHECK(s.it->scan(calls, {}, visit).has_value());
    CAF_CHECK_EQUAL(seen, 100u);
  });
}

CAF_TEST(a range erases from its first key up to its last) {
  on_each_store([](subject& s) {
    auto fill = [&] {
      batch wanted;
      for (const char* key : {"a", "b", "c", "d"})
        wanted.put(calls, key, "");
      commit_one(*s.it, wanted).value();
    };
    auto left_after = [&](std::string first, std::string last) {
      fill();
      batch wanted;
      wanted.erase_range(calls, std::move(first), std::move(last));
      commit_one(*s.it, wanted).value();
      std::string left;
      for (const auto& each : rows_of(*s.it, calls))
        left += each.first;
      return left;
    };
    CAF_CHECK_EQUAL(left_after("b", "d"), "ad");
    CAF_CHECK_EQUAL(left_after("", "b"), "bcd");
    CAF_CHECK_EQUAL(left_after("b", ""), "a");
    CAF_CHECK_EQUAL(left_after("", ""), "");
    CAF_CHECK_EQUAL(left_after("c", "b"), "abcd");
    CAF_CHECK_EQUAL(left_after("b", "b"), "abcd");
  });
}

CAF_TEST(erasing all of the catalog leaves what the store keeps about itself) {
  on_each_store([](subject& s) {
    commit_one(*s.it, put_batch("a", "1", catalog)).value();
    auto held = s.it->acquire("work", "me", 1000).value();
    batch wanted;
    wanted.guard = {"work", held.epoch};
    wanted.erase_range(catalog, "", "");
    CAF_CHECK_EQUAL(code_of(commit_one(*s.it, wanted)), ec::none);
    CAF_CHECK(rows_of(*s.it, catalog).empty());
    CAF_CHECK_EQUAL(code_of(s.it->renew(held, 1000)), ec::none);
  });
}

CAF_TEST(keys and values beyond the limits are refused alone) {
  on_each_store([](subject& s) {
    std::string key_max(limits::store_key_bytes_max, 'k');
    std::vector<batch> group;
    group.push_back(put_batch("before", "1"));
    group.push_back(put_batch(key_max, "1"));
    group.push_back(put_batch(key_max + "k", "1"));
    group.push_back(put_batch("", "1"));
    group.push_back(put_batch(std::string{"\0mine", 5}, "1", catalog));
    group.push_back(put_batch(std::string{"\0mine", 5}, "1", calls));
    group.push_back(put_batch("after", "1"));
    group[2].put(calls, "beside the long key", "1");
    auto outcomes = s.it->commit(group).value();
    std::vector<ec> codes;
    for (const auto& each : outcomes)
      codes.push_back(code_of(each));
    std::vector<ec> expected{ec::none,      ec::none,      ec::payload_too_large,
                             ec::bad_value, ec::bad_value, ec::none,
                             ec::none};
    CAF_CHECK(codes == expected);
    CAF_CHECK_EQUAL(rows_of(*s.it, calls).size(), 4u);
    CAF_CHECK(rows_of(*s.it, catalog).empty());
    batch range_of_ours;
    range_of_ours.erase_range(catalog, std::string{"\0", 1}, "z");
    CAF_CHECK_EQUAL(code_of(commit_one(*s.it, range_of_ours)), ec::bad_value);
  });
}

CAF_TEST(a value or a batch beyond the limit is refused) {
  std::string value_max(limits::store_value_bytes_max, 'v');
  batch wanted = put_batch("a", value_max);
  CAF_CHECK_EQUAL(code_of(internal::checked_bytes(wanted)), ec::none);
  wanted.mutations[0].value += 'v';
  CAF_CHECK_EQUAL(code_of(internal::checked_bytes(wanted)), ec::payload_too_large);
  on_each_store([&](subject& s) {
    CAF_CHECK_EQUAL(code_of(commit_one(*s.it, wanted)), ec::payload_too_large);
    CAF_CHECK_EQUAL(code_of(s.it->put_blob(wanted.mutations[0].value)), ec::payload_too_large);
    CAF_CHECK(rows_of(*s.it, calls).empty());
  });
  batch many;
  for (size_t bytes = 0; bytes <= limits::store_batch_bytes_max; bytes += value_max.size()) {
    many.put(calls, "a", value_max);
  }
  CAF_CHECK_EQUAL(code_of(internal::checked_bytes(many)), ec::payload_too_large);
}

CAF_TEST(sequences rise by one with each batch that had an effect) {
  on_each_store([](subject& s) {
    uint64_t before = s.it->stats().sequence;
    std::vector<batch> group{put_batch("a", "1"), put_batch("", "1"), put_batch("b", "1"), batch{}};
    auto outcomes = s.it->commit(group).value();
    CAF_CHECK_EQUAL(outcomes[0].value(), before + 1);
    CAF_CHECK_EQUAL(outcomes[2].value(), before + 2);
    CAF_CHECK_EQUAL(outcomes[3].value(), before + 2);
    CAF_CHECK_EQUAL(s.it->stats().sequence, before + 2);
    CAF_CHECK_EQUAL(s.it->commit({})->size(), 0u);
  });
}

CAF_TEST(a group is one sync) {
  on_each_store([](subject& s) {
    auto before = s.it->stats();
    std::vector<batch> group;
    for (int i = 0; i < 50; ++i)
      group.push_back(put_batch("k" + std::to_string(i), "v"));
    auto held = s.it->acquire("work", "me", 1000).value();
    for (auto& each : group)
      each.guard = {"work", held.epoch};
    CAF_CHECK_EQUAL(s.it->commit(group)->size(), 50u);
    CAF_CHECK_EQUAL(s.it->stats().syncs, before.syncs + 2);
  });
}

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

// -- watching -----------------------------------------------------------------

CAF_TEST(a watcher hears of each batch once and whole and in order) {
  on_each_store([](subject& s) {
    watcher all, some;
    auto keep_all = s.it->watch("", 0, all.callback()).value();
    auto keep_some = s.it->watch("sock/", 0, some.callback()).value();
    CAF_CHECK_EQUAL(s.it->revision(), 1u);
    batch two;
    two.put(catalog, "sock/a", "1");
    two.put(catalog, "plug/b", "2");
    two.put(calls, "sock/not the catalog", "3");
    std::vector<batch> group{two, put_batch("x", "y"), put_batch("sock/c", "4", catalog)};
    s.it->commit(group).value();
    batch last;
    last.erase(catalog, "sock/a");
    last.erase_range(catalog, "plug/", "plug0");
    commit_one(*s.it, last).value();
    CAF_CHECK_EQUAL(all.text(), "r2 put sock/a=1; put plug/b=2; r3 put sock/c=4; "
                                "r4 erase sock/a; erase plug/=plug0; ");
    CAF_CHECK_EQUAL(some.text(), "r2 put sock/a=1; r3 put sock/c=4; r4 erase sock/a; ");
    CAF_CHECK_EQUAL(s.it->revision(), 4u);
  });
}

CAF_TEST(an erased range is told to those whose prefix it touches) {
  on_each_store([](subject& s) {
    std::vector<std::pair<std::string, bool>> prefixes{
        {"b", true}, {"c/1", true}, {"d", false}, {"a", false}, {"", true}};
    batch wanted;
    wanted.erase_range(catalog, "b", "d");
    for (const auto& [prefix, is_told] : prefixes) {
      watcher w;
      auto keep = s.it->watch(prefix, 0, w.callback()).value();
      commit_one(*s.it, wanted).value();
      CAF_CHECK_EQUAL(w.events.size(), is_told ? 1u : 0u);
    }
  });
}

CAF_TEST(a watcher that comes back hears what it missed) {
  on_each_store([](subject& s) {
    uint64_t seen = s.it->revision();
    commit_one(*s.it, put_batch("a", "1", catalog)).value();
    commit_one(*s.it, put_batch("b", "2", catalog)).value();
    watcher w;
    auto keep = s.it->watch("", seen, w.callback()).value();
    CAF_CHECK_EQUAL(w.text(), "r2 put a=1; r3 put b=2; ");
    commit_one(*s.it, put_batch("c", "3", catalog)).value();
    CAF_CHECK_EQUAL(w.text(), "r2 put a=1; r3 put b=2; r4 put c=3; ");
    keep.reset();
    commit_one(*s.it, put_batch("d", "4", catalog)).value();
    CAF_CHECK_EQUAL(w.events.size(), 3u);
  });
}

CAF_TEST(a watcher too far behind or ahead is told to list again) {
  on_each_store([](subject& s) {
    uint64_t seen = s.it->revision();
    batch many;
    for (size_t i = 0; i < limits::watch_log_changes_max; ++i) {
      many.put(catalog, "k" + std::to_string(i), "");
    }
    commit_one(*s.it, many).value();
    commit_one(*s.it, put_batch("one more", "", catalog)).value();
    watcher behind, ahead, level;
    auto first = s.it->watch("", seen, behind.callback()).value();
    auto second = s.it->watch("", seen + 1000, ahead.callback()).value();
    auto third = s.it->watch("", seen + 1, level.callback()).value();
    CAF_CHECK_EQUAL(behind.text(), "relist r3 ");
    CAF_CHECK_EQUAL(ahead.text(), "relist r3 ");
    CAF_CHECK_EQUAL(level.text(), "r3 put one more; ");
    commit_one(*s.it, put_batch("z", "", catalog)).value();
    CAF_CHECK_EQUAL(behind.text(), "relist r3 r4 put z; ");
  });
}

CAF_TEST(leases are told to those who name them) {
  on_each_store([](subject& s) {
    watcher all, one;
    auto keep_all = s.it->watch("", 0, all.callback()).value();
    auto keep_one = s.it->watch(lease_key("l"), 0, one.callback()).value();
    auto held = s.it->acquire("l", "a", 1000).value();
    s.it->renew(held, 1000).value();
    CAF_CHECK(s.it->release(held).has_value());
    CAF_CHECK_EQUAL(all.events.size(), 0u);
    CAF_CHECK_EQUAL(one.events.size(), 2u);
    CAF_CHECK(rows_of(*s.it, catalog).empty());
  });
}

CAF_TEST(a callback may drop its own watch) {
  on_each_store([](subject& s) {
    std::shared_ptr<void> keep;
    int calls_seen = 0;
    keep = s.it->watch("", 0,
                       [&](const watch_event&) {
                         ++calls_seen;
                         keep.reset();
                       })
               .value();
    commit_one(*s.it, put_batch("a", "1", catalog)).value();
    commit_one(*s.it, put_batch("a", "2", catalog)).value();
    CAF_CHECK_EQUAL(calls_seen, 1);
  });
}

// -- blobs, time, verify ------------------------------------------------------

CAF_TEST(a blob is found by the hash of its bytes) {
  on_each_store([](subject& s) {
    auto hash = s.it->put_blob("abc").value();
    CAF_CHECK_EQUAL(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    uint64_t syncs = s.it->stats().syncs;
    CAF_CHECK_EQUAL(s.it->put_blob("abc").value(), hash);
    CAF_CHECK_EQUAL(s.it->stats().syncs, syncs);
    CAF_CHECK_EQUAL(s.it->get_blob(hash)->value_or(""), "abc");
    CAF_CHECK_EQUAL(s.it->get_blob("00")->has_value(), false);
    std::string large(1u << 20, 'x');
    auto large_hash = s.it->put_blob(large).value();
    CAF_CHECK(s.it->get_blob(large_hash)->value_or("") == large);
  });
}

CAF_TEST(store time goes with the steady clock) {
  on_each_store([](subject& s) {
    uint64_t before = s.it->time_ms();
    CAF_CHECK_EQUAL(before, s.time.wall_ms());
    s.time.now_ms += 250;
    CAF_CHECK_EQUAL(s.it->time_ms(), before + 250);
  });
}

CAF_TEST(verify reads everything and finds a blob that is not what it says) {
  on_each_store([](subject& s) {
    commit_one(*s.it, put_batch("a", "123")).value();
    s.it->put_blob("abc").value();
    auto sound = s.it->verify().value();
    CAF_CHECK_EQUAL(sound.problems.size(), 0u);
    CAF_CHECK(sound.keys >= 3u);
    commit_one(*s.it, put_batch("not a hash", "abc", family::blobs)).value();
    CAF_CHECK_EQUAL(s.it->verify()->problems.size(), 1u);
  });
}

CAF_TEST(recover does nothing to a sound store) {
  on_each_store([](subject& s) {
    commit_one(*s.it, put_batch("a", "1")).value();
    CAF_CHECK(s.it->recover().has_value());
    CAF_CHECK_EQUAL(s.it->get(calls, "a")->value_or(""), "1");
  });
}
