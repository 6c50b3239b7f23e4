// A device without room: writes are refused, reads go on, and writing goes on when there is room
// again.
#define CAF_SUITE storage.full

#include <cstdio>

#include <sys/mount.h>

#include "storage/internal/files.hpp"
#include "tests/storage/model.hpp"
#include "tests/storage/stores.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::storage;
using namespace flow::storage::test;

namespace {

/// A small device of its own; `is_mounted` is false where that is not allowed.
struct small_device {
  scratch files;
  bool is_mounted = false;

  explicit small_device(const char* size) {
    fs::create_directories(files.path("device"));
    std::string options = std::string{"size="} + size;
    is_mounted = ::mount("tmpfs", path().c_str(), "tmpfs", 0, options.c_str()) == 0;
    if (!is_mounted) std::fprintf(stderr, "NOT RUN: this user may not mount a small device\n");
  }
  ~small_device() {
    if (is_mounted) ::umount2(path().c_str(), MNT_DETACH);
  }
  std::string path() const { return files.path("device"); }

  void leave_free(uint64_t bytes) const {
    uint64_t free = internal::free_bytes(path());
    if (free > bytes) write_bytes(path() + "/filler", std::string(free - bytes, 'x'));
  }
  void make_room() const { fs::remove(path() + "/filler"); }
};

rocks_options options_on(const small_device& device) {
  rocks_options options;
  options.directory = device.path() + "/store";
  options.memtable_bytes = 1u << 20;
  return options;
}

/// Bytes that no compression makes fewer, the same for the same number.
std::string value_of(int number) {
  std::mt19937_64 random{static_cast<uint64_t>(number)};
  std::string value(20'000, '\0');
  for (auto& byte : value)
    byte = static_cast<char>(random());
  return value;
}

/// Commits until the store says that it is full; answers how many were acknowledged.
int fill_up(store& it, int first) {
  for (int i = first; i < first + 100'000; ++i) {
    auto done = commit_one(it, put_batch("k" + std::to_string(i), value_of(i)));
    if (done) continue;
    CAF_CHECK_EQUAL(code_text(done.error().code), code_text(ec::store_full));
    return i;
  }
  CAF_FAIL("the device never filled up");
  return first;
}

bool has_all(const store& it, int count) {
  for (int i = 0; i < count; ++i) {
    auto row = it.get(family::in_flight, "k" + std::to_string(i));
    if (!row || !*row || **row != value_of(i)) return false;
  }
  return true;
}

void fill_and_recover() {
  small_device device{"48m"};
  if (!device.is_mounted) return;
  auto it = std::move(open_rocks_store(options_on(device)).value());
  int count = 0;
  for (int round = 0; round < 3; ++round) {
    device.leave_free((3 + 2 * static_cast<uint64_t>(round)) << 20);
    count = fill_up(*it, count);
    CAF_CHECK(has_all(*it, count));
    CAF_CHECK_EQUAL(code_of(it->recover()), ec::store_full);
    CAF_CHECK_EQUAL(code_of(it->acquire("l", "me", 1000)), ec::store_full);
    CAF_CHECK(has_all(*it, count));
    device.make_room();
    CAF_CHECK_EQUAL(code_of(commit_one(*it, put_batch("not yet", "1"))), ec::store_full);
    auto recovered = it->recover();
    CAF_CHECK_EQUAL(code_of(recovered), ec::none);
    CAF_CHECK(has_all(*it, count));
    CAF_CHECK_EQUAL(code_of(commit_one(*it, put_batch("goes on", "1"))), ec::none);
  }
  CAF_MESSAGE(count << " batches of 20 kB acknowledged around three full devices");
  it.reset();
  it = std::move(open_rocks_store(options_on(device)).value());
  CAF_CHECK(has_all(*it, count));
  CAF_CHECK(it->verify()->problems.empty());
}

} // namespace

CAF_TEST(a full device loses nothing and the store goes on when there is room) {
  fill_and_recover();
}

CAF_TEST(a batch that a full device refused is committed once afterwards) {
  small_device device{"48m"};
  if (!device.is_mounted) return;
  auto it = std::move(open_rocks_store(options_on(device)).value());
  device.leave_free(2u << 20);
  std::string value;
  for (int i = 0; i < 400; ++i)
    value += value_of(i);
  batch large = put_batch("large", value);
  large.id = {1, 1};
  auto sequence = it->stats().sequence;
  CAF_CHECK_EQUAL(code_of(commit_one(*it, large)), ec::store_full);
  device.make_room();
  CAF_REQUIRE_EQUAL(code_of(it->recover()), ec::none);
  CAF_CHECK_EQUAL(commit_one(*it, large).value(), sequence + 1);
  CAF_CHECK_EQUAL(commit_one(*it, large).value(), sequence + 1);
}

CAF_TEST(a device that is full from the start is told) {
  small_device device{"1m"};
  if (!device.is_mounted) return;
  device.leave_free(0);
  CAF_CHECK_EQUAL(code_of(open_rocks_store(options_on(device))), ec::store_full);
}
