// What is wrong with the node right now: written by the actors that know, read by the API's thread
// without a message.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace flow::actors {

/// Thread-safe.
class health_board {
public:
  void set(const std::string& source, std::string sentence) {
    std::lock_guard lock{mutex_};
    problems_[source] = std::move(sentence);
  }
  void clear(const std::string& source) {
    std::lock_guard lock{mutex_};
    problems_.erase(source);
  }
  /// The journal has rows to commit since then (steady ms); 0: it has none.
  void journal_busy_since(uint64_t since_ms) {
    journal_busy_since_ms_.store(since_ms, std::memory_order_relaxed);
  }

  /// A sentence each; empty: green.
  std::vector<std::string> problems(uint64_t now_steady_ms) const {
    std::vector<std::string> all;
    auto busy = journal_busy_since_ms_.load(std::memory_order_relaxed);
    if (busy != 0 && now_steady_ms > busy + journal_stall_ms_max)
      all.push_back("the journal has not committed for " + std::to_string(now_steady_ms - busy)
                    + " ms");
    std::lock_guard lock{mutex_};
    for (const auto& [source, sentence] : problems_)
      all.push_back(sentence);
    return all;
  }

private:
  static constexpr uint64_t journal_stall_ms_max = 5'000;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> problems_;
  std::atomic<uint64_t> journal_busy_since_ms_{0};
};

} // namespace flow::actors
