// Random plans: whatever is asked, the catalog stays sound, and its rows are the whole truth about
// it.
#define CAF_SUITE flows.catalog_random

#include <cstdlib>
#include <ctime>
#include <random>

#include "flows/catalog.hpp"
#include "flows/catalog_draft.hpp"
#include "flows/cbor.hpp"
#include "tests/support/catalog_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::test::function;
using flow::test::json;

namespace {

/// Few names, so that plans collide.
class random_user : public flow::test::catalog_fixture {
public:
  explicit random_user(uint64_t seed) : random_{seed} {}

  void step() {
    ++author.now_ms;
    auto before = all.head();
    auto planned = plan();
    if (!planned) {
      ++refused;
      if (planned.error().text.find("would close a circle") != std::string::npos) ++circles;
      return;
    }
    if (!planned->empty()) ++changed;
    for (const auto& change : planned->changes) {
      auto is_known_before = change.before == all.find(change.kind, change.name);
      if (!is_known_before) problem = "a change does not tell what was before";
    }
    if (!all.apply(*planned)) problem = "a set cannot be applied to what it was planned on";
    if (all.head().next_partition < before.next_partition
        || all.head().next_number < before.next_number)
      problem = "numbers went back";
    for (const auto& it : planned->changes) {
      if (!it.after || it.before) continue;
      if (it.after->number
          < (it.kind == object_kind::socket ? before.next_partition : before.next_number))
        problem = "a number was used again";
    }
  }

  size_t refused = 0;
  size_t changed = 0;
  size_t circles = 0; ///< of those refused
  std::string problem;

private:
  size_t below(size_t n) { return std::uniform_int_distribution<size_t>{0, n - 1}(random_); }
  std::string name(const char* letter, size_t n) { return letter + std::to_string(below(n)); }
  std::string text(std::string_view key, const std::string& content) {
    return "\"" + std::string{key} + "\":\"" + content + "\"";
  }

  /// Sockets and plugs more often than the rest: what can go wrong goes wrong between them.
  object_kind any_kind() {
    const auto& kinds = stored_kinds();
    auto at = below(2 * kinds.size());
    if (at < kinds.size()) return kinds[at];
    return at % 3 == 0 ? object_kind::socket : object_kind::plug;
  }
  std::string any_name(object_kind kind) {
    auto there = all.list(kind);
    if (there.empty() || below(20) == 0) return name("x", 3);
    return there[below(there.size())]->name;
  }
  std::string socket_name() { return any_name(object_kind::socket); }

  std::string spec(object_kind kind) {
    switch (kind) {
    case object_kind::queue:
      return "{\"ttl_ms\":" + std::to_string(below(2)) + "}";
    case object_kind::processor:
      return "{" + text("repository", "r") + "," + text("module", name("m", 2)) + ","
             + text("sockets", below(3) ? "auto" : "none") + "}";
    case object_kind::socket:
      return "{" + text("processor", name("p", 3)) + "," + text("task", name("f", 4)) + ","
             + text("queue", below(2) ? "" : name("q", 4)) + "}";
    case object_kind::plug:
      return "{" + text("source", socket_name()) + "," + text("target", socket_name()) + ","
             + text("argument", below(2) ? "" : name("a", 3)) + ","
             + text("queue", below(3) ? "" : name("q", 4)) + (below(8) ? "" : ",\"cycle\":true")
             + "}";
    case object_kind::argument:
      return "{" + text("plug", name("e", 12)) + "," + text("task", below(3) ? "" : name("f", 4))
             + "," + text("argument", name("a", 3)) + "}";
    case object_kind::node:
      return "{\"cpus\":" + std::to_string(1 + below(8)) + "}";
    case object_kind::scheduler:
      return "{\"nodes\":[\"" + name("n", 3) + "\"]}";
    case object_kind::deployment:
      return "{" + text("processor", name("p", 3)) + "," + text("node", name("n", 3))
             + ",\"cpus\":" + std::to_string(1 + below(3)) + "}";
    case object_kind::user:
      return "{\"roles\":[\"" + name("r", 2) + "\"]}";
    default:
      return "{}";
    }
  }

  std::string new_name(object_kind kind) {
    switch (kind) {
    case object_kind::queue:
      return below(6) ? name("q", 4) : any_name(object_kind::socket);
    case object_kind::processor:
      return name("p", 3);
    case object_kind::socket:
      return below(3) ? name("s", 8) : any_name(object_kind::socket);
    case object_kind::plug:
      return name("e", 12);
    case object_kind::argument:
      return below(2) ? "" : name("g", 4);
    case object_kind::node:
      return name("n", 3);
    case object_kind::role:
      return name("r", 2);
    default:
      return name("o", 3);
    }
  }

  /// Parts of a whole spec: each key stays with even odds.
  value some_of(const value& whole) {
    auto copy = whole;
    cbor::reader in{whole.cbor};
    std::vector<std::pair<std::string, std::string>> kept;
    auto count = in.map();
    for (uint64_t i = 0; i < count; ++i) {
      std::string key{in.text()};
      std::string item{in.raw()};
      if (below(2)) kept.emplace_back(key, item);
    }
    copy.cbor.clear();
    cbor::writer out{copy.cbor};
    out.map(kept.size());
    for (const auto& [key, item] : kept)
      out.text(key).raw(item);
    return copy;
  }

  result<change_set> plan() {
    auto kind = any_kind();
    switch (below(10)) {
    case 0:
    case 1:
    case 2:
    case 8:
    case 9:
      return add_twice(kind);
    case 3:
      return all.plan_update(kind, any_name(kind), some_of(json(spec(kind))), {}, author);
    case 4:
      return all.plan_delete(kind, {any_name(kind)}, below(4) == 0, author);
    case 5:
      return all.plan_delete(kind, {any_name(kind), any_name(kind)}, false, author);
    case 6:
      return several(kind);
    default:
      return discover();
    }
  }

  /// What was planned to be added is nothing when it is added again.
  result<change_set> add_twice(object_kind kind) {
    auto as = new_name(kind);
    auto what = json(spec(kind));
    auto planned = all.plan_add(kind, as, what, {}, author, true);
    if (!planned) return planned;
    auto copy = all;
    if (!copy.apply(*planned)) problem = "an addition cannot be applied";
    auto again = copy.plan_add(kind, as, what, {}, author, true);
    if (!again)
      problem = "adding again was refused: " + again.error().text;
    else if (!again->empty())
      problem = "adding again changed something";
    return planned;
  }

  result<change_set> several(object_kind kind) {
    catalog_draft draft{all, author};
    auto steps = 2 + below(4);
    for (size_t i = 0; i < steps; ++i) {
      auto step = below(3) ? draft.add(kind, new_name(kind), json(spec(kind)), {}, true).has_value()
                           : draft.remove(kind, {any_name(kind)}, true).has_value();
      if (!step) return make_error(ec::bad_usage, "a step of several");
      kind = any_kind();
    }
    return draft.finish();
  }

  result<change_set> discover() {
    auto it = all.find(object_kind::processor, any_name(object_kind::processor));
    if (!it) return make_error(ec::unknown_object, "no processor");
    std::vector<signature> functions;
    for (size_t i = 0; i < 4; ++i)
      if (below(3)) functions.push_back(function("f" + std::to_string(i), {"a0", "a1"}));
    if (below(6) == 0)
      return all.plan_not_found(it->name, it->code.wanted_revision, "boom", author);
    return all.plan_found(
        it->name, {it->code.wanted_revision, std::string(40, 'c'), std::move(functions)}, author);
  }

  std::mt19937_64 random_;
};

/// Of this process alone, so that a busy machine does not fail the test.
double cpu_s() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

uint64_t seed_of_run() {
  if (const auto* given = std::getenv("MILLRACE_TEST_SEED"))
    return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

struct totals {
  size_t changed = 0;
  size_t refused = 0;
  size_t circles = 0;
};

std::string problem_of_run(uint64_t seed, size_t steps, totals& of_all) {
  random_user user{seed};
  for (size_t i = 0; i < steps; ++i) {
    user.step();
    auto where = "seed " + std::to_string(seed) + ", step " + std::to_string(i) + ": ";
    if (!user.problem.empty()) return where + user.problem;
    if (auto problems = user.all.check(); !problems.empty()) return where + problems.front();
    if (i % 8 != 0) continue;
    auto again = flow::test::reloaded(user.all);
    if (!again) return where + again.error().text;
    if (!(*again == user.all)) return where + "the catalog read back is another";
    if (auto problems = again->check(); !problems.empty())
      return where + "read back: " + problems.front();
  }
  of_all.changed += user.changed;
  of_all.refused += user.refused;
  of_all.circles += user.circles;
  return {};
}

} // namespace

CAF_TEST(random plans keep the catalog sound and equal to what its rows say) {
  auto first = seed_of_run();
  CAF_MESSAGE("MILLRACE_TEST_SEED=" << first);
  totals of_all;
  for (uint64_t seed = first; seed < first + 20; ++seed) {
    auto problem = problem_of_run(seed, 300, of_all);
    if (!problem.empty()) CAF_FAIL(problem);
  }
  CAF_MESSAGE(of_all.changed << " changed, " << of_all.refused << " refused, " << of_all.circles
                             << " of them as circles");
  CAF_CHECK(of_all.changed > 1'000); // the plans are not all refused
  CAF_CHECK(of_all.refused > 500);
  CAF_CHECK(of_all.circles > 20); // enough plugs at a time to make circles
}

CAF_TEST(ten thousand sockets and plugs are added without looking at all of them each time) {
  flow::test::catalog_fixture t;
  t.shop();
  auto cost_of = [&](int first, int last) {
    auto start = cpu_s();
    for (int i = first; i < last; ++i) {
      auto at = std::to_string(i);
      t.add(object_kind::socket, "s" + at, R"({"processor":"p","task":"f"})");
      if (i > 0) t.plug("e" + at, "s" + at, "s" + std::to_string(i - 1));
    }
    return cpu_s() - start;
  };
  cost_of(0, 200); // warm up
  auto early = cost_of(200, 1'200);
  cost_of(1'200, 9'000);
  auto late = cost_of(9'000, 10'000);
  CAF_CHECK_EQUAL(t.all.list(object_kind::plug).size(), 9'999u);
  CAF_MESSAGE("1,000 sockets with queue and plug: early " << early << " s, late " << late << " s");
  CAF_CHECK(late < 4 * early + 0.1); // a full scan each would cost ten times as much or more
  auto start = cpu_s();
  auto again = flow::test::reloaded(t.all);
  CAF_REQUIRE(again);
  CAF_CHECK(*again == t.all);
  CAF_CHECK(t.remove(object_kind::processor, {"p"}, true) == ec::none);
  CAF_CHECK_EQUAL(t.all.size(), 1u); // the queue that the user made
  CAF_CHECK(cpu_s() - start < 10);
}
