#include "flows/catalog_draft.hpp"

#include <algorithm>

#include "flows/catalog_words.hpp"

namespace flow {

catalog_draft::catalog_draft(const catalog& base, change_author author)
    : base_{base}, author_{std::move(author)}, head_{base.head()}, size_{base.size()} {}

object_ptr catalog_draft::find(object_kind kind, std::string_view name) const {
  if (auto found = changed_.find(key{kind, std::string{name}}); found != changed_.end())
    return found->second;
  return base_.find(kind, name);
}

result<object_ptr> catalog_draft::resolve(object_kind kind, std::string_view name_or_id) const {
  if (auto found = find(kind, name_or_id)) return found;
  auto from_base = base_.resolve(kind, name_or_id);
  if (!from_base) return from_base;
  if (auto found = find(kind, (*from_base)->name)) return found;
  return make_error(kind == object_kind::socket ? ec::unknown_socket : ec::unknown_object,
                    "no " + named(kind, name_or_id) + " any more");
}

std::vector<std::string> catalog_draft::referrers(reference_role role,
                                                  std::string_view name) const {
  const auto& gone = removed_.of(role, name);
  const auto& added = added_.of(role, name);
  std::vector<std::string> out;
  for (const auto& referrer : base_.references_.of(role, name))
    if (!gone.contains(referrer)) out.push_back(referrer);
  auto middle = static_cast<std::ptrdiff_t>(out.size());
  out.insert(out.end(), added.begin(), added.end());
  std::inplace_merge(out.begin(), out.begin() + middle, out.end());
  return out;
}

bool catalog_draft::is_referred_to(object_kind kind, std::string_view name) const {
  return std::ranges::any_of(all_reference_roles(), [&](const reference_role_info& info) {
    if (info.to != kind) return false;
    auto role = info.role;
    return base_.references_.of(role, name).size() + added_.of(role, name).size()
           > removed_.of(role, name).size();
  });
}

void catalog_draft::link(const object& it) {
  for (const auto& [role, name] : references_of(it))
    if (!removed_.remove(role, name, it.name)) added_.add(role, name, it.name);
}

void catalog_draft::unlink(const object& it) {
  for (const auto& [role, name] : references_of(it))
    if (!added_.remove(role, name, it.name)) removed_.add(role, name, it.name);
}

object_ptr catalog_draft::put(object next) {
  auto before = find(next.kind(), next.name);
  if (before) {
    next.updated_ms = before->updated_ms;
    next.by = before->by;
    next.revision = before->revision;
    if (*before == next) return before;
    unlink(*before);
  } else {
    ++size_;
  }
  next.updated_ms = author_.now_ms;
  // What the engine finds out about an object does not make the object the engine's.
  if (!before || author_.user != engine_author) next.by = author_.user;
  next.revision = next_revision();
  auto after = std::make_shared<const object>(std::move(next));
  link(*after);
  changed_.insert_or_assign(key{after->kind(), after->name}, after);
  return after;
}

void catalog_draft::erase(const object& it) {
  auto gone = key{it.kind(), it.name};
  unlink(it);
  changed_.insert_or_assign(std::move(gone), nullptr); // `it` may die here
  --size_;
}

result<uint64_t> catalog_draft::draw_number(object_kind kind) {
  if (size_ >= limits::catalog_objects_max)
    return make_error(ec::catalog_full,
                      "the catalog has " + std::to_string(size_) + " objects, its limit");
  if (kind != object_kind::socket) return head_.next_number++;
  if (head_.next_partition >= limits::partitions_max)
    return make_error(ec::catalog_full, "all " + std::to_string(limits::partitions_max - 1)
                                            + " numbers of sockets have been given out");
  return head_.next_partition++;
}

result<object_ptr> catalog_draft::create(object_kind kind, std::string name, object_spec spec,
                                         object_labels labels) {
  auto number = draw_number(kind);
  if (!number) return number.error();
  object it;
  it.name = std::move(name);
  it.number = *number;
  it.spec = std::move(spec);
  it.labels = std::move(labels);
  it.created_ms = author_.now_ms;
  if (kind == object_kind::processor) {
    it.code.wanted_revision = next_revision();
    for (const auto& [function, source] : it.as<processor_spec>().replacements)
      it.code.replacement_versions[function] = 1;
  }
  return put(std::move(it));
}

void catalog_draft::note(std::string sentence) {
  if (notes_.size() < limits::names_shown_max) notes_.push_back(std::move(sentence));
}

change_set catalog_draft::finish() const {
  change_set out;
  out.head = base_.head();
  out.notes = notes_;
  const auto& kinds = stored_kinds();
  auto collect = [&](object_kind kind, bool coming) {
    auto first = changed_.lower_bound(key{kind, std::string{}});
    for (auto at = first; at != changed_.end() && at->first.first == kind; ++at) {
      const auto& after = at->second;
      auto before = base_.find(kind, at->first.second);
      if ((after != nullptr) != coming || before == after) continue;
      out.changes.push_back({kind, at->first.second, std::move(before), after});
    }
  };
  for (auto kind : kinds)
    collect(kind, true);
  for (auto kind = kinds.rbegin(); kind != kinds.rend(); ++kind)
    collect(*kind, false);
  if (out.changes.empty()) return out;
  out.head = head_;
  out.head.revision = next_revision();
  return out;
}

} // namespace flow
