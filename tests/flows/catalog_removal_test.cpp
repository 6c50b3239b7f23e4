#define CAF_SUITE flows.catalog_removal

#include "flows/catalog.hpp"

#include "tests/support/catalog_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using object_kind::argument, object_kind::deployment, object_kind::node, object_kind::processor,
    object_kind::queue;

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

CAF_TEST_FIXTURE_SCOPE(catalog_removal_tests, fixture)

CAF_TEST(what others need is not deleted and they are listed) {
  shop();
  socket("a", "f");
  socket("b", "f");
  CAF_CHECK(remove(queue, {"q"}) == ec::in_use);
  CAF_CHECK(why_says(R"(queue "q" is used by socket "a" and socket "b")"));
  CAF_CHECK(why_says("--cascade"));
  CAF_CHECK(remove(processor, {"p"}) == ec::in_use);
  CAF_CHECK(remove(object_kind::socket, {"a", "nope"}) == ec::unknown_socket);
  CAF_CHECK(has(object_kind::socket, "a"));
  for (int i = 0; i < 30; ++i)
    socket("s" + std::to_string(i), "f");
  CAF_CHECK(remove(queue, {"q"}) == ec::in_use);
  CAF_CHECK(why_says("and 12 more"));
}

CAF_TEST(those that are deleted together do not stand in the way of each other) {
  shop();
  socket("a", "f");
  socket("b", "f");
  plug("x", "a", "b");
  CAF_CHECK(remove(object_kind::socket, {"a", "b"}) == ec::in_use);
  CAF_CHECK(why_says("or another of the 2 sockets"));
  remove(object_kind::plug, {"x"});
  CAF_CHECK(remove(object_kind::socket, {"a", "b", "a"}) == ec::none);
  CAF_CHECK_EQUAL(last.changes.size(), 2u);
}

CAF_TEST(a cascade takes everything that depends on it and nothing else) {
  shop();
  add(queue, "edge", "{}");
  for (auto name : {"a", "b", "c"})
    socket(name, "f");
  plug("ab", "a", "b", R"(,"queue":"edge")");
  plug("bc", "b", "c");
  add(argument, "arg", R"({"plug":"bc","task":"f","argument":"v"})");
  add(node, "n", "{}");
  add(deployment, "d", R"({"processor":"p","node":"n"})");
  CAF_CHECK(remove(object_kind::socket, {"b"}, true) == ec::none);
  CAF_CHECK(!has(object_kind::plug, "ab") && !has(object_kind::plug, "bc")
            && !has(argument, "arg"));
  CAF_CHECK(has(object_kind::socket, "a") && has(object_kind::socket, "c") && has(queue, "edge"));
  CAF_CHECK_EQUAL(last.changes.front().name, "arg");
  CAF_CHECK_EQUAL(last.changes.back().name, "b");
  CAF_CHECK(remove(processor, {"p"}, true) == ec::none);
  CAF_CHECK(names_of(all.list(queue)) == (names{"edge", "q"}));
  CAF_CHECK(!has(deployment, "d") && has(node, "n"));
}

CAF_TEST_FIXTURE_SCOPE_END()
