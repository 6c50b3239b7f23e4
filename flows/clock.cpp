#include "flows/clock.hpp"

#include <chrono>

namespace flow {

namespace {

template <class Clock>
uint64_t now_ms() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(Clock::now().time_since_epoch()).count());
}

struct machine_clock final : clock {
  uint64_t wall_ms() const override { return now_ms<std::chrono::system_clock>(); }
  uint64_t steady_ms() const override { return now_ms<std::chrono::steady_clock>(); }
};

} // namespace

const clock& system_clock() {
  static const machine_clock instance;
  return instance;
}

} // namespace flow
