// A workflow without an engine: the sockets are functions here, and its members end when the test
// says so.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "flows/workflow_machine.hpp"
#include "flows/workflow_text.hpp"

namespace flow::test {

using nlohmann::json;

inline constexpr partition_id t_partition{7};

/// `t` returns the list of its positional arguments, `f` fails, and of all others nothing is known.
inline std::optional<partition_id> find_socket(const std::string& socket) {
  if (socket == "t" || socket == "f") return t_partition;
  return std::nullopt;
}

inline json json_of(const std::string& cbor) {
  return json_of_value(value{cbor});
}

/// What a call of `t` or `f` comes to.
inline member_outcome run_function(const std::string& socket, const arguments& args) {
  if (socket == "f") return {{}, {ec::task_failed, "ValueError", args.positional, {}}};
  return {{args.positional}, {}};
}

/// What is on disk of one workflow and its members.
struct disk {
  std::map<uint32_t, member_outcome> outcomes;
  std::vector<call_id> made;
  std::map<call_id, std::string> in_flight; ///< the call's socket and arguments
  std::map<call_id, arguments> args;
  std::map<call_id, member_outcome> history;
  std::set<call_id> was_run;
};

class stage {
public:
  explicit stage(workflow_call asked) : asked_{std::move(asked)} {
    auto call = std::make_shared<call_record>();
    call->id = make_call_id(1'000, workflow_partition, 42);
    call->root = call->id;
    call->args = make_arguments(asked_.args);
    call_ = std::move(call);
    life_.emplace(call_, asked_.what, find_socket);
    name_sockets(asked_.what.root(), {});
  }

  void begin() { commit(life_->begin(1)); }

  void commit(const workflow_progress& progress) {
    for (const auto& [step, outcome] : progress.outcomes)
      disk_.outcomes.emplace(step, outcome);
    for (const auto& member : progress.begun) {
      disk_.made.push_back(member->id);
      disk_.args[member->id] = member->args;
      disk_.in_flight[member->id] = sockets_.at(member->more().edge);
      paths[member->more().edge] = member->id;
    }
    if (progress.end) end = progress.end;
  }

  /// The member's function has run: durable before anyone is told.
  void finish(const call_id& id) {
    auto found = disk_.in_flight.find(id);
    disk_.history[id] = run_function(found->second, disk_.args[id]);
    disk_.in_flight.erase(found);
  }
  workflow_progress tell(const call_id& id) {
    return life_->member_ended(id, disk_.history.at(id), 2);
  }
  void finish_and_tell(const call_id& id) {
    finish(id);
    commit(tell(id));
  }

  /// The process dies: what was in memory is gone, and read again.
  void crash() {
    life_.emplace(call_, asked_.what, find_socket);
    commit(life_->restore(disk_.outcomes, disk_.made, 3));
    for (const auto& id : life_->running())
      if (disk_.history.contains(id)) commit(tell(id));
  }

  void run_to_end() {
    while (!end && !disk_.in_flight.empty())
      finish_and_tell(disk_.in_flight.begin()->first);
  }

  /// Of a random member, in random order, with the process dying at any point.
  void run_with_crashes(std::mt19937& random) {
    auto chance = [&](uint32_t in) { return random() % in == 0; };
    if (chance(4)) life_->begin(1), life_.emplace(call_, asked_.what, find_socket);
    begin();
    while (!end) {
      if (chance(5)) {
        crash();
        continue;
      }
      if (disk_.in_flight.empty()) break;
      auto which = disk_.in_flight.begin();
      std::advance(which, random() % disk_.in_flight.size());
      auto id = which->first;
      finish(id);
      if (chance(4)) {
        crash(); // before the workflow heard of it
        continue;
      }
      auto progress = tell(id);
      if (chance(4))
        crash(); // before what follows was written
      else
        commit(progress);
    }
  }

  json result() const { return end && !end->why ? json_of(end->result.cbor) : json("no result"); }
  std::string message() const { return end ? end->why.message : "no end"; }
  size_t in_flight() const { return disk_.in_flight.size(); }
  const disk& on_disk() const { return disk_; }
  workflow_run& life() { return *life_; }

  std::optional<member_outcome> end;
  std::map<std::string, call_id> paths;

private:
  void name_sockets(const workflow_step& step, const std::string& path) {
    if (step.kind == step_kind::call) sockets_[path] = step.socket;
    for (size_t i = 0; i < step.steps.size(); ++i) {
      auto inner = path;
      append_path(inner, step, i);
      name_sockets(*step.steps[i], inner);
    }
  }

  workflow_call asked_;
  std::map<std::string, std::string> sockets_; ///< by the path of the step
  call_ptr call_;
  std::optional<workflow_run> life_;
  disk disk_;
};

} // namespace flow::test
