#include "storage/internal/watch_hub.hpp"

#include "flows/limits.hpp"
#include "storage/internal/store_rows.hpp"

namespace flow::storage::internal {

namespace {

size_t bytes_of(const watch_event& event) {
  size_t bytes = 0;
  for (const auto& each : event.changes)
    bytes += each.key.size() + each.value.size();
  return bytes;
}

bool concerns(const change& what, std::string_view prefix) {
  // The store's own rows are seen only by those who name them.
  if (prefix.empty()) return !is_reserved(what.key);
  if (what.what != mutation::kind::erase_range) return what.key.starts_with(prefix);
  range mine = prefix_range(prefix);
  bool starts_before_end = mine.last.empty() || what.key < mine.last;
  bool ends_after_start = what.value.empty() || what.value > mine.first;
  return starts_before_end && ends_after_start;
}

} // namespace

struct watch_hub::subscriber {
  std::string prefix;
  watch_callback callback;
  // Recursive, so that a callback may drop its own handle.
  std::recursive_mutex mutex;
  bool active = true;

  void tell(const watch_event& event) {
    watch_event mine{event.relist, event.revision, {}};
    for (const auto& each : event.changes) {
      if (concerns(each, prefix)) mine.changes.push_back(each);
    }
    if (!mine.relist && mine.changes.empty()) return;
    std::lock_guard guard{mutex};
    if (active) callback(mine);
  }
};

void watch_hub::reset(uint64_t revision) {
  std::lock_guard guard{mutex_};
  bool changed = revision != revision_;
  revision_ = revision;
  if (!changed) return;
  log_.clear();
  changes_ = 0;
  bytes_ = 0;
  forgotten_ = revision;
  for (const auto& each : subscribers_) {
    if (auto alive = each.lock()) alive->tell({true, revision, {}});
  }
}

void watch_hub::publish(watch_event event) {
  std::lock_guard guard{mutex_};
  revision_ = event.revision;
  bool any_dead = false;
  for (const auto& each : subscribers_) {
    if (auto alive = each.lock()) {
      alive->tell(event);
    } else {
      any_dead = true;
    }
  }
  if (any_dead) std::erase_if(subscribers_, [](const auto& each) { return each.expired(); });
  changes_ += event.changes.size();
  bytes_ += bytes_of(event);
  log_.push_back(std::move(event));
  trim();
}

void watch_hub::trim() {
  while (!log_.empty()
         && (changes_ > limits::watch_log_changes_max || bytes_ > limits::watch_log_bytes_max)) {
    changes_ -= log_.front().changes.size();
    bytes_ -= bytes_of(log_.front());
    forgotten_ = log_.front().revision;
    log_.pop_front();
  }
}

std::shared_ptr<void> watch_hub::subscribe(std::string prefix, uint64_t revision,
                                           watch_callback callback) {
  auto mine = std::make_shared<subscriber>();
  mine->prefix = std::move(prefix);
  mine->callback = std::move(callback);
  {
    std::lock_guard guard{mutex_};
    if (revision != 0 && (revision < forgotten_ || revision > revision_)) {
      mine->tell({true, revision_, {}});
    } else if (revision != 0) {
      for (const auto& event : log_) {
        if (event.revision > revision) mine->tell(event);
      }
    }
    subscribers_.push_back(mine);
  }
  // Dropping the handle waits for a running callback, so that what it captured may go next.
  auto* raw = mine.get();
  return {raw, [kept = std::move(mine)](void*) mutable {
            {
              std::lock_guard guard{kept->mutex};
              kept->active = false;
            }
            kept.reset();
          }};
}

} // namespace flow::storage::internal
