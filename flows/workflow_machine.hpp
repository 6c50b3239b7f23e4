// The state machine of one workflow in progress. Pure: command in, calls and rows out; where a
// socket is comes as a parameter. Each step runs at most once, so that a step is known by its
// number: in the order in which the text names them, the root is 0.
//
// Everything in memory is a function of the workflow and the outcomes of its members, in whatever
// order they came: `restore` rebuilds it. What follows from one command becomes durable together.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "flows/call.hpp"
#include "flows/workflow.hpp"

namespace flow {

/// How a member ended: a result, or why there is none.
struct member_outcome {
  value result;
  failure why;

  bool operator==(const member_outcome&) const = default;
};
member_outcome outcome_of(const ended_call& ended);

struct workflow_progress {
  /// Members to be made: their rows, as children of the workflow, and then their owners are told.
  std::vector<call_ptr> begun;
  /// What was learned: rows from which the workflow can go on.
  std::vector<std::pair<uint32_t, member_outcome>> outcomes;
  std::vector<call_id> cancelled; ///< members that are to be cancelled
  std::optional<member_outcome> end;
};

/// The partition of a socket; nothing if there is no such socket (any more).
using socket_finder = std::function<std::optional<partition_id>(const std::string&)>;

class workflow_run {
public:
  /// `what` as its text says it; `call` is the workflow's own call, whose positional arguments are
  /// prepended to its first step.
  workflow_run(call_ptr call, workflow what, socket_finder find);

  /// The first step begins. Once, before the other commands.
  workflow_progress begin(uint64_t now_ms);

  /// In place of `begin`: `outcomes` by step number, as they became durable; `made` are the members
  /// that were made, so that one whose socket has moved since is found again.
  workflow_progress restore(const std::map<uint32_t, member_outcome>& outcomes,
                            const std::vector<call_id>& made, uint64_t now_ms);

  /// A member has ended; one that nothing waits for (any more) changes nothing.
  workflow_progress member_ended(const call_id& id, member_outcome outcome, uint64_t now_ms);

  /// No further step begins; ends, as cancelled, when the last member has ended.
  workflow_progress cancel();

  /// Members that were made and have not ended.
  std::vector<call_id> running() const;
  size_t running_count() const { return running_.size(); }
  bool has_ended() const { return has_ended_; }
  bool is_cancelled() const { return is_cancelled_; }
  /// The numbers of all outcomes that became rows.
  const std::vector<uint32_t>& recorded() const { return recorded_; }
  const call_ptr& call() const { return call_; }
  const workflow& what() const { return what_; }
  /// "pipeline[1].parallel[0]"; for people. Of the root: empty.
  std::string path_of(const call_id& member) const;

private:
  enum class node_state : uint8_t { waiting, running, ended };
  /// Values in front of the arguments of a step, shared by all that are given the same.
  struct given_values {
    uint64_t count = 0;
    std::string items;
  };
  using given_ptr = std::shared_ptr<const given_values>;

  struct node {
    const workflow_step* what = nullptr;
    uint32_t parent = 0;
    uint32_t index = 0;          ///< among the steps of its parent
    uint32_t children_begin = 0; ///< in `children_`
    node_state state = node_state::waiting;
    uint32_t ended_count = 0;           ///< members that have ended
    uint32_t first_undecided = 0;       ///< members before it have a result
    uint32_t first_failed = UINT32_MAX; ///< member
    uint32_t failed_step = UINT32_MAX;  ///< the call whose failure this is
    call_id id;                         ///< of the member, once it was made
    std::string result;                 ///< CBOR; taken by the parent
    std::unique_ptr<failure> why;       ///< set: failed
    given_ptr given;                    ///< of a series that goes on
  };

  uint32_t add_nodes(const workflow_step& step, uint32_t parent, uint32_t index);
  uint32_t child(const node& of, size_t index) const {
    return children_[of.children_begin + index];
  }
  given_ptr given_at_first() const;
  void start(uint32_t number, const given_ptr& given);
  void start_members(uint32_t number, const given_ptr& given);
  void issue(uint32_t number, const given_ptr& given);
  std::optional<call_id> id_of_member(uint32_t number, const std::string& path) const;
  void conclude(uint32_t number, member_outcome outcome);
  void succeed(uint32_t number, std::string result);
  void fail(uint32_t number, uint32_t failed_step, failure why);
  void settle();
  void child_ended(uint32_t parent, uint32_t number);
  void take_over(uint32_t number, uint32_t child);
  void member_of_list_ended(uint32_t number, uint32_t member);
  void end_list(uint32_t number);
  void append_error(std::string& to, const node& member) const;
  bool is_pointless(uint32_t number) const;
  std::string path_of_step(uint32_t number) const;
  failure why_at(const node& failed) const;
  void end_if_over();
  workflow_progress take();

  call_ptr call_;
  workflow what_;
  socket_finder find_;
  std::vector<node> nodes_;
  std::vector<uint32_t> children_;
  std::unordered_map<call_id, uint32_t> running_;
  std::vector<uint32_t> just_ended_; ///< their parents have not been told
  std::vector<uint32_t> recorded_;
  std::map<std::string, call_id, std::less<>> made_; ///< while restoring: by all but the partition
  const std::map<uint32_t, member_outcome>* known_ = nullptr; ///< while restoring
  uint64_t now_ms_ = 0;
  bool is_cancelled_ = false;
  bool has_ended_ = false;
  workflow_progress out_;
};

} // namespace flow
