// A whole node in one process: real actors on the virtual clock, a store that survives them, fake
// workers, and one client. Everything that happens is drawn from one seed.
#pragma once

#include <memory>
#include <string>

#include "caf/all.hpp"
#include "caf/scheduler/test_coordinator.hpp"

#include "actors/node_actor.hpp"
#include "actors/services.hpp"
#include "tests/actors/fake_hosts.hpp"
#include "tests/flows/random_bytes.hpp"
#include "tests/sim/checked_store.hpp"
#include "tests/sim/sim_client.hpp"

namespace flow::sim {

/// How often what has happened: a simulation in which nothing went wrong shows nothing.
struct tally {
  size_t calls = 0;
  size_t ended = 0;
  size_t actors_killed = 0;
  size_t nodes_killed = 0;
  size_t nodes_failed = 0; ///< a supervisor gave up, and the node ended by itself
  size_t workers_lost = 0;
  size_t writes_failed = 0;
  size_t connections_cut = 0;

  tally& operator+=(const tally& other);
};

class node_world {
public:
  explicit node_world(uint64_t seed);
  ~node_world();

  /// Chaos for so many steps, then calm until all has ended. The first thing that is wrong, or "".
  std::string run(size_t steps);
  tally counts() const;
  /// What is on disk, as one number: the same seed gives the same.
  uint64_t fingerprint() const;

private:
  struct system_config : caf::actor_system_config {
    system_config();
  };

  /// All that dies with the process.
  struct life {
    system_config config;
    caf::actor_system system{config};
    std::shared_ptr<actors::services> shared = std::make_shared<actors::services>();
    std::shared_ptr<test::fake_worker_host> processes = std::make_shared<test::fake_worker_host>();
    std::set<uint64_t> greeted; ///< processes that have said that they are ready
    actors::node_actor node;
    caf::actor verbs;
    std::shared_ptr<bool> has_failed = std::make_shared<bool>(false);

    life() { system.await_actors_before_shutdown(false); }
    auto& scheduler() {
      return dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
    }
    actors::node_life& state();
  };

  size_t draw(size_t n) { return test::below(random_, n); }
  bool chance(size_t one_in) { return draw(one_in) == 0; }

  void start_node();
  void kill_node();
  /// Those that their supervisor starts again.
  std::vector<caf::actor> parts_that_may_fail();
  void kill_some_actor();
  void set_up();
  void step();
  void let_one_act();
  void let_all_act();
  void pass_time(uint64_t ms);
  void work_at(uint64_t process);
  void break_store();
  void ask_something();
  void check_while_quiet();
  void check_catalog();
  void calm();
  bool is_all_over() const;
  codeloader::worker_result result_of(const codeloader::worker_call& call);

  test::random_engine random_;
  verdict found_;
  manual_clock time_;
  std::shared_ptr<checked_store> store_ = std::make_shared<checked_store>(time_, found_);
  std::shared_ptr<test::fake_loader> modules_ = std::make_shared<test::fake_loader>();
  sim_client client_{*store_, time_, found_};
  std::unique_ptr<life> life_;
  std::set<std::string> objects_made_; ///< acknowledged
  size_t objects_asked_ = 0;
  uint64_t broken_until_ms_ = 0;
  bool is_calm_ = true;
  size_t objects_set_up_ = 0;
  bool is_started_ = false; ///< the processor, for good
  tally counts_;
};

} // namespace flow::sim
