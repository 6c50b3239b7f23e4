// What a call's record tells of each of its attempts.
#define CAF_SUITE flows.partition_record

#include "tests/flows/partition_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

struct fixture : partition_fixture {
  ~fixture() { CAF_CHECK_EQUAL(trouble, ""); }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(partition_record_tests, fixture)

CAF_TEST(each attempt is told with its times its worker and its failure) {
  policy.retries = 2;
  policy.node = "n1";
  reconfigure();
  auto call = add();
  window(1);
  std::vector<uint64_t> taken_ms;
  for (uint64_t attempt = 1; attempt <= 2; ++attempt) {
    taken_ms.push_back(now_ms);
    now_ms += 50;
    auto how = failed(lease());
    how.why.message = "no " + std::to_string(attempt);
    how.worker = 100 + attempt;
    how.run_us = 30'000;
    auto out = end(std::move(how));
    if (attempt == 1) open(); // all of it is in the rows
    if (attempt == 1) window(1);
    now_ms = out.wake_at_ms;
    run(tick_command{});
  }
  end(success(lease()));
  const auto& ended = *rows.ended.at(call->id);
  CAF_REQUIRE_EQUAL(ended.earlier.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const auto& told = ended.earlier[i];
    CAF_CHECK_EQUAL(told.number, i + 1);
    CAF_CHECK_EQUAL(told.worker, 101 + i);
    CAF_CHECK_EQUAL(told.taken_ms, taken_ms[i]);
    CAF_CHECK_EQUAL(told.ended_ms, taken_ms[i] + 50);
    CAF_CHECK_EQUAL(told.started_ms, told.ended_ms - 30);
    CAF_CHECK_EQUAL(told.node, "n1");
    CAF_CHECK_EQUAL(told.why.message, "no " + std::to_string(i + 1));
    CAF_CHECK_EQUAL(told.why.traceback, "");
  }
  CAF_CHECK_EQUAL(attempts_of(ended).size(), 3u);
}

CAF_TEST(attempts of a life before a retry by hand are told too) {
  auto call = add();
  window(1);
  end(failed(lease()));
  CAF_CHECK(rows.ended.at(call->id)->earlier.empty());
  CAF_CHECK_EQUAL(attempts_of(*rows.ended.at(call->id)).size(), 1u);
  run(revive_command{{rows.ended.at(call->id)}});
  end(success(lease()));
  const auto& ended = *rows.ended.at(call->id);
  CAF_REQUIRE_EQUAL(ended.earlier.size(), 1u);
  CAF_CHECK_EQUAL(ended.attempts, 1u);
  CAF_CHECK_EQUAL(ended.earlier[0].generation, 0u);
  CAF_CHECK_EQUAL(ended.earlier[0].why.type, "KeyError");
  CAF_CHECK_EQUAL(attempts_of(ended).back().generation, 1u);
}

CAF_TEST(only the last attempts of many are told) {
  policy.retries = 150;
  policy.retry_delay_ms = 0;
  reconfigure();
  auto call = add();
  window(1);
  for (int i = 0; i <= 150; ++i) {
    auto how = failed(lease());
    how.why.message = std::string(10'000, 'm');
    end(std::move(how));
  }
  const auto& ended = *rows.ended.at(call->id);
  CAF_CHECK_EQUAL(ended.attempts, 151u);
  CAF_CHECK(ended.earlier.size() <= limits::attempts_kept_max);
  CAF_CHECK_EQUAL(ended.earlier.back().number, 150u);
  CAF_CHECK_EQUAL(ended.earlier.back().why.message.size(), limits::attempt_message_bytes_max);
  CAF_CHECK_EQUAL(attempts_of(ended).size(), limits::attempts_kept_max);
}

CAF_TEST_FIXTURE_SCOPE_END()
