// The store of a simulated node: outlives the node, fails when told to, and holds every commit
// against the invariants of the system.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/codec.hpp"
#include "storage/key_kind.hpp"
#include "storage/memory_store.hpp"

namespace flow::sim {

/// What the simulation looks for; the first thing found is kept.
class verdict {
public:
  void require(bool is_so, const std::string& what) {
    if (!is_so && trouble_.empty()) trouble_ = what;
  }
  const std::string& trouble() const { return trouble_; }

private:
  std::string trouble_;
};

class checked_store final : public storage::store {
public:
  checked_store(const clock& time, verdict& found)
      : found_{found}, inner_{storage::make_memory_store(time, [this](uint64_t) {
          auto fault = next_fault ? next_fault : lasting_fault;
          next_fault.reset();
          return fault;
        })} {}

  std::optional<storage::write_fault> next_fault;    ///< of one write
  std::optional<storage::write_fault> lasting_fault; ///< of every write
  bool is_cut_off = false; ///< the node has died: nothing of it reaches the disk any more

  bool is_writable_now() const { return !next_fault && !lasting_fault; }
  bool knows(const call_id& id) const { return known_.contains(id); }
  const std::set<call_id>& known() const { return known_; }
  std::optional<ended_call> ended(const call_id& id) const {
    auto row = storage::read_ended(*inner_, id);
    found_.require(row.has_value(), "a row of history cannot be read");
    return row ? *row : std::nullopt;
  }
  std::set<call_id> in_flight() const {
    std::set<call_id> all;
    (void)inner_->scan(storage::family::in_flight, storage::prefix_range(storage::key_kind::call),
                       [&](std::string_view key, std::string_view) {
                         all.insert(*storage::id_at_end(key));
                         return true;
                       });
    return all;
  }
  std::vector<call_id> children(const call_id& id) const {
    std::vector<call_id> all;
    (void)inner_->scan(storage::family::history, storage::children_of(id),
                       [&](std::string_view key, std::string_view) {
                         all.push_back(*storage::id_at_end(key));
                         return true;
                       });
    return all;
  }

  // -- storage::store ---------------------------------------------------------

  result<std::vector<storage::outcome>> commit(std::span<const storage::batch> batches) override {
    if (is_cut_off) return make_error(ec::store_io, "the node has died");
    auto done = inner_->commit(batches);
    check(batches); // also after an error: its outcome may be unknown to the caller
    return done;
  }
  result<std::optional<std::string>> get(storage::family where,
                                         std::string_view key) const override {
    return inner_->get(where, key);
  }
  result<void>
  scan(storage::family where, const storage::range& keys,
       const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return inner_->scan(where, keys, visit);
  }
  result<void> scan_reverse(
      storage::family where, const storage::range& keys,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return inner_->scan_reverse(where, keys, visit);
  }
  result<std::shared_ptr<void>> watch(std::string prefix, uint64_t revision,
                                      storage::watch_callback callback) override {
    return inner_->watch(std::move(prefix), revision, std::move(callback));
  }
  uint64_t revision() const override { return inner_->revision(); }
  result<storage::lease> acquire(std::string_view lease, std::string_view holder,
                                 uint64_t ttl_ms) override {
    return inner_->acquire(lease, holder, ttl_ms);
  }
  result<storage::lease> renew(const storage::lease& held, uint64_t ttl_ms) override {
    return inner_->renew(held, ttl_ms);
  }
  result<void> release(const storage::lease& held) override { return inner_->release(held); }
  result<std::string> put_blob(std::string_view bytes) override { return inner_->put_blob(bytes); }
  result<std::optional<std::string>> get_blob(std::string_view hash) const override {
    return inner_->get_blob(hash);
  }
  uint64_t time_ms() const override { return inner_->time_ms(); }
  result<storage::verify_report> verify() const override { return inner_->verify(); }
  result<void> backup(const std::string& directory) const override {
    return inner_->backup(directory);
  }
  result<void> recover() override { return inner_->recover(); }
  storage::store_stats stats() const override { return inner_->stats(); }

private:
  bool has_row(storage::family where, const std::string& key) const {
    auto row = inner_->get(where, key);
    return row && row->has_value();
  }

  void check(std::span<const storage::batch> batches) {
    std::set<call_id> touched;
    for (const auto& batch : batches)
      for (const auto& mutation : batch.mutations) {
        std::string_view key = mutation.key;
        if (!key.starts_with(storage::key_kind::call) && !key.starts_with(storage::key_kind::ended))
          continue;
        if (auto id = storage::id_at_end(key)) touched.insert(*id);
      }
    for (const auto& id : touched)
      check_call(id);
    for (const auto& id : touched)
      if (auto it = ended(id)) check_children(*it);
  }

  void check_call(const call_id& id) {
    bool is_in_flight = has_row(storage::family::in_flight, storage::call_key(id));
    auto end = inner_->get(storage::family::history, storage::ended_key(id));
    bool has_ended = end && end->has_value();
    auto name = "call " + to_string(id);
    if (is_in_flight || has_ended) known_.insert(id);
    found_.require(is_in_flight || has_ended || !known_.contains(id),
                   "I6: " + name + " has left without an end");
    found_.require(!is_in_flight || !has_ended, "I3: " + name + " has ended and is in flight");
    auto first = first_ends_.find(id);
    if (first != first_ends_.end())
      found_.require(has_ended && **end == first->second,
                     "I3: the end of " + name + " has changed");
    else if (has_ended)
      first_ends_.emplace(id, **end);
  }

  /// One child an edge on success, none otherwise.
  void check_children(const ended_call& end) {
    auto made = children(end.call->id);
    size_t wanted = end.state == call_state::finished && edges_of.contains(end.socket)
                        ? edges_of[end.socket]
                        : 0;
    found_.require(made.size() == wanted, "I2: call " + to_string(end.call->id) + " of "
                                              + end.socket + " has ended as "
                                              + std::string{to_string(end.state)} + " with "
                                              + std::to_string(made.size()) + " children");
    for (const auto& child : made)
      found_.require(knows(child), "I2: child " + to_string(child) + " has no row");
  }

public:
  std::map<std::string, size_t> edges_of; ///< result edges of each socket

private:
  verdict& found_;
  std::unique_ptr<storage::store> inner_;
  std::set<call_id> known_;
  std::map<call_id, std::string> first_ends_;
};

} // namespace flow::sim
