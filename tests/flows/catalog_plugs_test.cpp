#define CAF_SUITE flows.catalog_plugs

#include "flows/catalog.hpp"

#include "tests/support/catalog_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::test::function;
using object_kind::argument, object_kind::queue, object_kind::task;

namespace {

struct fixture : flow::test::catalog_fixture {
  ~fixture() {
    auto problems = all.check();
    CAF_CHECK_EQUAL(problems, std::vector<std::string>{});
  }
  std::string target_argument(std::string_view name) {
    return at(object_kind::plug, name).as<plug_spec>().argument;
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

CAF_TEST_FIXTURE_SCOPE(catalog_plug_tests, fixture)

CAF_TEST(a plug needs its source its target and its queue) {
  shop();
  socket("a", "f");
  socket("b", "f");
  CAF_CHECK(plug("x", "none", "b") == ec::bad_reference);
  CAF_CHECK(plug("x", "a", "none") == ec::bad_reference);
  CAF_CHECK(plug("x", "a", "b", R"(,"queue":"none")") == ec::bad_reference);
  CAF_CHECK(why_says("flow add queue none"));
  CAF_CHECK(plug("x", "a", "b", R"(,"queue":"q")") == ec::none);
  CAF_CHECK(plug("y", "a", "b", R"(,"on":"error")") == ec::none);
  CAF_CHECK(plug("z", "a", "b", R"(,"on":"not a name")") == ec::bad_name);
  CAF_CHECK(names_of(all.plugs_from("a")) == (names{"x", "y"}));
  CAF_CHECK(names_of(all.plugs_into("b")) == (names{"x", "y"}));
  CAF_CHECK(all.plugs_from("b").empty());
}

CAF_TEST(the argument of a plug must be a parameter of the target once it is known) {
  shop();
  socket("a", "f");
  socket("b", "g");
  CAF_CHECK(plug("early", "a", "b", R"(,"argument":"anything")") == ec::none);
  remove(object_kind::plug, {"early"});
  found("p", {function("f"), function("g", {"one", "two", "*rest"}), function("h", {"**more"})});
  CAF_CHECK(plug("x", "a", "b", R"(,"argument":"tow")") == ec::bad_reference);
  CAF_CHECK(why_says("\"two\""));
  CAF_CHECK(plug("x", "a", "b", R"(,"argument":"zzzzzz")") == ec::bad_reference);
  CAF_CHECK(why_says("one and two"));
  CAF_CHECK(plug("x", "a", "b", R"(,"argument":"rest")") == ec::bad_reference);
  CAF_CHECK(plug("x", "a", "b", R"(,"argument":"one")") == ec::none);
  socket("c", "h");
  CAF_CHECK(plug("y", "a", "c", R"(,"argument":"anything")") == ec::none);
  CAF_CHECK(update(object_kind::socket, "b", R"({"task":"f"})") == ec::bad_reference);
  CAF_CHECK(why_says("plug \"x\""));
  CAF_CHECK(update(object_kind::plug, "x", R"({"argument":"two"})") == ec::none);
}

CAF_TEST(a circle of plugs is refused by its path unless the plug says so) {
  shop();
  for (auto name : {"a", "b", "c", "d"})
    socket(name, "f");
  CAF_CHECK(plug("self", "a", "a") == ec::bad_reference);
  CAF_CHECK(why_says(R"("a" -> "a")"));
  plug("ab", "a", "b");
  plug("bc", "b", "c");
  CAF_CHECK(plug("cd", "c", "d") == ec::none);
  CAF_CHECK(plug("da", "d", "a") == ec::bad_reference);
  CAF_CHECK(why_says(R"("d" -> "a" -> "b" -> "c" -> "d")"));
  CAF_CHECK(why_says("--cycle"));
  CAF_CHECK(plug("da", "d", "a", R"(,"cycle":true)") == ec::none);
  CAF_CHECK(plug("ac", "a", "c") == ec::none);
  CAF_CHECK(update(object_kind::plug, "da", R"({"cycle":false})") == ec::bad_reference);
  CAF_CHECK(update(object_kind::plug, "ab", R"({"source":"d","target":"b"})") == ec::bad_reference);
  CAF_CHECK(update(object_kind::plug, "ab", R"({"source":"b","target":"a"})") == ec::none);
}

CAF_TEST(a chain of plugs may grow at either end in any order) {
  shop();
  for (int i = 0; i < 40; ++i)
    socket("s" + std::to_string(i), "f");
  auto link = [&](int from, int to) {
    return plug("p" + std::to_string(from) + "." + std::to_string(to), "s" + std::to_string(from),
                "s" + std::to_string(to));
  };
  for (int i = 20; i < 39; ++i)
    CAF_CHECK(link(i, i + 1) == ec::none);
  for (int i = 19; i >= 0; --i)
    CAF_CHECK(link(i, i + 1) == ec::none);
  for (int i = 1; i < 40; ++i)
    CAF_CHECK(link(i, 0) == ec::bad_reference);
  CAF_CHECK(link(39, 20) == ec::bad_reference);
}

CAF_TEST(an argument object sets the argument of its plug and its removal frees it) {
  shop();
  found("p", {function("f"), function("g", {"one", "two"})});
  socket("a", "f");
  socket("b", "g");
  plug("x", "a", "b");
  CAF_CHECK(add(argument, "arg", R"({"plug":"nope","task":"g","argument":"one"})")
            == ec::bad_reference);
  CAF_CHECK(add(argument, "arg", R"({"plug":"x","task":"f","argument":"one"})")
            == ec::bad_reference);
  CAF_CHECK(why_says("task \"g\""));
  CAF_CHECK(add(argument, "arg", R"({"plug":"x","task":"g","argument":"three"})")
            == ec::bad_reference);
  CAF_CHECK_EQUAL(target_argument("x"), "");
  for (auto task_name : {"g", "shop.g", "b"}) {
    CAF_CHECK(add(argument, "arg",
                  R"({"plug":"x","task":")" + std::string{task_name} + R"(","argument":"one"})",
                  true)
              == ec::none);
    CAF_CHECK_EQUAL(at(argument, "arg").as<argument_spec>().task, "g");
  }
  CAF_CHECK_EQUAL(target_argument("x"), "one");
  CAF_CHECK(add(argument, "second", R"({"plug":"x","task":"g","argument":"two"})") == ec::in_use);
  CAF_CHECK(update(object_kind::plug, "x", R"({"argument":"two"})") == ec::in_use);
  CAF_CHECK(plug("x", "a", "b") == ec::already_exists);
  CAF_CHECK(add(object_kind::plug, "x", R"({"source":"a","target":"b"})", true) == ec::none);
  CAF_CHECK(update(argument, "arg", R"({"argument":"two"})") == ec::none);
  CAF_CHECK_EQUAL(target_argument("x"), "two");
  CAF_CHECK(remove(object_kind::plug, {"x"}) == ec::in_use);
  CAF_CHECK(remove(argument, {"arg"}) == ec::none);
  CAF_CHECK_EQUAL(target_argument("x"), "");
}

CAF_TEST(
    an argument without a name is called by its plug and argument and can move to another plug) {
  shop();
  socket("a", "f");
  socket("b", "g");
  plug("x", "a", "b");
  plug("y", "a", "b");
  CAF_CHECK(add(argument, "", R"({"plug":"x","task":"g","argument":"one"})") == ec::none);
  CAF_CHECK(has(argument, "x.one"));
  CAF_CHECK(update(argument, "x.one", R"({"plug":"y"})") == ec::none);
  CAF_CHECK_EQUAL(target_argument("x"), "");
  CAF_CHECK_EQUAL(target_argument("y"), "one");
  CAF_CHECK(update(object_kind::plug, "y", R"({"target":"a","source":"b"})") == ec::bad_reference);
}

CAF_TEST_FIXTURE_SCOPE_END()
