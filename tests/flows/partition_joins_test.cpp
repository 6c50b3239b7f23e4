// What precedes the beginning of a call whose arguments arrive one by one: its join.
#define CAF_SUITE flows.partition_joins

#include "tests/flows/partition_edges_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

CAF_TEST_FIXTURE_SCOPE(partition_joins_tests, edges_fixture)

CAF_TEST(two arguments make one call whichever comes first) {
  join_on({required("a"), required("b")});
  window(10);
  std::string expected = R"({"a":1,"b":2})";
  auto root = make_root();
  auto first = arrive(root, "a", 1);
  CAF_CHECK(state_of(first) == call_state::joining);
  CAF_CHECK(taken.empty());
  arrive(root, "b", 2);
  root = make_root();
  arrive(root, "b", 2);
  arrive(root, "a", 1);
  CAF_CHECK(taken_arguments() == texts({expected, expected}));
}

CAF_TEST(the fired call takes the place of its arrivals in one write) {
  join_on({required("a"), required("b")});
  auto root = make_root();
  auto a = arrive(root, "a", 1);
  auto b = arrive(root, "b", 2);
  CAF_REQUIRE_EQUAL(rows.calls.size(), 1u);
  auto fired = rows.calls.begin()->second;
  CAF_CHECK(fired->root == root);
  CAF_CHECK(fired->parent == root);
  CAF_CHECK(fired->id.partition() == own);
  CAF_CHECK_EQUAL(fired->more().argument, "");
  CAF_CHECK(children_of(root) == std::vector{fired->id});
  CAF_CHECK(!machine->contains(a->id));
  CAF_CHECK(!machine->contains(b->id));
}

CAF_TEST(two runs never mix) {
  join_on({required("a"), required("b")});
  window(10);
  auto one = make_root();
  auto two = make_root();
  arrive(one, "a", 11);
  arrive(two, "b", 22);
  CAF_CHECK(taken.empty());
  arrive(two, "a", 21);
  arrive(one, "b", 12);
  CAF_CHECK(taken_arguments() == texts({R"({"a":21,"b":22})", R"({"a":11,"b":12})"}));
}

CAF_TEST(several arrivals of one argument wait for their partners in order) {
  join_on({required("a"), required("b")});
  window(10);
  auto root = make_root();
  for (int64_t n = 1; n <= 3; ++n)
    arrive(root, "a", n);
  CAF_CHECK_EQUAL(machine->counts().joining, 3u);
  arrive(root, "b", 10);
  CAF_CHECK_EQUAL(machine->counts().joining, 2u);
  arrive(root, "b", 20);
  arrive(root, "b", 30);
  CAF_CHECK(taken_arguments()
            == texts({R"({"a":1,"b":10})", R"({"a":2,"b":20})", R"({"a":3,"b":30})"}));
}

CAF_TEST(arguments that callers deliver are paired in order of arrival) {
  join_on({required("a"), required("b")});
  window(10);
  auto first = deliver("a", 1);
  auto second = deliver("a", 2);
  auto third = deliver("b", 10);
  CAF_CHECK(rows.ended.at(first->id)->state == call_state::finished);
  CAF_CHECK(rows.ended.contains(third->id));
  CAF_CHECK(!rows.ended.contains(second->id));
  deliver("b", 20);
  CAF_CHECK(taken_arguments() == texts({R"({"a":1,"b":10})", R"({"a":2,"b":20})"}));
  CAF_CHECK(children_of(first->id) == std::vector{taken[0].call->id});
  CAF_CHECK(children_of(third->id) == std::vector{taken[0].call->id});
}

CAF_TEST(a delivered argument joins only once it is durable) {
  join_on({required("a")});
  window(1);
  auto written = submit({make_delivery("a", 1)});
  CAF_CHECK(taken.empty());
  commit(written);
  CAF_CHECK_EQUAL(taken.size(), 1u);
}

CAF_TEST(an argument with a default is not waited for but used when it is there) {
  join_on({required("a"), optional("b")});
  window(10);
  arrive(make_root(), "a", 1);
  auto root = make_root();
  arrive(root, "b", 2);
  arrive(root, "a", 3);
  CAF_CHECK(taken_arguments() == texts({R"({"a":1})", R"({"a":3,"b":2})"}));
}

CAF_TEST(a positional only argument is passed by position) {
  join_on({{"a", parameter_kind::positional_only, {}, {}}, required("b")});
  window(1);
  auto root = make_root();
  arrive(root, "b", 2);
  arrive(root, "a", 1);
  CAF_REQUIRE_EQUAL(taken.size(), 1u);
  CAF_CHECK(taken[0].call->args == make_arguments({number(1)}, {{"b", number(2)}}));
}

CAF_TEST(a default takes the place of a positional argument that did not come) {
  parameter a{"a", parameter_kind::positional_only, "'none'", {}};
  parameter b{"b", parameter_kind::positional_only, {}, {}};
  b.default_text = "7";
  join_on({a, b, required("c")});
  window(10);
  auto root = make_root();
  arrive(root, "b", 2);
  arrive(root, "c", 3);
  root = make_root();
  arrive(root, "c", 4); // nothing stands behind a and b: they are left to the function
  CAF_REQUIRE_EQUAL(taken.size(), 2u);
  auto none = value_of_json(R"("none")").value();
  CAF_CHECK(taken[0].call->args == make_arguments({none, number(2)}, {{"c", number(3)}}));
  CAF_CHECK(taken[1].call->args == make_arguments({}, {{"c", number(4)}}));
}

CAF_TEST(a default that is no literal is waited for when a later argument needs its place) {
  join_on({{"a", parameter_kind::positional_only, "NOW()", {}},
           {"b", parameter_kind::positional_only, {}, {}}});
  window(10);
  auto root = make_root();
  arrive(root, "b", 2);
  CAF_CHECK(taken.empty());
  arrive(root, "a", 1);
  CAF_REQUIRE_EQUAL(taken.size(), 1u);
  CAF_CHECK(taken[0].call->args == make_arguments({number(1), number(2)}));
}

CAF_TEST(arguments that are too large together are dead letters with the reason) {
  join_on({required("a"), required("b")});
  window(1);
  auto make = [&](const char* argument) {
    return make_call([&](call_record& made, call_extras& more) {
      made.args = make_arguments({text_of_bytes(limits::payload_bytes_max / 2)});
      more.argument = argument;
    });
  };
  auto a = add(make("a"));
  auto b = add(make("b"));
  CAF_CHECK(taken.empty());
  for (const auto& call : {a, b}) {
    CAF_CHECK(has_ended_as(call, call_state::dead));
    CAF_CHECK(rows.ended.at(call->id)->why.code == ec::payload_too_large);
  }
}

CAF_TEST(a replay of a join makes the same call) {
  join_on({required("a"), required("b")});
  auto root = make_root();
  arrive(root, "a", 1);
  auto b = make_call([&](call_record& made, call_extras& more) {
    made.root = made.parent = root;
    more.argument = "b";
  });
  rows.apply({put_call{b}, put_child{root, b->id}});
  auto before = rows;
  run(arrive_command{{b}});
  auto written = rows;
  rows = before;
  open();
  CAF_REQUIRE_EQUAL(rows.calls.size(), 1u);
  CAF_CHECK(rows.calls.begin()->first == written.calls.begin()->first);
  CAF_CHECK(rows.children == written.children);
}

CAF_TEST(a half filled set survives a crash) {
  join_on({required("a"), required("b")});
  auto root = make_root();
  arrive(root, "a", 1);
  open();
  CAF_CHECK_EQUAL(machine->counts().joining, 1u);
  window(1);
  arrive(root, "b", 2);
  CAF_CHECK(taken_arguments() == texts({R"({"a":1,"b":2})"}));
}

CAF_TEST(an arrival that was cancelled is not joined) {
  join_on({required("a"), required("b")});
  window(1);
  auto root = make_root();
  auto gone = arrive(root, "a", 1);
  arrive(root, "a", 2);
  run(cancel_command{{gone->id}});
  CAF_CHECK(rows.ended.at(gone->id)->state == call_state::cancelled);
  arrive(root, "b", 3);
  CAF_CHECK(taken_arguments() == texts({R"({"a":2,"b":3})"}));
}

CAF_TEST(an arrival that is cancelled before it is durable is not joined) {
  join_on({required("a")});
  window(1);
  auto call = make_delivery("a", 1);
  auto written = submit({call});
  run(cancel_command{{call->id}});
  commit(written);
  CAF_CHECK(taken.empty());
  CAF_CHECK(rows.ended.at(call->id)->state == call_state::cancelled);
}

CAF_TEST(half a set that is not completed in time is a dead letter) {
  policy.ttl_ms = 5'000;
  join_on({required("a"), required("b")});
  auto call = arrive(make_root(), "a", 1);
  now_ms += 5'000;
  run(tick_command{});
  CAF_CHECK(rows.ended.at(call->id)->state == call_state::dead);
  CAF_CHECK_EQUAL(machine->counts().joining, 0u);
}

CAF_TEST(sets that a change of the function completes fire at once) {
  join_on({required("a"), required("b")});
  window(10);
  auto root = make_root();
  arrive(root, "a", 1);
  arrive(root, "a", 2);
  join_on({required("a"), optional("b")});
  CAF_CHECK(taken_arguments() == texts({R"({"a":1})", R"({"a":2})"}));
}

CAF_TEST(an argument is exactly one value) {
  join_on({required("a")});
  for (const auto& args : {make_arguments({}), make_arguments({number(1), number(2)}),
                           make_arguments({number(1)}, {{"b", number(2)}})}) {
    auto out = submit({make_call([&](call_record& made, call_extras& more) {
      made.args = args;
      more.argument = "a";
    })});
    CAF_REQUIRE_EQUAL(out.refused.size(), 1u);
    CAF_CHECK(out.refused[0].why.code == ec::bad_arguments);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
