// Leases, blobs and the check of everything: the parts of the core that are not the path of a call.
#include <array>

#include <sodium.h>

#include "flows/limits.hpp"
#include "storage/internal/store_core.hpp"

namespace flow::storage::internal {

namespace {

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size());
  std::string text(hash.size() * 2 + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
  text.pop_back();
  return text;
}

uint64_t expiry(uint64_t now_ms, uint64_t ttl_ms) {
  return ttl_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + ttl_ms;
}

std::string_view name_of(family where) {
  static constexpr std::array<std::string_view, family_count> names{
      "catalog", "in_flight", "history", "blobs", "operator_state"};
  return names[static_cast<size_t>(where)];
}

} // namespace

// -- leases -------------------------------------------------------------------

result<lease> store_core::acquire(std::string_view name, std::string_view holder, uint64_t ttl_ms) {
  if (name.empty() || name.size() > limits::name_bytes_max || holder.empty()
      || holder.size() > limits::name_bytes_max || ttl_ms == 0) {
    return make_error(ec::bad_value, "a lease needs a name and a holder of 1 to "
                                         + std::to_string(limits::name_bytes_max)
                                         + " bytes, and a time above 0 ms");
  }
  std::lock_guard guard{commit_mutex_};
  if (auto ready = ready_to_write(); !ready) return ready.error();
  uint64_t now_ms = time_ms();
  lease wanted{std::string{name}, std::string{holder}, 0, expiry(now_ms, ttl_ms)};
  auto row = leases_.acquired(wanted, now_ms, state_.epoch + 1);
  if (!row) return row;
  bool is_new_owner = row->epoch == state_.epoch + 1;
  if (auto written = write_lease(*row, is_new_owner, false); !written) return written.error();
  return row;
}

result<lease> store_core::renew(const lease& held, uint64_t ttl_ms) {
  std::lock_guard guard{commit_mutex_};
  if (auto ready = ready_to_write(); !ready) return ready.error();
  auto row = leases_.renewed(held, expiry(time_ms(), ttl_ms));
  if (!row) return row;
  if (auto written = write_lease(*row, false, false); !written) return written.error();
  return row;
}

result<void> store_core::release(const lease& held) {
  std::lock_guard guard{commit_mutex_};
  if (auto ready = ready_to_write(); !ready) return ready.error();
  auto row = leases_.renewed(held, 0);
  if (!row) return row.error();
  return write_lease(*row, false, true);
}

result<void> store_core::write_lease(const lease& row, bool is_new_owner, bool is_erased) {
  drop_plan();
  ++planned_.sequence;
  if (is_new_owner) planned_.epoch = row.epoch;
  std::string key = lease_row_key(row.name);
  std::string value = is_erased ? std::string{} : encode_lease(row);
  auto what = is_erased ? mutation::kind::erase : mutation::kind::put;
  rows_.push_back({what, family::catalog, key, value});
  // A renewal is news to nobody.
  if (is_new_owner || is_erased) {
    ++planned_.revision;
    events_.push_back({false, planned_.revision, {{planned_.revision, what, key, value}}});
  }
  if (auto written = write_plan(); !written) return written;
  if (is_erased) {
    leases_.erase(row.name);
  } else {
    leases_.put(row);
  }
  return {};
}

// -- blobs --------------------------------------------------------------------

result<std::string> store_core::put_blob(std::string_view bytes) {
  if (bytes.size() > limits::store_value_bytes_max) {
    return make_error(ec::payload_too_large,
                      "a blob has " + std::to_string(bytes.size()) + " bytes; at most "
                          + std::to_string(limits::store_value_bytes_max) + " are allowed");
  }
  std::string hash = sha256_hex(bytes);
  std::lock_guard guard{commit_mutex_};
  if (auto ready = ready_to_write(); !ready) return ready.error();
  auto present = read_row(family::blobs, hash);
  if (!present) return present.error();
  if (*present) return hash;
  drop_plan();
  ++planned_.sequence;
  rows_.push_back({mutation::kind::put, family::blobs, hash, bytes});
  if (auto written = write_plan(); !written) return written.error();
  return hash;
}

result<std::optional<std::string>> store_core::get_blob(std::string_view hash) const {
  return read_row(family::blobs, hash);
}

// -- verify -------------------------------------------------------------------

result<verify_report> store_core::verify() const {
  verify_report report;
  verify_files(report);
  for (size_t i = 0; i < family_count; ++i) {
    auto where = static_cast<family>(i);
    auto check = [&](std::string_view key, std::string_view value) {
      ++report.keys;
      report.bytes += key.size() + value.size();
      if (where == family::blobs && !is_reserved(key) && key != sha256_hex(value)) {
        report.problems.push_back("blob " + std::string{key} + " does not have this hash");
      }
      return true;
    };
    auto visited = visit_rows(where, {}, check);
    if (!visited) {
      report.problems.push_back("family " + std::string{name_of(where)} + ": "
                                + visited.error().text);
    }
  }
  return report;
}

} // namespace flow::storage::internal
