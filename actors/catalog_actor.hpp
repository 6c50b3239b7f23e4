// The one writer of the catalog: plans (pure, flows/catalog.hpp), makes durable, applies, tells the
// node.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "actors/services.hpp"
#include "flows/catalog.hpp"

namespace flow::actors {

struct catalog_life {
  static inline const char* name = "catalog";

  /// One change: waits for its turn, is planned against the catalog as it then is, and is one
  /// commit.
  struct job {
    std::function<result<change_set>(const catalog&)> plan;
    /// After the commit, or with the reason why there was none.
    std::function<void(const result<change_set>&)> done;
  };
  struct client {
    caf::actor session;
    uint64_t seq = 0;
  };
  /// The adding of a processor is answered when its module has been loaded and its workers run, or
  /// have failed.
  struct settling {
    client who;
    uint64_t tag = 0;
  };

  catalog_actor::stateful_pointer<catalog_life> self = nullptr;
  services_ptr shared;
  loader_actor loader;
  node_actor node;
  std::shared_ptr<const catalog> current; ///< the published version
  std::deque<job> jobs;
  bool is_committing = false;
  change_set committing;
  uint64_t last_ticket = 0;
  std::map<std::string, std::vector<settling>> being_added; ///< by processor
  uint64_t last_tag = 0;

  void run(run_verb& verb);
  void committed(const rows_committed& done);
  void found(functions_found& what);
  void settled(const processor_status& status);
  void give_up_waiting(uint64_t tag);
  void set_desired_state(const set_desired& what);
  void enqueue(job next);
  void register_node();

private:
  void start_next();
  void add(run_verb& verb);
  void add_processor(client who, std::string name, value spec, object_labels labels,
                     change_author author, bool exist_ok);
  void update(run_verb& verb);
  void remove(run_verb& verb);
  void replace_task(run_verb& verb); ///< catalog_tasks.cpp
  void answer(const client& who, value what);
  void refuse(const client& who, const error& why);
  value added_value(object_kind kind, const std::string& name, const change_set& changes) const;
};

/// `first` is the catalog as the store has it (`read_catalog`).
catalog_actor::behavior_type catalog_keeper(catalog_actor::stateful_pointer<catalog_life> self,
                                            services_ptr shared, loader_actor loader,
                                            node_actor node, std::shared_ptr<const catalog> first);

/// What a processor asks of the loader.
codeloader::module_request request_of(const processor_spec& spec);

/// All objects of the store. `store_corrupt` naming the row for one that cannot be read.
result<std::shared_ptr<const catalog>> read_catalog(const storage::store& from);

} // namespace flow::actors
