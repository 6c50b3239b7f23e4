// What follows the end of a call, over its plugs.
#define CAF_SUITE flows.partition_edges

#include "tests/flows/partition_edges_fixture.hpp"

#include <algorithm>

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

/// What each plug delivered, as JSON.
std::map<std::string, std::string> delivered(const transition& out) {
  std::map<std::string, std::string> by_plug;
  for (const auto& child : out.children)
    by_plug[child->more().edge] = to_json_text(value{child->args.positional});
  return by_plug;
}

using plug_values = std::map<std::string, std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_edges_tests, edges_fixture)

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

CAF_TEST(a value that is too large for a plug fails its call) {
  connect("next");
  connect("alarm", "error");
  auto call = add();
  window(1);
  auto how = success(lease(), number(1));
  how.plugs = {{"next", text_of_bytes(limits::payload_bytes_max + 1)}};
  auto out = end(std::move(how));
  CAF_CHECK(has_ended_as(call, call_state::failed));
  CAF_CHECK(rows.ended.at(call->id)->why.code == ec::output_too_large);
  CAF_REQUIRE_EQUAL(out.children.size(), 1u);
  CAF_CHECK_EQUAL(out.children[0]->more().edge, "alarm");
}

CAF_TEST(a result that is too large for all its plugs together fails its call) {
  constexpr size_t bytes = 48u << 20;
  for (size_t i = 0; (i + 1) * bytes <= limits::call_end_bytes_max; ++i)
    connect("plug" + std::to_string(i));
  policy.edges.pop_back();
  reconfigure();
  auto fits = add();
  run_one(text_of_bytes(bytes - 1'000));
  CAF_CHECK(has_ended_as(fits, call_state::finished));
  rows.calls.clear(); // its children, hundreds of megabytes
  connect("one_more");
  auto call = add();
  run_one(text_of_bytes(bytes));
  CAF_CHECK(has_ended_as(call, call_state::failed));
  CAF_CHECK(rows.ended.at(call->id)->why.code == ec::output_too_large);
}

CAF_TEST(arguments that many error plugs could not carry stay behind) {
  for (int i = 0; i < 7; ++i)
    connect("alarm" + std::to_string(i), "error");
  auto call = add(make_large(limits::payload_bytes_max - (1u << 20)));
  window(1);
  auto out = end(failed(lease()));
  CAF_REQUIRE_EQUAL(out.children.size(), 7u);
  CAF_CHECK(out.children[0]->args.size_bytes() < 1'000);
  CAF_CHECK(rows.ended.at(call->id)->call->args == call->args);
}

CAF_TEST(rows are divided only between the ends of two calls) {
  connect("next");
  auto calls = add_many(3);
  window(3);
  attempts_command command;
  for (const auto& item : taken)
    command.ends.push_back(success(item.lease, number(1)));
  auto out = run(std::move(command));
  CAF_REQUIRE_EQUAL(out.cuts.size(), 3u);
  CAF_CHECK_EQUAL(out.cuts.back(), out.rows.size());
  size_t first = 0;
  for (size_t i = 0; i < 3; ++i) {
    row_book part;
    part.calls[calls[i]->id] = calls[i];
    part.apply({out.rows.begin() + static_cast<std::ptrdiff_t>(first),
                out.rows.begin() + static_cast<std::ptrdiff_t>(out.cuts[i])});
    CAF_CHECK_EQUAL(part.trouble, "");
    CAF_CHECK(part.ended.contains(calls[i]->id));
    CAF_CHECK_EQUAL(part.children.size(), 1u);
    CAF_CHECK_EQUAL(part.calls.size(), 1u);
    first = out.cuts[i];
  }
}

CAF_TEST(plugs that change hold for the next call that ends) {
  connect("old");
  add();
  window(1);
  policy.edges.clear();
  connect("new");
  CAF_CHECK(delivered(end(success(lease(), number(1)))) == plug_values({{"new", "[1]"}}));
}

CAF_TEST_FIXTURE_SCOPE_END()
