// The single writer of the node's store: group commit.
#pragma once

#include <deque>
#include <memory>

#include "actors/health_board.hpp"
#include "actors/interfaces.hpp"
#include "flows/clock.hpp"

namespace flow::actors {

struct journal_state {
  static inline const char* name = "journal";

  journal_actor::stateful_pointer<journal_state> self = nullptr;
  std::shared_ptr<storage::store> store;
  const flow::clock* clock = nullptr;
  std::shared_ptr<health_board> health;
  std::deque<append_rows> waiting;
  uint64_t oldest_waiting_ms = 0;
  bool is_flush_armed = false;
  journal_status status;

  void append(append_rows& rows);
  /// Commits what waits, up to about `limits::commit_bytes_max`, with one sync, and answers its
  /// senders.
  void flush();
  void recover();

private:
  void arm();
  void set_oldest(uint64_t since_ms);
  void settle(std::vector<append_rows>& taken, std::vector<storage::batch>& batches,
              const std::vector<storage::outcome>& outcomes);
  void keep_or_refuse(std::vector<append_rows>& taken, std::vector<storage::batch>& batches,
                      const error& why);
};

/// Blocks in the store: spawn it detached, but for tests.
journal_actor::behavior_type journal(journal_actor::stateful_pointer<journal_state> self,
                                     std::shared_ptr<storage::store> store,
                                     const flow::clock* clock,
                                     std::shared_ptr<health_board> health);

} // namespace flow::actors
