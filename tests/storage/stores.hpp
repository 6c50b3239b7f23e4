// What the suites of storage share: directories that go away, and each kind of store to try.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "flows/clock.hpp"
#include "storage/memory_store.hpp"
#include "storage/rocks_store.hpp"
#include "storage/store.hpp"

namespace flow::storage::test {

namespace fs = std::filesystem;

/// A directory of its own, removed at the end; in memory if that can be, for a test cannot cut the
/// power anyway.
struct scratch {
  scratch() {
    fs::path memory = "/dev/shm";
    fs::path parent = ::access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path();
    std::string path = (parent / "millrace-storage-XXXXXX").string();
    if (::mkdtemp(path.data())) root = path;
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    std::error_code ignored;
    if (!root.empty()) fs::remove_all(root, ignored);
  }
  std::string path(const std::string& name = "store") const { return (root / name).string(); }

  fs::path root;
};

/// One store under test, on a clock that the test moves.
struct subject {
  std::string kind;
  manual_clock time;
  scratch files;
  std::unique_ptr<store> it;

  bool is_durable() const { return kind == "rocks"; }

  void open() {
    it.reset();
    if (!is_durable()) {
      it = make_memory_store(time);
      return;
    }
    rocks_options options;
    options.directory = files.path();
    options.time = &time;
    options.memtable_bytes = 1u << 20;
    it = std::move(open_rocks_store(options).value());
  }
};

/// Runs the test on every kind of store; `name_of` in a failure is the subject's kind.
inline void on_each_store(const std::function<void(subject&)>& test) {
  for (const char* kind : {"memory", "rocks"}) {
    subject each;
    each.kind = kind;
    each.open();
    test(each);
  }
}

using rows = std::vector<std::pair<std::string, std::string>>;

inline rows rows_of(const store& from, family where, const range& keys = {}) {
  rows seen;
  auto visited = from.scan(where, keys, [&](std::string_view key, std::string_view value) {
    seen.emplace_back(key, value);
    return true;
  });
  if (!visited) seen.emplace_back("error", visited.error().text);
  return seen;
}

inline ec code_of(const error& err) {
  return err.code;
}
template <class T>
ec code_of(const result<T>& outcome) {
  return outcome ? ec::none : outcome.error().code;
}

/// Commits one batch and answers its outcome.
inline outcome commit_one(store& to, batch wanted) {
  auto done = to.commit({&wanted, 1});
  if (!done) return done.error();
  return done->at(0);
}

inline batch put_batch(std::string key, std::string value, family where = family::in_flight) {
  batch wanted;
  wanted.put(where, std::move(key), std::move(value));
  return wanted;
}

/// MILLRACE_SEED replays a run; without it every run is another.
inline uint64_t seed_of_run() {
  if (const char* given = std::getenv("MILLRACE_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

inline std::string bytes_of(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

} // namespace flow::storage::test
