// What follows the end of a call, over its plugs, and what precedes the beginning of one: its join.
#define CAF_SUITE flows.partition_edges

#include "tests/flows/partition_fixture.hpp"

#include <algorithm>

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

struct fixture : partition_fixture {
  ~fixture() { CAF_CHECK_EQUAL(trouble, ""); }

  void connect(std::string plug, std::string on = "result", std::string argument = {}) {
    policy.edges.push_back({std::move(plug), std::move(on), other, std::move(argument)});
    reconfigure();
  }

  void join_on(std::vector<parameter> parameters) {
    policy.join = std::move(parameters);
    reconfigure();
  }

  /// The root of a run that fans out and joins again: some call of another partition.
  call_id make_root() { return make_call_id(now_ms, other, stable_hash("root", ++roots)); }

  /// A child of `root` that delivers one argument, durable as its maker has written it.
  call_ptr arrive(const call_id& root, std::string argument, int64_t n) {
    auto call = make_call([&](call_record& made, call_extras& more) {
      made.root = root;
      made.parent = root;
      made.args = make_arguments({number(n)});
      more.argument = argument;
      more.edge = "to_" + argument;
    });
    rows.apply({put_call{call}, put_child{root, call->id}});
    run(arrive_command{{call}});
    return call;
  }

  /// An argument that a caller delivers by hand.
  call_ptr make_delivery(std::string argument, int64_t n) {
    return make_call([&](call_record& made, call_extras& more) {
      made.args = make_arguments({number(n)});
      more.argument = argument;
    });
  }
  call_ptr deliver(std::string argument, int64_t n) { return add(make_delivery(argument, n)); }

  /// The keyword arguments of the calls taken so far, as JSON.
  std::vector<std::string> taken_arguments() const {
    std::vector<std::string> all;
    for (const auto& item : taken)
      all.push_back(to_json_text(value{item.call->args.keyword}));
    return all;
  }

  std::vector<call_id> children_of(const call_id& parent) const {
    std::vector<call_id> found;
    for (const auto& [from, child] : rows.children)
      if (from == parent) found.push_back(child);
    return found;
  }

  uint64_t roots = 0;
};

parameter required(std::string name) {
  return {std::move(name), parameter_kind::positional_or_keyword, {}, {}};
}

parameter optional(std::string name) {
  return {std::move(name), parameter_kind::positional_or_keyword, "0", {}};
}

/// What each plug delivered, as JSON.
std::map<std::string, std::string> delivered(const transition& out) {
  std::map<std::string, std::string> by_plug;
  for (const auto& child : out.children)
    by_plug[child->more().edge] = to_json_text(value{child->args.positional});
  return by_plug;
}

using plug_values = std::map<std::string, std::string>;
using texts = std::vector<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_edges_tests, fixture)

// -- plugs --------------------------------------------------------------------

CAF_TEST(a result makes one child for each plug in the same write) {
  connect("first");
  connect("second", "result", "price");
  auto call = add(make_call([](call_record& made, call_extras& more) {
    made.priority = 8;
    more.user = "ann";
    more.trace = "00-1";
    more.key = "order 1";
  }));
  auto out = run_one(number(42));
  CAF_CHECK(delivered(out) == plug_values({{"first", "[42]"}, {"second", "[42]"}}));
  for (const auto& child : out.children) {
    CAF_CHECK(rows.calls.contains(child->id));
    CAF_CHECK(rows.children.contains({call->id, child->id}));
    CAF_CHECK(child->id.partition() == other);
    CAF_CHECK(child->root == call->id);
    CAF_CHECK(child->parent == call->id);
    CAF_CHECK_EQUAL(child->priority, 8);
    CAF_CHECK_EQUAL(child->more().user, "ann");
    CAF_CHECK_EQUAL(child->more().trace, "00-1");
    CAF_CHECK_EQUAL(child->more().key, "");
    CAF_CHECK_EQUAL(child->more().argument, child->more().edge == "second" ? "price" : "");
  }
  CAF_CHECK(out.children[0]->id != out.children[1]->id);
}

CAF_TEST(a replay after a crash makes the same children) {
  connect("first");
  connect("second");
  auto call = add();
  window(1);
  auto before = rows;
  auto first = end(success(lease(), number(1)));
  auto written = rows;
  rows = before;
  open();
  window(1);
  auto second = end(success(lease(), number(1)));
  CAF_REQUIRE_EQUAL(second.children.size(), 2u);
  for (size_t i = 0; i < 2; ++i)
    CAF_CHECK(*first.children[i] == *second.children[i]);
  CAF_CHECK(rows.children == written.children);
  CAF_CHECK(std::ranges::equal(rows.calls, written.calls, [](const auto& a, const auto& b) {
    return *a.second == *b.second;
  }));
}

CAF_TEST(a call that is retried by hand makes other children than in its first life) {
  connect("next");
  connect("failed", "error");
  auto call = add();
  window(1);
  auto failure = end(failed(lease()));
  run(revive_command{{rows.ended.at(call->id)}});
  auto again = end(failed(lease()));
  CAF_REQUIRE_EQUAL(failure.children.size(), 1u);
  CAF_REQUIRE_EQUAL(again.children.size(), 1u);
  CAF_CHECK(failure.children[0]->id != again.children[0]->id);
}

CAF_TEST(an error plug fires after the last retry and tells what happened) {
  policy.retries = 1;
  connect("next");
  connect("alarm", "error");
  auto call = add();
  window(1);
  auto out = end(failed(lease()));
  CAF_CHECK(out.children.empty());
  now_ms = out.wake_at_ms;
  run(tick_command{});
  out = end(failed(lease()));
  CAF_CHECK(delivered(out)
            == plug_values({{"alarm", R"([{"type":"KeyError","message":"no such key","traceback":)"
                                      R"("line 1","call":")"
                                          + to_string(call->id)
                                          + R"(","socket":"shop.price","attempt":2,)"
                                            R"("args":[1],"kwargs":{}}])"}}));
}

CAF_TEST(an error carries arguments only as deep as a value may be) {
  connect("alarm", "error");
  value deep;
  deep.cbor = std::string(limits::value_depth_max - 1, '\x81') + '\x80';
  add(make_call([&](call_record& made, call_extras&) { made.args = make_arguments({deep}); }));
  window(1);
  auto out = end(failed(lease()));
  CAF_REQUIRE_EQUAL(out.children.size(), 1u);
  auto told = positional_values(out.children[0]->args).value().at(0);
  CAF_CHECK(value_of_cbor(told.cbor));
  CAF_CHECK_NOT_EQUAL(to_json_text(told).find(R"("args":[],"kwargs":{})"), std::string::npos);
}

CAF_TEST(a result does not fire error plugs and a cancelled call fires none) {
  connect("alarm", "error");
  add();
  CAF_CHECK(run_one().children.empty());
  connect("next");
  auto call = add();
  window(0);
  CAF_CHECK(run(cancel_command{{call->id}}).children.empty());
}

CAF_TEST(a dead letter fires error plugs) {
  connect("alarm", "error");
  add();
  CAF_CHECK_EQUAL(run(bury_command{"purged"}).children.size(), 1u);
}

CAF_TEST(an output reaches plugs on it and the plug that has its name) {
  connect("next");
  connect("high");
  connect("low_prices", "low");
  connect("never", "unused");
  add();
  window(1);
  auto how = success(lease(), number(1));
  how.plugs = {{"high", number(2)}, {"low", number(3)}};
  CAF_CHECK(delivered(end(how))
            == plug_values({{"next", "[1]"}, {"high", "[2]"}, {"low_prices", "[3]"}}));
}

CAF_TEST(a plug on an output does not fire for its own name) {
  connect("high", "low");
  add();
  window(1);
  auto how = success(lease(), number(1));
  how.plugs = {{"high", number(2)}};
  CAF_CHECK(end(how).children.empty());
}

CAF_TEST(plugs that change hold for the next call that ends) {
  connect("old");
  add();
  window(1);
  policy.edges.clear();
  connect("new");
  CAF_CHECK(delivered(end(success(lease(), number(1)))) == plug_values({{"new", "[1]"}}));
}

// -- joins --------------------------------------------------------------------

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
