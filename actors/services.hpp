// What the actors of a node share: passed to every spawn, so that a test can replace each part.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "actors/directory.hpp"
#include "actors/health_board.hpp"
#include "actors/interfaces.hpp"
#include "codeloader/loader.hpp"
#include "codeloader/worker_host.hpp"
#include "flows/clock.hpp"
#include "storage/store.hpp"

namespace flow::actors {

/// The published catalog, for readers that decide nothing: thread-safe.
class catalog_board {
public:
  std::shared_ptr<const catalog> view() const { return current_.load(); }
  void publish(std::shared_ptr<const catalog> next) { current_.store(std::move(next)); }

private:
  std::atomic<std::shared_ptr<const catalog>> current_{std::make_shared<const catalog>()};
};

struct services {
  std::string node = "local";
  uint32_t cpus = 1;
  const flow::clock* clock = &system_clock();
  std::shared_ptr<storage::store> store;
  std::shared_ptr<codeloader::loader> loader;
  std::shared_ptr<codeloader::worker_host> workers;
  std::shared_ptr<health_board> health = std::make_shared<health_board>();
  std::shared_ptr<directory> sockets = std::make_shared<directory>();
  std::shared_ptr<catalog_board> objects = std::make_shared<catalog_board>();
  journal_actor journal;
  hub_actor hub;
  /// Whether anyone listens: events are made only then.
  std::shared_ptr<std::atomic<bool>> is_watched = std::make_shared<std::atomic<bool>>(false);
  /// Numbers the lives of partitions, so that leases of an earlier life mean nothing.
  std::shared_ptr<std::atomic<uint32_t>> incarnations = std::make_shared<std::atomic<uint32_t>>(1);
  /// Blocking actors get their own thread; false in deterministic tests.
  bool may_detach = true;
};
using services_ptr = std::shared_ptr<const services>;

} // namespace flow::actors
