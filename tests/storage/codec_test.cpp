// Rows of calls as bytes: what goes in comes out, and what is not whole is refused.
#define CAF_SUITE storage.codec

#include "storage/codec.hpp"

#include "flows/clock.hpp"
#include "flows/limits.hpp"
#include "storage/key_kind.hpp"
#include "storage/memory_store.hpp"
#include "tests/flows/random_value.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::storage;
using namespace flow::test;

namespace {

constexpr int rounds = 200;

call_id random_id(random_engine& random, uint32_t owner = 7) {
  return make_call_id(1'700'000'000'000 + below(random, 1'000'000), partition_id{owner}, random());
}

/// Any size of integer, often zero.
uint64_t random_number(random_engine& random) {
  return below(random, 4) == 0 ? 0 : random() >> below(random, 64);
}

failure random_failure(random_engine& random) {
  // Text from functions may be any bytes.
  return {ec::task_failed, random_text(random), random_bytes(random, below(random, 40)),
          random_text(random)};
}

call_record random_call(random_engine& random, uint32_t owner = 7) {
  call_record call;
  call.id = random_id(random, owner);
  call.root = below(random, 2) == 0 ? call.id : random_id(random);
  if (below(random, 2) == 0) call.parent = random_id(random);
  call.args = make_arguments({random_value(random), random_value(random)},
                             {{"name", random_value(random)}});
  call.queued_ms = random_number(random);
  call.due_ms = random_number(random);
  call.generation = static_cast<uint32_t>(random_number(random));
  call.priority = static_cast<uint8_t>(below(random, 10));
  if (below(random, 2) == 0) return call;
  call.set_extras({random_text(random), random_text(random), random_text(random),
                   random_text(random), random_text(random), random_number(random),
                   random_text(random)});
  return call;
}

std::vector<attempt_record> random_attempts(random_engine& random) {
  std::vector<attempt_record> attempts;
  for (auto count = below(random, 3); count > 0; --count) {
    auto& a = attempts.emplace_back();
    a.number = static_cast<uint32_t>(random_number(random));
    a.generation = static_cast<uint32_t>(random_number(random));
    a.taken_ms = random_number(random);
    a.started_ms = random_number(random);
    a.ended_ms = random_number(random);
    a.run_us = random_number(random);
    a.worker = random_number(random);
    a.node = random_text(random);
    a.why = random_failure(random);
  }
  return attempts;
}

call_progress random_progress(random_engine& random) {
  call_progress progress{static_cast<uint32_t>(random_number(random)),
                         static_cast<uint32_t>(random_number(random)),
                         random_number(random),
                         {},
                         random_attempts(random),
                         below(random, 2) == 0};
  if (below(random, 2) == 0) progress.last = random_failure(random);
  return progress;
}

ended_call random_ended(random_engine& random, uint32_t owner = 7) {
  ended_call ended;
  ended.call = std::make_shared<const call_record>(random_call(random, owner));
  ended.state = static_cast<call_state>(6 + below(random, 5));
  ended.attempts = static_cast<uint32_t>(random_number(random));
  ended.result = random_value(random);
  if (below(random, 2) == 0) ended.why = random_failure(random);
  ended.socket = random_text(random);
  ended.function = random_text(random);
  ended.processor = random_text(random);
  ended.commit = random_text(random);
  ended.node = random_text(random);
  ended.worker = random_number(random);
  ended.taken_ms = random_number(random);
  ended.started_ms = random_number(random);
  ended.ended_ms = random_number(random);
  ended.run_us = random_number(random);
  for (auto count = below(random, 3); count > 0; --count)
    ended.artifacts.emplace_back(random_text(random), random_value(random));
  ended.out = random_bytes(random, below(random, 40));
  ended.err = random_bytes(random, below(random, 40));
  ended.is_dead_letter = below(random, 2) == 0;
  if (below(random, 2) == 0) ended.arguments_hash = "123";
  ended.earlier = random_attempts(random);
  return ended;
}

bool is_same(const ended_call& a, const ended_call& b) {
  return *a.call == *b.call && a.state == b.state && a.attempts == b.attempts
         && a.result == b.result && a.why == b.why && a.socket == b.socket
         && a.function == b.function && a.processor == b.processor && a.commit == b.commit
         && a.node == b.node && a.worker == b.worker && a.taken_ms == b.taken_ms
         && a.started_ms == b.started_ms && a.ended_ms == b.ended_ms && a.run_us == b.run_us
         && a.artifacts == b.artifacts && a.out == b.out && a.err == b.err
         && a.is_dead_letter == b.is_dead_letter && a.arguments_hash == b.arguments_hash
         && a.earlier == b.earlier;
}

template <class Row>
bool is_corrupt(const result<Row>& row) {
  return !row && row.error().code == ec::store_corrupt && !row.error().hint.empty();
}

/// Cut anywhere, lengthened, of another version: never taken for a row.
template <class Decode>
void check_damage(const std::string& row, Decode decode) {
  CAF_REQUIRE(decode(row));
  size_t taken = 0;
  for (size_t size = 0; size < row.size(); ++size)
    taken += !is_corrupt(decode(std::string_view{row}.substr(0, size)));
  CAF_CHECK_EQUAL(taken, 0u);
  CAF_CHECK(is_corrupt(decode(row + '\0')));
  for (int version : {0, 3, 255}) {
    auto other = row;
    other[0] = static_cast<char>(version);
    CAF_CHECK(is_corrupt(decode(other)));
  }
}

/// Bytes that have changed are refused, or are some row that reads the same again.
template <class Decode>
void check_flips(random_engine& random, std::string row, Decode decode) {
  for (auto flips = 1 + below(random, 3); flips > 0; --flips)
    row[below(random, row.size())] = static_cast<char>(random());
  auto read = decode(row);
  if (!read) {
    CAF_CHECK(is_corrupt(read));
    return;
  }
  auto again = encode(*read);
  auto twice = decode(again);
  CAF_REQUIRE(twice);
  CAF_CHECK(encode(*twice) == again);
}

struct fixture {
  manual_clock time;
  std::unique_ptr<store> it = make_memory_store(time);

  void write(const std::vector<row_change>& rows) {
    batch wanted;
    append(wanted, rows);
    auto done = it->commit({&wanted, 1});
    CAF_REQUIRE(done);
    CAF_REQUIRE(done->at(0));
  }

  size_t count(family where, const range& keys = {}) const {
    size_t seen = 0;
    auto visited = it->scan(where, keys, [&](std::string_view key, std::string_view) {
      seen += key[0] != '\0'; // the store's own
      return true;
    });
    CAF_REQUIRE(visited);
    return seen;
  }
};

} // namespace

CAF_TEST(rows come back as they were) {
  random_engine random{seed_of("rows")};
  for (int i = 0; i < rounds; ++i) {
    auto call = random_call(random);
    auto read_call = decode_call(encode(call));
    CAF_REQUIRE(read_call);
    CAF_CHECK(*read_call == call);
    auto progress = random_progress(random);
    auto read_progress = decode_progress(encode(progress));
    CAF_REQUIRE(read_progress);
    CAF_CHECK(*read_progress == progress);
    auto ended = random_ended(random);
    auto read_ended = decode_ended(encode(ended));
    CAF_REQUIRE(read_ended);
    CAF_CHECK(is_same(*read_ended, ended));
  }
}

CAF_TEST(the deepest value travels as an argument) {
  auto deepest = value_of_cbor(std::string(limits::value_depth_max - 1, '\x81') + '\x80');
  CAF_REQUIRE(deepest);
  CAF_CHECK(!value_of_cbor('\x81' + deepest->cbor));
  random_engine random{seed_of("depth")};
  auto ended = random_ended(random);
  ended.result = *deepest;
  auto call = random_call(random);
  call.args = make_arguments({*deepest}, {{"name", *deepest}});
  CAF_CHECK(decode_ended(encode(ended)));
  CAF_CHECK(decode_call(encode(call)));
}

CAF_TEST(a row that is not whole or of another version is damaged) {
  random_engine random{seed_of("damaged rows")};
  for (int i = 0; i < rounds / 10; ++i) {
    check_damage(encode(random_call(random)), decode_call);
    check_damage(encode(random_progress(random)), decode_progress);
    check_damage(encode(random_ended(random)), decode_ended);
  }
}

CAF_TEST(bytes that have changed do no harm) {
  random_engine random{seed_of("flipped rows")};
  for (int i = 0; i < rounds * 10; ++i) {
    check_flips(random, encode(random_call(random)), decode_call);
    check_flips(random, encode(random_progress(random)), decode_progress);
    check_flips(random, encode(random_ended(random)), decode_ended);
  }
}

/// A row without its last items, as an earlier version wrote it.
std::string first_version_of(std::string row, char head, const std::string& last_items) {
  CAF_REQUIRE(row.ends_with(last_items));
  row.resize(row.size() - last_items.size());
  row[0] = 1;
  row[1] = head;
  return row;
}

CAF_TEST(rows of the first version are read) {
  random_engine random{seed_of("first version")};
  auto progress = random_progress(random);
  progress.earlier.clear();
  progress.is_spent = false;
  auto read_progress = decode_progress(first_version_of(encode(progress), '\x84', "\x80\xf4"));
  CAF_REQUIRE(read_progress);
  CAF_CHECK(*read_progress == progress);
  // As they were written: no more than one attempt was told.
  std::string_view stored{"\x01\x84\x02\x01\x19\x03\xe8\x84\x18\xc9\x61T\x61m\x60", 15};
  auto read = decode_progress(stored);
  CAF_REQUIRE(read);
  CAF_CHECK(*read == (call_progress{2, 1, 1'000, {ec::task_failed, "T", "m", {}}, {}, false}));
  auto ended = random_ended(random);
  ended.earlier.clear();
  auto whole = encode(ended);
  CAF_REQUIRE_EQUAL(whole[1], '\x95');
  auto read_ended = decode_ended(first_version_of(whole, '\x94', "\x80"));
  CAF_REQUIRE(read_ended);
  CAF_CHECK(is_same(*read_ended, ended));
}

CAF_TEST(a state or number out of range is damage) {
  random_engine random{seed_of("numbers out of range")};
  auto ended = random_ended(random);
  ended.state = static_cast<call_state>(11);
  CAF_CHECK(is_corrupt(decode_ended(encode(ended))));
  auto call = random_call(random);
  call.args.positional = "\xa0";
  CAF_CHECK(is_corrupt(decode_call(encode(call))));
  std::string row{"\x01\x84\x1b\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xf6", 14};
  CAF_CHECK(is_corrupt(decode_progress(row)));
}

CAF_TEST_FIXTURE_SCOPE(codec_tests, fixture)

CAF_TEST(a partition reads its own calls with their progress in order of their keys) {
  random_engine random{seed_of("a partition")};
  std::map<call_id, restored_call> wanted;
  std::vector<row_change> rows;
  for (int i = 0; i < rounds; ++i) {
    uint32_t owner = 6 + static_cast<uint32_t>(below(random, 3));
    auto call = std::make_shared<const call_record>(random_call(random, owner));
    restored_call row{call, {}};
    rows.push_back(put_call{call});
    if (below(random, 2) == 0) {
      row.progress = random_progress(random);
      rows.push_back(put_progress{call->id, *row.progress});
    }
    if (below(random, 4) == 0)
      rows.push_back(erase_call{call->id, row.progress.has_value()});
    else if (owner == 7)
      wanted[call->id] = row;
  }
  write(rows);
  auto read = read_partition(*it, partition_id{7});
  CAF_REQUIRE(read);
  CAF_REQUIRE_EQUAL(read->size(), wanted.size());
  size_t i = 0;
  for (const auto& [id, row] : wanted) {
    CAF_CHECK(*(*read)[i].call == *row.call);
    CAF_CHECK((*read)[i].progress == row.progress);
    ++i;
  }
  CAF_REQUIRE(!wanted.empty());
  const auto& [id, first] = *wanted.begin();
  auto one = read_call(*it, id);
  CAF_REQUIRE(one && *one);
  CAF_CHECK(**one == *first.call);
  auto none = read_call(*it, random_id(random, 9));
  CAF_REQUIRE(none);
  CAF_CHECK(!*none);
}

CAF_TEST(a call that ends leaves the calls in flight and is found in history) {
  random_engine random{seed_of("history")};
  auto ended = random_ended(random);
  ended.is_dead_letter = true;
  const auto& id = ended.call->id;
  auto row = std::make_shared<const ended_call>(ended);
  write({put_call{ended.call}, put_progress{id, random_progress(random)}});
  CAF_CHECK_EQUAL(count(family::in_flight), 2u);
  write({erase_call{id, true}, put_ended{row}});
  CAF_CHECK_EQUAL(count(family::in_flight), 0u);
  auto read = read_ended(*it, id);
  CAF_REQUIRE(read && *read);
  CAF_CHECK(is_same(**read, ended));
  CAF_CHECK(it->get(family::history, dead_letter_key(id))->has_value());
  write({erase_ended{row}});
  CAF_CHECK_EQUAL(count(family::history), 0u);
  read = read_ended(*it, id);
  CAF_REQUIRE(read);
  CAF_CHECK(!*read);
}

CAF_TEST(a call that finished is no dead letter) {
  random_engine random{seed_of("no dead letter")};
  auto ended = random_ended(random);
  ended.is_dead_letter = false;
  write({put_ended{std::make_shared<const ended_call>(ended)}});
  CAF_CHECK_EQUAL(count(family::history, prefix_range(key_kind::ended)), 1u);
  CAF_CHECK_EQUAL(count(family::history, prefix_range(key_kind::dead_letter)), 0u);
}

CAF_TEST(calls that have ended lie in order of their ends and apart from dead letters) {
  random_engine random{seed_of("history in time")};
  std::map<bool, std::vector<std::pair<uint64_t, call_id>>> wanted;
  std::vector<row_change> rows;
  for (int i = 0; i < rounds; ++i) {
    auto ended = std::make_shared<ended_call>(
        random_ended(random, 6 + static_cast<uint32_t>(below(random, 2))));
    rows.push_back(put_ended{ended});
    bool is_gone = below(random, 3) == 0;
    if (is_gone)
      rows.push_back(erase_ended{ended});
    else if (ended->call->id.partition() == partition_id{7})
      wanted[ended->is_dead_letter].emplace_back(ended->ended_ms, ended->call->id);
  }
  write(rows);
  for (bool is_dead_letter : {false, true}) {
    std::ranges::sort(wanted[is_dead_letter]);
    std::vector<std::pair<uint64_t, call_id>> found;
    auto visit = [&](std::string_view key, std::string_view row) {
      auto call = decode_kept(key, row);
      CAF_REQUIRE(call);
      auto whole = it->get(family::history, ended_key(call->id));
      CAF_CHECK_EQUAL(call->bytes, whole->value().size());
      CAF_CHECK_EQUAL(call->is_dead_letter, is_dead_letter);
      CAF_CHECK(ended_in_time_key(*call) == key);
      found.emplace_back(call->ended_ms, call->id);
      return true;
    };
    CAF_CHECK(it->scan(family::history, ended_in_time(partition_id{7}, is_dead_letter), visit));
    CAF_CHECK(found == wanted[is_dead_letter]);
  }
  CAF_CHECK(is_corrupt(decode_kept("ht", "\x01\x81\x05")));
}

CAF_TEST(children and idempotency keys are found under their owners) {
  random_engine random{seed_of("children")};
  auto parent = random_id(random);
  auto child = random_id(random, 8);
  write({put_child{parent, child}, put_child{child, parent},
         put_key{partition_id{7}, "order 1", child}, put_key{partition_id{8}, "order 1", parent}});
  std::vector<call_id> found;
  auto visited = it->scan(family::history, children_of(parent), [&](std::string_view key, auto) {
    found.push_back(id_at_end(key).value());
    return true;
  });
  CAF_REQUIRE(visited);
  CAF_CHECK(found == std::vector{child});
  auto keyed = it->get(family::history, idempotency_key(partition_id{7}, "order 1"));
  CAF_REQUIRE(keyed && *keyed);
  CAF_CHECK(call_id_of_bytes(**keyed).value() == child);
  write({erase_child{parent, child}});
  CAF_CHECK_EQUAL(count(family::history, children_of(parent)), 0u);
  CAF_CHECK_EQUAL(count(family::history, children_of(child)), 1u);
}

CAF_TEST(a damaged row keeps its partition from being read and no other) {
  random_engine random{seed_of("a damaged partition")};
  auto good = std::make_shared<const call_record>(random_call(random, 6));
  auto bad = std::make_shared<const call_record>(random_call(random, 7));
  auto worse = std::make_shared<const call_record>(random_call(random, 8));
  write({put_call{good}, put_call{bad}, put_call{worse}});
  batch damage;
  damage.put(family::in_flight, call_key(bad->id), encode(*bad).substr(0, 20));
  damage.put(family::in_flight, progress_key(worse->id), "\x01");
  CAF_REQUIRE(it->commit({&damage, 1}));
  CAF_CHECK(read_partition(*it, partition_id{6}));
  CAF_CHECK(is_corrupt(read_partition(*it, partition_id{7})));
  CAF_CHECK(is_corrupt(read_partition(*it, partition_id{8})));
}

CAF_TEST_FIXTURE_SCOPE_END()
