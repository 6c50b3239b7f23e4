#define CAF_SUITE actors.processor_life_cycle

#include "tests/actors/processor_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

struct fixture : processor_fixture {
  /// Both workers run a call of `socket`.
  void keep_busy(const socket_probe& socket) { give(socket, 1, 2); }

  void pin_other_commit() {
    modules->module.commit = std::string(40, 'b');
    ++config.code.wanted_revision;
    config.code.commit = modules->module.commit;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(processor_life_cycle_tests, fixture)

// -- start --------------------------------------------------------------------

CAF_TEST(a processor loads its code and then runs as many workers as it has slots) {
  modules->function("price");
  tell(subject, config);
  CAF_REQUIRE_EQUAL(found->size(), 1u);
  CAF_CHECK_EQUAL(found->front().processor, "p");
  CAF_CHECK_EQUAL(found->front().wanted_revision, 1u);
  CAF_CHECK(state() == processor_state::starting);
  CAF_REQUIRE_EQUAL(processes->live().size(), 2u);
  CAF_CHECK_EQUAL(processes->at(1).spec.import_root, "/code");
  processes->ready(1);
  sched.run();
  auto now = status();
  CAF_CHECK(now.state == processor_state::running);
  CAF_CHECK_EQUAL(now.workers_ready, 1u);
  CAF_CHECK_EQUAL(now.commit, modules->module.commit);
  CAF_CHECK_EQUAL(now.functions.size(), 1u);
}

CAF_TEST(loading steps are told while it loads) {
  tell(subject, config);
  CAF_CHECK(std::ranges::any_of(
      *news, [](const processor_changed& each) { return each.status.text == "fetching"; }));
}

CAF_TEST(
    code that cannot be loaded breaks the processor with the reason until it is started again) {
  modules->why = make_error(ec::unknown_module, "no module \"shop\"");
  tell(subject, config);
  auto now = status();
  CAF_CHECK(now.state == processor_state::broken);
  CAF_CHECK(now.text.find("no module \"shop\"") != std::string::npos);
  CAF_CHECK(!found->front().outcome.has_value());
  CAF_CHECK(processes->all.empty());
  modules->why = {};
  control(processor_verb::start);
  ready_all();
  CAF_CHECK(state() == processor_state::running);
}

CAF_TEST(an import error breaks the processor with its text and gives everything back) {
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 4);
  codeloader::worker_failure why;
  why.code = ec::bad_module;
  why.type = "ImportError";
  why.message = "no tax";
  why.traceback = "line 3";
  processes->at(1).calls.clear();
  processes->broken(1, why);
  sched.run();
  auto now = status();
  CAF_CHECK(now.state == processor_state::broken);
  CAF_CHECK_EQUAL(now.text, "ImportError: no tax\nline 3");
  CAF_CHECK_EQUAL(socket.window(), 0u);
  CAF_CHECK(processes->at(2).is_stopping);
  CAF_CHECK_EQUAL(now.waiting, 0u);
  advance(limits::restart_delay_ms_max);
  CAF_CHECK(processes->live().empty()); // nothing is tried again by itself
}

CAF_TEST(a processor that breaks does not touch another) {
  auto other = own(sys.spawn(processor, services_ptr{shared}, code, parent));
  auto second = config;
  second.name = "q";
  second.slots = 1;
  bring_up();
  tell(other, second);
  ready_all();
  codeloader::worker_failure why;
  why.code = ec::bad_module;
  processes->broken(1, why);
  sched.run();
  reap();
  CAF_CHECK(state() == processor_state::broken);
  CAF_CHECK(ask<processor_status>(other, actors::describe{}).state == processor_state::running);
  CAF_CHECK_EQUAL(processes->live(), std::vector<uint64_t>{3});
}

CAF_TEST(a processor that is wanted stopped or paused comes up so) {
  config.spec.desired = desired_state::stopped;
  tell(subject, config);
  CAF_CHECK(state() == processor_state::stopped);
  CAF_CHECK(processes->all.empty());
  config.spec.desired = desired_state::paused;
  auto other = own(sys.spawn(processor, services_ptr{shared}, code, parent));
  tell(other, config);
  ready_all();
  CAF_CHECK(ask<processor_status>(other, actors::describe{}).state == processor_state::paused);
}

// -- stop ---------------------------------------------------------------------

CAF_TEST(a stop lets calls that run end and answers when the last worker is gone) {
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 4);
  auto stopped = control(processor_verb::stop);
  CAF_CHECK(state() == processor_state::draining);
  CAF_CHECK_EQUAL(socket.window(), 0u);
  CAF_CHECK_EQUAL(socket.returned_leases().size(), 2u);
  reap();
  CAF_CHECK(stopped->empty());
  finish(1);
  reap();
  CAF_CHECK(stopped->empty());
  finish(2);
  reap();
  CAF_REQUIRE_EQUAL(stopped->size(), 1u);
  CAF_CHECK(stopped->front().state == processor_state::stopped);
  CAF_CHECK_EQUAL(socket.ended().size(), 2u);
  give(socket, 9, 1);
  CAF_CHECK_EQUAL(socket.returned_leases().size(), 3u);
  advance(120'000);
  CAF_CHECK(processes->live().empty());
}

CAF_TEST(at its deadline a stop kills what still runs and gives it back without blame) {
  bring_up();
  auto socket = probe("a");
  keep_busy(socket);
  auto stopped = control(processor_verb::stop, 5'000);
  advance(4'999);
  CAF_CHECK(!processes->at(1).is_killed);
  advance(1);
  CAF_CHECK(processes->at(1).is_killed && processes->at(2).is_killed);
  reap();
  CAF_CHECK_EQUAL(stopped->size(), 1u);
  CAF_CHECK(socket.ended().empty());
  CAF_CHECK_EQUAL(socket.returned_leases().size(), 2u);
  CAF_CHECK(std::ranges::none_of(*socket.returned,
                                 [](const returned_command& each) { return each.solo; }));
}

CAF_TEST(a stop without time kills at once) {
  bring_up();
  auto socket = probe("a");
  keep_busy(socket);
  auto stopped = control(processor_verb::stop, 0);
  CAF_CHECK(processes->at(1).is_killed);
  reap();
  CAF_CHECK_EQUAL(stopped->size(), 1u);
}

CAF_TEST(who waits for a stop is answered also when the processor fails) {
  bring_up();
  auto socket = probe("a");
  keep_busy(socket);
  bool is_refused = false;
  own(sys.spawn([&, to = subject](caf::event_based_actor* asker) {
    asker->request(to, caf::infinite, control_processor{"p", processor_verb::stop, 5'000, {}})
        .then([](const processor_status&) {},
              [&is_refused](const caf::error&) { is_refused = true; });
  }));
  sched.run();
  caf::anon_send_exit(subject, caf::exit_reason::kill);
  sched.run();
  CAF_CHECK(is_refused);
}

CAF_TEST(the deadline of an earlier stop does not end a later one) {
  bring_up();
  auto socket = probe("a");
  keep_busy(socket);
  control(processor_verb::stop, 5'000);
  advance(3'000);
  control(processor_verb::stop, 60'000);
  advance(5'000);
  CAF_CHECK(!processes->at(1).is_killed);
  advance(55'000);
  CAF_CHECK(processes->at(1).is_killed);
}

CAF_TEST(a start during a drain is kept and done when the drain is over) {
  bring_up();
  auto socket = probe("a");
  keep_busy(socket);
  auto stopped = control(processor_verb::stop);
  control(processor_verb::start);
  CAF_CHECK(state() == processor_state::draining);
  finish(1);
  finish(2);
  reap();
  CAF_CHECK_EQUAL(stopped->size(), 1u);
  ready_all();
  CAF_CHECK(state() == processor_state::running);
  CAF_CHECK_EQUAL(processes->live().size(), 2u);
}

CAF_TEST(a stop during a restart stays stopped) {
  bring_up();
  auto socket = probe("a");
  keep_busy(socket);
  control(processor_verb::restart);
  control(processor_verb::stop);
  finish(1);
  finish(2);
  reap();
  CAF_CHECK(state() == processor_state::stopped);
  CAF_CHECK(processes->live().empty());
}

// -- pause and restart --------------------------------------------------------

CAF_TEST(a paused processor keeps its workers and takes no call until it is resumed) {
  bring_up();
  auto socket = probe("a");
  give(socket, 1, 3);
  control(processor_verb::pause);
  CAF_CHECK(state() == processor_state::paused);
  CAF_CHECK_EQUAL(socket.window(), 0u);
  CAF_CHECK_EQUAL(socket.returned_leases().size(), 1u);
  finish(1);
  finish(2);
  CAF_CHECK_EQUAL(socket.ended().size(), 2u);
  give(socket, 4, 1);
  CAF_CHECK_EQUAL(socket.returned_leases().size(), 2u);
  CAF_CHECK_EQUAL(processes->live().size(), 2u);
  control(processor_verb::resume);
  CAF_CHECK(socket.window() > 0);
  give(socket, 5, 1);
  CAF_CHECK_EQUAL(handles(1).size() + handles(2).size(), 1u);
}

CAF_TEST(a restart drains and comes up with new workers) {
  bring_up();
  auto socket = probe("a");
  keep_busy(socket);
  auto restarted = control(processor_verb::restart);
  finish(1);
  finish(2);
  CAF_CHECK(restarted->empty());
  reap();
  CAF_CHECK_EQUAL(restarted->size(), 1u);
  CAF_CHECK_EQUAL(processes->live(), (std::vector<uint64_t>{3, 4}));
  ready_all();
  CAF_CHECK(state() == processor_state::running);
  CAF_CHECK(socket.window() > 0);
}

CAF_TEST(what the catalog says is wanted is done whoever changed it) {
  bring_up();
  config.spec.desired = desired_state::paused;
  tell(subject, config);
  CAF_CHECK(state() == processor_state::paused);
  config.spec.desired = desired_state::stopped;
  tell(subject, config);
  reap();
  CAF_CHECK(state() == processor_state::stopped);
  config.spec.desired = desired_state::running;
  tell(subject, config);
  ready_all();
  CAF_CHECK(state() == processor_state::running);
}

CAF_TEST(a change of the catalog that a verb made itself changes nothing twice) {
  bring_up();
  control(processor_verb::restart); // the node is stopping: nothing in the catalog changes
  reap();
  ready_all();
  control(processor_verb::stop);
  reap();
  config.slots = 1; // something else has changed
  tell(subject, config);
  CAF_CHECK(state() == processor_state::stopped);
  config.spec.desired = desired_state::stopped;
  tell(subject, config);
  CAF_CHECK(state() == processor_state::stopped);
  CAF_CHECK(processes->live().empty());
}

// -- updates ------------------------------------------------------------------

CAF_TEST(an update of the code drains the old workers and never kills them) {
  bring_up();
  auto socket = probe("a");
  keep_busy(socket);
  pin_other_commit();
  tell(subject, config);
  CAF_CHECK(processes->at(1).is_stopping && processes->at(2).is_stopping);
  CAF_CHECK_EQUAL(processes->live(), (std::vector<uint64_t>{3, 4}));
  ready_all();
  give(socket, 11, 2);
  CAF_CHECK_EQUAL(handles(1).size(), 1u); // the new calls are at the new workers
  CAF_CHECK_EQUAL(handles(3).size() + handles(4).size(), 2u);
  advance(24ull * 3'600'000);
  CAF_CHECK(!processes->at(1).is_killed && !processes->at(2).is_killed);
  finish(1);
  finish(2);
  reap();
  CAF_CHECK_EQUAL(socket.ended().size(), 2u);
  CAF_CHECK(socket.returned_leases().empty());
  auto now = status();
  CAF_CHECK_EQUAL(now.commit, modules->module.commit);
  CAF_CHECK_EQUAL(now.restarts, 0u);
  CAF_CHECK_EQUAL(processes->live().size(), 2u);
}

CAF_TEST(an update that cannot be loaded takes nothing away) {
  bring_up();
  auto before = modules->module.commit;
  modules->why = make_error(ec::unknown_reference, "no branch \"next\"");
  ++config.code.wanted_revision;
  tell(subject, config);
  auto now = status();
  CAF_CHECK(now.state == processor_state::running);
  CAF_CHECK_EQUAL(now.commit, before);
  CAF_CHECK(now.text.find("no branch \"next\"") != std::string::npos);
  CAF_CHECK_EQUAL(processes->live().size(), 2u);
}

CAF_TEST(an answer for code that is no longer wanted is dropped) {
  bring_up();
  auto stale = modules->module;
  stale.commit = std::string(40, 'c');
  tell(subject, module_loaded{1, stale});
  CAF_CHECK_EQUAL(status().commit, modules->module.commit);
  CAF_CHECK_EQUAL(found->size(), 1u);
}

CAF_TEST(another number of slots starts or drains workers without killing) {
  bring_up();
  auto socket = probe("a");
  keep_busy(socket);
  config.slots = 3;
  tell(subject, config);
  CAF_CHECK_EQUAL(processes->live().size(), 3u);
  config.slots = 1;
  tell(subject, config);
  CAF_CHECK_EQUAL(processes->live().size(), 1u);
  CAF_CHECK(std::ranges::none_of(processes->all, [](auto& it) { return it.second.is_killed; }));
}

CAF_TEST(another time limit is in force after a drain of each worker) {
  bring_up();
  config.spec.time_limit_ms = 1'000;
  tell(subject, config);
  CAF_CHECK(processes->at(1).is_stopping && processes->at(2).is_stopping);
  CAF_REQUIRE_EQUAL(processes->live().size(), 2u);
  reap();
  ready_all();
  auto socket = probe("a");
  give(socket, 1, 1);
  advance(1'000);
  CAF_CHECK(processes->at(3).is_killed || processes->at(4).is_killed);
}

CAF_TEST_FIXTURE_SCOPE_END()
