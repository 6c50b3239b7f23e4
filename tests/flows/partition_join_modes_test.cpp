// How arguments find each other: by root, by key, in order, or the latest; and sets that wait.
#define CAF_SUITE flows.partition_join_modes

#include <algorithm>

#include "tests/flows/partition_edges_fixture.hpp"
#include "tests/flows/random_bytes.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

/// What a root sends as an argument: no other root sends the same.
std::string number_of(const call_id& root, char argument) {
  value v;
  v.cbor.clear();
  cbor::writer{v.cbor}.unsigned_integer(stable_hash(root.view(), static_cast<uint64_t>(argument)));
  return v.cbor;
}

std::string partners_of(const call_id& root) {
  return "\xa2\x61"
         "a"
         + number_of(root, 'a')
         + "\x61"
           "b"
         + number_of(root, 'b');
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_join_modes_tests, edges_fixture)

// -- which arguments belong together ------------------------------------------------

CAF_TEST(independent producers are paired in order of arrival) {
  join_by(join_mode::automatic, {required("a"), required("b")});
  policy.join_sources = {{other}, {elsewhere}};
  reconfigure();
  window(10);
  arrive(make_root(other), "a", 1);
  arrive(make_root(other), "a", 2);
  CAF_CHECK(taken.empty());
  arrive(make_root(elsewhere), "b", 10);
  arrive(make_root(elsewhere), "b", 20);
  CAF_CHECK(taken_arguments() == texts({R"({"a":1,"b":10})", R"({"a":2,"b":20})"}));
}

CAF_TEST(what one root can reach stays together and the rest is paired with it) {
  join_by(join_mode::automatic, {required("a"), required("b"), required("c")});
  policy.join_sources = {{other}, {other}, {elsewhere}};
  reconfigure();
  window(10);
  auto one = make_root(other);
  auto two = make_root(other);
  arrive(one, "a", 1);
  arrive(two, "b", 22);
  arrive(make_root(elsewhere), "c", 100);
  CAF_CHECK(taken.empty()); // neither run is whole
  arrive(two, "a", 2);
  arrive(make_root(elsewhere), "c", 200);
  arrive(one, "b", 11);
  CAF_CHECK(taken_arguments() == texts({R"({"a":2,"b":22,"c":100})", R"({"a":1,"b":11,"c":200})"}));
}

CAF_TEST(a change of the graph joins anew what waits) {
  join_by(join_mode::automatic, {required("a"), required("b")});
  window(10);
  arrive(make_root(other), "a", 1);
  arrive(make_root(elsewhere), "b", 2);
  CAF_CHECK(taken.empty());
  policy.join_sources = {{other}, {elsewhere}};
  reconfigure();
  CAF_CHECK(taken_arguments() == texts({R"({"a":1,"b":2})"}));
}

CAF_TEST(a zip pairs by order whatever the roots) {
  join_by(join_mode::zip, {required("a"), required("b")});
  window(10);
  auto one = make_root();
  auto two = make_root();
  arrive(one, "a", 1);
  arrive(two, "a", 2);
  arrive(two, "b", 20);
  arrive(one, "b", 10);
  CAF_CHECK(taken_arguments() == texts({R"({"a":1,"b":20})", R"({"a":2,"b":10})"}));
}

// -- by key ---------------------------------------------------------------------------

CAF_TEST(arguments with one key join whatever their roots) {
  join_by(join_mode::key, {required("a"), required("b")});
  window(10);
  auto keyed = [&](const char* argument, int64_t n, const char* key) {
    auto call = make_delivery(argument, n);
    auto changed = std::make_shared<call_record>(*call);
    auto more = call->more();
    more.key = key;
    changed->set_extras(std::move(more));
    return add(changed);
  };
  keyed("a", 1, "x");
  keyed("a", 2, "y");
  keyed("b", 20, "y");
  keyed("b", 10, "x");
  auto again = keyed("b", 10, "x"); // a repeat of the delivery, not another
  CAF_CHECK(taken_arguments() == texts({R"({"a":2,"b":20})", R"({"a":1,"b":10})"}));
  CAF_CHECK_EQUAL(machine->counts().joining,
                  1u); // known to the store only: a submission of its own
  CAF_CHECK(taken[0].call->more().key.empty());
  CAF_CHECK_EQUAL(taken[0].call->more().join_key, "y");
}

CAF_TEST(a delivery without the key that its join needs is refused) {
  join_by(join_mode::key, {required("a")});
  auto out = submit({make_delivery("a", 1)});
  CAF_REQUIRE_EQUAL(out.refused.size(), 1u);
  CAF_CHECK(out.refused[0].why.code == ec::bad_arguments);
  CAF_CHECK_NOT_EQUAL(out.refused[0].why.hint.find("--key"), std::string::npos);
}

CAF_TEST(a key is found in the value) {
  join_by(join_mode::key, {required("a"), required("b")});
  policy.join_key = "order.ids.1";
  reconfigure();
  window(10);
  auto with = [&](const char* argument, const char* json) {
    return arrive_value(make_root(), argument, value_of_json(json).value());
  };
  with("a", R"({"order":{"ids":[0,"x"]}})");
  with("b", R"({"order":{"ids":[0,"y"]}})");
  CAF_CHECK(taken.empty());
  with("b", R"({"more":1,"order":{"ids":[5,"x",6]}})");
  CAF_CHECK_EQUAL(taken.size(), 1u);
  for (const char* json : {"1", R"({"order":{"ids":[0]}})", R"({"order":{"ids":{}}})", "[]"}) {
    auto call = with("a", json);
    CAF_CHECK(has_ended_as(call, call_state::dead));
    CAF_CHECK_NOT_EQUAL(rows.ended.at(call->id)->why.message.find("order.ids.1"),
                        std::string::npos);
  }
  auto seen = machine->joins(10);
  CAF_REQUIRE_EQUAL(seen.size(), 1u);
  CAF_CHECK_EQUAL(seen[0].key, "y");
}

CAF_TEST(children have the key of the call that began it all) {
  connect("next");
  add(make_keyed("order 1"));
  auto out = run_one(number(1));
  CAF_REQUIRE_EQUAL(out.children.size(), 1u);
  CAF_CHECK_EQUAL(out.children[0]->more().join_key, "order 1");
  CAF_CHECK_EQUAL(out.children[0]->more().key, "");
}

// -- latches --------------------------------------------------------------------------

CAF_TEST(a latch fires on every arrival with the latest of the others) {
  join_by(join_mode::latch, {required("a"), required("b")});
  window(10);
  arrive(make_root(), "a", 1);
  CAF_CHECK(taken.empty());
  arrive(make_root(), "b", 10);
  arrive(make_root(), "b", 20);
  open(); // what it holds is in the rows, and fires no more
  window(10);
  CAF_CHECK_EQUAL(taken.size(), 3u - 1u); // those that had not ended, and nothing new
  taken.clear();
  arrive(make_root(), "a", 2);
  CAF_CHECK(taken_arguments() == texts({R"({"a":2,"b":20})"}));
  CAF_CHECK_EQUAL(machine->counts().joining, 2u);
}

CAF_TEST(a value that a latch never used is a dead letter) {
  join_by(join_mode::latch, {required("a"), required("b")});
  auto first = arrive(make_root(), "a", 1);
  arrive(make_root(), "a", 2);
  CAF_CHECK(has_ended_as(first, call_state::dead));
  CAF_CHECK_EQUAL(rows.ended.at(first->id)->why.type, "replaced");
  CAF_CHECK_EQUAL(machine->counts().joining, 1u);
}

CAF_TEST(what a latch holds is no call of anyone) {
  join_by(join_mode::latch, {required("a")});
  auto call = deliver("a", 1);
  CAF_CHECK(has_ended_as(call, call_state::finished));
  CAF_CHECK_EQUAL(machine->counts().joining, 1u);
  policy.ttl_ms = policy.join_timeout_ms = 1'000;
  reconfigure();
  window(1);
  end(success(lease()));
  now_ms += 100'000;
  run(tick_command{});
  CAF_CHECK_EQUAL(machine->counts().joining, 1u);
  auto before = rows.ended.size();
  run(bury_command{"purged"});
  CAF_CHECK_EQUAL(machine->counts().joining, 0u);
  CAF_CHECK_EQUAL(rows.ended.size(), before);
  CAF_CHECK(rows.calls.empty());
}

// -- sets that wait ---------------------------------------------------------------------

CAF_TEST(a set that is not whole in time is dead with what it lacks) {
  join_by(join_mode::automatic, {required("a"), required("b"), required("c")});
  policy.join_timeout_ms = 5'000;
  reconfigure();
  auto root = make_root();
  auto a = arrive(root, "a", 1);
  now_ms += 3'000;
  auto b = arrive(root, "b", 2);
  now_ms += 2'000;
  run(tick_command{});
  for (const auto& call : {a, b}) {
    CAF_REQUIRE(has_ended_as(call, call_state::dead));
    CAF_CHECK_EQUAL(rows.ended.at(call->id)->why.message,
                    "the other arguments of its join did not come within 5s: c");
  }
}

CAF_TEST(half filled sets are shown with what is missing) {
  join_by(join_mode::automatic, {required("a"), required("b")});
  auto root = make_root();
  arrive(root, "a", 1);
  now_ms += 1'000;
  arrive(root, "a", 2);
  auto seen = machine->joins(10);
  CAF_REQUIRE_EQUAL(seen.size(), 1u);
  CAF_CHECK(seen[0].root == root);
  CAF_CHECK_EQUAL(seen[0].since_ms, now_ms - 1'000);
  CAF_CHECK_EQUAL(seen[0].arrived.at("a"), 2u);
  CAF_CHECK(seen[0].missing == texts({"b"}));
}

CAF_TEST(a hundred thousand interleaved pairs fire once each with their own partner) {
  constexpr size_t pairs = 100'000;
  policy.join = {required("a"), required("b")};
  partition joins{own, policy, 1};
  std::map<call_id, call_ptr> stored; // rows of calls in flight
  std::map<call_id, size_t> fired;    // by root
  auto absorb = [&](const transition& out) {
    for (const auto& row : out.rows) {
      if (const auto* put = std::get_if<put_call>(&row)) {
        stored[put->call->id] = put->call;
        ++fired[put->call->root];
        CAF_REQUIRE(put->call->args.keyword == partners_of(put->call->root));
      } else if (const auto* gone = std::get_if<erase_call>(&row)) {
        stored.erase(gone->id);
      }
    }
  };
  std::vector<call_ptr> arrivals;
  for (size_t i = 0; i < pairs; ++i) {
    auto root = make_root();
    for (const char* argument : {"a", "b"})
      arrivals.push_back(make_call([&](call_record& made, call_extras& more) {
        made.root = made.parent = root;
        made.args.positional = "\x81" + number_of(root, *argument);
        more.argument = argument;
      }));
  }
  random_engine random{seed_of("interleaved pairs")};
  std::ranges::shuffle(arrivals, random);
  size_t told = 0;
  auto arrive_until = [&](partition& to, size_t last) {
    while (told < last) {
      arrive_command command;
      for (; told < last && command.calls.size() < 1'000; ++told) {
        stored[arrivals[told]->id] = arrivals[told];
        command.calls.push_back(arrivals[told]);
      }
      absorb(to.apply(std::move(command), now_ms));
    }
  };
  arrive_until(joins, pairs);
  std::vector<restored_call> left;
  for (const auto& [id, call] : stored)
    left.push_back({call, {}});
  partition again{own, policy, 2}; // the first one has died
  absorb(again.restore(std::move(left), now_ms));
  arrive_until(again, 2 * pairs);
  CAF_CHECK_EQUAL(again.counts().joining, 0u);
  CAF_CHECK_EQUAL(fired.size(), pairs);
  CAF_CHECK(std::ranges::all_of(fired, [](const auto& each) { return each.second == 1; }));
}

CAF_TEST_FIXTURE_SCOPE_END()
