// The durable store of one machine, in a directory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flows/clock.hpp"
#include "flows/limits.hpp"
#include "storage/store.hpp"

namespace flow::storage {

/// The version of everything on disk that this program writes.
inline constexpr uint32_t rocks_format_version = 1;

/// Turns what version `from` wrote into what version `from + 1` reads, through the store itself.
/// May be cut off at any point and run again from its beginning.
struct rocks_migration {
  uint32_t from = 0;
  std::function<result<void>(store&)> run;
};

struct rocks_options {
  std::string directory;               ///< nothing else lives in it; made (0700) when missing
  const clock* time = &system_clock(); ///< must outlive the store
  bool sync = true;         ///< false only in tests: survives the process, not the machine
  bool accept_loss = false; ///< open although acknowledged work is missing
  size_t memtable_bytes = limits::store_memtable_bytes;
  uint32_t format_version = rocks_format_version;
  std::vector<rocks_migration> migrations; ///< one for each step from the versions that can be read
};

/// Opens or makes a store. `data_directory_in_use` when someone has it open, `store_foreign` when
/// the directory holds something else, `store_newer` when a newer version wrote it, `store_corrupt`
/// when it is damaged, `store_stale` when less is there than was acknowledged (a log was deleted,
/// an old copy put back), unless `accept_loss`.
result<std::unique_ptr<store>> open_rocks_store(rocks_options options);

} // namespace flow::storage
