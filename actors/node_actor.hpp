// Root supervisor of a node: makes the actors be what the catalog says, and starts again what
// fails.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "actors/services.hpp"

namespace flow::actors {

struct node_life {
  static inline const char* name = "node";

  struct socket_child {
    socket_actor actor;
    partition_id partition{};
    std::string processor;
  };
  struct processor_child {
    processor_actor actor;
    processor_status last;
  };
  struct restarts {
    std::deque<uint64_t> at_ms; ///< steady, the last minute
  };

  node_actor::stateful_pointer<node_life> self = nullptr;
  std::shared_ptr<services> shared; ///< completed here: journal and hub are children
  loader_actor loader;
  catalog_actor catalog_owner;
  flow_actor workflows;
  std::shared_ptr<const catalog> objects;
  std::map<std::string, socket_child> sockets;
  std::map<std::string, processor_child> processors;
  std::map<std::string, plug_actor> plugs;
  std::map<std::string, restarts> failures; ///< by child ("socket/NAME")
  std::set<std::string> to_restart;         ///< children that have failed, until they live again
  std::map<uint64_t, std::string>
      in_journal; ///< owners of rows that wait for those of their last life
  uint64_t last_ticket = 0;
  uint32_t restart_count = 0;
  uint64_t started_ms = 0;
  bool is_ready = false;

  /// Starts all children for the catalog as the store has it. An error means that the store cannot
  /// be served.
  void start(std::shared_ptr<const catalog> first);
  void changed(catalog_changed& what);
  void child_down(const caf::down_msg& down);
  void restart(const std::string& child);
  void committed(const rows_committed& done);
  void processor_news(processor_changed& what);
  caf::result<processor_status> control(const control_processor& what);
  /// This actor with all its children.
  void end_all(const caf::error& reason);
  caf::result<drained> drain(const drain_node& what);
  caf::result<node_status> describe_all();

private:
  void apply(const object_change& change);
  void start_processor(const object& it);
  void start_socket(const object& it);
  void start_flows();
  void start_plug(const std::string& plug);
  void restart_owner(const std::string& child);
  void configure(const std::string& socket);
  configure_socket wiring_of(const object& it) const;
  configure_processor config_of(const object& it) const;
  void publish_routes();
  void tell_watchers(const processor_status& status);
  void tell_watchers(const object_change& change);
  void fail_upward(const std::string& child, const std::string& why);
};

/// `shared` has no journal and no hub yet. When this actor ends with an error, the daemon must end:
/// what is durable is on disk, and a new start finds it.
node_actor::behavior_type node(node_actor::stateful_pointer<node_life> self,
                               std::shared_ptr<services> shared,
                               std::shared_ptr<const catalog> first);

} // namespace flow::actors
