// A change to the catalog in the making: any number of steps that become one transaction.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flows/catalog.hpp"

namespace flow {

/// The catalog as it would be after the steps so far. A step that fails leaves the draft unusable:
/// drop it. The catalog must outlive the draft and not change meanwhile.
class catalog_draft {
public:
  catalog_draft(const catalog& base, change_author author);

  // -- steps -------------------------------------------------------------------

  /// A new object, or with `exist_ok` the equal one that exists. An argument without a name is
  /// called PLUG.ARGUMENT; a socket without a queue gets one of its own name; an auto socket of the
  /// same name is taken over with its number. Errors: as `parse_spec`; `bad_name`; `already_exists`
  /// naming the keys that differ; `bad_reference` for another object that is missing or does not
  /// fit; `unknown_function`; `wrong_state` for a node without enough cpus; `catalog_full`.
  result<object_ptr> add(object_kind kind, std::string_view name, const value& spec,
                         const object_labels& labels, bool exist_ok);

  /// Replaces the keys of `changes`, and all labels if there are some. An update that names a
  /// processor's `branch` or `tag` follows it to its present commit. What was auto belongs to the
  /// user from then on. Errors as `add`.
  result<object_ptr> update(object_kind kind, std::string_view name, const value& changes,
                            const std::optional<object_labels>& labels);

  /// By names, or unique beginnings of ids. `in_use` lists what refers to them, unless `cascade`
  /// lets that go too (from lists only the entry goes). A processor's auto sockets, and queues that
  /// were made for a socket, always go along.
  result<void> remove(object_kind kind, const std::vector<std::string>& names, bool cascade);

  /// Stores the pinned commit and the functions, makes auto sockets by the processor's policy,
  /// removes those of functions that are gone unless plugs are on them. `wrong_state` when the code
  /// was asked for anew meanwhile.
  result<void> found(std::string_view processor, const found_code& found);
  /// Stores why the code could not be loaded.
  result<void> not_found(std::string_view processor, uint64_t wanted_revision,
                         std::string_view failure);

  // -- reading -----------------------------------------------------------------

  object_ptr find(object_kind kind, std::string_view name) const;
  result<object_ptr> resolve(object_kind kind, std::string_view name_or_id) const;
  /// Names of those that refer to `name` by `role`.
  std::vector<std::string> referrers(reference_role role, std::string_view name) const;
  bool is_referred_to(object_kind kind, std::string_view name) const;

  /// What the steps come to; nothing if they leave the catalog as it is.
  change_set finish() const;

private:
  using key = std::pair<object_kind, std::string>;

  // catalog_draft.cpp
  object_ptr put(object next);
  void erase(const object& it);
  void link(const object& it);
  void unlink(const object& it);
  result<uint64_t> draw_number(object_kind kind);
  result<object_ptr> create(object_kind kind, std::string name, object_spec spec,
                            object_labels labels);
  void note(std::string sentence);
  uint64_t next_revision() const { return base_.head().revision + 1; }

  // catalog_steps.cpp
  result<object_ptr> keep_or_refuse(const object& existing, object_spec given,
                                    const object_labels& labels, bool exist_ok) const;
  result<object_ptr> take_over(const object_ptr& existing, object_spec spec,
                               const object_labels& labels);
  void want_code_again(const object& before, object& after, const value& changes) const;
  void complete_names(std::string_view name, object_spec& spec) const;
  result<void> complete(std::string_view name, object_spec& spec);
  result<void> settle(const object_ptr& before, const object_ptr& after);
  result<void> bind_argument(const object_ptr& before, const object& after);
  void release_argument(const object& argument);
  void release_queue(const std::string& queue);
  void note_overcommitment(const object& node);

  // catalog_rules.cpp: what an object, already in the draft, needs of the others
  result<void> check_references(std::string_view name, const object_spec& spec) const;
  result<void> check(const object& it) const;
  result<void> check_dependants(const object& it) const;
  result<void> check_socket(const object& it, const socket_spec& spec) const;
  result<void> check_policy(const object& it, const processor_spec& spec) const;
  result<void> check_plug(const object& it, const plug_spec& spec) const;
  result<void> check_cycle(const object& it, const plug_spec& spec) const;
  result<void> check_argument(const object& it, const argument_spec& spec) const;
  result<void> check_deployment(const object& it, const deployment_spec& spec) const;
  const signature* signature_behind(const std::string& socket) const;
  bool is_task_of(std::string_view task, const object& socket) const;
  std::vector<std::string> neighbours(const std::string& socket, bool forward,
                                      std::string_view but_plug) const;
  uint64_t cpus_used(std::string_view node) const;

  // catalog_removal.cpp
  struct removal;
  void find_dependants(removal& plan, bool cascade) const;
  void drop_entry(reference_role role, const std::string& referrer, const std::string& name);

  // catalog_code.cpp
  result<object_ptr> loading_processor(std::string_view processor, uint64_t wanted_revision) const;
  result<void> settle_auto_sockets(const object_ptr& processor);
  result<void> make_auto_socket(const object& processor, const std::string& function);
  void remove_stale_auto_sockets(const object& processor, const std::set<std::string>& wanted);

  const catalog& base_;
  change_author author_;
  std::map<key, object_ptr, std::less<>> changed_; ///< null: erased
  reference_index added_;                          ///< not in the base's index
  reference_index removed_;                        ///< in the base's index
  catalog_head head_;
  size_t size_;
  std::vector<std::string> notes_;
};

} // namespace flow
