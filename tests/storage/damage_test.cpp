// Directories that are not as the store left them: told, never served as if they were whole.
#define CAF_SUITE storage.damage

#include <set>

#include "storage/internal/high_water.hpp"
#include "storage/internal/store_rows.hpp"
#include "tests/storage/child.hpp"
#include "tests/storage/model.hpp"
#include "tests/storage/stores.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::storage;
using namespace flow::storage::test;

namespace {

rocks_options options_for(const std::string& directory) {
  rocks_options options;
  options.directory = directory;
  options.memtable_bytes = 256u << 10;
  return options;
}

std::unique_ptr<store> open_at(const std::string& directory) {
  return std::move(open_rocks_store(options_for(directory)).value());
}

ec open_code(const std::string& directory) {
  return code_of(open_rocks_store(options_for(directory)));
}

void fill(store& it, uint64_t seed, uint64_t first, uint64_t last) {
  for (uint64_t group = first; group <= last; ++group) {
    it.commit(group_of_history(seed, group)).value();
  }
}

/// Values that stay, in files of their own once the memtable is written out.
void put_large(store& it) {
  std::mt19937_64 random{1};
  for (int i = 0; i < 20; ++i) {
    commit_one(it, put_batch("large/" + std::to_string(i), large(random))).value();
  }
}

void copy(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

/// Files of the database whose names end so, sorted.
std::vector<fs::path> files_of(const std::string& directory, const std::string& ending) {
  std::set<fs::path> found;
  for (const auto& entry : fs::directory_iterator{directory + "/data"}) {
    if (entry.path().filename().string().find(ending) != std::string::npos)
      found.insert(entry.path());
  }
  return {found.begin(), found.end()};
}

/// Opens and reads all: "whole", "told" or, which must never be, "silent".
std::string verdict(const std::string& directory, const model& expected) {
  auto opened = open_rocks_store(options_for(directory));
  if (!opened) return "told";
  auto seen = content_of(**opened);
  if (!seen.error.empty()) return "told";
  return seen.rows == expected ? "whole" : "silent";
}

/// The same in another process, which may also be "aborted": Debian's RocksDB has its assertions
/// on, and reads the properties of a table before it checks their sum.
std::string verdict_of_child(const std::string& directory, const model& expected) {
  child reader{directory};
  auto digest = reader.next();
  int status = reader.wait();
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGABRT ? "aborted" : "crashed";
  if (WEXITSTATUS(status) == 1) return "told";
  return WEXITSTATUS(status) == 0 && digest == digest_of(expected) ? "whole" : "silent";
}

} // namespace

CAF_TEST(a write that was cut off is dropped and all before it is there) {
  scratch files;
  uint64_t seed = seed_of_run();
  auto it = open_at(files.path());
  fill(*it, seed, 1, 20);
  auto log = files_of(files.path(), ".log").at(0);
  size_t before_bytes = fs::file_size(log);
  std::string mark = bytes_of(files.path() + "/high-water");
  auto before = content_of(*it).rows;
  batch last;
  for (int i = 0; i < 8; ++i)
    last.put(family::in_flight, "last/" + std::to_string(i), "0123456789");
  commit_one(*it, last).value();
  auto after = content_of(*it).rows;
  std::string bytes = bytes_of(log);
  size_t after_bytes = bytes.size();
  CAF_REQUIRE(after_bytes > before_bytes);
  for (size_t length = before_bytes; length <= after_bytes; length += 3) {
    std::string torn = files.path("torn");
    copy(files.path(), torn);
    write_bytes(fs::path{torn} / "data" / log.filename(), bytes.substr(0, length));
    // As the machine died before the acknowledgement.
    write_bytes(torn + "/high-water", mark);
    auto opened = open_rocks_store(options_for(torn));
    CAF_REQUIRE_EQUAL(code_of(opened), ec::none);
    auto seen = content_of(**opened).rows;
    CAF_CHECK(seen == before || seen == after);
    CAF_CHECK_EQUAL(code_of(commit_one(**opened, put_batch("goes on", "1"))), ec::none);
  }
}

CAF_TEST(a log that lost what was acknowledged is refused) {
  scratch files;
  auto it = open_at(files.path());
  fill(*it, seed_of_run(), 1, 20);
  auto log = files_of(files.path(), ".log").at(0);
  std::string bytes = bytes_of(log);
  for (size_t lost = 1; lost < bytes.size(); lost += 1 + bytes.size() / 40) {
    std::string torn = files.path("torn");
    copy(files.path(), torn);
    write_bytes(fs::path{torn} / "data" / log.filename(), bytes.substr(0, bytes.size() - lost));
    CAF_CHECK_EQUAL(code_text(open_code(torn)), code_text(ec::store_stale));
  }
}

CAF_TEST(a flipped byte anywhere is told or without effect) {
  scratch files;
  uint64_t seed = seed_of_run();
  model expected;
  {
    auto it = open_at(files.path());
    put_large(*it);
    fill(*it, seed, 1, 150);
    expected = content_of(*it).rows;
  }
  CAF_REQUIRE(!files_of(files.path(), ".sst").empty());
  CAF_REQUIRE(!files_of(files.path(), ".blob").empty());
  std::mt19937_64 random{seed};
  std::map<std::string, std::map<std::string, int>> verdicts;
  std::string broken = files.path("broken");
  for (std::string ending : {".log", ".sst", ".blob", "MANIFEST", "CURRENT", "high-water"}) {
    auto kinds = ending == "high-water" ? std::vector<fs::path>{files.path() + "/high-water"}
                                        : files_of(files.path(), ending);
    for (int i = 0; i < (ending == ".log" || ending == ".sst" ? 24 : 10); ++i) {
      auto file = kinds[random() % kinds.size()];
      std::string bytes = bytes_of(file);
      if (bytes.empty()) continue;
      size_t at = random() % bytes.size();
      // A bit, a byte, or a page of zeros.
      if (i % 3 == 0) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
      if (i % 3 == 1) bytes[at] = static_cast<char>(~bytes[at]);
      if (i % 3 == 2) {
        for (size_t end = std::min(bytes.size(), at + 4096); at < end; ++at)
          bytes[at] = 0;
      }
      copy(files.path(), broken);
      write_bytes(fs::path{broken} / fs::relative(file, files.path()), bytes);
      std::string found
          = ending == ".sst" ? verdict_of_child(broken, expected) : verdict(broken, expected);
      bool is_sound = found == "told" || found == "whole" || found == "aborted";
      if (!is_sound) {
        CAF_ERROR("MILLRACE_SEED=" << seed << ": " << file.filename() << " flip " << i << " at "
                                   << at);
      }
      CAF_CHECK(is_sound);
      ++verdicts[ending][found];
    }
  }
  for (const auto& [ending, counts] : verdicts) {
    for (const auto& [found, count] : counts)
      CAF_MESSAGE(ending << ": " << found << " x " << count);
  }
  CAF_CHECK(verdicts[".log"].size() > 1 || !verdicts[".log"].contains("whole"));
  CAF_CHECK(!verdicts[".sst"].contains("whole") || verdicts[".sst"].size() > 1);
  CAF_CHECK(verdicts[".blob"].size() > 1 || !verdicts[".blob"].contains("whole"));
}

CAF_TEST(verify finds a flipped byte) {
  scratch files;
  {
    auto it = open_at(files.path());
    fill(*it, 1, 1, 150);
  }
  int found = 0;
  std::string broken = files.path("broken");
  for (const auto& table : files_of(files.path(), ".sst")) {
    copy(files.path(), broken);
    std::string bytes = bytes_of(table);
    bytes[20] = static_cast<char>(~bytes[20]);
    write_bytes(fs::path{broken} / "data" / table.filename(), bytes);
    auto opened = open_rocks_store(options_for(broken));
    // A table with the store's own rows is told at once.
    if (!opened) continue;
    auto report = (*opened)->verify();
    CAF_REQUIRE(report.has_value());
    CAF_CHECK(!report->problems.empty());
    ++found;
  }
  CAF_CHECK(found > 0);
}

CAF_TEST(whole records that are gone from the middle of the log are missed) {
  scratch files;
  manual_clock time;
  auto options = options_for(files.path());
  options.time = &time;
  auto it = std::move(open_rocks_store(options).value());
  auto log = files_of(files.path(), ".log").at(0);
  constexpr size_t block = 32u << 10;
  auto room = [&] { return block - fs::file_size(log) % block; };
  auto fill_by = [&](size_t bytes) {
    commit_one(*it, put_batch("key", std::string(bytes, 'v'))).value();
    return fs::file_size(log);
  };
  // Past sequence 24, from where on each record costs as much as the next.
  for (int i = 0; i < 40; ++i)
    fill_by(300);
  size_t begin = fill_by(300);
  size_t overhead = fill_by(300) - begin - 300;
  while (room() > 1500)
    fill_by(300);
  // A record that ends with its block, so that no other is cut by what follows.
  size_t end = fill_by(room() - overhead);
  CAF_REQUIRE_EQUAL(end % block, 0u);
  for (int i = 0; i < 10; ++i)
    fill_by(300);
  std::string bytes = bytes_of(log);
  bytes.replace(begin, end - begin, end - begin, '\0');
  std::string broken = files.path("broken");
  copy(files.path(), broken);
  write_bytes(fs::path{broken} / "data" / log.filename(), bytes);
  CAF_CHECK_EQUAL(code_text(open_code(broken)), code_text(ec::store_corrupt));
}

CAF_TEST(a list of files that lost its end is told) {
  scratch files;
  model expected;
  {
    auto it = open_at(files.path());
    put_large(*it);
    fill(*it, 7, 1, 100);
    expected = content_of(*it).rows;
  }
  // Opening writes each family's part of the log into a table of its own, and forgets the log.
  { auto it = open_at(files.path()); }
  auto list = files_of(files.path(), "MANIFEST").at(0);
  std::string bytes = bytes_of(list);
  std::map<std::string, int> verdicts;
  std::string broken = files.path("broken");
  for (size_t length = 0; length < bytes.size(); length += 16) {
    copy(files.path(), broken);
    write_bytes(fs::path{broken} / "data" / list.filename(), bytes.substr(0, length));
    ++verdicts[verdict(broken, expected)];
  }
  for (const auto& [found, count] : verdicts)
    CAF_MESSAGE(found << " x " << count);
  CAF_CHECK(!verdicts.contains("silent"));
  CAF_CHECK(verdicts["told"] > 0);
}

CAF_TEST(a deleted file is told) {
  scratch files;
  {
    auto it = open_at(files.path());
    put_large(*it);
    fill(*it, 7, 1, 150);
  }
  std::string broken = files.path("broken");
  std::map<std::string, std::set<ec>> codes;
  for (std::string ending : {".log", ".sst", ".blob", "MANIFEST", "CURRENT"}) {
    for (const auto& file : files_of(files.path(), ending)) {
      if (fs::file_size(file) == 0) continue;
      copy(files.path(), broken);
      fs::remove(fs::path{broken} / "data" / file.filename());
      codes[ending].insert(open_code(broken));
    }
  }
  // A log at the end leaves too little, one in the middle leaves a hole.
  codes[".log"].erase(ec::store_corrupt);
  CAF_CHECK(codes[".log"] == std::set{ec::store_stale});
  CAF_CHECK(codes[".sst"] == std::set{ec::store_corrupt});
  CAF_CHECK(codes[".blob"] == std::set{ec::store_corrupt});
  CAF_CHECK(codes["MANIFEST"] == std::set{ec::store_corrupt});
  CAF_CHECK(codes["CURRENT"] == std::set{ec::store_stale});
}

CAF_TEST(an old copy of the database is refused until the loss is accepted) {
  scratch files;
  std::string old = files.path("old");
  lease held;
  uint64_t revision = 0;
  {
    auto it = open_at(files.path());
    commit_one(*it, put_batch("a", "old", family::catalog)).value();
    it.reset();
    copy(files.path(), old);
    it = open_at(files.path());
    commit_one(*it, put_batch("a", "new", family::catalog)).value();
    held = it->acquire("l", "me", 1000).value();
    revision = it->revision();
  }
  copy(old + "/data", files.path() + "/data");
  auto refused = open_rocks_store(options_for(files.path()));
  CAF_REQUIRE_EQUAL(code_of(refused), ec::store_stale);
  CAF_CHECK(!refused.error().hint.empty());
  auto options = options_for(files.path());
  options.accept_loss = true;
  {
    auto it = std::move(open_rocks_store(options).value());
    CAF_CHECK_EQUAL(it->get(family::catalog, "a")->value_or(""), "old");
    // What was given out is never given out again.
    CAF_CHECK(it->acquire("l", "you", 1000)->epoch > held.epoch);
    bool is_told = false;
    auto keep = it->watch("", revision, [&](const watch_event& event) { is_told = event.relist; });
    CAF_CHECK(is_told);
  }
  CAF_CHECK_EQUAL(open_code(files.path()), ec::none);
}

CAF_TEST(a database without its high water file is refused until the loss is accepted) {
  scratch files;
  {
    auto it = open_at(files.path());
    commit_one(*it, put_batch("a", "1")).value();
  }
  fs::remove(files.path() + "/high-water");
  CAF_CHECK_EQUAL(open_code(files.path()), ec::store_stale);
  auto options = options_for(files.path());
  options.accept_loss = true;
  CAF_CHECK_EQUAL(open_rocks_store(options).value()->get(family::in_flight, "a")->value_or(""),
                  "1");
  CAF_CHECK_EQUAL(open_code(files.path()), ec::none);
}

CAF_TEST(the database of another store is refused) {
  scratch files;
  for (const char* name : {"one", "two"}) {
    auto it = open_at(files.path(name));
    for (int i = 0; i < 3; ++i)
      commit_one(*it, put_batch("a", name)).value();
  }
  copy(files.path("one") + "/data", files.path("two") + "/data");
  CAF_CHECK_EQUAL(open_code(files.path("two")), ec::store_stale);
}

CAF_TEST(a directory with something else in it is refused and left alone) {
  scratch files;
  fs::create_directories(files.path());
  write_bytes(files.path() + "/letter.txt", "dear");
  CAF_CHECK_EQUAL(open_code(files.path()), ec::store_foreign);
  CAF_CHECK_EQUAL(bytes_of(files.path() + "/letter.txt"), "dear");
  CAF_CHECK_EQUAL(std::distance(fs::directory_iterator{files.path()}, {}), 1);
}

CAF_TEST(a new directory is for its owner alone) {
  scratch files;
  std::string nested = files.path("a/b/store");
  { auto it = open_at(nested); }
  CAF_CHECK(fs::status(nested).permissions() == fs::perms::owner_all);
  fs::create_directories(files.path("empty"));
  { auto it = open_at(files.path("empty")); }
  CAF_CHECK(fs::status(files.path("empty")).permissions() == fs::perms::owner_all);
  CAF_CHECK_EQUAL(open_code(""), ec::bad_config);
}

CAF_TEST(making a store that was cut off at any step goes on) {
  scratch files;
  fs::create_directories(files.path("1"));
  write_bytes(files.path("1/lock"), "");
  write_bytes(files.path("1/high-water.new"), "");
  CAF_CHECK_EQUAL(open_code(files.path("1")), ec::none);
  { auto it = open_at(files.path("2")); }
  fs::remove_all(files.path("2/data"));
  CAF_CHECK_EQUAL(open_code(files.path("2")), ec::none);
}

CAF_TEST(an older format is brought up to date and a newer one is refused) {
  scratch files;
  {
    auto it = open_at(files.path());
    commit_one(*it, put_batch("a", "1", family::catalog)).value();
  }
  auto options = options_for(files.path());
  options.format_version = rocks_format_version + 1;
  CAF_CHECK_EQUAL(code_of(open_rocks_store(options)), ec::version_mismatch);
  int runs = 0;
  bool fails = true;
  options.migrations.push_back({rocks_format_version, [&](store& it) -> result<void> {
                                  ++runs;
                                  auto done = commit_one(it, put_batch("a", "2", family::catalog));
                                  if (!done) return done.error();
                                  if (fails) return make_error(ec::store_io, "cut off");
                                  return {};
                                }});
  CAF_CHECK_EQUAL(code_of(open_rocks_store(options)), ec::store_io);
  fails = false;
  for (int i = 0; i < 2; ++i) {
    auto it = std::move(open_rocks_store(options).value());
    CAF_CHECK_EQUAL(it->get(family::catalog, "a")->value_or(""), "2");
  }
  CAF_CHECK_EQUAL(runs, 2);
  CAF_CHECK_EQUAL(open_code(files.path()), ec::store_newer);
}

CAF_TEST(a backup opens and holds what was there) {
  scratch files;
  auto it = open_at(files.path());
  fill(*it, 3, 1, 60);
  auto expected = content_of(*it).rows;
  std::string copied = files.path("backup");
  CAF_REQUIRE(it->backup(copied).has_value());
  commit_one(*it, put_batch("later", "1")).value();
  CAF_CHECK_EQUAL(code_of(it->backup(copied)), ec::already_exists);
  auto restored = open_at(copied);
  CAF_CHECK(content_of(*restored).rows == expected);
  CAF_CHECK(restored->verify()->problems.empty());
  commit_one(*restored, put_batch("goes on", "1")).value();
}

CAF_TEST(what a store knows about itself lasts) {
  scratch files;
  manual_clock time;
  auto options = options_for(files.path());
  options.time = &time;
  auto it = std::move(open_rocks_store(options).value());
  auto held = it->acquire("l", "me", 60'000).value();
  commit_one(*it, put_batch("a", "1", family::catalog)).value();
  auto sequence = it->stats().sequence;
  auto revision = it->revision();
  time.now_ms += 5'000;
  uint64_t time_ms = it->time_ms();
  // The machine starts again: its steady clock begins anew, its wall clock is wrong.
  it.reset();
  time.now_ms = 77;
  it = std::move(open_rocks_store(options).value());
  CAF_CHECK_EQUAL(it->time_ms(), time_ms);
  CAF_CHECK_EQUAL(it->stats().sequence, sequence);
  CAF_CHECK_EQUAL(it->revision(), revision);
  CAF_CHECK_EQUAL(code_of(it->acquire("l", "you", 1)), ec::lease_held);
  CAF_CHECK_EQUAL(it->renew(held, 1000)->epoch, held.epoch);
}

CAF_TEST(the high water file has the last batch at once and exactly) {
  scratch files;
  auto it = open_at(files.path());
  for (int i = 0; i < 50; ++i) {
    commit_one(*it, put_batch("a", std::to_string(i))).value();
    auto mark = internal::read_high_water(files.path() + "/high-water").value();
    CAF_REQUIRE(mark.has_value());
    CAF_CHECK_EQUAL(mark->state.sequence, it->stats().sequence);
  }
}

CAF_TEST(one damaged slot of the high water file costs nothing and all of them are told) {
  scratch files;
  std::string path = files.path("mark");
  internal::high_water_mark mark{std::string(16, 'i'), {}};
  {
    auto kept = std::move(internal::high_water::open(path, mark).value());
    for (uint64_t n = 1; n < 10; ++n) {
      mark.state.sequence = n;
      kept->note(mark.state);
      CAF_REQUIRE(kept->flush().has_value());
    }
  }
  std::string bytes = bytes_of(path);
  CAF_CHECK_EQUAL(internal::read_high_water(path).value()->state.sequence, 9u);
  uint64_t lowest = 9;
  for (size_t slot = 0; slot < bytes.size(); slot += 512) {
    std::string damaged = bytes;
    damaged[slot + 30] = static_cast<char>(~damaged[slot + 30]);
    write_bytes(path, damaged);
    lowest = std::min(lowest, internal::read_high_water(path).value()->state.sequence);
  }
  CAF_CHECK_EQUAL(lowest, 8u);
  write_bytes(path, std::string(bytes.size(), 'x'));
  CAF_CHECK_EQUAL(code_of(internal::read_high_water(path)), ec::store_corrupt);
  write_bytes(path, "");
  CAF_CHECK_EQUAL(code_of(internal::read_high_water(path)), ec::store_corrupt);
}
