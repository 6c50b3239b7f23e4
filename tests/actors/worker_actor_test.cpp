#define CAF_SUITE actors.worker_actor

#include "actors/worker_actor.hpp"
#include "tests/actors/actor_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::actors;
using namespace flow::test;

namespace {

struct fixture : actor_fixture {
  fixture() {
    shared->hub = own(sys.spawn([events = events](hub_actor::pointer) -> hub_actor::behavior_type {
      return {keep(events), [](subscribe_session&) {}, [](const forget_session&) {}};
    }));
    socket = own(sys.spawn([ends = ends, back = back](caf::event_based_actor*) -> caf::behavior {
      return {keep(ends), keep(back)};
    }));
  }

  void start(uint64_t time_limit_ms = 0) {
    worker_config config;
    config.number = 5;
    config.time_limit_ms = time_limit_ms;
    config.processor = "p";
    config.owner = own(sys.spawn(owner, this));
    boss = config.owner;
    subject = own(sys.spawn(worker, services_ptr{shared}, config));
    sched.run();
    processes->ready(1);
    sched.run();
  }

  /// Only what a worker says to its processor is of interest.
  static processor_actor::behavior_type owner(processor_actor::pointer, fixture* test) {
    return {[](configure_processor&) {},
            [](module_loaded&) {},
            [](loading_step&) {},
            [](attach_socket&) {},
            [](detach_socket&) {},
            [](run_calls&) {},
            [](end_leases&) {},
            [test](worker_ready) { ++test->greetings; },
            keep(test->freed),
            keep(test->gone),
            [](start_worker) {},
            [](drain_over) {},
            [](const control_processor&) { return processor_status{}; },
            [](actors::describe) { return processor_status{}; }};
  }

  void give(uint64_t first, size_t count) {
    run_calls calls;
    calls.socket = socket;
    calls.function = "price";
    for (size_t i = 0; i < count; ++i) {
      auto call = std::make_shared<call_record>();
      call->id = make_call_id(time.now_ms, partition_id{7}, first + i);
      calls.calls.push_back({lease_id{first + i}, call, 3, false, false});
    }
    tell(subject, std::move(calls));
  }
  void finish(codeloader::worker_result what = {}) {
    processes->finish(1, std::move(what));
    sched.run();
  }
  void exit(const std::string& reason, bool by_us) {
    processes->exit(1, reason, by_us);
    sched.run();
  }
  void cancel(uint64_t lease, bool kill) {
    tell(subject, end_leases{socket, {lease_id{lease}}, kill});
  }
  std::vector<attempt_end> ended() const {
    std::vector<attempt_end> all;
    for (const auto& each : *ends)
      all.insert(all.end(), each.ends.begin(), each.ends.end());
    return all;
  }

  seen<attempts_command> ends = nothing_seen<attempts_command>();
  seen<returned_command> back = nothing_seen<returned_command>();
  seen<worker_freed> freed = nothing_seen<worker_freed>();
  seen<worker_gone> gone = nothing_seen<worker_gone>();
  seen<happened> events = nothing_seen<happened>();
  int greetings = 0;
  caf::actor socket;
  processor_actor boss;
  worker_actor subject;
};

using leases = std::vector<lease_id>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(worker_actor_tests, fixture)

CAF_TEST(calls go to the process as they came and each end goes to its socket) {
  start();
  CAF_CHECK_EQUAL(greetings, 1);
  give(1, 2);
  CAF_REQUIRE_EQUAL(processes->at(1).calls.size(), 2u);
  CAF_CHECK_EQUAL(processes->at(1).calls[0].function, "price");
  CAF_CHECK_EQUAL(processes->at(1).calls[0].attempt, 3u);
  codeloader::worker_result result;
  result.returned = value_of_json("42").value();
  result.plugs = {{"low", value_of_json("1").value()}};
  result.out = "hello";
  finish(result);
  auto all = ended();
  CAF_REQUIRE_EQUAL(all.size(), 1u);
  CAF_CHECK(all[0].lease == lease_id{1});
  CAF_CHECK_EQUAL(to_json_text(all[0].returned), "42");
  CAF_CHECK_EQUAL(all[0].plugs.size(), 1u);
  CAF_CHECK_EQUAL(all[0].out, "hello");
  CAF_CHECK_EQUAL(all[0].worker, 1'001u);
  CAF_REQUIRE_EQUAL(freed->size(), 1u);
  CAF_CHECK_EQUAL(freed->front().calls, 1u);
  CAF_CHECK_EQUAL(freed->front().worker, 5u);
}

CAF_TEST(a result of a call that it does not have changes nothing) {
  start();
  give(1, 1);
  auto results = processes->at(1).events.results;
  finish();
  codeloader::worker_result again;
  again.handle = 1;
  results(codeloader::worker_number{1}, {again});
  sched.run();
  CAF_CHECK_EQUAL(ended().size(), 1u);
}

CAF_TEST(a time limit kills the process and fails the attempt that ran and gives back the rest) {
  start(1'000);
  give(1, 3);
  advance(999);
  CAF_CHECK(!processes->at(1).is_killed);
  advance(1);
  CAF_REQUIRE(processes->at(1).is_killed);
  exit("killed", true);
  auto all = ended();
  CAF_REQUIRE_EQUAL(all.size(), 1u);
  CAF_CHECK(all[0].lease == lease_id{1});
  CAF_CHECK(all[0].why.code == ec::task_timed_out);
  CAF_CHECK(!all[0].worker_died);
  CAF_REQUIRE_EQUAL(back->size(), 1u);
  CAF_CHECK(back->front().leases == (leases{lease_id{2}, lease_id{3}}));
  CAF_CHECK(!back->front().solo);
  CAF_REQUIRE_EQUAL(gone->size(), 1u);
  CAF_CHECK_EQUAL(gone->front().worker, 5u);
}

CAF_TEST(the time limit is of each call and not of those before it) {
  start(1'000);
  give(1, 2);
  advance(900);
  finish();
  advance(900);
  CAF_CHECK(!processes->at(1).is_killed);
  finish();
  advance(10'000); // idle
  CAF_CHECK(!processes->at(1).is_killed);
  give(3, 1);
  advance(999);
  CAF_CHECK(!processes->at(1).is_killed);
  advance(1);
  CAF_CHECK(processes->at(1).is_killed);
}

CAF_TEST(a cancelled call that runs is killed and ends as cancelled) {
  start();
  give(1, 2);
  cancel(9, true); // of another worker
  CAF_CHECK(!processes->at(1).is_killed);
  cancel(1, false); // only if it had not started
  CAF_CHECK(!processes->at(1).is_killed);
  cancel(1, true);
  CAF_REQUIRE(processes->at(1).is_killed);
  exit("killed", true);
  auto all = ended();
  CAF_REQUIRE_EQUAL(all.size(), 1u);
  CAF_CHECK(all[0].why.code == ec::task_cancelled);
  CAF_CHECK(back->front().leases == leases{lease_id{2}});
}

CAF_TEST(a result that came before the kill counts) {
  start(1'000);
  give(1, 1);
  advance(1'000);
  CAF_REQUIRE(processes->at(1).is_killed);
  finish();
  exit("killed", true);
  auto all = ended();
  CAF_REQUIRE_EQUAL(all.size(), 1u);
  CAF_CHECK(all[0].why.code == ec::none);
  CAF_CHECK(back->empty());
}

CAF_TEST(a process that dies with one call blames it) {
  start();
  give(1, 1);
  time.now_ms += 250;
  exit("killed by signal 9 (out of memory?)", false);
  auto all = ended();
  CAF_REQUIRE_EQUAL(all.size(), 1u);
  CAF_CHECK(all[0].worker_died);
  CAF_CHECK(all[0].why.code == ec::worker_lost);
  CAF_CHECK_EQUAL(all[0].run_us, 250'000u);
  CAF_CHECK(back->empty());
}

CAF_TEST(a process that dies with several blames none and wants each to run alone) {
  start();
  give(1, 3);
  exit("killed by signal 11", false);
  CAF_CHECK(ended().empty());
  CAF_REQUIRE_EQUAL(back->size(), 1u);
  CAF_CHECK_EQUAL(back->front().leases.size(), 3u);
  CAF_CHECK(back->front().solo);
}

CAF_TEST(calls that come after the process has ended go back and the actor ends when told) {
  start();
  exit("exited with code 0", false);
  give(1, 2);
  CAF_REQUIRE_EQUAL(back->size(), 1u);
  CAF_CHECK_EQUAL(back->front().leases.size(), 2u);
  CAF_CHECK(is_alive(caf::actor_cast<caf::actor>(subject)));
  tell(subject, stop_worker{});
  CAF_CHECK(!is_alive(caf::actor_cast<caf::actor>(subject)));
}

CAF_TEST(an import error comes with the end of the process) {
  start();
  codeloader::worker_failure why;
  why.code = ec::bad_module;
  why.message = "no tax";
  processes->broken(1, why);
  sched.run();
  CAF_REQUIRE_EQUAL(gone->size(), 1u);
  CAF_CHECK_EQUAL(gone->front().import_failure.message, "no tax");
}

CAF_TEST(a worker whose processor has ended kills its process and ends with it) {
  start();
  give(1, 1);
  caf::anon_send_exit(boss, caf::exit_reason::kill);
  sched.run();
  CAF_CHECK(processes->at(1).is_killed);
  CAF_CHECK(is_alive(caf::actor_cast<caf::actor>(subject)));
  exit("killed", true);
  CAF_CHECK(!is_alive(caf::actor_cast<caf::actor>(subject)));
  CAF_CHECK(back->front().leases == leases{lease_id{1}});
  CAF_CHECK(ended().empty());
}

CAF_TEST(an actor that fails leaves no process behind) {
  start();
  processes->throws = true;
  give(1, 1);
  CAF_CHECK(!is_alive(caf::actor_cast<caf::actor>(subject)));
  CAF_CHECK(processes->at(1).is_killed);
}

CAF_TEST(output of a call that runs is told while someone listens) {
  start();
  give(1, 1);
  auto say = [this] {
    codeloader::worker_log log;
    log.handle = 1;
    log.text = "half way";
    processes->at(1).events.logs(codeloader::worker_number{1}, {log});
    sched.run();
  };
  say();
  CAF_CHECK(events->empty());
  shared->is_watched->store(true);
  say();
  CAF_REQUIRE_EQUAL(events->size(), 1u);
  CAF_CHECK(events->front().where == channel::log);
  CAF_CHECK(to_json_text(events->front().what).find("half way") != std::string::npos);
}

CAF_TEST_FIXTURE_SCOPE_END()
