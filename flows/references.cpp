#include "flows/references.hpp"

namespace flow {

const std::array<reference_role_info, reference_roles>& all_reference_roles() {
  using enum object_kind;
  static constexpr std::array<reference_role_info, reference_roles> table{{
      {reference_role::user_role, user, role, "roles", true},
      {reference_role::scheduler_node, scheduler, node, "nodes", true},
      {reference_role::socket_processor, socket, processor, "processor", false},
      {reference_role::socket_queue, socket, queue, "queue", false},
      {reference_role::plug_source, plug, socket, "source", false},
      {reference_role::plug_target, plug, socket, "target", false},
      {reference_role::plug_queue, plug, queue, "queue", false},
      {reference_role::argument_plug, argument, plug, "plug", false},
      {reference_role::deployment_processor, deployment, processor, "processor", false},
      {reference_role::deployment_node, deployment, node, "node", false},
  }};
  return table;
}

const reference_role_info& describe(reference_role role) {
  return all_reference_roles()[static_cast<size_t>(role)];
}

namespace {

struct collector {
  std::vector<reference>& out;

  void one(reference_role role, const std::string& name) const {
    if (!name.empty()) out.push_back({role, name});
  }
  void operator()(const network_spec&) const {}
  void operator()(const node_spec&) const {}
  void operator()(const queue_spec&) const {}
  void operator()(const processor_spec&) const {}
  void operator()(const role_spec&) const {}
  void operator()(const scheduler_spec& s) const {
    for (const auto& node : s.nodes)
      one(reference_role::scheduler_node, node);
  }
  void operator()(const user_spec& s) const {
    for (const auto& role : s.roles)
      one(reference_role::user_role, role);
  }
  void operator()(const socket_spec& s) const {
    one(reference_role::socket_processor, s.processor);
    one(reference_role::socket_queue, s.queue);
  }
  void operator()(const plug_spec& s) const {
    one(reference_role::plug_source, s.source);
    one(reference_role::plug_target, s.target);
    one(reference_role::plug_queue, s.queue);
  }
  void operator()(const argument_spec& s) const { one(reference_role::argument_plug, s.plug); }
  void operator()(const deployment_spec& s) const {
    one(reference_role::deployment_processor, s.processor);
    one(reference_role::deployment_node, s.node);
  }
};

} // namespace

std::vector<reference> references_of(const object& it) {
  std::vector<reference> out;
  std::visit(collector{out}, it.spec);
  return out;
}

void reference_index::add(const object& it) {
  for (const auto& [role, name] : references_of(it))
    add(role, name, it.name);
}

void reference_index::remove(const object& it) {
  for (const auto& [role, name] : references_of(it))
    remove(role, name, it.name);
}

void reference_index::add(reference_role role, std::string_view name, const std::string& referrer) {
  auto& names = by_role_[static_cast<size_t>(role)];
  auto found = names.find(name);
  if (found == names.end()) found = names.emplace(std::string{name}, name_set{}).first;
  found->second.insert(referrer);
}

bool reference_index::remove(reference_role role, std::string_view name,
                             const std::string& referrer) {
  auto& names = by_role_[static_cast<size_t>(role)];
  auto found = names.find(name);
  if (found == names.end() || found->second.erase(referrer) == 0) return false;
  if (found->second.empty()) names.erase(found);
  return true;
}

const reference_index::name_set& reference_index::of(reference_role role,
                                                     std::string_view name) const {
  static const name_set none;
  const auto& names = by_role_[static_cast<size_t>(role)];
  auto found = names.find(name);
  return found != names.end() ? found->second : none;
}

size_t reference_index::size() const {
  size_t all = 0;
  for (const auto& names : by_role_)
    for (const auto& [name, referrers] : names)
      all += referrers.size();
  return all;
}

} // namespace flow
