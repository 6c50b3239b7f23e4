// Brings modules from git to disk, off the scheduler's threads.
#pragma once

#include <deque>
#include <functional>

#include "actors/services.hpp"

namespace flow::actors {

struct loader_state {
  static inline const char* name = "loader";

  loader_actor::stateful_pointer<loader_state> self = nullptr;
  services_ptr shared;
  std::deque<std::function<void()>> waiting; ///< each blocks until its work is done
  size_t running = 0;

  void enqueue(std::function<void()> work);
  void finished();

private:
  void start_next();
};

/// At most a few loads at once; the rest wait in order. Each runs in a thread of its own, since git
/// and installers block.
loader_actor::behavior_type loader(loader_actor::stateful_pointer<loader_state> self,
                                   services_ptr shared);

} // namespace flow::actors
