// Time as a parameter. Durations and leases run on `steady_ms`; only what people see uses
// `wall_ms`.
#pragma once

#include <cstdint>

namespace flow {

struct clock {
  virtual ~clock() = default;
  /// Milliseconds since the Unix epoch; may jump.
  virtual uint64_t wall_ms() const = 0;
  /// Milliseconds since some start; never goes back.
  virtual uint64_t steady_ms() const = 0;
};

/// The machine's clocks.
const clock& system_clock();

/// A clock that a test moves by hand; both readings start at `start_ms`.
struct manual_clock final : clock {
  explicit manual_clock(uint64_t start_ms = 1'700'000'000'000) : now_ms{start_ms} {}
  uint64_t wall_ms() const override { return now_ms; }
  uint64_t steady_ms() const override { return now_ms; }
  uint64_t now_ms;
};

} // namespace flow
