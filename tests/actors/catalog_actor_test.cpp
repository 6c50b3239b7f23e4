#define CAF_SUITE actors.catalog_actor

#include "actors/catalog_actor.hpp"
#include "actors/loader_actor.hpp"
#include "tests/actors/actor_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::actors;
using namespace flow::test;

namespace {

constexpr auto processor_spec_text
    = R"({"repository":"https://example.org/shop.git","module":"shop","sockets":"auto"})";

/// A catalog whose commits wait until the test lets them happen.
struct fixture : actor_fixture {
  fixture() {
    shared->node = "sim";
    shared->cpus = 4;
    shared->journal
        = own(sys.spawn([rows = rows](journal_actor::pointer) -> journal_actor::behavior_type {
            return {keep(rows), [](flush_now) {}, [](try_recover) {},
                    [](actors::describe) { return journal_status{}; }};
          }));
    node = own(sys.spawn([changes = changes](node_actor::pointer) -> node_actor::behavior_type {
      return {keep(changes),
              [](const restart_child&) {},
              [](const rows_committed&) {},
              [](processor_changed&) {},
              [](functions_found&) {},
              [](run_verb&) {},
              [](const control_processor&) { return processor_status{}; },
              [](const drain_node&) { return drained{}; },
              [](actors::describe) { return node_status{}; }};
    }));
    session = own(sys.spawn(
        [said = said](caf::event_based_actor*) -> caf::behavior { return {keep(said)}; }));
    code = own(sys.spawn(loader, services_ptr{shared}));
    subject = own(sys.spawn(catalog_keeper, services_ptr{shared}, code, node,
                            std::make_shared<const catalog>()));
    sched.run();
    commit(); // the machine registers itself
    changes->clear();
  }

  void ask(const std::string& verb, const std::string& params) {
    wire::request what;
    what.seq = ++seq;
    what.verb = verb;
    what.params = value_of_json(params).value();
    tell(subject, run_verb{session, "ann", std::move(what)});
  }
  void add(const std::string& kind, const std::string& name, const std::string& spec = "{}") {
    ask("object.add", R"({"kind":")" + kind + R"(","name":")" + name + R"(","spec":)" + spec + "}");
  }
  void remove(const std::string& kind, const std::string& name, bool cascade = false) {
    ask("object.delete", R"({"kind":")" + kind + R"(","names":[")" + name + R"("],"cascade":)"
                             + (cascade ? "true}" : "false}"));
  }
  void commit() {
    CAF_REQUIRE(!rows->empty());
    auto next = std::move(rows->front());
    rows->pop_front();
    CAF_REQUIRE(shared->store->commit({&next.rows, 1}));
    tell(subject, rows_committed{{next.ticket}, {}});
  }
  void commit_all() {
    while (!rows->empty())
      commit();
  }
  void found() {
    tell(subject,
         functions_found{"p", current().find(object_kind::processor, "p")->code.wanted_revision,
                         modules->module});
  }
  /// A queue, and a processor with two functions and a socket for each.
  void shop() {
    modules->function("price");
    modules->function("bill");
    add("processor", "p", processor_spec_text);
    commit_all();
    found();
    commit_all();
    add("plug", "then", R"({"source":"shop.price","target":"shop.bill"})");
    commit_all();
    changes->clear();
    said->clear();
  }

  catalog current() {
    auto read = read_catalog(*shared->store);
    CAF_REQUIRE(read.has_value());
    return **read;
  }
  bool has(object_kind kind, const std::string& name) {
    return current().find(kind, name) != nullptr;
  }

  /// The answers since the last look.
  template <class Answer>
  std::vector<Answer> take() {
    std::vector<Answer> all;
    for (auto& each : *said)
      for (auto& message : each.messages)
        if (auto* it = std::get_if<Answer>(&message)) all.push_back(std::move(*it));
    said->clear();
    return all;
  }

  seen<append_rows> rows = nothing_seen<append_rows>();
  seen<catalog_changed> changes = nothing_seen<catalog_changed>();
  seen<session_output> said = nothing_seen<session_output>();
  uint64_t seq = 0;
  node_actor node;
  caf::actor session;
  loader_actor code;
  catalog_actor subject;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(catalog_actor_tests, fixture)

CAF_TEST(the machine is an object of the catalog from its first start on) {
  auto now = current();
  auto it = now.find(object_kind::node, "sim");
  CAF_REQUIRE(it);
  CAF_CHECK_EQUAL(it->as<node_spec>().cpus, 4u);
}

CAF_TEST(a change is answered and told to the node after its commit and not before) {
  add("queue", "q");
  CAF_CHECK(said->empty());
  CAF_CHECK(changes->empty());
  CAF_CHECK(!has(object_kind::queue, "q"));
  commit();
  auto replies = take<wire::reply>();
  CAF_REQUIRE_EQUAL(replies.size(), 1u);
  CAF_CHECK_EQUAL(replies[0].seq, seq);
  CAF_REQUIRE_EQUAL(changes->size(), 1u);
  CAF_CHECK(changes->front().now->find(object_kind::queue, "q") != nullptr);
  CAF_CHECK_EQUAL(changes->front().changes.size(), 1u);
  CAF_CHECK(has(object_kind::queue, "q"));
}

CAF_TEST(a change that the store refuses has not happened and the next one may) {
  add("queue", "q");
  auto ticket = rows->front().ticket;
  rows->clear();
  tell(subject, rows_committed{{}, {{ticket, make_error(ec::store_full, "full")}}});
  auto refused = take<wire::refused>();
  CAF_REQUIRE_EQUAL(refused.size(), 1u);
  CAF_CHECK(refused[0].why.code == ec::store_full);
  CAF_CHECK(changes->empty());
  add("queue", "q");
  commit();
  CAF_CHECK_EQUAL(take<wire::reply>().size(), 1u);
  CAF_CHECK(has(object_kind::queue, "q"));
}

CAF_TEST(changes wait for one another and each is decided on what is then) {
  add("queue", "q");
  add("queue", "q");
  remove("queue", "q");
  CAF_CHECK_EQUAL(rows->size(), 1u);
  commit();
  CAF_CHECK_EQUAL(rows->size(), 1u); // the second add was refused without a commit
  commit();
  auto answers = said;
  size_t replies = 0;
  size_t refusals = 0;
  for (const auto& each : *answers)
    for (const auto& message : each.messages) {
      replies += std::holds_alternative<wire::reply>(message);
      refusals += std::holds_alternative<wire::refused>(message);
    }
  CAF_CHECK_EQUAL(replies, 2u);
  CAF_CHECK_EQUAL(refusals, 1u);
  CAF_CHECK(!has(object_kind::queue, "q"));
}

CAF_TEST(functions that were found become sockets and queues in one commit) {
  modules->function("price");
  modules->function("bill");
  add("processor", "p", processor_spec_text);
  commit_all();
  found();
  CAF_CHECK_EQUAL(rows->size(), 1u);
  commit();
  CAF_CHECK(rows->empty());
  CAF_CHECK(has(object_kind::socket, "shop.price") && has(object_kind::socket, "shop.bill"));
  CAF_CHECK(has(object_kind::queue, "shop.bill"));
  CAF_CHECK(current().find(object_kind::processor, "p")->code.is_known);
}

CAF_TEST(what others need is not deleted and they are named) {
  shop();
  remove("socket", "shop.bill");
  auto refused = take<wire::refused>();
  CAF_REQUIRE_EQUAL(refused.size(), 1u);
  CAF_CHECK(refused[0].why.text.find("then") != std::string::npos);
  CAF_CHECK(rows->empty());
  CAF_CHECK(has(object_kind::socket, "shop.bill"));
}

CAF_TEST(a cascade deletes with it what needs it in one commit) {
  shop();
  remove("processor", "p", true);
  CAF_CHECK_EQUAL(rows->size(), 1u);
  commit();
  CAF_REQUIRE_EQUAL(changes->size(), 1u);
  CAF_CHECK(!has(object_kind::processor, "p"));
  CAF_CHECK(!has(object_kind::socket, "shop.price") && !has(object_kind::plug, "then"));
  auto replies = take<wire::reply>();
  CAF_REQUIRE_EQUAL(replies.size(), 1u);
  CAF_CHECK(to_json_text(replies[0].answer).find("shop.price") != std::string::npos);
}

CAF_TEST(a processor whose code cannot be found is refused and nothing is made) {
  modules->why = make_error(ec::unknown_reference, "no branch \"next\"");
  add("processor", "p", processor_spec_text);
  auto refused = take<wire::refused>();
  CAF_REQUIRE_EQUAL(refused.size(), 1u);
  CAF_CHECK(refused[0].why.code == ec::unknown_reference);
  CAF_CHECK(rows->empty());
}

CAF_TEST(the adding of a processor is answered when it runs or is broken) {
  add("processor", "p", processor_spec_text);
  commit_all();
  CAF_CHECK(said->empty());
  processor_status status;
  status.name = "p";
  status.state = processor_state::starting;
  tell(subject, status_settled{status});
  CAF_CHECK(said->empty());
  status.state = processor_state::running;
  tell(subject, status_settled{status}); // its functions are not in the catalog yet
  CAF_CHECK(said->empty());
  found();
  commit_all();
  tell(subject, status_settled{status});
  auto replies = take<wire::reply>();
  CAF_REQUIRE_EQUAL(replies.size(), 1u);
  CAF_CHECK(to_json_text(replies[0].answer).find("\"running\"") != std::string::npos);
  tell(subject, status_settled{status});
  CAF_CHECK(said->empty());
}

CAF_TEST(the adding of a processor that takes long is answered with what is known) {
  add("processor", "p", processor_spec_text);
  commit_all();
  advance(24'999);
  CAF_CHECK(said->empty());
  advance(1);
  CAF_CHECK_EQUAL(take<wire::reply>().size(), 1u);
}

CAF_TEST(facts about code that is no longer wanted change nothing) {
  shop();
  tell(subject, functions_found{"p", 99, modules->module});
  CAF_CHECK(rows->empty());
}

CAF_TEST(what is wanted of a processor is durable) {
  shop();
  tell(subject, set_desired{"p", desired_state::paused, {}});
  commit();
  CAF_CHECK(current().find(object_kind::processor, "p")->as<processor_spec>().desired
            == desired_state::paused);
}

CAF_TEST_FIXTURE_SCOPE_END()
