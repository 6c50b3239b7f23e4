// The in-memory twin of the durable store: for tests and for streams that may be lost.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "flows/clock.hpp"
#include "storage/store.hpp"

namespace flow::storage {

/// How one write fails. `store_full`, `store_io` and the like last until `recover`, as a disk's do;
/// `outcome_unknown` does not.
struct write_fault {
  ec code = ec::store_io;
  bool applied = false; ///< whether the write took effect although its caller is told of an error
};

/// Asked before each write (commit, lease, blob) and each `recover`, with the number of the write
/// from 1 on; nullopt lets it pass. Called under the store's lock: must not call the store.
using write_fault_hook = std::function<std::optional<write_fault>(uint64_t write_number)>;

/// Loses everything with the process. Same limits and outcomes as the durable stores; `backup` is
/// refused. `time` must outlive the store.
std::unique_ptr<store> make_memory_store(const clock& time, write_fault_hook faults = {});

} // namespace flow::storage
