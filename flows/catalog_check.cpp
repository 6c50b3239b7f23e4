// What must always hold in a catalog, looked at all at once: after a start, and in tests.
#include "flows/catalog.hpp"

#include <map>
#include <set>

#include "flows/catalog_words.hpp"

namespace flow {

namespace {

/// Sockets that lie on, or behind, a circle of plugs which are not marked as one.
size_t sockets_in_circles(const catalog& of) {
  std::map<std::string, std::vector<std::string>> out;
  std::map<std::string, size_t> arriving;
  of.each(object_kind::plug, [&](const object_ptr& it) {
    const auto& spec = it->as<plug_spec>();
    if (spec.cycle) return true;
    out[spec.source].push_back(spec.target);
    arriving.try_emplace(spec.source);
    ++arriving[spec.target];
    return true;
  });
  std::vector<std::string> free;
  for (const auto& [socket, count] : arriving)
    if (count == 0) free.push_back(socket);
  auto left = arriving.size();
  while (!free.empty()) {
    auto socket = std::move(free.back());
    free.pop_back();
    --left;
    for (const auto& next : out[socket])
      if (--arriving[next] == 0) free.push_back(next);
  }
  return left;
}

} // namespace

std::vector<std::string> catalog::check() const {
  std::vector<std::string> problems;
  std::set<uint64_t> numbers;
  size_t references = 0;
  for (auto kind : stored_kinds()) {
    for (const auto& it : list(kind)) {
      for (const auto& [role, name] : references_of(*it)) {
        ++references;
        if (!find(describe(role).to, name))
          problems.push_back(named(*it) + " refers to " + named(describe(role).to, name)
                             + ", which does not exist");
        if (!references_.of(role, name).contains(it->name))
          problems.push_back(named(*it) + " is missing in the index of references");
      }
      auto is_socket = kind == object_kind::socket;
      auto least = is_socket ? 1 : uint64_t{limits::partitions_max};
      auto next = is_socket ? head_.next_partition : head_.next_number;
      if (it->number < least || it->number >= next || !numbers.insert(it->number).second)
        problems.push_back(named(*it) + " has number " + std::to_string(it->number)
                           + ", which is not one of its own");
      if (it->revision > head_.revision)
        problems.push_back(named(*it) + " was changed after the catalog's last revision");
    }
  }
  for (const auto& it : list(object_kind::argument)) {
    auto plug = find(object_kind::plug, it->as<argument_spec>().plug);
    if (plug && plug->as<plug_spec>().argument != it->as<argument_spec>().argument)
      problems.push_back(named(*it) + " is not what " + named(*plug) + " feeds");
  }
  if (references_.size() != references)
    problems.emplace_back("the index of references has entries of objects that do not exist");
  if (auto count = sockets_in_circles(*this); count > 0)
    problems.push_back(std::to_string(count)
                       + " sockets are on or behind circles of plugs that are not marked so");
  return problems;
}

} // namespace flow
