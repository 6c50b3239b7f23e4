#include "storage/internal/writer_table.hpp"

#include <algorithm>

#include "flows/limits.hpp"

namespace flow::storage::internal {

void writer_table::clear() {
  known_.clear();
  discard();
}

void writer_table::load(uint64_t writer, std::vector<remembered_outcome> outcomes) {
  known_[writer] = std::move(outcomes);
}

const std::vector<remembered_outcome>* writer_table::outcomes_of(uint64_t writer) const {
  if (auto found = staged_.find(writer); found != staged_.end()) return &found->second;
  if (auto found = known_.find(writer); found != known_.end()) return &found->second;
  return nullptr;
}

std::optional<remembered_outcome> writer_table::find(const batch_id& id) const {
  const auto* outcomes = outcomes_of(id.writer);
  if (!outcomes) return std::nullopt;
  auto found = std::ranges::lower_bound(*outcomes, id.number, {}, &remembered_outcome::number);
  if (found == outcomes->end() || found->number != id.number) return std::nullopt;
  return *found;
}

bool writer_table::is_past(const batch_id& id) const {
  const auto* outcomes = outcomes_of(id.writer);
  return outcomes && !outcomes->empty() && id.number < outcomes->back().number;
}

void writer_table::stage(const batch_id& id, ec code, uint64_t sequence) {
  auto [slot, is_new] = staged_.try_emplace(id.writer);
  if (is_new) {
    if (auto known = known_.find(id.writer); known != known_.end()) slot->second = known->second;
  }
  slot->second.push_back({id.number, code, sequence});
  ++staged_counts_[id.writer];
}

void writer_table::discard() {
  staged_.clear();
  staged_counts_.clear();
}

void writer_table::seal() {
  for (auto& [writer, outcomes] : staged_) {
    size_t kept = std::max(staged_counts_[writer], limits::writer_outcomes_kept_min);
    if (outcomes.size() > kept) {
      outcomes.erase(outcomes.begin(), outcomes.end() - static_cast<std::ptrdiff_t>(kept));
    }
  }
}

std::optional<uint64_t> writer_table::surplus() const {
  if (known_.size() < limits::writers_max) return std::nullopt;
  bool any_new = std::ranges::any_of(
      staged_, [this](const auto& each) { return !known_.contains(each.first); });
  if (!any_new) return std::nullopt;
  std::optional<uint64_t> oldest;
  uint64_t oldest_sequence = UINT64_MAX;
  for (const auto& [writer, outcomes] : known_) {
    uint64_t sequence = outcomes.empty() ? 0 : outcomes.back().sequence;
    if (staged_.contains(writer) || sequence >= oldest_sequence) continue;
    oldest = writer;
    oldest_sequence = sequence;
  }
  return oldest;
}

void writer_table::commit(std::optional<uint64_t> forgotten) {
  if (forgotten) known_.erase(*forgotten);
  for (auto& [writer, outcomes] : staged_)
    known_[writer] = std::move(outcomes);
  discard();
}

} // namespace flow::storage::internal
