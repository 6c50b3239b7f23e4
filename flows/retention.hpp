// Which ended calls history forgets: by age and by size, the oldest first. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "flows/ids.hpp"
#include "flows/limits.hpp"

namespace flow {

struct retention_rule {
  uint64_t age_ms = limits::history_age_ms_default; ///< 0: for ever
  uint64_t bytes_max = 0;                           ///< of one socket; 0: any number
};

/// An ended call, without its row.
struct kept_call {
  call_id id;
  uint64_t ended_ms = 0;
  uint64_t bytes = 0;
  bool is_dead_letter = false;
};

/// When its age alone makes it go; 0: never. Dead letters wait for someone to look at them: they
/// are kept four times as long.
uint64_t forget_at_ms(const retention_rule& rule, const kept_call& call);

struct retention_plan {
  std::vector<kept_call> gone;
  bool has_more = false; ///< as many again could go now
  uint64_t next_ms = 0;  ///< when the next one is too old; 0: none will be
};

/// Visits ended calls, oldest first, until `visit` returns false.
using kept_calls = std::function<void(const std::function<bool(const kept_call&)>& visit)>;

/// At most `calls_max` that go now. Those beyond the size go in order of their age; dead letters
/// only when there is nothing else.
retention_plan plan_retention(const retention_rule& rule, uint64_t now_ms, uint64_t bytes_kept,
                              size_t calls_max, const kept_calls& ordinary,
                              const kept_calls& dead_letters);

} // namespace flow
