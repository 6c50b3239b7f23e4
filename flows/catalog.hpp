// The catalog: all objects of a network, in memory. Plans are pure: they say what a change would
// write and change nothing; the engine makes the change durable and then applies it.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flows/object.hpp"
#include "flows/references.hpp"

namespace flow {

/// What the catalog counts; one row beside the objects.
struct catalog_head {
  uint64_t revision = 0;       ///< of the last change
  uint64_t next_partition = 1; ///< for the next socket
  uint64_t next_number
      = limits::partitions_max; ///< for the next object of any other kind; never meets a partition

  bool operator==(const catalog_head&) const = default;
};

std::string encode_head(const catalog_head& head);
/// Errors as `decode_object`.
result<catalog_head> decode_head(std::string_view bytes);

/// One object that comes, changes or goes.
struct object_change {
  object_kind kind{};
  std::string name;
  object_ptr before; ///< null: it is new
  object_ptr after;  ///< null: it goes
};

/// What becomes durable together. Puts come such that references point to what is there; erasures
/// after them.
struct change_set {
  std::vector<object_change> changes; ///< empty: there was nothing to do
  catalog_head head;                  ///< after the change
  std::vector<std::string>
      notes; ///< sentences for the user: what was made besides, what to do next

  bool empty() const { return changes.empty(); }
};

/// The author of what no user asked for.
inline constexpr std::string_view engine_author = "engine";

/// Who changes the catalog, and when.
struct change_author {
  std::string user;
  uint64_t now_ms = 0;
};

/// What a loader has found.
struct found_code {
  uint64_t wanted_revision = 0; ///< `code_facts::wanted_revision` when the loading began
  std::string commit;
  std::vector<signature> functions;
};

/// A task is a function of a processor's module.
struct task_view {
  std::string name; ///< MODULE.FUNCTION
  std::string function;
  object_ptr processor;
  const signature* known; ///< lives as long as `processor`
};

class catalog {
public:
  // -- from disk ---------------------------------------------------------------
  /// Rows in any order; `check` when all are there. `store_corrupt` for a second object of one kind
  /// and name.
  result<void> restore(object it);
  void restore(const catalog_head& head);
  /// What must always hold: references lead somewhere, numbers are unique and drawn. Empty: sound.
  std::vector<std::string> check() const;

  // -- reading -----------------------------------------------------------------
  const catalog_head& head() const { return head_; }
  size_t size() const;
  /// Null if there is none.
  object_ptr find(object_kind kind, std::string_view name) const;
  /// By exact name, or by the beginning of its id (4 characters or more) if that is unique.
  /// `unknown_object` (`unknown_socket`) with the nearest name; `bad_reference` when several ids
  /// begin so.
  result<object_ptr> resolve(object_kind kind, std::string_view name_or_id) const;
  /// In name order.
  std::vector<object_ptr> list(object_kind kind) const;
  void each(object_kind kind, const std::function<bool(const object_ptr&)>& visit) const;

  std::vector<object_ptr> sockets_of_processor(std::string_view processor) const;
  std::vector<object_ptr> sockets_of_queue(std::string_view queue) const;
  std::vector<object_ptr> plugs_from(std::string_view socket) const;
  std::vector<object_ptr> plugs_into(std::string_view socket) const;
  std::vector<object_ptr> deployments_of_processor(std::string_view processor) const;
  std::vector<object_ptr> deployments_on_node(std::string_view node) const;
  /// Those that refer to `name` by `role`, in name order.
  std::vector<object_ptr> referrers(reference_role role, std::string_view name) const;

  /// The function behind a socket; null while it is not known.
  const signature* signature_of_socket(const object& socket) const;
  /// All functions of all processors, by name and processor.
  std::vector<task_view> tasks() const;
  /// The sockets of "task:MODULE.FUNCTION" (or without "task:"), in name order: never empty.
  /// `unknown_function` with the nearest task; `unknown_socket` for a known task without a socket.
  result<std::vector<object_ptr>> resolve_task(std::string_view address) const;

  // -- planning ----------------------------------------------------------------
  // Each is `catalog_draft` (flows/catalog_draft.hpp) with one step; see there for what is checked.

  result<change_set> plan_add(object_kind kind, std::string_view name, const value& spec,
                              const object_labels& labels, const change_author& author,
                              bool exist_ok = false) const;
  result<change_set> plan_update(object_kind kind, std::string_view name, const value& changes,
                                 const std::optional<object_labels>& labels,
                                 const change_author& author) const;
  result<change_set> plan_delete(object_kind kind, const std::vector<std::string>& names,
                                 bool cascade, const change_author& author) const;
  result<change_set> plan_found(std::string_view processor, const found_code& found,
                                const change_author& author) const;
  result<change_set> plan_not_found(std::string_view processor, uint64_t wanted_revision,
                                    std::string_view failure, const change_author& author) const;

  /// Once it is durable. `wrong_state` when the catalog is not as it was when the set was planned;
  /// nothing is changed then.
  result<void> apply(const change_set& changes);

  /// Compares the objects themselves.
  bool operator==(const catalog& other) const;

private:
  using by_name = std::map<std::string, object_ptr, std::less<>>;
  static constexpr size_t kind_slots = std::variant_size_v<object_spec> + 1;

  void put(object_ptr it);
  void erase(object_kind kind, const std::string& name);

  friend class catalog_draft;
  std::array<by_name, kind_slots> objects_;
  reference_index references_;
  catalog_head head_;
};

} // namespace flow
