// The owner of workflows between its session, the sockets of its members, and a journal that
// commits when the test says so.
#define CAF_SUITE actors.flow_actor

#include <deque>
#include <memory>

#include "caf/all.hpp"

#include "actors/flow_actor.hpp"
#include "flows/workflow_text.hpp"
#include "storage/codec.hpp"
#include "storage/key_kind.hpp"
#include "storage/memory_store.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::actors;

namespace {

constexpr partition_id t_partition{7};

/// What has come to the flow actor's neighbours.
struct neighbours {
  std::deque<append_rows> rows;
  std::vector<wire::node_message> answers;
  std::vector<call_ptr> members;
  std::vector<call_id> cancelled;
};
using neighbours_ptr = std::shared_ptr<neighbours>;

journal_actor::behavior_type slow_journal(journal_actor::pointer, neighbours_ptr seen) {
  return {[seen](append_rows& rows) { seen->rows.push_back(std::move(rows)); }, [](flush_now) {},
          [](try_recover) {}, [](actors::describe) { return journal_status{}; }};
}

caf::behavior session(caf::event_based_actor*, neighbours_ptr seen) {
  return {[seen](session_output& output) {
    for (auto& message : output.messages)
      seen->answers.push_back(std::move(message));
  }};
}

caf::behavior member_socket(caf::event_based_actor* self, neighbours_ptr seen) {
  return {[self, seen](arrive_calls& parcel) {
            for (auto& call : parcel.calls)
              seen->members.push_back(std::move(call));
            self->send(parcel.courier, calls_arrived{parcel.number});
          },
          [seen](const cancel_command& what) {
            seen->cancelled.insert(seen->cancelled.end(), what.ids.begin(), what.ids.end());
          }};
}

struct fixture : test_coordinator_fixture<> {
  fixture() {
    shared->clock = &time;
    shared->store = storage::make_memory_store(time);
    shared->journal = sys.spawn(slow_journal, seen);
    shared->may_detach = false;
    client = sys.spawn(session, seen);
    socket = sys.spawn(member_socket, seen);
    open();
  }
  ~fixture() {
    close();
    caf::anon_send_exit(shared->journal, caf::exit_reason::user_shutdown);
    for (const auto& each : {client, socket})
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    sched.run();
  }

  void open() {
    subject = sys.spawn(actors::flows, services_ptr{shared});
    auto next = std::make_shared<routes>();
    socket_route route;
    route.partition = t_partition;
    route.owner = socket;
    next->by_name.emplace("t", route);
    next->by_partition.emplace(t_partition, route);
    shared->sockets->publish(std::move(next));
    tell(settle_members{});
  }
  void close() {
    caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
    sched.run();
  }
  /// Dies with whatever was not written.
  void crash() {
    close();
    seen->rows.clear();
    seen->members.clear();
    open();
  }

  template <class Message>
  void tell(Message what) {
    caf::anon_send(subject, std::move(what));
    sched.run();
  }
  call_id submit(const std::string& text, wire::submit what = {}) {
    what.seq = ++seq;
    what.push_end = true;
    what.options.flow = encode(parse_workflow(text)->what);
    auto id = make_call_id(time.now_ms, workflow_partition, stable_hash("id", seq));
    tell(submit_calls{client, "ann", {{id, std::move(what)}}});
    return id;
  }
  void commit_all() {
    while (!seen->rows.empty()) {
      auto rows = std::move(seen->rows.front());
      seen->rows.pop_front();
      CAF_REQUIRE(shared->store->commit({&rows.rows, 1}));
      tell(rows_committed{{rows.ticket}, {}});
    }
  }
  /// The oldest member ends, on disk; and whoever waits is told, if `is_told`.
  void end_member(bool is_told = true, failure why = {}) {
    CAF_REQUIRE(!seen->members.empty());
    auto ended = std::make_shared<ended_call>();
    ended->call = seen->members.front();
    seen->members.erase(seen->members.begin());
    ended->state = why ? call_state::failed : call_state::finished;
    ended->why = std::move(why);
    ended->result.cbor = ended->call->args.positional;
    storage::batch rows;
    storage::append(rows,
                    std::vector<row_change>{erase_call{ended->call->id, false}, put_ended{ended}});
    CAF_REQUIRE(shared->store->commit({&rows, 1}));
    if (is_told) tell(members_ended{{ended}});
  }
  void run_to_end() {
    commit_all();
    while (!seen->members.empty()) {
      end_member();
      commit_all();
    }
  }
  size_t rows_of(storage::family where, std::string_view kind) const {
    size_t count = 0;
    auto read
        = shared->store->scan(where, storage::prefix_range(kind),
                              [&](std::string_view, std::string_view) { return ++count > 0; });
    CAF_REQUIRE(read);
    return count;
  }

  template <class Answer>
  std::vector<Answer> take() {
    std::vector<Answer> found;
    std::erase_if(seen->answers, [&](const wire::node_message& message) {
      const auto* answer = std::get_if<Answer>(&message);
      if (answer) found.push_back(*answer);
      return answer != nullptr;
    });
    return found;
  }
  std::string result() {
    auto ends = take<wire::ended>();
    return ends.size() == 1 ? to_json_text(ends[0].result) + ends[0].why.message : "no end";
  }

  manual_clock time;
  uint64_t seq = 0;
  neighbours_ptr seen = std::make_shared<neighbours>();
  std::shared_ptr<services> shared = std::make_shared<services>();
  caf::actor client;
  caf::actor socket;
  flow_actor subject;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(flow_actor_tests, fixture)

CAF_TEST(members are told of and the workflow acknowledged after the commit that holds both) {
  auto id = submit("parallel([t(1), t(2)])");
  CAF_CHECK(seen->members.empty());
  CAF_CHECK(seen->answers.empty());
  CAF_REQUIRE_EQUAL(seen->rows.size(), 1u);
  CAF_CHECK(seen->rows.front().is_refusable);
  commit_all();
  CAF_CHECK(take<wire::accepted>().at(0).id == id);
  CAF_REQUIRE_EQUAL(seen->members.size(), 2u);
  for (const auto& member : seen->members) {
    CAF_CHECK(member->parent == id);
    CAF_CHECK(member->root == id);
    CAF_CHECK(*storage::read_call(*shared->store, member->id));
  }
  run_to_end();
  CAF_CHECK_EQUAL(result(), "[[1],[2]]");
  CAF_CHECK_EQUAL(rows_of(storage::family::in_flight, storage::key_kind::workflow_step), 0u);
  CAF_CHECK(!*storage::read_call(*shared->store, id));
}

CAF_TEST(a workflow that the store has no room for is refused and leaves nothing) {
  submit("parallel([t(1), t(2)])");
  auto ticket = seen->rows.front().ticket;
  seen->rows.clear();
  tell(rows_committed{{}, {{ticket, make_error(ec::store_full, "full")}}});
  CAF_CHECK(take<wire::refused>().at(0).why.code == ec::store_full);
  CAF_CHECK(seen->members.empty());
  crash();
  CAF_CHECK(seen->members.empty());
}

CAF_TEST(a crash after each commit goes on as if there had been none) {
  for (size_t crash_after = 0; crash_after < 7; ++crash_after) {
    submit("pipeline([t(0), parallel([t(1), t(2)]), funnel([t(3)], t(4))])");
    size_t commits = 0;
    bool is_crashed = false;
    while (!seen->rows.empty() || !seen->members.empty()) {
      if (!seen->rows.empty())
        commit_all();
      else
        end_member(commits != crash_after); // its end is told to nobody when the crash comes
      if (commits++ == crash_after && !is_crashed) {
        is_crashed = true;
        crash();
        tell(await_calls{
            client,
            {{++seq, make_call_id(time.now_ms, workflow_partition, stable_hash("id", seq - 1))}}});
      }
    }
    CAF_CHECK_EQUAL(result(), "[[[[[[0],1],[[0],2]],3]],4]");
    CAF_CHECK_EQUAL(rows_of(storage::family::in_flight, storage::key_kind::workflow_step), 0u);
    CAF_CHECK_EQUAL(rows_of(storage::family::in_flight, storage::key_kind::call), 0u);
  }
  CAF_CHECK_EQUAL(rows_of(storage::family::history, storage::key_kind::child), 7u * 5);
}

CAF_TEST(an end that was told to nobody is found when the sockets are asked again) {
  submit("t(1)");
  commit_all();
  end_member(false);
  CAF_CHECK_EQUAL(result(), "no end");
  tell(settle_members{});
  commit_all();
  CAF_CHECK_EQUAL(result(), "[1]");
}

CAF_TEST(the same submission and the same key are the same workflow) {
  wire::submit keyed;
  keyed.options.key = "k";
  auto id = submit("t(1)", keyed);
  submit("t(1)", keyed); // before the first is on disk
  CAF_CHECK(take<wire::accepted>().empty());
  commit_all();
  auto accepted = take<wire::accepted>();
  CAF_REQUIRE_EQUAL(accepted.size(), 2u);
  CAF_CHECK(accepted[0].id == id && accepted[1].id == id);
  run_to_end();
  CAF_CHECK_EQUAL(take<wire::ended>().size(), 2u);
  submit("t(1)", keyed);
  CAF_CHECK(take<wire::accepted>().at(0).id == id);
  CAF_CHECK_EQUAL(result(), "[1]");
  CAF_CHECK(seen->rows.empty());
}

CAF_TEST(what cannot run is refused before anything is written) {
  submit("pipeline([t(1), tt(2)])");
  auto refused = take<wire::refused>();
  CAF_CHECK_EQUAL(refused.at(0).why.text, "step pipeline[1]: no socket \"tt\"");
  CAF_CHECK(refused.at(0).why.hint.find("\"t\"") != std::string::npos
            || !refused.at(0).why.hint.empty());
  wire::submit damaged;
  damaged.seq = ++seq;
  damaged.options.flow = "\x01";
  tell(submit_calls{client, "ann", {{make_call_id(1, workflow_partition, 1), damaged}}});
  CAF_CHECK(take<wire::refused>().at(0).why.code == ec::bad_workflow);
  wire::submit keyword;
  keyword.args.keyword = "\xa1\x61k\x01";
  submit("t(1)", keyword);
  CAF_CHECK(take<wire::refused>().at(0).why.code == ec::bad_arguments);
  CAF_CHECK(seen->rows.empty());
}

CAF_TEST(a cancel takes the members along and survives a crash) {
  auto id = submit("pipeline([parallel([t(1), t(2)]), t(3)])");
  tell(cancel_command{{id}}); // not on disk yet: it waits
  commit_all();
  CAF_CHECK_EQUAL(seen->cancelled.size(), 2u);
  auto members = seen->members;
  crash();
  CAF_CHECK_EQUAL(seen->cancelled.size(), 6u); // told again, twice: on opening and on settling
  seen->members = members;
  tell(await_calls{client, {{++seq, id}}});
  const failure cancelled{ec::task_cancelled, "cancelled", {}, {}};
  end_member(true, cancelled);
  CAF_CHECK_EQUAL(result(), "no end");
  end_member(true, cancelled);
  commit_all();
  auto ends = take<wire::ended>();
  CAF_REQUIRE_EQUAL(ends.size(), 1u);
  CAF_CHECK(ends[0].state == call_state::cancelled);
}

CAF_TEST(a workflow with a time begins when it is due also after a crash) {
  wire::submit later;
  later.options.delay_ms = 5'000;
  auto id = submit("t(1)", later);
  commit_all();
  CAF_CHECK(seen->members.empty());
  crash();
  CAF_CHECK(seen->members.empty());
  time.now_ms += 5'000;
  sched.advance_time(std::chrono::milliseconds{5'000});
  sched.run();
  tell(await_calls{client, {{++seq, id}}});
  run_to_end();
  CAF_CHECK_EQUAL(result(), "[1]");
}

CAF_TEST(a failed workflow that is retried has other members) {
  auto id = submit("t(1)");
  commit_all();
  auto first = seen->members.at(0)->id;
  end_member(true, {ec::task_failed, "ValueError", "no", {}});
  commit_all();
  CAF_CHECK_EQUAL(result(), "nullno");
  auto before = storage::read_ended(*shared->store, id);
  CAF_REQUIRE(before && *before);
  tell(revive_command{{std::make_shared<const ended_call>(std::move(**before))}});
  commit_all();
  CAF_REQUIRE_EQUAL(seen->members.size(), 1u);
  CAF_CHECK(seen->members[0]->id != first);
  tell(await_calls{client, {{++seq, id}}});
  run_to_end();
  CAF_CHECK_EQUAL(result(), "[1]");
}

CAF_TEST_FIXTURE_SCOPE_END()
