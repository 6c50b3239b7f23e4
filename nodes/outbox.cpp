#include "nodes/outbox.hpp"

#include <algorithm>
#include <utility>

#include "flows/limits.hpp"

namespace flow::nodes {

outbox::outbox(std::function<void()> wake, size_t bytes_max)
    : wake_{std::move(wake)}, bytes_max_{bytes_max} {}

void outbox::deliver(std::vector<wire::node_message> messages) {
  std::lock_guard lock{mutex_};
  if (!wake_ || is_too_slow_) return;
  for (auto& message : messages) {
    if (batches_.empty() || batches_.back().items.size() >= limits::api_batch_bytes_target
        || batches_.back().count >= limits::api_frame_messages_max)
      batches_.emplace_back();
    auto& frame = batches_.back();
    auto before = frame.items.size();
    wire::encode(frame.items, message);
    ++frame.count;
    bytes_ += frame.items.size() - before;
    if (bytes_ > bytes_max_) {
      is_too_slow_ = true;
      batches_.clear();
      break;
    }
  }
  // The end of a write is a wake-up too; but a client that does not read lets none end.
  if (!is_writing_ || is_too_slow_) wake_locked();
}

void outbox::consumed(size_t bytes) {
  std::lock_guard lock{mutex_};
  consumed_ += bytes;
  wake_locked();
}

void outbox::end(error why) {
  std::lock_guard lock{mutex_};
  if (!ended_) ended_ = std::move(why);
  wake_locked();
}

outbox::news outbox::take() {
  std::lock_guard lock{mutex_};
  woken_ = false;
  news all;
  all.consumed = std::exchange(consumed_, 0);
  all.is_too_slow = is_too_slow_;
  if (!is_writing_ && !batches_.empty()) {
    all.frame = std::move(batches_.front());
    batches_.pop_front();
    is_writing_ = true;
  }
  if (batches_.empty()) all.ended = ended_;
  return all;
}

void outbox::written(size_t bytes) {
  std::lock_guard lock{mutex_};
  is_writing_ = false;
  bytes_ -= std::min(bytes, bytes_);
}

void outbox::shut() {
  std::lock_guard lock{mutex_};
  wake_ = {};
  batches_.clear();
}

void outbox::wake_locked() {
  if (woken_ || !wake_) return;
  woken_ = true;
  wake_();
}

} // namespace flow::nodes
