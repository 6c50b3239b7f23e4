#define CAF_SUITE flows.catalog_code

#include "flows/catalog.hpp"

#include "tests/support/catalog_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::test::function;
using object_kind::processor, object_kind::queue;

namespace {

struct fixture : flow::test::catalog_fixture {
  ~fixture() {
    auto problems = all.check();
    CAF_CHECK_EQUAL(problems, std::vector<std::string>{});
  }
  std::vector<std::string> sockets() const {
    std::vector<std::string> names;
    for (const auto& it : all.list(object_kind::socket))
      names.push_back(it->name);
    return names;
  }
  const code_facts& code() const { return at(processor, "p").code; }
  bool is_noted(std::string_view part) const {
    return std::ranges::any_of(
        last.notes, [&](const std::string& n) { return n.find(part) != std::string::npos; });
  }
};

using names = std::vector<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(catalog_code_tests, fixture)

CAF_TEST(what the engine finds out leaves an object with its author) {
  shop("auto");
  author.user = engine_author;
  CAF_CHECK(found("p", {function("price", {"item"})}) == ec::none);
  CAF_CHECK_EQUAL(at(processor, "p").by, "ann");
  CAF_CHECK_EQUAL(at(object_kind::socket, "shop.price").by, engine_author);
  author.user = "bob";
  CAF_CHECK(update(processor, "p", R"({"cpus": 3})") == ec::none);
  CAF_CHECK_EQUAL(at(processor, "p").by, "bob");
}

CAF_TEST(found functions are stored and get a socket and a queue each) {
  shop("auto");
  CAF_CHECK(!code().is_known);
  CAF_CHECK(found("p", {function("price", {"item"}), function("stock")}) == ec::none);
  CAF_CHECK(code().is_known);
  CAF_CHECK_EQUAL(code().commit, std::string(40, 'a'));
  CAF_CHECK(sockets() == (names{"shop.price", "shop.stock"}));
  const auto& price = at(object_kind::socket, "shop.price");
  CAF_CHECK(is_auto(price) && is_auto(at(queue, "shop.price")));
  CAF_CHECK(price.as<socket_spec>()
            == (socket_spec{"p", "price", "shop.price", 0, "", "", join_mode::automatic, "", 0}));
  CAF_CHECK_EQUAL(all.signature_of_socket(price)->parameters.at(0).name, "item");
  CAF_CHECK_EQUAL(last.changes.size(), 5u);
}

CAF_TEST(a replaced function is asked for again and its version rises with each change) {
  shop("auto");
  found("p", {function("price"), function("tax")});
  auto before = code();
  CAF_CHECK(update(processor, "p", R"({"replacements":{"price":"def price(): pass"}})")
            == ec::none);
  CAF_CHECK(code().wanted_revision > before.wanted_revision);
  CAF_CHECK_EQUAL(code().commit, before.commit);
  CAF_CHECK(code().is_known && code().functions == before.functions); // until others are found
  CAF_CHECK_EQUAL(code().replacement_versions.at("price"), 1u);
  CAF_CHECK(found("p", {function("price", {"item"}), function("tax")}) == ec::none);
  CAF_CHECK_EQUAL(code().find("price")->parameters.size(), 1u);
  CAF_CHECK(update(processor, "p", R"({"replacements":{"price":"def price(): pass","tax":"x"}})")
            == ec::none);
  CAF_CHECK_EQUAL(code().replacement_versions.at("price"), 1u);
  CAF_CHECK_EQUAL(code().replacement_versions.at("tax"), 1u);
  CAF_CHECK(update(processor, "p", R"({"replacements":{}})") == ec::none);
  CAF_CHECK_EQUAL(code().replacement_versions.at("price"), 2u);
  auto revision = code().wanted_revision;
  CAF_CHECK(update(processor, "p", R"({"cpus":3})") == ec::none);
  CAF_CHECK_EQUAL(code().wanted_revision, revision);
  CAF_CHECK(update(processor, "p", R"({"module":"other"})") == ec::none);
  CAF_CHECK(!code().is_known);
  CAF_CHECK_EQUAL(code().replacement_versions.at("tax"), 2u);
}

CAF_TEST(finding the same again is nothing) {
  shop("auto");
  found("p", {function("price")});
  CAF_CHECK(found("p", {function("price")}) == ec::none);
  CAF_CHECK(last.empty());
}

CAF_TEST(a function that is gone takes its auto socket along unless a plug is on it) {
  shop("auto");
  found("p", {function("a"), function("b"), function("c")});
  plug("x", "shop.a", "shop.b");
  CAF_CHECK(found("p", {function("b")}, std::string(40, 'b')) == ec::none);
  CAF_CHECK(sockets() == (names{"shop.a", "shop.b"}));
  CAF_CHECK(is_noted("socket \"shop.a\" stays"));
  CAF_CHECK(!has(queue, "shop.c"));
  remove(object_kind::plug, {"x"});
  CAF_CHECK(found("p", {function("b")}, std::string(40, 'c')) == ec::none);
  CAF_CHECK(sockets() == names{"shop.b"});
}

CAF_TEST(the policy says which functions get sockets) {
  shop("none");
  found("p", {function("a"), function("b")});
  CAF_CHECK(sockets().empty());
  CAF_CHECK(update(processor, "p", R"({"sockets":["a"]})") == ec::none);
  CAF_CHECK(sockets() == names{"shop.a"});
  CAF_CHECK(update(processor, "p", R"({"sockets":["a","bb"]})") == ec::unknown_function);
  CAF_CHECK(update(processor, "p", R"({"sockets":"auto"})") == ec::none);
  CAF_CHECK(sockets() == (names{"shop.a", "shop.b"}));
  CAF_CHECK(update(processor, "p", R"({"sockets":["b"]})") == ec::none);
  CAF_CHECK(sockets() == names{"shop.b"});
  CAF_CHECK(found("p", {function("a")}, std::string(40, 'b')) == ec::none);
  CAF_CHECK(is_noted("\"b\""));
  CAF_CHECK(sockets().empty());
}

CAF_TEST(a deleted auto socket stays away until the code is loaded again) {
  shop("auto");
  found("p", {function("a")});
  CAF_CHECK(remove(object_kind::socket, {"shop.a"}) == ec::none);
  CAF_CHECK(update(processor, "p", R"({"cpus":2})") == ec::none);
  CAF_CHECK(sockets().empty());
  CAF_CHECK(found("p", {function("a")}) == ec::none);
  CAF_CHECK(sockets() == names{"shop.a"});
}

CAF_TEST(an explicit socket takes over the auto socket with its number and its plugs) {
  shop("auto");
  found("p", {function("a"), function("b")});
  plug("x", "shop.a", "shop.b");
  auto number = at(object_kind::socket, "shop.b").number;
  CAF_CHECK(add(object_kind::socket, "shop.b", R"({"processor":"p","task":"b","queue":"q"})", false,
                {{"team", "t"}})
            == ec::none);
  const auto& b = at(object_kind::socket, "shop.b");
  CAF_CHECK_EQUAL(b.number, number);
  CAF_CHECK(!is_auto(b));
  CAF_CHECK_EQUAL(b.labels.at("team"), "t");
  CAF_CHECK(!has(queue, "shop.b"));
  CAF_CHECK(add(object_kind::socket, "shop.b", R"({"processor":"p","task":"b","queue":"q"})")
            == ec::already_exists);
  CAF_CHECK(add(object_kind::socket, "shop.b", R"({"processor":"p","task":"b","queue":"q"})", true)
            == ec::none);
  remove(object_kind::plug, {"x"});
  CAF_CHECK(found("p", {function("a")}, std::string(40, 'b')) == ec::none);
  CAF_CHECK(has(object_kind::socket, "shop.b"));
  CAF_CHECK(is_noted("has no function \"b\""));
}

CAF_TEST(a plug that no longer fits stops a takeover) {
  shop("auto");
  found("p", {function("a"), function("b", {"one"}), function("c", {"two"})});
  plug("x", "shop.a", "shop.b", R"(,"argument":"one")");
  CAF_CHECK(add(object_kind::socket, "shop.b", R"({"processor":"p","task":"c"})")
            == ec::bad_reference);
  CAF_CHECK(is_auto(at(object_kind::socket, "shop.b")));
}

CAF_TEST(an auto queue can be added and updated by the user and then stays) {
  shop("auto");
  found("p", {function("a"), function("b")});
  CAF_CHECK(add(queue, "shop.a", R"({"ttl_ms":5})") == ec::none);
  CAF_CHECK(update(queue, "shop.b", R"({"ttl_ms":6})") == ec::none);
  CAF_CHECK(remove(object_kind::socket, {"shop.a", "shop.b"}) == ec::none);
  CAF_CHECK(has(queue, "shop.a") && has(queue, "shop.b"));
}

CAF_TEST(an auto socket that the user updates belongs to the user) {
  shop("auto");
  found("p", {function("a")});
  CAF_CHECK(update(object_kind::socket, "shop.a", R"({"interval_ms":5000})") == ec::none);
  CAF_CHECK(!is_auto(at(object_kind::socket, "shop.a")));
  CAF_CHECK(found("p", {}, std::string(40, 'b')) == ec::none);
  CAF_CHECK(sockets() == names{"shop.a"});
}

CAF_TEST(a processor is deleted with its auto sockets unless a plug is on them) {
  shop("auto");
  found("p", {function("a"), function("b")});
  plug("x", "shop.a", "shop.b");
  CAF_CHECK(remove(processor, {"p"}) == ec::in_use);
  CAF_CHECK(why_says("plug \"x\""));
  remove(object_kind::plug, {"x"});
  CAF_CHECK(remove(processor, {"p"}) == ec::none);
  CAF_CHECK(sockets().empty());
  CAF_CHECK_EQUAL(all.list(queue).size(), 1u);
}

CAF_TEST(the second processor of a module leaves the sockets to the first) {
  shop("auto");
  add(processor, "p2", R"({"repository":"r","module":"shop"})");
  found("p", {function("a")});
  CAF_CHECK(found("p2", {function("a"), function("b")}) == ec::none);
  CAF_CHECK(is_noted("belongs to processor \"p\""));
  CAF_CHECK_EQUAL(at(object_kind::socket, "shop.a").as<socket_spec>().processor, "p");
  CAF_CHECK_EQUAL(at(object_kind::socket, "shop.b").as<socket_spec>().processor, "p2");
}

CAF_TEST(what was found for code that was changed meanwhile is refused) {
  shop("auto");
  auto wanted = code().wanted_revision;
  CAF_CHECK(update(processor, "p", R"({"module":"shop2"})") == ec::none);
  CAF_CHECK(run(all.plan_found("p", {wanted, std::string(40, 'a'), {function("a")}}, author))
            == ec::wrong_state);
  CAF_CHECK(run(all.plan_not_found("p", wanted, "boom", author)) == ec::wrong_state);
  CAF_CHECK(found("p", {function("a")}) == ec::none);
  CAF_CHECK(sockets() == names{"shop2.a"});
}

CAF_TEST(a failure is stored and ends with the next success) {
  shop("auto");
  CAF_CHECK(run(all.plan_not_found("p", code().wanted_revision, "no such module", author))
            == ec::none);
  CAF_CHECK_EQUAL(code().failure, "no such module");
  CAF_CHECK(found("p", {}) == ec::none);
  CAF_CHECK_EQUAL(code().failure, "");
}

CAF_TEST(an update of the code keeps the pin unless it says where the code comes from) {
  shop("auto");
  found("p", {function("a")});
  auto wanted = code().wanted_revision;
  CAF_CHECK(update(processor, "p", R"({"cpus":4,"description":"x"})") == ec::none);
  CAF_CHECK(code().is_known && code().wanted_revision == wanted);
  CAF_CHECK(update(processor, "p", R"({"requirements":"requests"})") == ec::none);
  CAF_CHECK(!code().is_known && code().wanted_revision > wanted);
  CAF_CHECK_EQUAL(code().commit, std::string(40, 'a'));
  found("p", {function("a")});
  CAF_CHECK(update(processor, "p", R"({"branch":"main"})") == ec::none);
  CAF_CHECK_EQUAL(code().commit, "");
  found("p", {function("a")});
  CAF_CHECK(update(processor, "p", R"({"branch":"main"})") == ec::none);
  CAF_CHECK_EQUAL(code().commit, "");
  found("p", {function("a")});
  CAF_CHECK(update(processor, "p", R"({"branch":null,"commit":"abcdef0"})") == ec::none);
  found("p", {function("a")});
  CAF_CHECK(update(processor, "p", R"({"commit":"abcdef0"})") == ec::none);
  CAF_CHECK(last.empty());
  CAF_CHECK(code().is_known);
  CAF_CHECK(has(object_kind::socket, "shop.a"));
}

CAF_TEST(a task is resolved to its sockets in name order) {
  shop("auto");
  add(processor, "p2", R"({"repository":"r","module":"shop","sockets":"none"})");
  found("p", {function("price"), function("stock")});
  found("p2", {function("price")});
  socket("a", "price");
  add(object_kind::socket, "z", R"({"processor":"p2","task":"price","queue":"q"})");
  auto sockets = all.resolve_task("task:shop.price");
  CAF_REQUIRE(sockets);
  names found_names;
  for (const auto& it : *sockets)
    found_names.push_back(it->name);
  CAF_CHECK(found_names == (names{"a", "shop.price", "z"}));
  CAF_CHECK_EQUAL(all.resolve_task("shop.stock")->size(), 1u);
  auto wrong = all.resolve_task("task:shop.prise");
  CAF_CHECK(wrong.error().code == ec::unknown_function);
  CAF_CHECK(wrong.error().hint.find("shop.price") != std::string::npos);
  CAF_CHECK(all.resolve_task("price").error().code == ec::unknown_function);
  CAF_CHECK(all.resolve_task("task:").error().code == ec::unknown_function);
  remove(object_kind::socket, {"shop.stock"});
  CAF_CHECK(all.resolve_task("task:shop.stock").error().code == ec::unknown_socket);
  CAF_CHECK_EQUAL(all.tasks().size(), 3u);
  auto tasks = all.tasks();
  CAF_CHECK_EQUAL(tasks.front().name, "shop.price");
}

CAF_TEST(a function that a module defines twice counts once as its last definition) {
  shop("auto");
  found("p", {function("a", {"old"}), function("b"), function("a", {"later"})});
  CAF_REQUIRE_EQUAL(code().functions.size(), 2u);
  CAF_CHECK_EQUAL(code().functions[0].parameters.at(0).name, "later");
}

CAF_TEST_FIXTURE_SCOPE_END()
