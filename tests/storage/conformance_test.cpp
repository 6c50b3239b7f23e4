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
                             ec::bad_value, ec::bad_value, ec::bad_value,
                             ec::none};
    CAF_CHECK(codes == expected);
    CAF_CHECK_EQUAL(rows_of(*s.it, calls).size(), 3u);
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
