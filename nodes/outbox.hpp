// What waits to be written to one WebSocket client: filled by its session, emptied by the network
// thread.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "nodes/session_sink.hpp"

namespace flow::nodes {

/// Messages are encoded by the thread that delivers them, and gathered: all that waits goes out in
/// one frame.
class outbox final : public session_sink {
public:
  /// `wake` is called, on the thread that delivers, when there is news that `take` has not given
  /// yet. `bytes_max` may wait: a client that reads slower than that is cut off.
  outbox(std::function<void()> wake, size_t bytes_max);

  // -- the session ------------------------------------------------------------
  void deliver(std::vector<wire::node_message> messages) override;
  void consumed(size_t bytes) override;
  void end(error why) override;

  // -- the network thread -----------------------------------------------------
  struct batch {
    size_t count = 0;
    std::string items;
  };
  struct news {
    std::optional<batch> frame; ///< the next to write, if there is one
    std::optional<error> ended; ///< close, once nothing is left to write
    bool is_too_slow = false;   ///< cut off, what waited is dropped
    size_t consumed = 0;        ///< bytes of frames that the session has worked off since
  };
  /// Gives no frame while the last one is not `written`; nobody is woken for new messages
  /// meanwhile.
  news take();
  /// The frame of that size is written; `take` again.
  void written(size_t bytes);
  /// Nobody is woken, and nothing kept, any more.
  void shut();

private:
  void wake_locked();

  std::mutex mutex_;
  std::function<void()> wake_; ///< empty when shut
  const size_t bytes_max_;
  std::deque<batch> batches_;
  size_t bytes_ = 0; ///< waiting or being written
  size_t consumed_ = 0;
  std::optional<error> ended_;
  bool is_too_slow_ = false;
  bool woken_ = false;
  bool is_writing_ = false;
};

} // namespace flow::nodes
