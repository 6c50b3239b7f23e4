#define CAF_SUITE actors.loader_actor

#include "actors/loader_actor.hpp"
#include "flows/limits.hpp"
#include "tests/actors/actor_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::actors;
using namespace flow::test;

namespace {

struct fixture : actor_fixture {
  fixture() {
    subject = own(sys.spawn(loader, services_ptr{shared}));
    asker
        = own(sys.spawn([steps = steps, loaded = loaded](caf::event_based_actor*) -> caf::behavior {
            return {keep(steps), keep(loaded)};
          }));
  }
  void load(uint64_t revision) {
    codeloader::module_request request;
    request.module = "shop" + std::to_string(revision);
    caf::anon_send(subject, load_module{asker, revision, request});
  }

  seen<loading_step> steps = nothing_seen<loading_step>();
  seen<module_loaded> loaded = nothing_seen<module_loaded>();
  loader_actor subject;
  caf::actor asker;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(loader_actor_tests, fixture)

CAF_TEST(a load tells its steps and answers with the revision that was asked) {
  load(7);
  sched.run();
  CAF_CHECK_EQUAL(steps->size(), 1u);
  CAF_REQUIRE_EQUAL(loaded->size(), 1u);
  CAF_CHECK_EQUAL(loaded->front().wanted_revision, 7u);
  CAF_CHECK(loaded->front().outcome.has_value());
}

CAF_TEST(only so many loads run at once and the rest follows in order) {
  using pointer = loader_actor::stateful_pointer<loader_state>;
  auto& state = deref<std::remove_pointer_t<pointer>>(subject).state;
  for (uint64_t revision = 1; revision <= limits::loads_at_once_max + 3; ++revision) {
    load(revision);
    sched.run_once();
  }
  CAF_CHECK(state.running <= limits::loads_at_once_max);
  sched.run();
  CAF_REQUIRE_EQUAL(loaded->size(), limits::loads_at_once_max + 3);
  CAF_CHECK_EQUAL(modules->asked.back().module,
                  "shop" + std::to_string(limits::loads_at_once_max + 3));
  CAF_CHECK_EQUAL(state.running, 0u);
}

CAF_TEST(the commit that a request names is told to whoever asks) {
  CAF_CHECK_EQUAL(*ask<resolved_module>(subject, resolve_module{}).commit, modules->module.commit);
  modules->why = make_error(ec::unknown_reference, "no branch");
  CAF_CHECK(ask<resolved_module>(subject, resolve_module{}).commit.error().code
            == ec::unknown_reference);
}

CAF_TEST(a loader that throws is an error of the request and costs no slot) {
  modules->throws = true;
  for (uint64_t revision = 1; revision <= 2 * limits::loads_at_once_max; ++revision)
    load(revision);
  sched.run();
  CAF_REQUIRE_EQUAL(loaded->size(), 2 * limits::loads_at_once_max);
  CAF_CHECK(loaded->front().outcome.error().code == ec::internal);
  CAF_CHECK(ask<resolved_module>(subject, resolve_module{}).commit.error().code == ec::internal);
  modules->throws = false;
  load(100);
  sched.run();
  CAF_CHECK(loaded->back().outcome.has_value());
}

CAF_TEST_FIXTURE_SCOPE_END()
