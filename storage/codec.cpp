#include "storage/codec.hpp"

#include "flows/cbor.hpp"
#include "storage/key_kind.hpp"

#include <algorithm>
#include <limits>

namespace flow::storage {

namespace {

/// The second version tells of attempts, and may have later items after those it came with.
constexpr char first_version = 1;
constexpr char second_version = 2;

error corrupt(const char* what, size_t offset) {
  return make_error(ec::store_corrupt,
                    std::string{"the row of a "} + what + " is damaged at byte "
                        + std::to_string(offset),
                    "run \"flow db check\", and restore from a backup if it finds damage");
}

/// What follows the version.
std::string_view body_of(std::string_view row) {
  return row.substr(std::min<size_t>(row.size(), 1));
}

/// A reader of the row's body, or failed when the version is not ours.
cbor::reader open_row(std::string_view row, char newest) {
  if (row.empty() || row[0] < first_version || row[0] > newest) {
    cbor::reader bad{{}};
    bad.fail();
    return bad;
  }
  return cbor::reader{body_of(row)};
}

/// Something was not as we write it, or is left over.
bool is_damaged(const cbor::reader& in) {
  return in.failed() || !in.at_end();
}

template <class Integer>
Integer read_small(cbor::reader& in) {
  auto n = in.unsigned_integer();
  if (n > std::numeric_limits<Integer>::max()) in.fail();
  return static_cast<Integer>(n);
}

void write_failure(cbor::writer& out, const failure& why) {
  if (!why) {
    out.null();
    return;
  }
  out.array(4)
      .unsigned_integer(static_cast<uint64_t>(why.code))
      .text(why.type)
      .text(why.message)
      .text(why.traceback);
}

failure read_failure(cbor::reader& in) {
  failure why;
  if (in.peek() == cbor::kind::null) {
    in.null();
    return why;
  }
  if (in.array() != 4) in.fail();
  why.code = static_cast<ec>(read_small<uint16_t>(in));
  why.type = in.text();
  why.message = in.text();
  why.traceback = in.text();
  return why;
}

void write_attempts(cbor::writer& out, const std::vector<attempt_record>& attempts) {
  out.array(attempts.size());
  for (const auto& a : attempts) {
    out.array(9).unsigned_integer(a.number).unsigned_integer(a.generation);
    out.unsigned_integer(a.taken_ms).unsigned_integer(a.started_ms).unsigned_integer(a.ended_ms);
    out.unsigned_integer(a.run_us).unsigned_integer(a.worker).text(a.node);
    write_failure(out, a.why);
  }
}

std::vector<attempt_record> read_attempts(cbor::reader& in) {
  std::vector<attempt_record> attempts;
  for (auto n = in.array(); n > 0 && !in.failed(); --n) {
    auto& a = attempts.emplace_back();
    if (in.array() != 9) in.fail();
    a.number = read_small<uint32_t>(in);
    a.generation = read_small<uint32_t>(in);
    a.taken_ms = in.unsigned_integer();
    a.started_ms = in.unsigned_integer();
    a.ended_ms = in.unsigned_integer();
    a.run_us = in.unsigned_integer();
    a.worker = in.unsigned_integer();
    a.node = in.text();
    a.why = read_failure(in);
  }
  return attempts;
}

void write_call(cbor::writer& out, const call_record& call) {
  out.array(10);
  out.bytes(call.id.view());
  // A root is its own root, and has no parent: the common case takes two bytes.
  if (call.root == call.id)
    out.null();
  else
    out.bytes(call.root.view());
  if (call.parent)
    out.bytes(call.parent.view());
  else
    out.null();
  out.raw(call.args.positional).raw(call.args.keyword);
  out.unsigned_integer(call.queued_ms)
      .unsigned_integer(call.due_ms)
      .unsigned_integer(call.generation);
  out.unsigned_integer(call.priority);
  if (!call.extras) {
    out.null();
    return;
  }
  const auto& more = *call.extras;
  out.array(7).text(more.edge).text(more.argument).text(more.key).text(more.user).text(more.trace);
  out.unsigned_integer(more.expires_ms).text(more.join_key);
}

call_id read_id(cbor::reader& in, const call_id& when_null) {
  if (in.peek() == cbor::kind::null) {
    in.null();
    return when_null;
  }
  auto id = call_id_of_bytes(in.bytes());
  if (!id) in.fail();
  return id ? *id : call_id{};
}

/// The bytes of an array or a map, each item of which may be as deep as a value may.
std::string read_container(cbor::reader& in, std::string_view body, cbor::kind expected) {
  auto start = in.offset();
  bool is_map = expected == cbor::kind::map;
  for (auto n = is_map ? in.map() : in.array(); n > 0 && !in.failed(); --n) {
    if (is_map) in.text();
    in.skip();
  }
  return std::string{body.substr(start, in.failed() ? 0 : in.offset() - start)};
}

call_record read_call_items(cbor::reader& in, std::string_view body) {
  call_record call;
  if (in.array() != 10) in.fail();
  call.id = read_id(in, {});
  call.root = read_id(in, call.id);
  call.parent = read_id(in, {});
  call.args.positional = read_container(in, body, cbor::kind::array);
  call.args.keyword = read_container(in, body, cbor::kind::map);
  call.queued_ms = in.unsigned_integer();
  call.due_ms = in.unsigned_integer();
  call.generation = read_small<uint32_t>(in);
  call.priority = read_small<uint8_t>(in);
  if (in.peek() == cbor::kind::null) {
    in.null();
    return call;
  }
  call_extras more;
  auto items = in.array();
  if (items != 6 && items != 7) in.fail();
  more.edge = in.text();
  more.argument = in.text();
  more.key = in.text();
  more.user = in.text();
  more.trace = in.text();
  more.expires_ms = in.unsigned_integer();
  if (items == 7) more.join_key = in.text();
  call.set_extras(std::move(more));
  return call;
}

} // namespace

// -- rows ---------------------------------------------------------------------

std::string encode(const call_record& call) {
  std::string row(1, second_version);
  row.reserve(96 + call.args.size_bytes());
  cbor::writer out{row};
  write_call(out, call);
  return row;
}

std::string encode(const call_progress& progress) {
  std::string row(1, second_version);
  cbor::writer out{row};
  out.array(6)
      .unsigned_integer(progress.attempts)
      .unsigned_integer(progress.deaths)
      .unsigned_integer(progress.due_ms);
  write_failure(out, progress.last);
  write_attempts(out, progress.earlier);
  out.boolean(progress.is_spent);
  return row;
}

std::string encode(const ended_call& ended) {
  std::string row(1, second_version);
  row.reserve(192 + ended.call->args.size_bytes() + ended.result.cbor.size() + ended.out.size()
              + ended.err.size());
  cbor::writer out{row};
  out.array(21);
  write_call(out, *ended.call);
  out.unsigned_integer(static_cast<uint64_t>(ended.state)).unsigned_integer(ended.attempts);
  out.raw(ended.result.cbor);
  write_failure(out, ended.why);
  out.text(ended.socket)
      .text(ended.function)
      .text(ended.processor)
      .text(ended.commit)
      .text(ended.node);
  out.unsigned_integer(ended.worker)
      .unsigned_integer(ended.taken_ms)
      .unsigned_integer(ended.started_ms);
  out.unsigned_integer(ended.ended_ms).unsigned_integer(ended.run_us);
  out.map(ended.artifacts.size());
  for (const auto& [name, v] : ended.artifacts)
    out.text(name).raw(v.cbor);
  out.bytes(ended.out).bytes(ended.err).boolean(ended.is_dead_letter).text(ended.arguments_hash);
  write_attempts(out, ended.earlier);
  return row;
}

result<call_record> decode_call(std::string_view row) {
  auto in = open_row(row, second_version);
  auto call = read_call_items(in, body_of(row));
  if (is_damaged(in)) return corrupt("call", in.offset());
  return call;
}

result<call_progress> decode_progress(std::string_view row) {
  auto in = open_row(row, second_version);
  call_progress progress;
  bool is_first = !in.failed() && row[0] == first_version;
  auto items = in.array();
  if (is_first ? items != 4 : items != 5 && items != 6) in.fail();
  progress.attempts = read_small<uint32_t>(in);
  progress.deaths = read_small<uint32_t>(in);
  progress.due_ms = in.unsigned_integer();
  progress.last = read_failure(in);
  if (items > 4) progress.earlier = read_attempts(in);
  if (items > 5) progress.is_spent = in.boolean();
  if (is_damaged(in)) return corrupt("call's progress", in.offset());
  return progress;
}

result<ended_call> decode_ended(std::string_view row) {
  auto in = open_row(row, second_version);
  ended_call ended;
  bool has_attempts = !in.failed() && row[0] >= second_version;
  if (in.array() != (has_attempts ? 21u : 20u)) in.fail();
  ended.call = std::make_shared<const call_record>(read_call_items(in, body_of(row)));
  auto state = in.unsigned_integer();
  if (state > static_cast<uint64_t>(call_state::dead)) in.fail();
  ended.state = static_cast<call_state>(state);
  ended.attempts = read_small<uint32_t>(in);
  ended.result.cbor = in.raw();
  ended.why = read_failure(in);
  ended.socket = in.text();
  ended.function = in.text();
  ended.processor = in.text();
  ended.commit = in.text();
  ended.node = in.text();
  ended.worker = in.unsigned_integer();
  ended.taken_ms = in.unsigned_integer();
  ended.started_ms = in.unsigned_integer();
  ended.ended_ms = in.unsigned_integer();
  ended.run_us = in.unsigned_integer();
  for (auto n = in.map(); n > 0 && !in.failed(); --n) {
    auto name = std::string{in.text()};
    ended.artifacts.emplace_back(std::move(name), value{std::string{in.raw()}});
  }
  ended.out = in.bytes();
  ended.err = in.bytes();
  ended.is_dead_letter = in.boolean();
  ended.arguments_hash = in.text();
  if (has_attempts) ended.earlier = read_attempts(in);
  if (is_damaged(in)) return corrupt("call that ended", in.offset());
  return ended;
}

result<kept_call> decode_kept(std::string_view key, std::string_view row) {
  constexpr size_t key_bytes = 2 + 3 + 1 + 8 + 16;
  constexpr size_t class_offset = 5;
  auto id = id_at_end(key);
  cbor::reader in = open_row(row, first_version);
  kept_call call;
  if (!id || key.size() != key_bytes) in.fail();
  if (in.array() != 1) in.fail();
  call.bytes = in.unsigned_integer();
  if (is_damaged(in)) return corrupt("call's place in time", in.offset());
  call.id = *id;
  call.is_dead_letter = key[class_offset] == '\1';
  for (char byte : key.substr(class_offset + 1, 8))
    call.ended_ms = call.ended_ms << 8 | static_cast<uint8_t>(byte);
  return call;
}

// -- transitions --------------------------------------------------------------

namespace {

kept_call kept(const ended_call& ended, size_t bytes) {
  return {ended.call->id, ended.ended_ms, bytes, ended.is_dead_letter};
}

std::string in_time_row(const kept_call& call) {
  std::string row(1, first_version);
  cbor::writer{row}.array(1).unsigned_integer(call.bytes);
  return row;
}

struct row_writer {
  batch& out;

  void operator()(const put_call& row) const {
    out.put(family::in_flight, call_key(row.call->id), encode(*row.call));
  }
  void operator()(const put_progress& row) const {
    out.put(family::in_flight, progress_key(row.id), encode(row.progress));
  }
  void operator()(const erase_call& row) const {
    out.erase(family::in_flight, call_key(row.id));
    if (row.has_progress) out.erase(family::in_flight, progress_key(row.id));
  }
  void operator()(const put_ended& row) const {
    auto whole = encode(*row.ended);
    auto in_time = kept(*row.ended, whole.size());
    out.put(family::history, ended_in_time_key(in_time), in_time_row(in_time));
    out.put(family::history, ended_key(row.ended->call->id), std::move(whole));
    if (row.ended->is_dead_letter)
      out.put(family::history, dead_letter_key(row.ended->call->id), {});
  }
  void operator()(const erase_ended& row) const {
    out.erase(family::history, ended_key(row.ended->call->id));
    out.erase(family::history, ended_in_time_key(kept(*row.ended, 0)));
    if (row.ended->is_dead_letter) out.erase(family::history, dead_letter_key(row.ended->call->id));
  }
  void operator()(const put_child& row) const {
    out.put(family::history, child_key(row.parent, row.child), {});
  }
  void operator()(const erase_child& row) const {
    out.erase(family::history, child_key(row.parent, row.child));
  }
  void operator()(const put_key& row) const {
    out.put(family::history, idempotency_key(row.owner, row.key), std::string{row.id.view()});
  }
};

} // namespace

void append(batch& out, std::span<const row_change> rows) {
  for (const auto& row : rows)
    std::visit(row_writer{out}, row);
}

// -- reading ------------------------------------------------------------------

result<std::vector<restored_call>> read_partition(const store& from, partition_id owner) {
  std::vector<restored_call> rows;
  error failed;
  auto read
      = from.scan(family::in_flight, calls_of(owner), [&](std::string_view, std::string_view row) {
          auto call = decode_call(row);
          if (!call) {
            failed = call.error();
            return false;
          }
          rows.push_back({std::make_shared<const call_record>(std::move(*call)), {}});
          return true;
        });
  if (!read) return read.error();
  if (failed.code != ec::none) return failed;
  // Both ranges are in id order: one walk brings them together.
  auto next = rows.begin();
  read = from.scan(family::in_flight, progress_of(owner),
                   [&](std::string_view key, std::string_view row) {
                     auto id = id_at_end(key);
                     auto progress = decode_progress(row);
                     if (!id || !progress) {
                       failed = !id ? id.error() : progress.error();
                       return false;
                     }
                     while (next != rows.end() && next->call->id < *id)
                       ++next;
                     if (next != rows.end() && next->call->id == *id)
                       next->progress = std::move(*progress);
                     return true;
                   });
  if (!read) return read.error();
  if (failed.code != ec::none) return failed;
  return rows;
}

result<std::optional<ended_call>> read_ended(const store& from, const call_id& id) {
  auto row = from.get(family::history, ended_key(id));
  if (!row) return row.error();
  if (!*row) return std::optional<ended_call>{};
  auto ended = decode_ended(**row);
  if (!ended) return ended.error();
  return std::optional<ended_call>{std::move(*ended)};
}

result<std::optional<call_record>> read_call(const store& from, const call_id& id) {
  auto row = from.get(family::in_flight, call_key(id));
  if (!row) return row.error();
  if (!*row) return std::optional<call_record>{};
  auto call = decode_call(**row);
  if (!call) return call.error();
  return std::optional<call_record>{std::move(*call)};
}

} // namespace flow::storage
