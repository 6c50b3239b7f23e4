// Which object refers to which: one role for each key of a spec that holds another object's name.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "flows/object.hpp"

namespace flow {

enum class reference_role : uint8_t {
  user_role,
  scheduler_node,
  socket_processor,
  socket_queue,
  plug_source,
  plug_target,
  plug_queue,
  argument_plug,
  deployment_processor,
  deployment_node,
};
inline constexpr size_t reference_roles = 10;

struct reference_role_info {
  reference_role role;
  object_kind from;
  object_kind to;
  std::string_view key; ///< of the referring spec
  bool is_list;         ///< an entry of a list: it can be dropped and the referring object stays
};

const reference_role_info& describe(reference_role role);
const std::array<reference_role_info, reference_roles>& all_reference_roles();

struct reference {
  reference_role role;
  std::string_view name; ///< of what is referred to; lives as long as the object
};

/// The references of one object, empty names left out.
std::vector<reference> references_of(const object& it);

/// Names of the referring objects by role and name referred to.
class reference_index {
public:
  using name_set = std::set<std::string, std::less<>>;

  void add(const object& it);
  void remove(const object& it);
  void add(reference_role role, std::string_view name, const std::string& referrer);
  /// Whether it was there.
  bool remove(reference_role role, std::string_view name, const std::string& referrer);
  const name_set& of(reference_role role, std::string_view name) const;
  /// Of all references.
  size_t size() const;

private:
  struct text_hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::array<std::unordered_map<std::string, name_set, text_hash, std::equal_to<>>, reference_roles>
      by_role_;
};

} // namespace flow
