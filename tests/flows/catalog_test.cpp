#define CAF_SUITE flows.catalog

#include "flows/catalog.hpp"

#include "flows/catalog_draft.hpp"
#include "tests/support/catalog_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::test::function;
using object_kind::deployment, object_kind::node, object_kind::processor, object_kind::queue,
    object_kind::role, object_kind::scheduler, object_kind::task, object_kind::user;

namespace {

struct fixture : flow::test::catalog_fixture {
  ~fixture() {
    auto problems = all.check();
    CAF_CHECK_EQUAL(problems, std::vector<std::string>{});
  }
};

std::vector<std::string> names_of(const std::vector<object_ptr>& objects) {
  std::vector<std::string> names;
  for (const auto& it : objects)
    names.push_back(it->name);
  return names;
}

using names = std::vector<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(catalog_tests, fixture)

// -- adding -------------------------------------------------------------------

CAF_TEST(an object that was added is found with its stamps) {
  CAF_CHECK(add(queue, "q1", R"({"ttl_ms":5})", false, {{"team", "blue"}}) == ec::none);
  const auto& it = at(queue, "q1");
  CAF_CHECK_EQUAL(it.as<queue_spec>().ttl_ms, 5u);
  CAF_CHECK_EQUAL(it.by, "ann");
  CAF_CHECK_EQUAL(it.created_ms, 1'700'000'000'000u);
  CAF_CHECK_EQUAL(it.updated_ms, it.created_ms);
  CAF_CHECK_EQUAL(it.revision, 1u);
  CAF_CHECK_EQUAL(it.labels.at("team"), "blue");
  CAF_CHECK_EQUAL(all.size(), 1u);
  CAF_REQUIRE_EQUAL(last.changes.size(), 1u);
  CAF_CHECK(!last.changes[0].before);
  CAF_CHECK(last.changes[0].after == all.find(queue, "q1"));
}

CAF_TEST(planning changes nothing) {
  shop();
  auto before = *flow::test::reloaded(all);
  CAF_CHECK(all.plan_add(queue, "x", {}, {}, author).has_value());
  CAF_CHECK(
      all.plan_update(queue, "q", flow::test::json(R"({"ttl_ms":3})"), {}, author).has_value());
  CAF_CHECK(all.plan_delete(queue, {"q"}, true, author).has_value());
  CAF_CHECK(all == before);
}

CAF_TEST(a set that was planned on another revision is not applied) {
  auto one = all.plan_add(queue, "a", {}, {}, author);
  auto two = all.plan_add(queue, "b", {}, {}, author);
  CAF_CHECK(all.apply(*one).has_value());
  CAF_CHECK(all.apply(*two).error().code == ec::wrong_state);
  CAF_CHECK(!has(queue, "b"));
}

CAF_TEST(names are checked and unique for each kind) {
  CAF_CHECK(add(queue, "", "{}") == ec::bad_name);
  CAF_CHECK(add(queue, "a b", "{}") == ec::bad_name);
  CAF_CHECK(add(queue, std::string(limits::name_bytes_max + 1, 'x'), "{}") == ec::bad_name);
  CAF_CHECK(add(queue, "x", "{}") == ec::none);
  CAF_CHECK(add(node, "x", "{}") == ec::none);
  CAF_CHECK(add(queue, "x", "{}") == ec::already_exists);
  CAF_CHECK(why_says("queue \"x\" exists already"));
  shop();
  CAF_CHECK(add(object_kind::socket, "task:a.b", R"({"processor":"p","task":"b"})")
            == ec::bad_name);
  CAF_CHECK(add(task, "t", "{}") == ec::bad_usage);
}

CAF_TEST(adding the same again is nothing with exist_ok and another is refused by its keys) {
  add(queue, "x", R"({"ttl_ms":5})", false, {{"a", "1"}});
  auto before = all.head();
  CAF_CHECK(add(queue, "x", R"({"ttl_ms":5,"type":"direct"})", true) == ec::none);
  CAF_CHECK(last.empty());
  CAF_CHECK(add(queue, "x", R"({"ttl_ms":5})", true, {{"a", "1"}}) == ec::none);
  CAF_CHECK(all.head() == before);
  CAF_CHECK(add(queue, "x", R"({"ttl_ms":6,"type":"topic"})", true) == ec::already_exists);
  CAF_CHECK(why_says("type and ttl_ms"));
  CAF_CHECK(why_says("flow update queue x"));
  CAF_CHECK(add(queue, "x", R"({"ttl_ms":5})", true, {{"a", "2"}}) == ec::already_exists);
  CAF_CHECK(why_says("labels"));
}

CAF_TEST(labels are bounded and auto cannot be set) {
  CAF_CHECK(add(queue, "x", "{}", false, {{"auto", "true"}}) == ec::bad_value);
  CAF_CHECK(add(queue, "x", "{}", false, {{"a b", "1"}}) == ec::bad_name);
  CAF_CHECK(add(queue, "x", "{}", false, {{"a", std::string(limits::name_bytes_max + 1, 'x')}})
            == ec::bad_value);
  object_labels many;
  for (size_t i = 0; i <= limits::labels_max; ++i)
    many["l" + std::to_string(i)] = "";
  CAF_CHECK(add(queue, "x", "{}", false, many) == ec::bad_value);
}

CAF_TEST(numbers are unique and never used again and those of sockets are partitions) {
  shop();
  socket("a", "f");
  auto a = at(object_kind::socket, "a").number;
  CAF_CHECK_EQUAL(a, 1u);
  CAF_CHECK(at(queue, "q").number >= limits::partitions_max);
  CAF_CHECK(remove(object_kind::socket, {"a"}) == ec::none);
  all = *flow::test::reloaded(all);
  socket("a", "f");
  CAF_CHECK_EQUAL(at(object_kind::socket, "a").number, 2u);
}

CAF_TEST(when all partitions are given out no socket is made) {
  shop();
  all.restore(catalog_head{0, limits::partitions_max - 1, 0});
  socket("a", "f");
  CAF_CHECK_EQUAL(at(object_kind::socket, "a").number, limits::partitions_max - 1);
  socket("b", "f");
  CAF_CHECK(why.code == ec::catalog_full);
}

CAF_TEST(several steps become one change set) {
  catalog_draft draft{all, author};
  CAF_CHECK(draft.add(queue, "q", {}, {}, false).has_value());
  CAF_CHECK(draft.add(queue, "gone", {}, {}, false).has_value());
  CAF_CHECK(
      draft.add(processor, "p", flow::test::json(R"({"repository":"r","module":"m"})"), {}, false)
          .has_value());
  CAF_CHECK(draft
                .add(object_kind::socket, "s",
                     flow::test::json(R"({"processor":"p","task":"f","queue":"q"})"), {}, false)
                .has_value());
  CAF_CHECK(draft.remove(queue, {"gone"}, false).has_value());
  CAF_CHECK(draft.remove(queue, {"q"}, false).error().code == ec::in_use);
  CAF_CHECK(all.size() == 0);
  CAF_CHECK(run(draft.finish()) == ec::none);
  CAF_CHECK_EQUAL(all.size(), 3u);
  CAF_CHECK_EQUAL(all.head().revision, 1u);
  CAF_REQUIRE_EQUAL(last.changes.size(), 3u);
  CAF_CHECK_EQUAL(last.changes.back().name, "s");
}

// -- sockets ------------------------------------------------------------------

CAF_TEST(a socket needs its processor and its queue) {
  shop();
  CAF_CHECK(add(object_kind::socket, "s", R"({"processor":"pp","task":"f","queue":"q"})")
            == ec::bad_reference);
  CAF_CHECK(why_says("processor \"pp\""));
  CAF_CHECK(add(object_kind::socket, "s", R"({"processor":"p","task":"f","queue":"other"})")
            == ec::bad_reference);
  CAF_CHECK(why_says("flow add queue other"));
  CAF_CHECK(!has(queue, "other"));
  CAF_CHECK(add(queue, "orders", "{}") == ec::none);
  CAF_CHECK(add(object_kind::socket, "s", R"({"processor":"p","task":"f","queue":"ordres"})")
            == ec::bad_reference);
  CAF_CHECK(why_says("did you mean \"orders\""));
}

CAF_TEST(a socket without a queue gets one of its name that goes with it) {
  shop();
  CAF_CHECK(add(object_kind::socket, "s", R"({"processor":"p","task":"f"})") == ec::none);
  CAF_CHECK_EQUAL(at(object_kind::socket, "s").as<socket_spec>().queue, "s");
  CAF_CHECK(is_auto(at(queue, "s")));
  CAF_CHECK_EQUAL(last.changes.size(), 2u);
  CAF_CHECK(add(object_kind::socket, "s", R"({"processor":"p","task":"f"})", true) == ec::none);
  CAF_CHECK(last.empty());
  CAF_CHECK(remove(object_kind::socket, {"s"}) == ec::none);
  CAF_CHECK(!has(queue, "s"));
}

CAF_TEST(a queue that the user made stays when its socket goes) {
  shop();
  add(queue, "s", R"({"ttl_ms":9})");
  CAF_CHECK(add(object_kind::socket, "s", R"({"processor":"p","task":"f"})") == ec::none);
  CAF_CHECK_EQUAL(at(queue, "s").as<queue_spec>().ttl_ms, 9u);
  CAF_CHECK(remove(object_kind::socket, {"s"}) == ec::none);
  CAF_CHECK(has(queue, "s"));
}

CAF_TEST(a task may be written with its module) {
  shop();
  CAF_CHECK(add(object_kind::socket, "a", R"({"processor":"p","task":"shop.f","queue":"q"})")
            == ec::none);
  CAF_CHECK_EQUAL(at(object_kind::socket, "a").as<socket_spec>().task, "f");
  CAF_CHECK(add(object_kind::socket, "a", R"({"processor":"p","task":"f","queue":"q"})", true)
            == ec::none);
  CAF_CHECK(add(object_kind::socket, "b", R"({"processor":"p","task":"other.f","queue":"q"})")
            == ec::bad_reference);
  CAF_CHECK(why_says("module \"shop\""));
}

CAF_TEST(a task must be a function of the processor once these are known) {
  shop();
  found("p", {function("price"), function("stock")});
  socket("a", "price");
  CAF_CHECK(why.code == ec::none);
  socket("b", "prise");
  CAF_CHECK(why.code == ec::unknown_function);
  CAF_CHECK(why_says("did you mean \"price\""));
  socket("b", "zzzzzzzz");
  CAF_CHECK(why_says("price and stock"));
  CAF_CHECK(update(object_kind::socket, "a", R"({"task":"zzz"})") == ec::unknown_function);
  CAF_CHECK_EQUAL(at(object_kind::socket, "a").as<socket_spec>().task, "price");
}

// -- deployments and schedulers -----------------------------------------------

CAF_TEST(deployments fit into the cpus of their node) {
  shop();
  CAF_CHECK(add(deployment, "d", R"({"processor":"p","node":"n"})") == ec::bad_reference);
  add(node, "n", R"({"hostname":"h","cpus":4})");
  CAF_CHECK(add(deployment, "d1", R"({"processor":"p","node":"n","cpus":3})") == ec::none);
  CAF_CHECK(add(deployment, "d2", R"({"processor":"p","node":"n","cpus":2})") == ec::wrong_state);
  CAF_CHECK(why_says("4 cpus, of which 3 are in use"));
  CAF_CHECK(add(deployment, "d2", R"({"processor":"p","node":"n","cpus":1})") == ec::none);
  CAF_CHECK(update(deployment, "d2", R"({"cpus":2})") == ec::wrong_state);
  CAF_CHECK(update(deployment, "d1", R"({"cpus":2})") == ec::none);
  CAF_CHECK(update(deployment, "d2", R"({"cpus":2})") == ec::none);
  CAF_CHECK(names_of(all.deployments_of_processor("p")) == (names{"d1", "d2"}));
  CAF_CHECK(update(node, "n", R"({"cpus":3})") == ec::none);
  CAF_REQUIRE_EQUAL(last.notes.size(), 1u);
  CAF_CHECK(last.notes[0].find("4 cpus of its 3") != std::string::npos);
  CAF_CHECK(update(deployment, "d1", R"({"cpus":1})") == ec::none);
}

CAF_TEST(a scheduler and a user lose what is removed from their lists) {
  add(node, "n1", "{}");
  add(node, "n2", "{}");
  CAF_CHECK(add(scheduler, "s", R"({"nodes":["n1","n3"]})") == ec::bad_reference);
  CAF_CHECK(add(scheduler, "s", R"({"nodes":["n1","n2"]})") == ec::none);
  CAF_CHECK(remove(node, {"n1"}) == ec::in_use);
  CAF_CHECK(remove(node, {"n1"}, true) == ec::none);
  CAF_CHECK(at(scheduler, "s").as<scheduler_spec>().nodes == names{"n2"});
  add(role, "dev", R"({"privileges":["RUN_TASK"]})");
  CAF_CHECK(add(user, "ann", R"({"roles":["dev"]})") == ec::none);
  CAF_CHECK(remove(role, {"dev"}, true) == ec::none);
  CAF_CHECK(at(user, "ann").as<user_spec>().roles.empty());
}

// -- updating -----------------------------------------------------------------

CAF_TEST(an update replaces the keys it has and stamps the object) {
  add(queue, "x", R"({"ttl_ms":5,"max_length":6})", false, {{"a", "1"}});
  author.user = "bob";
  CAF_CHECK(update(queue, "x", R"({"ttl_ms":7})") == ec::none);
  const auto& it = at(queue, "x");
  CAF_CHECK_EQUAL(it.as<queue_spec>().ttl_ms, 7u);
  CAF_CHECK_EQUAL(it.as<queue_spec>().max_length, 6u);
  CAF_CHECK_EQUAL(it.by, "bob");
  CAF_CHECK_EQUAL(it.revision, 2u);
  CAF_CHECK_EQUAL(it.updated_ms, it.created_ms + 1);
  CAF_CHECK_EQUAL(it.labels.size(), 1u);
  CAF_REQUIRE_EQUAL(last.changes.size(), 1u);
  CAF_CHECK_EQUAL(last.changes[0].before->as<queue_spec>().ttl_ms, 5u);
  CAF_CHECK(update(queue, "x", "{}", object_labels{{"b", "2"}}) == ec::none);
  CAF_CHECK(at(queue, "x").labels == (object_labels{{"b", "2"}}));
}

CAF_TEST(an update to the same is nothing) {
  add(queue, "x", R"({"ttl_ms":5})");
  auto before = all.head();
  CAF_CHECK(update(queue, "x", R"({"ttl_ms":5})") == ec::none);
  CAF_CHECK(last.empty());
  CAF_CHECK(all.head() == before);
}

CAF_TEST(an update of what is not there guesses at what was meant) {
  add(queue, "orders", "{}");
  CAF_CHECK(update(queue, "ordres", "{}") == ec::unknown_object);
  CAF_CHECK(why_says("did you mean \"orders\""));
  CAF_CHECK(update(object_kind::socket, "x", "{}") == ec::unknown_socket);
  CAF_CHECK(update(queue, "orders", R"({"name":"x"})") == ec::unknown_key);
}

CAF_TEST(an object is found by a unique beginning of its id) {
  add(queue, "a", "{}");
  add(queue, "b", "{}");
  auto id = object_id(at(queue, "b"));
  CAF_CHECK_EQUAL((*all.resolve(queue, id))->name, "b");
  CAF_CHECK(all.resolve(queue, id.substr(0, 8)).error().code == ec::bad_reference);
  CAF_CHECK(all.resolve(queue, id.substr(0, 3)).error().code == ec::unknown_object);
  CAF_CHECK(remove(queue, {id}) == ec::none);
  CAF_CHECK(!has(queue, "b"));
}

// -- from disk ----------------------------------------------------------------

CAF_TEST(a catalog that was read in any order is sound and one with a hole is not ) {
  shop();
  socket("a", "f");
  socket("b", "f");
  plug("x", "a", "b");
  catalog backwards;
  for (auto kind = stored_kinds().rbegin(); kind != stored_kinds().rend(); ++kind)
    for (const auto& it : all.list(*kind))
      CAF_CHECK(backwards.restore(*it).has_value());
  CAF_CHECK(backwards == all);
  CAF_CHECK(backwards.check().empty());
  CAF_CHECK(backwards.restore(at(queue, "q")).error().code == ec::store_corrupt);
  catalog holed;
  CAF_CHECK(holed.restore(at(object_kind::plug, "x")).has_value());
  CAF_CHECK_EQUAL(holed.check().size(), 2u);
}

CAF_TEST(a circle of plugs that came from disk is noticed unless a plug says so) {
  shop();
  socket("a", "f");
  socket("b", "f");
  plug("ab", "a", "b");
  auto back = at(object_kind::plug, "ab");
  back.name = "ba";
  back.number = all.head().next_number;
  back.spec = plug_spec{"b", "a", "", "result", "", false};
  auto circular = *flow::test::reloaded(all);
  CAF_CHECK(circular.restore(back).has_value());
  CAF_REQUIRE_EQUAL(circular.check().size(), 1u);
  auto problem = circular.check().front();
  CAF_CHECK(problem.find("circles") != std::string::npos);
  std::get<plug_spec>(back.spec).cycle = true;
  auto allowed = *flow::test::reloaded(all);
  CAF_CHECK(allowed.restore(back).has_value());
  CAF_CHECK_EQUAL(allowed.check(), std::vector<std::string>{});
}

CAF_TEST(the head of the catalog survives encoding and damage is noticed) {
  catalog_head head{5, 6, limits::partitions_max + 7};
  auto bytes = encode_head(head);
  CAF_CHECK(*decode_head(bytes) == head);
  for (size_t size = 0; size < bytes.size(); ++size)
    CAF_CHECK(decode_head(bytes.substr(0, size)).error().code == ec::store_corrupt);
  bytes[0] = 9;
  CAF_CHECK(decode_head(bytes).error().code == ec::store_newer);
}

CAF_TEST_FIXTURE_SCOPE_END()
