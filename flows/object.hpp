// One object of the catalog: what was asked, the facts found about its code, and its bytes on disk.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flows/error.hpp"
#include "flows/object_specs.hpp"
#include "flows/signature.hpp"
#include "flows/value.hpp"

namespace flow {

using object_labels = std::map<std::string, std::string>;

/// What the engine has found about a processor's code; durable, because calls are checked against
/// it after a restart.
struct code_facts {
  uint64_t wanted_revision
      = 0; ///< of the catalog when the code was last asked for: names what a loader works on
  std::string commit;    ///< pinned, 40 hex digits; empty: not resolved yet
  bool is_known = false; ///< `functions` are those of the module at `commit`
  std::vector<signature> functions;
  std::string failure; ///< why the last attempt to load failed; empty: it did not
  std::map<std::string, uint64_t>
      replacement_versions; ///< of each function that was ever replaced: how often that changed

  bool operator==(const code_facts&) const = default;
  const signature* find(std::string_view function) const;
};

struct object {
  std::string name;
  uint64_t number = 0; ///< unique in the catalog and never used again; a socket's is its partition,
                       ///< 1 to 2^24 - 1
  object_spec spec;
  object_labels labels;
  uint64_t created_ms = 0;
  uint64_t updated_ms = 0;
  std::string by;        ///< the user who changed it last
  uint64_t revision = 0; ///< of the catalog when it was changed last
  code_facts code;       ///< of processors

  object_kind kind() const { return kind_of(spec); }
  template <class Spec>
  const Spec& as() const {
    return std::get<Spec>(spec);
  }
  bool operator==(const object&) const = default;
};

/// Objects are immutable once in the catalog, so that readers may keep them.
using object_ptr = std::shared_ptr<const object>;

/// The label of what the engine made by itself.
inline constexpr std::string_view auto_label = "auto";
bool is_auto(const object& it);

/// A UUIDv7 made of the object's creation time, name and number: sorts by time, and is the same on
/// every node.
std::string object_id(const object& it);

/// "socket "shop.price"", as errors name it.
std::string named(const object& it);
std::string named(object_kind kind, std::string_view name);

/// The form of docs/api.md without `status`, followed by `more` (which the engine adds: status,
/// created, next).
value to_value(const object& it, std::span<const std::pair<std::string_view, value>> more = {});

/// The bytes of a row: a version, then fields; later versions may add fields at the end.
std::string encode_object(const object& it);
/// `store_newer` for a version that is not known, `store_corrupt` for anything else that cannot be
/// read.
result<object> decode_object(std::string_view bytes);

} // namespace flow
