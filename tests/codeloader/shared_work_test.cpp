#define CAF_SUITE codeloader.shared_work

#include "codeloader/shared_work.hpp"

#include <atomic>
#include <thread>

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;

CAF_TEST(those who ask while the work goes on get its result and its progress) {
  shared_work<int> shared;
  std::atomic<int> works = 0;
  std::atomic<bool> second_listens = false;
  auto work = [&](const step_callback& tell) -> result<int> {
    ++works;
    while (!second_listens)
      tell("step");
    return 42;
  };
  result<int> second = 0;
  std::thread other;
  auto first = shared.run(
      "key",
      [&](const std::string&) {
        // The work has begun: whoever asks from now on joins it.
        if (!other.joinable())
          other = std::thread{[&] {
            second = shared.run(
                "key", [&](const std::string&) { second_listens = true; }, work);
          }};
      },
      work);
  other.join();
  CAF_REQUIRE(first && second);
  CAF_CHECK_EQUAL(*first, 42);
  CAF_CHECK_EQUAL(*second, 42);
  CAF_CHECK_EQUAL(works.load(), 1);
}

CAF_TEST(a failure is given to who waited and tried anew by who asks later) {
  shared_work<int> shared;
  int works = 0;
  auto work = [&](const step_callback&) -> result<int> {
    if (++works == 1) return make_error(ec::bad_requirements, "no");
    return works;
  };
  auto first = shared.run("key", {}, work);
  CAF_REQUIRE(!first);
  CAF_CHECK_EQUAL(first.error().code, ec::bad_requirements);
  auto second = shared.run("key", {}, work);
  CAF_REQUIRE(second);
  CAF_CHECK_EQUAL(*second, 2);
}
