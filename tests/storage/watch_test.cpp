// What watchers of the catalog are told, on each kind of store.
#define CAF_SUITE storage.watch

#include "flows/limits.hpp"
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
