#include "storage/memory_store.hpp"

#include <array>
#include <map>
#include <shared_mutex>

#include "storage/internal/store_core.hpp"

namespace flow::storage {

namespace {

using internal::row_op;
using internal::row_range;
using internal::row_visitor;
using internal::store_state;

using rows = std::map<std::string, std::string, std::less<>>;

template <class Rows>
auto bounds(Rows& in, std::string_view first, std::string_view last) {
  auto begin = in.lower_bound(first);
  auto end = last.empty() ? in.end() : in.lower_bound(last);
  if (!last.empty() && last <= first) end = begin;
  return std::pair{begin, end};
}

class memory_store final : public internal::store_core {
public:
  memory_store(const clock& time, write_fault_hook faults)
      : store_core{time}, faults_{std::move(faults)} {
    // Nothing to read, nothing to fail; it starts the store's time.
    (void)load();
  }

  result<void> backup(const std::string&) const override {
    return make_error(ec::wrong_state, "a store in memory has no backup",
                      "use the rocksdb store for data that must last");
  }

protected:
  result<void> write_rows(std::span<const row_op> wanted, const store_state&) override {
    auto fault = faults_ ? faults_(++writes_) : std::nullopt;
    if (!fault || fault->applied) apply(wanted);
    if (fault) return make_error(fault->code, "an injected fault of the memory store");
    return {};
  }

  result<std::optional<std::string>> read_row(family where, std::string_view key) const override {
    std::shared_lock guard{mutex_};
    const rows& in = rows_of(where);
    auto found = in.find(key);
    if (found == in.end()) return std::optional<std::string>{};
    return std::optional{found->second};
  }

  result<void> visit_rows(family where, const row_range& keys,
                          const row_visitor& visit) const override {
    std::shared_lock guard{mutex_};
    auto [first, last] = bounds(rows_of(where), keys.first, keys.last);
    if (keys.descending) {
      while (first != last) {
        --last;
        if (!visit(last->first, last->second)) break;
      }
    } else {
      for (; first != last; ++first) {
        if (!visit(first->first, first->second)) break;
      }
    }
    return {};
  }

  void verify_files(verify_report&) const override {}

  result<void> reopen() override {
    if (auto fault = faults_ ? faults_(++writes_) : std::nullopt) {
      return make_error(fault->code, "an injected fault of the memory store");
    }
    return {};
  }

  uint64_t bytes_on_disk() const override { return 0; }

private:
  const rows& rows_of(family where) const { return families_[static_cast<size_t>(where)]; }

  void apply(std::span<const row_op> wanted) {
    std::unique_lock guard{mutex_};
    for (const auto& each : wanted) {
      rows& in = families_[static_cast<size_t>(each.where)];
      switch (each.what) {
      case mutation::kind::put:
        in.insert_or_assign(std::string{each.key}, std::string{each.value});
        break;
      case mutation::kind::erase:
        if (auto found = in.find(each.key); found != in.end()) in.erase(found);
        break;
      case mutation::kind::erase_range: {
        auto [first, last] = bounds(in, each.key, each.value);
        in.erase(first, last);
        break;
      }
      }
    }
  }

  write_fault_hook faults_;
  uint64_t writes_ = 0;
  mutable std::shared_mutex mutex_;
  std::array<rows, family_count> families_;
};

} // namespace

std::unique_ptr<store> make_memory_store(const clock& time, write_fault_hook faults) {
  return std::make_unique<memory_store>(time, std::move(faults));
}

} // namespace flow::storage
