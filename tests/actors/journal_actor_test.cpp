#define CAF_SUITE actors.journal_actor

#include <memory>
#include <optional>

#include "caf/all.hpp"

#include "actors/journal_actor.hpp"
#include "storage/memory_store.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::actors;

namespace {

/// Keeps what the journal answers.
struct receiver_state {
  std::vector<uint64_t> durable;
  std::vector<std::pair<uint64_t, error>> refused;
  size_t messages = 0;
};

caf::behavior receiver(caf::event_based_actor*, std::shared_ptr<receiver_state> seen) {
  return {[seen](rows_committed& done) {
    ++seen->messages;
    for (auto ticket : done.tickets)
      seen->durable.push_back(ticket);
    for (auto& refusal : done.refused)
      seen->refused.push_back(refusal);
  }};
}

struct fixture : test_coordinator_fixture<> {
  fixture() {
    store
        = storage::make_memory_store(time, [this](uint64_t) -> std::optional<storage::write_fault> {
            if (!is_full) return std::nullopt;
            return storage::write_fault{ec::store_full, false};
          });
    seen = std::make_shared<receiver_state>();
    client = sys.spawn(receiver, seen);
    subject = sys.spawn(journal, store, &time, health);
    sched.run();
  }

  ~fixture() {
    caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
    sched.run();
  }

  void append(uint64_t ticket, bool is_refusable) {
    append_rows rows;
    rows.from = client;
    rows.ticket = ticket;
    rows.is_refusable = is_refusable;
    rows.rows.put(storage::family::in_flight, "key" + std::to_string(ticket), "value");
    caf::anon_send(subject, std::move(rows));
  }

  bool is_stored(uint64_t ticket) const {
    auto row = store->get(storage::family::in_flight, "key" + std::to_string(ticket));
    return row && row->has_value();
  }

  manual_clock time;
  bool is_full = false;
  std::shared_ptr<storage::store> store;
  std::shared_ptr<health_board> health = std::make_shared<health_board>();
  std::shared_ptr<receiver_state> seen;
  caf::actor client;
  journal_actor subject;
};

using tickets = std::vector<uint64_t>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(journal_actor_tests, fixture)

CAF_TEST(what waits together is one commit and one answer in order) {
  for (uint64_t ticket = 1; ticket <= 100; ++ticket)
    append(ticket, true);
  sched.run();
  CAF_CHECK_EQUAL(store->stats().commits, 1u);
  CAF_CHECK_EQUAL(seen->messages, 1u);
  CAF_REQUIRE_EQUAL(seen->durable.size(), 100u);
  CAF_CHECK(std::is_sorted(seen->durable.begin(), seen->durable.end()));
  CAF_CHECK(is_stored(1) && is_stored(100));
}

CAF_TEST(a full store refuses new work and keeps what may not be lost) {
  is_full = true;
  append(1, true);
  append(2, false);
  sched.run();
  CAF_REQUIRE_EQUAL(seen->refused.size(), 1u);
  CAF_CHECK_EQUAL(seen->refused[0].first, 1u);
  CAF_CHECK(seen->refused[0].second.code == ec::store_full);
  CAF_CHECK(seen->durable.empty());
  CAF_CHECK(!health->problems(time.steady_ms()).empty());
  append(3, true);
  sched.run();
  CAF_CHECK_EQUAL(seen->refused.size(), 2u);
}

CAF_TEST(with room again what was kept becomes durable in its order before anything new) {
  is_full = true;
  append(1, false);
  append(2, false);
  sched.run();
  is_full = false;
  CAF_CHECK(seen->durable.empty());
  advance_time(std::chrono::milliseconds{200});
  sched.run();
  CAF_CHECK(seen->durable == (tickets{1, 2}));
  CAF_CHECK(health->problems(time.steady_ms()).empty());
  append(3, true);
  sched.run();
  CAF_CHECK(seen->durable == (tickets{1, 2, 3}));
  CAF_CHECK(is_stored(1) && is_stored(2) && is_stored(3));
}

CAF_TEST(a store that stays full is tried again and again without losing anything) {
  is_full = true;
  append(1, false);
  sched.run();
  for (int tries = 0; tries < 50; ++tries) {
    advance_time(std::chrono::milliseconds{200});
    sched.run();
  }
  CAF_CHECK(seen->durable.empty());
  is_full = false;
  advance_time(std::chrono::milliseconds{200});
  sched.run();
  CAF_CHECK(seen->durable == tickets{1});
}

CAF_TEST_FIXTURE_SCOPE_END()
