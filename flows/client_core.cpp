#include "flows/internal/client_core.hpp"

#include <cstdlib>
#include <random>

namespace flow {

namespace {

constexpr size_t session_bytes = 16;

std::string random_bytes(size_t n) {
  std::random_device source;
  std::string bytes;
  while (bytes.size() < n) {
    auto word = source();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  bytes.resize(n);
  return bytes;
}

void tell(std::vector<answer>& answers) {
  for (auto& one : answers)
    one.deliver();
}

} // namespace

client_core::client_core(client_options options)
    : options_{std::move(options)}, ledger_{random_bytes(session_bytes), options_.name} {}

void client_core::greeted(const wire::node_hello& node) {
  // Ids carry the time of the call: one that is far off would be refused.
  constexpr int64_t tolerated_ms = 3'600'000;
  auto offset_ms
      = static_cast<int64_t>(node.wall_ms) - static_cast<int64_t>(system_clock().wall_ms());
  clock_offset_ms_ = std::abs(offset_ms) > tolerated_ms ? offset_ms : 0;
  if (!std::exchange(is_known_, true)) node_ = node;
}

void client_core::opened() {
  std::lock_guard lock{mutex_};
  ledger_.opened();
  woken_ = true;
}

void client_core::lost() {
  std::vector<answer> answers;
  {
    std::lock_guard lock{mutex_};
    ledger_.lost(answers);
    woken_ = false;
  }
  tell(answers);
}

void client_core::give_up(const error& why) {
  std::vector<answer> answers;
  {
    std::lock_guard lock{mutex_};
    given_up_ = why;
    ledger_.give_up(why, answers);
    room_.notify_all();
  }
  tell(answers);
}

bool client_core::next_batch(wire_batch& batch) {
  std::lock_guard lock{mutex_};
  woken_ = ledger_.next_batch(batch);
  return woken_;
}

void client_core::take(std::vector<wire::node_message>&& messages) {
  std::vector<answer> answers;
  answers.reserve(messages.size());
  {
    std::lock_guard lock{mutex_};
    for (auto& message : messages)
      ledger_.on_message(std::move(message), answers);
    if (blocked_ > 0) room_.notify_all();
  }
  tell(answers);
}

} // namespace flow
