// Random histories: every outcome and every row as a model says. MILLRACE_SEED replays one.
#define CAF_SUITE storage.history

#include "tests/storage/model.hpp"
#include "tests/storage/stores.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::storage;
using namespace flow::storage::test;

namespace {

struct expected_lease {
  std::string holder;
  uint64_t epoch = 0;
  uint64_t expires_ms = 0;
};

/// One store and its model, moved together.
class history {
public:
  history(subject& s, uint64_t seed) : s_{s}, random_{seed} { watch(); }

  /// The first difference, or "".
  std::string run(int steps) {
    for (step_ = 0; step_ < steps && trouble_.empty(); ++step_) {
      switch (below(12)) {
      case 0:
        acquire();
        break;
      case 1:
        release();
        break;
      case 2:
        s_.time.now_ms += below(400);
        break;
      case 3:
        repeat_last();
        break;
      case 4:
        compare();
        break;
      case 5:
        if (s_.is_durable() && below(6) == 0) reopen();
        break;
      default:
        commit();
        break;
      }
    }
    compare();
    return trouble_;
  }

private:
  uint64_t below(uint64_t n) { return random_() % n; }

  void require(bool is_so, const std::string& what) {
    if (!is_so && trouble_.empty()) trouble_ = "step " + std::to_string(step_) + ": " + what;
  }

  void watch() {
    auto follow = [this](const watch_event& event) {
      require(!event.relist, "told to list again");
      require(event.revision > followed_, "revisions do not rise");
      followed_ = event.revision;
      batch same;
      for (const auto& each : event.changes) {
        same.mutations.push_back({each.what, family::catalog, each.key, each.value});
      }
      mirror_.apply(same);
    };
    uint64_t from = followed_ == 0 ? s_.it->revision() : followed_;
    followed_ = from;
    keep_ = s_.it->watch("", from, follow).value();
  }

  std::string lease_name() { return "lease " + std::to_string(below(3)); }

  void acquire() {
    std::string name = lease_name();
    std::string holder = "holder " + std::to_string(below(2));
    uint64_t ttl_ms = 1 + below(600);
    auto got = s_.it->acquire(name, holder, ttl_ms);
    auto& mine = leases_[name];
    bool is_live = mine.epoch != 0 && mine.expires_ms > s_.it->time_ms();
    if (is_live && mine.holder != holder) {
      require(code_of(got) == ec::lease_held, "a held lease was given");
      return;
    }
    require(got.has_value(), "a free lease was refused");
    if (!got) return;
    bool epoch_is_right = is_live ? got->epoch == mine.epoch : got->epoch > epoch_max_;
    require(epoch_is_right, "the epoch is " + std::to_string(got->epoch));
    mine = {holder, got->epoch, got->expires_ms};
    epoch_max_ = std::max(epoch_max_, got->epoch);
  }

  void release() {
    std::string name = lease_name();
    auto& mine = leases_[name];
    auto done = s_.it->release({name, mine.holder, mine.epoch, 0});
    require(code_of(done) == (mine.epoch ? ec::none : ec::fenced), "release of " + name);
    mine = {};
  }

  void commit() {
    group_.clear();
    for (uint64_t count = 1 + below(6); count > 0; --count) {
      batch made = random_batch(random_);
      if (below(3) == 0) made.id = {1 + below(3), ++number_};
      if (below(3) == 0) {
        made.guard.lease = lease_name();
        made.guard.epoch = leases_[made.guard.lease].epoch + (below(4) == 0 ? 1 : 0);
      }
      group_.push_back(std::move(made));
    }
    auto outcomes = s_.it->commit(group_);
    require(outcomes.has_value(), "a commit failed");
    if (!outcomes) return;
    outcomes_ = *outcomes;
    for (size_t i = 0; i < group_.size(); ++i)
      check_new(group_[i], outcomes_[i]);
    // Only named ones may be repeated after others.
    for (size_t i = group_.size(); i-- > 0;) {
      if (group_[i].id.writer != 0) continue;
      group_.erase(group_.begin() + static_cast<std::ptrdiff_t>(i));
      outcomes_.erase(outcomes_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  void check_new(const batch& wanted, const outcome& got) {
    uint64_t current = wanted.guard.lease.empty() ? 0 : leases_[wanted.guard.lease].epoch;
    bool is_fenced = !wanted.guard.lease.empty() && (current == 0 || current != wanted.guard.epoch);
    require(code_of(got) == (is_fenced ? ec::fenced : ec::none),
            "outcome " + code_text(code_of(got)));
    if (!is_fenced) model_.apply(wanted);
  }

  void repeat_last() {
    if (group_.empty()) return;
    auto again = s_.it->commit(group_);
    require(again.has_value(), "a repeated commit failed");
    for (size_t i = 0; again && i < group_.size(); ++i) {
      const auto& first = outcomes_[i];
      const auto& second = again->at(i);
      require(first.has_value() ? second == first : code_of(second) == code_of(first),
              "a repeated batch has another outcome");
    }
  }

  void reopen() {
    uint64_t time_ms = s_.it->time_ms();
    uint64_t revision = s_.it->revision();
    keep_.reset();
    // Up to here every change was heard, the leases' own aside.
    followed_ = revision;
    s_.open();
    require(s_.it->time_ms() >= time_ms, "store time went back");
    require(s_.it->revision() == revision, "the revision changed");
    watch();
    compare();
  }

  void compare() {
    auto seen = content_of(*s_.it);
    require(seen.error.empty(), seen.error);
    require(seen.rows == model_, "the rows differ from the model");
    require(mirror_.families[0] == model_.families[0], "the watcher's copy differs");
    std::string key = "key/" + std::to_string(below(40));
    auto row = s_.it->get(family::in_flight, key);
    const auto& in = model_.families[1];
    require(row && row->has_value() == in.contains(key), "get disagrees with scan");
    rows backwards;
    (void)s_.it->scan_reverse(family::history, {}, [&](std::string_view k, std::string_view v) {
      backwards.emplace_back(k, v);
      return true;
    });
    const auto& ended = model_.families[2];
    require(backwards == rows(ended.rbegin(), ended.rend()), "a reverse scan differs");
  }

  subject& s_;
  std::mt19937_64 random_;
  model model_;
  model mirror_;
  std::map<std::string, expected_lease> leases_;
  uint64_t epoch_max_ = 0;
  uint64_t number_ = 0;
  uint64_t followed_ = 0;
  std::vector<batch> group_;
  std::vector<outcome> outcomes_;
  std::shared_ptr<void> keep_;
  int step_ = 0;
  std::string trouble_;
};

} // namespace

CAF_TEST(random histories end as the model says) {
  uint64_t first_seed = seed_of_run();
  for (uint64_t seed = first_seed; seed < first_seed + 5; ++seed) {
    on_each_store([&](subject& s) {
      std::string trouble = history{s, seed}.run(400);
      if (!trouble.empty()) CAF_ERROR(s.kind << ": MILLRACE_SEED=" << seed << ": " << trouble);
      CAF_CHECK(trouble.empty());
    });
  }
}
