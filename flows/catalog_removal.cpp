// Deleting: what must go along, and what stands in the way.
#include "flows/catalog_draft.hpp"

#include <algorithm>
#include <set>

#include "flows/catalog_words.hpp"

namespace flow {

struct catalog_draft::removal {
  struct dropped_entry {
    reference_role role;
    std::string referrer;
    std::string name;
  };
  std::vector<object_ptr> doomed; ///< in the order found: what was asked for, then what goes along
  std::set<key> is_doomed;
  std::vector<dropped_entry> dropped;
  std::set<key> in_the_way;

  void doom(object_ptr it) {
    if (is_doomed.emplace(it->kind(), it->name).second) doomed.push_back(std::move(it));
  }
};

result<void> catalog_draft::remove(object_kind kind, const std::vector<std::string>& names,
                                   bool cascade) {
  removal plan;
  for (const auto& name : names) {
    auto it = resolve(kind, name);
    if (!it) return it.error();
    plan.doom(std::move(*it));
  }
  auto asked = plan.doomed.size();
  find_dependants(plan, cascade);
  std::erase_if(plan.in_the_way, [&](const key& it) { return plan.is_doomed.contains(it); });
  if (!plan.in_the_way.empty()) {
    std::vector<std::string> users;
    for (const auto& [user_kind, user] : plan.in_the_way)
      users.push_back(named(user_kind, user));
    auto what = named(*plan.doomed.front());
    if (asked > 1)
      what += " or another of the " + std::to_string(asked) + " " + std::string{plural(kind)};
    return make_error(ec::in_use, what + " is used by " + internal::listed(users),
                      "`--cascade` deletes these too");
  }
  for (const auto& entry : plan.dropped)
    if (!plan.is_doomed.contains(key{describe(entry.role).from, entry.referrer}))
      drop_entry(entry.role, entry.referrer, entry.name);
  for (const auto& it : plan.doomed)
    if (it->kind() == object_kind::argument) release_argument(*it);
  std::vector<object_ptr> present; // releasing an argument may have changed its plug
  for (const auto& it : plan.doomed)
    present.push_back(find(it->kind(), it->name));
  for (const auto& it : present)
    erase(*it);
  for (const auto& it : present) {
    for (const auto& [role, name] : references_of(*it))
      if (describe(role).to == object_kind::queue) release_queue(std::string{name});
  }
  return {};
}

void catalog_draft::find_dependants(removal& plan, bool cascade) const {
  for (size_t i = 0; i < plan.doomed.size(); ++i) {
    auto it = plan.doomed[i];
    for (const auto& info : all_reference_roles()) {
      if (info.to != it->kind()) continue;
      for (const auto& name : referrers(info.role, it->name)) {
        auto referrer = find(info.from, name);
        // What the engine made of the processor by itself is no reason to keep it.
        auto is_own = info.role == reference_role::socket_processor && is_auto(*referrer);
        if (cascade && info.is_list)
          plan.dropped.push_back({info.role, name, it->name});
        else if (cascade || is_own)
          plan.doom(referrer);
        else
          plan.in_the_way.emplace(info.from, name);
      }
    }
  }
}

void catalog_draft::drop_entry(reference_role role, const std::string& referrer,
                               const std::string& name) {
  auto next = *find(describe(role).from, referrer);
  if (role == reference_role::scheduler_node)
    std::erase(std::get<scheduler_spec>(next.spec).nodes, name);
  if (role == reference_role::user_role) std::erase(std::get<user_spec>(next.spec).roles, name);
  put(std::move(next));
}

} // namespace flow
