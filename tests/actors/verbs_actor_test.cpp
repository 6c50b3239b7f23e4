#define CAF_SUITE actors.verbs_actor

#include <nlohmann/json.hpp>

#include "actors/verbs_actor.hpp"
#include "tests/actors/node_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;
using tree = nlohmann::json; // `json` is a helper of the catalog fixture

namespace {

struct fixture : node_fixture {
  fixture() {
    start();
    subject_of_verbs = own(sys.spawn(verbs, services_ptr{shared}, subject));
  }

  /// Sends a verb without waiting for its answer.
  void give(const std::string& name, const tree& params) {
    wire::request what;
    what.seq = ++seq;
    what.verb = name;
    what.params = value_of_json(params.dump()).value();
    tell(subject_of_verbs, run_verb{client, "ann", std::move(what)});
  }
  /// The answer that came last; null with `why` set when it was refused.
  tree last_answer() {
    tree found;
    why = make_error(ec::internal, "no answer");
    for (const auto& each : *said)
      for (const auto& message : each.messages)
        if (const auto* reply = std::get_if<wire::reply>(&message); reply && reply->seq == seq) {
          found = json_of_value(reply->answer);
          why = {};
        } else if (const auto* no = std::get_if<wire::refused>(&message); no && no->seq == seq) {
          why = no->why;
        }
    return found;
  }
  tree verb(const std::string& name, const tree& params = tree::object()) {
    give(name, params);
    return last_answer();
  }
  bool is_ok(const tree& answer) {
    return why.code == ec::none && answer["items"].size() == 1 && answer["items"][0]["ok"] == true;
  }
  std::string state_of(const call_id& id) {
    return verb("call.show", {{"id", to_string(id)}})["state"];
  }

  void fail(uint64_t process) {
    codeloader::worker_result result;
    result.failure = {ec::task_failed, "ValueError", "no price", ""};
    processes->finish(process, result);
    sched.run();
  }

  verbs_actor subject_of_verbs;
  error why;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(verbs_actor_tests, fixture)

CAF_TEST(an unknown verb is refused with what may have been meant) {
  verb("call.shwo");
  CAF_CHECK(why.code == ec::bad_usage);
  CAF_CHECK(why.hint.find("call.show") != std::string::npos);
}

CAF_TEST(a call is shown while it runs and when it has ended) {
  auto id = submit("shop.price");
  CAF_CHECK(state_of(id) == "taken" || state_of(id) == "running");
  auto open = verb("call.list", {{"unfinished", true}});
  CAF_CHECK_EQUAL(open["items"].size(), 1u);
  finish(runner_of(id));
  CAF_CHECK_EQUAL(state_of(id), "finished");
  CAF_CHECK_EQUAL(verb("call.list")["items"].size(), 2u); // with its child
  auto drawn = verb("call.tree", {{"id", to_string(id)}});
  CAF_CHECK_EQUAL(drawn["children"].size(), 1u);
}

CAF_TEST(a prefix that fits one call names it and an unknown one is refused) {
  auto id = submit("shop.price");
  CAF_CHECK(verb("call.show", {{"id", to_string(id).substr(0, 30)}})["id"] == to_string(id));
  verb("call.show", {{"id", "ffffffff"}});
  CAF_CHECK(why.code == ec::unknown_call);
}

CAF_TEST(a running call that is cancelled is killed and ends as cancelled) {
  auto id = submit("shop.price");
  auto runner = runner_of(id);
  CAF_CHECK(is_ok(verb("call.cancel", {{"ids", {to_string(id)}}})));
  CAF_REQUIRE(processes->at(runner).is_killed);
  processes->reap();
  sched.run();
  CAF_CHECK_EQUAL(state_of(id), "cancelled");
  CAF_CHECK(!is_ok(verb("call.cancel", {{"ids", {to_string(id)}}})));
}

CAF_TEST(a failed call is a dead letter until it is replayed) {
  auto id = submit("shop.price");
  fail(runner_of(id));
  auto letters = verb("dlq.list");
  CAF_REQUIRE_EQUAL(letters["items"].size(), 1u);
  CAF_CHECK(letters["items"][0]["id"] == to_string(id));
  CAF_CHECK(is_ok(verb("dlq.replay", {{"ids", {to_string(id)}}})));
  CAF_CHECK(verb("dlq.list")["items"].empty());
  finish(runner_of(id));
  CAF_CHECK_EQUAL(state_of(id), "finished");
}

CAF_TEST(a dead letter that is dropped stays in history) {
  auto id = submit("shop.price");
  fail(runner_of(id));
  CAF_CHECK(is_ok(verb("dlq.drop", {{"ids", {to_string(id)}}})));
  CAF_CHECK(verb("dlq.list")["items"].empty());
  CAF_CHECK_EQUAL(state_of(id), "failed");
  CAF_CHECK(!is_ok(verb("dlq.drop", {{"ids", {to_string(id)}}})));
}

CAF_TEST(a processor that is stopped is told about when it has stopped) {
  auto id = submit("shop.price");
  give("proc.stop", {{"name", "p"}, {"deadline_ms", 5'000}});
  last_answer();
  CAF_CHECK(why.code == ec::internal); // not yet
  finish(runner_of(id));
  processes->reap();
  sched.run();
  CAF_CHECK(last_answer()["state"] == "stopped");
  CAF_CHECK(verb("proc.start", {{"name", "p"}})["name"] == "p");
  verb("proc.stop", {{"name", "q"}});
  CAF_CHECK(why.code == ec::unknown_object);
}

CAF_TEST(a paused queue keeps its calls until it is resumed) {
  verb("queue.pause", {{"name", "q"}});
  CAF_REQUIRE(why.code == ec::none);
  auto id = submit("shop.price");
  CAF_CHECK_EQUAL(runner_of(id), 0u);
  auto sentence = verb("call.why", {{"id", to_string(id)}})["why"].get<std::string>();
  CAF_CHECK(sentence.find("paused") != std::string::npos);
  verb("queue.resume", {{"name", "q"}});
  CAF_CHECK(runner_of(id) != 0);
}

CAF_TEST(what the catalog is asked to change is changed) {
  CAF_CHECK(verb("object.add", {{"kind", "queue"}, {"name", "more"}})["name"] == "more");
  CAF_CHECK(verb("object.show", {{"kind", "queue"}, {"name", "more"}})["name"] == "more");
  verb("object.delete", {{"kind", "queue"}, {"names", {"more"}}});
  CAF_CHECK(why.code == ec::none);
  verb("object.show", {{"kind", "queue"}, {"name", "more"}});
  CAF_CHECK(why.code == ec::unknown_object);
}

CAF_TEST_FIXTURE_SCOPE_END()
