#include "storage/internal/store_core.hpp"

#include <algorithm>

#include "flows/limits.hpp"

namespace flow::storage::internal {

namespace {

/// The first key that is not the store's own.
constexpr std::string_view first_open_key{"\1", 1};

row_range visible(const range& keys, bool descending) {
  row_range visible{keys.first, keys.last, descending};
  if (visible.first.empty()) visible.first = first_open_key;
  return visible;
}

error key_error(std::string_view what) {
  return make_error(ec::bad_value, "a store key " + std::string{what});
}

result<void> check_key(std::string_view key) {
  if (key.empty()) return key_error("is empty");
  if (key.size() > limits::store_key_bytes_max) {
    return make_error(ec::payload_too_large,
                      "a store key has " + std::to_string(key.size()) + " bytes; at most "
                          + std::to_string(limits::store_key_bytes_max) + " are allowed");
  }
  if (is_reserved(key)) return key_error("begins with byte 0, which is the store's own");
  return {};
}

error value_error(size_t bytes, size_t bytes_max, std::string_view what) {
  return make_error(ec::payload_too_large, std::string{what} + " has " + std::to_string(bytes)
                                               + " bytes; at most " + std::to_string(bytes_max)
                                               + " are allowed");
}

} // namespace

result<size_t> checked_bytes(const batch& wanted) {
  size_t bytes = 0;
  for (const auto& each : wanted.mutations) {
    bool is_range = each.what == mutation::kind::erase_range;
    // A range may begin at the very beginning.
    if (!is_range || !each.key.empty()) {
      if (auto sound = check_key(each.key); !sound) return sound.error();
    }
    size_t bytes_max = is_range ? limits::store_key_bytes_max : limits::store_value_bytes_max;
    if (each.value.size() > bytes_max) {
      return value_error(each.value.size(), bytes_max, is_range ? "a store key" : "a store value");
    }
    bytes += each.key.size() + each.value.size();
  }
  if (bytes > limits::store_batch_bytes_max) {
    return value_error(bytes, limits::store_batch_bytes_max, "a batch");
  }
  return bytes;
}

// -- reading ------------------------------------------------------------------

result<std::optional<std::string>> store_core::get(family where, std::string_view key) const {
  return read_row(where, key);
}

result<void> store_core::scan(family where, const range& keys, const row_visitor& visit) const {
  return visit_rows(where, visible(keys, false), visit);
}

result<void> store_core::scan_reverse(family where, const range& keys,
                                      const row_visitor& visit) const {
  return visit_rows(where, visible(keys, true), visit);
}

result<std::shared_ptr<void>> store_core::watch(std::string prefix, uint64_t revision,
                                                watch_callback callback) {
  return watchers_.subscribe(std::move(prefix), revision, std::move(callback));
}

// -- commit -------------------------------------------------------------------

result<std::vector<outcome>> store_core::commit(std::span<const batch> batches) {
  std::vector<outcome> outcomes;
  outcomes.reserve(batches.size());
  std::lock_guard guard{commit_mutex_};
  if (auto ready = ready_to_write(); !ready) return ready.error();
  drop_plan();
  size_t planned_bytes = 0;
  for (const auto& each : batches) {
    auto bytes = checked_bytes(each);
    if (!bytes) {
      outcomes.emplace_back(bytes.error());
      continue;
    }
    if (planned_bytes + *bytes > limits::store_batch_bytes_max) {
      if (auto written = write_plan(); !written) return written.error();
      planned_bytes = 0;
    }
    planned_bytes += *bytes;
    outcomes.push_back(plan(each));
  }
  if (auto written = write_plan(); !written) return written.error();
  return outcomes;
}

outcome store_core::plan(const batch& wanted) {
  if (wanted.id.writer == 0) return plan_new(wanted);
  if (auto first = writers_.find(wanted.id)) {
    if (first->code == ec::none) return first->sequence;
    return fenced_error(wanted.guard.lease, wanted.guard.epoch);
  }
  if (writers_.is_past(wanted.id)) {
    return make_error(ec::wrong_state,
                      "batch " + std::to_string(wanted.id.number) + " of writer "
                          + std::to_string(wanted.id.writer)
                          + " comes after a later one; its outcome is no longer remembered",
                      "numbers of one writer must rise; repeat only the last group");
  }
  outcome first = plan_new(wanted);
  writers_.stage(wanted.id, first ? ec::none : first.error().code, planned_.sequence);
  return first;
}

outcome store_core::plan_new(const batch& wanted) {
  const fence& guard = wanted.guard;
  if (!guard.lease.empty() && !leases_.is_current(guard.lease, guard.epoch)) {
    return fenced_error(guard.lease, guard.epoch);
  }
  if (!wanted.mutations.empty()) {
    ++planned_.sequence;
    plan_rows(wanted);
  }
  return planned_.sequence;
}

void store_core::plan_rows(const batch& wanted) {
  watch_event event;
  for (const auto& each : wanted.mutations) {
    row_op row{each.what, each.where, each.key, {}};
    if (each.what != mutation::kind::erase) row.value = each.value;
    if (row.key.empty()) row.key = first_open_key;
    if (each.where == family::catalog) {
      event.changes.push_back(
          {planned_.revision + 1, each.what, std::string{row.key}, std::string{row.value}});
    }
    bool is_nothing
        = row.what == mutation::kind::erase_range && !row.value.empty() && row.value <= row.key;
    if (!is_nothing) rows_.push_back(row);
  }
  if (event.changes.empty()) return;
  event.revision = ++planned_.revision;
  events_.push_back(std::move(event));
}

result<void> store_core::write_plan() {
  writers_.seal();
  if (planned_ == state_ && writers_.staged().empty()) return {};
  auto keep = [this](std::string bytes) -> std::string_view {
    return row_bytes_.emplace_back(std::move(bytes));
  };
  auto put = mutation::kind::put;
  for (const auto& [writer, outcomes] : writers_.staged()) {
    rows_.push_back(
        {put, family::catalog, keep(writer_row_key(writer)), keep(encode_outcomes(outcomes))});
  }
  auto surplus = writers_.surplus();
  if (surplus) {
    rows_.push_back({mutation::kind::erase, family::catalog, keep(writer_row_key(*surplus)), {}});
  }
  mark_families();
  planned_.time_ms = time_ms();
  planned_.offset_ms = offset_ms_;
  rows_.push_back({put, family::catalog, state_row_key, keep(encode_state(planned_))});
  if (auto written = write_rows(rows_, planned_); !written) return failed_with(written.error());
  writers_.commit(surplus);
  state_ = planned_;
  sequence_ = state_.sequence;
  revision_.store(state_.revision, std::memory_order_release);
  ++commits_;
  ++syncs_;
  for (auto& event : events_)
    watchers_.publish(std::move(event));
  drop_plan();
  return {};
}

/// Each family says where it ends, so that one that lost its end alone (RocksDB keeps their files
/// apart) is noticed.
void store_core::mark_families() {
  size_t rows_planned = rows_.size();
  for (size_t i = 0; i < rows_planned; ++i) {
    if (rows_[i].where == family::catalog) continue;
    planned_.family_ends[static_cast<size_t>(rows_[i].where)] = planned_.sequence;
  }
  for (size_t i = 1; i < family_count; ++i) {
    if (planned_.family_ends[i] == state_.family_ends[i]) continue;
    std::string& bytes = row_bytes_.emplace_back(encode_end(planned_.family_ends[i]));
    rows_.push_back({mutation::kind::put, static_cast<family>(i), end_row_key, bytes});
  }
}

result<void> store_core::check_families() {
  for (size_t i = 1; i < family_count; ++i) {
    auto bytes = read_row(static_cast<family>(i), end_row_key);
    if (!bytes) return bytes.error();
    auto end = *bytes ? decode_end(**bytes) : result<uint64_t>{0};
    if (!end) return end.error();
    if (*end == state_.family_ends[i]) continue;
    if (accepts_loss_) {
      state_.family_ends[i] = *end;
      continue;
    }
    return make_error(ec::store_stale,
                      "family " + std::to_string(i) + " of the store ends at batch "
                          + std::to_string(*end) + ", but batch "
                          + std::to_string(state_.family_ends[i]) + " was acknowledged",
                      "a part of the store was lost: restore the newest copy, or accept that "
                      "acknowledged work is lost");
  }
  return {};
}

void store_core::drop_plan() {
  rows_.clear();
  row_bytes_.clear();
  events_.clear();
  writers_.discard();
  planned_ = state_;
}

// -- failure ------------------------------------------------------------------

result<void> store_core::failed_with(error err) {
  drop_plan();
  // A write that failed may still be found on disk later; only reading tells.
  must_load_ = true;
  if (err.code != ec::outcome_unknown) failed_ = err;
  return err;
}

result<void> store_core::ready_to_write() {
  if (failed_) return *failed_;
  if (must_load_) return load_tables();
  return {};
}

result<void> store_core::recover() {
  std::lock_guard guard{commit_mutex_};
  if (!failed_ && !must_load_) return {};
  if (auto opened = reopen(); !opened) {
    failed_ = opened.error();
    return opened;
  }
  if (auto loaded = load_tables(); !loaded) return loaded;
  failed_.reset();
  return {};
}

// -- the store's own rows -----------------------------------------------------

result<void> store_core::load(const store_state& floor) {
  std::lock_guard guard{commit_mutex_};
  state_.revision = 1; // 0 means "from now on" to a watcher
  if (auto loaded = load_tables(); !loaded) return loaded;
  bool is_behind = state_.sequence < floor.sequence;
  state_.sequence = std::max(state_.sequence, floor.sequence);
  // After a loss, those who saw the lost revisions must list again.
  state_.revision = std::max(state_.revision, floor.revision) + (is_behind ? 1 : 0);
  state_.epoch = std::max(state_.epoch, floor.epoch);
  state_.time_ms = std::max(state_.time_ms, floor.time_ms);
  sequence_ = state_.sequence;
  revision_ = state_.revision;
  watchers_.reset(state_.revision);
  // The steady clock goes on over restarts of this program but not of the machine; then the wall
  // clock knows best.
  auto steady_ms = static_cast<int64_t>(clock_.steady_ms());
  offset_ms_ = state_.offset_ms;
  if (state_.time_ms == 0 || time_ms() < state_.time_ms) {
    offset_ms_ = static_cast<int64_t>(std::max(state_.time_ms, clock_.wall_ms())) - steady_ms;
  }
  return {};
}

result<void> store_core::load_tables() {
  auto bytes = read_row(family::catalog, state_row_key);
  if (!bytes) return bytes.error();
  if (*bytes) {
    auto state = decode_state(**bytes);
    if (!state) return state.error();
    state_ = *state;
  }
  if (auto checked = check_families(); !checked) return checked;
  leases_.clear();
  writers_.clear();
  std::optional<error> damage;
  auto load_row = [&](std::string_view key, std::string_view value) {
    if (key.starts_with(lease_row_prefix)) {
      auto row = decode_lease(key.substr(lease_row_prefix.size()), value);
      if (row)
        leases_.put(std::move(*row));
      else
        damage = row.error();
    } else if (key.starts_with(writer_row_prefix)) {
      auto writer = writer_of_key(key);
      auto outcomes = decode_outcomes(value);
      if (writer && outcomes)
        writers_.load(*writer, std::move(*outcomes));
      else
        damage = writer ? outcomes.error() : writer.error();
    }
    return !damage;
  };
  std::string_view reserved{"\0", 1};
  auto visited = visit_rows(family::catalog, {reserved, first_open_key, false}, load_row);
  if (!visited) return visited;
  if (damage) return *damage;
  must_load_ = false;
  sequence_ = state_.sequence;
  revision_.store(state_.revision, std::memory_order_release);
  watchers_.reset(state_.revision);
  return {};
}

result<void> store_core::persist_state() {
  std::lock_guard guard{commit_mutex_};
  return persist_state_locked();
}

result<void> store_core::persist_state_locked() {
  drop_plan();
  planned_ = state_now();
  std::string bytes = encode_state(planned_);
  rows_.push_back({mutation::kind::put, family::catalog, state_row_key, bytes});
  if (auto written = write_rows(rows_, planned_); !written) return failed_with(written.error());
  state_ = planned_;
  drop_plan();
  return {};
}

store_state store_core::state_now() const {
  store_state now = state_;
  now.time_ms = time_ms();
  now.offset_ms = offset_ms_;
  return now;
}

uint64_t store_core::time_ms() const {
  return static_cast<uint64_t>(static_cast<int64_t>(clock_.steady_ms()) + offset_ms_);
}

store_stats store_core::stats() const {
  return {sequence_, bytes_on_disk(), commits_, syncs_};
}

} // namespace flow::storage::internal
