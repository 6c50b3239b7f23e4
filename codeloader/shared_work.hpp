// Work that several threads want at once is done by one of them; all get its result and its
// progress.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <condition_variable>

#include "flows/error.hpp"

namespace flow::codeloader {

using step_callback = std::function<void(const std::string&)>;

/// Keyed by what the work makes. A result, good or bad, goes to those who asked while the work went
/// on; who asks later starts anew.
template <class T>
class shared_work {
public:
  /// Calls `work` with a callback that tells everyone's `progress`. Blocks. Callbacks run on the
  /// working thread.
  result<T> run(const std::string& key, const step_callback& progress,
                const std::function<result<T>(const step_callback&)>& work) {
    std::shared_ptr<job> mine;
    bool is_worker = false;
    {
      std::lock_guard lock{mutex_};
      auto& slot = jobs_[key];
      is_worker = !slot;
      if (is_worker) slot = std::make_shared<job>();
      mine = slot;
    }
    listener here{*mine, progress};
    if (!is_worker) return mine->wait();
    auto outcome = work([&](const std::string& step) { mine->tell(step); });
    {
      std::lock_guard lock{mutex_};
      jobs_.erase(key);
    }
    mine->finish(outcome);
    return outcome;
  }

private:
  struct job {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<result<T>> outcome;
    std::vector<const step_callback*> listeners;

    void tell(const std::string& step) {
      std::lock_guard lock{mutex}; // held, so that no listener leaves while it is called
      for (const auto* listener : listeners)
        (*listener)(step);
    }

    void finish(const result<T>& with) {
      std::lock_guard lock{mutex};
      outcome = with;
      done.notify_all();
    }

    result<T> wait() {
      std::unique_lock lock{mutex};
      done.wait(lock, [this] { return outcome.has_value(); });
      return *outcome;
    }
  };

  struct listener {
    listener(job& at, const step_callback& callback) : at_{at}, callback_{&callback} {
      if (!callback) return;
      std::lock_guard lock{at_.mutex};
      at_.listeners.push_back(callback_);
    }
    ~listener() {
      std::lock_guard lock{at_.mutex};
      std::erase(at_.listeners, callback_);
    }
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;

    job& at_;
    const step_callback* callback_;
  };

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<job>> jobs_;
};

} // namespace flow::codeloader
