#include "flows/workflow_machine.hpp"

#include <algorithm>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"

namespace flow {

namespace {

constexpr size_t partition_bytes = 3; ///< the last ones of an id

std::string_view without_partition(const call_id& id) {
  auto bytes = id.view();
  return bytes.substr(0, bytes.size() - partition_bytes);
}

bool is_list(const workflow_step& step) {
  return step.kind != step_kind::call && step.kind != step_kind::pipeline;
}

failure too_large(const std::string& what, uint64_t bytes, uint64_t bytes_max) {
  return {ec::payload_too_large,
          "payload_too_large",
          what + " would have " + std::to_string(bytes) + " bytes, at most "
              + std::to_string(bytes_max) + " are taken",
          {}};
}

} // namespace

member_outcome outcome_of(const ended_call& ended) {
  if (ended.state == call_state::finished) return {ended.result, {}};
  auto why = ended.why;
  if (!why) why = {ec::task_failed, std::string{to_string(ended.state)}, {}, {}};
  return {{}, std::move(why)};
}

workflow_run::workflow_run(call_ptr call, workflow what, socket_finder find)
    : call_{std::move(call)}, what_{std::move(what)}, find_{std::move(find)} {
  nodes_.reserve(what_.root().size);
  add_nodes(what_.root(), 0, 0);
}

uint32_t workflow_run::add_nodes(const workflow_step& step, uint32_t parent, uint32_t index) {
  auto number = static_cast<uint32_t>(nodes_.size());
  auto children_begin = static_cast<uint32_t>(children_.size());
  auto& added = nodes_.emplace_back();
  added.what = &step;
  added.parent = parent;
  added.index = index;
  added.children_begin = children_begin;
  children_.resize(children_.size() + step.steps.size());
  for (uint32_t i = 0; i < step.steps.size(); ++i) {
    auto inner = add_nodes(*step.steps[i], number, i);
    children_[children_begin + i] = inner;
  }
  return number;
}

// -- commands -----------------------------------------------------------------

workflow_run::given_ptr workflow_run::given_at_first() const {
  cbor::reader in{call_->args.positional};
  auto given = std::make_shared<given_values>();
  given->count = in.array();
  given->items = call_->args.positional.substr(in.offset());
  return given;
}

workflow_progress workflow_run::begin(uint64_t now_ms) {
  now_ms_ = now_ms;
  start(0, given_at_first());
  settle();
  end_if_over();
  return take();
}

workflow_progress workflow_run::restore(const std::map<uint32_t, member_outcome>& outcomes,
                                        const std::vector<call_id>& made, uint64_t now_ms) {
  now_ms_ = now_ms;
  known_ = &outcomes;
  for (const auto& id : made)
    made_.emplace(without_partition(id), id);
  start(0, given_at_first());
  settle();
  // In the order of their numbers: what makes a step pointless stands before it.
  for (const auto& [number, outcome] : outcomes) {
    recorded_.push_back(number);
    if (number < nodes_.size()) conclude(number, outcome);
    settle();
  }
  known_ = nullptr;
  made_.clear();
  end_if_over();
  return take();
}

workflow_progress workflow_run::member_ended(const call_id& id, member_outcome outcome,
                                             uint64_t now_ms) {
  auto found = running_.find(id);
  if (found == running_.end() || has_ended_) return {};
  now_ms_ = now_ms;
  auto number = found->second;
  if (is_cancelled_ || is_pointless(number)) {
    running_.erase(found);
  } else {
    recorded_.push_back(number);
    out_.outcomes.emplace_back(number, outcome);
    conclude(number, std::move(outcome));
    settle();
  }
  end_if_over();
  return take();
}

workflow_progress workflow_run::cancel() {
  if (has_ended_) return {};
  is_cancelled_ = true;
  out_.cancelled = running();
  end_if_over();
  return take();
}

std::vector<call_id> workflow_run::running() const {
  std::vector<call_id> ids;
  ids.reserve(running_.size());
  for (const auto& [id, number] : running_)
    ids.push_back(id);
  std::ranges::sort(ids);
  return ids;
}

std::string workflow_run::path_of(const call_id& member) const {
  auto found = running_.find(member);
  return found == running_.end() ? std::string{} : path_of_step(found->second);
}

workflow_progress workflow_run::take() {
  return std::exchange(out_, {});
}

void workflow_run::end_if_over() {
  const auto& root = nodes_.front();
  if (has_ended_) return;
  if (is_cancelled_) {
    if (!running_.empty()) return;
    out_.end.emplace().why = {ec::task_cancelled, "cancelled", "the workflow was cancelled", {}};
  } else if (root.state == node_state::ended) {
    out_.end.emplace();
    if (root.why)
      out_.end->why = why_at(root);
    else
      out_.end->result.cbor = root.result;
  }
  has_ended_ = out_.end.has_value();
}

// -- beginning ----------------------------------------------------------------

void workflow_run::start(uint32_t number, const given_ptr& given) {
  if (is_cancelled_ || is_pointless(number)) return;
  auto& n = nodes_[number];
  n.state = node_state::running;
  switch (n.what->kind) {
  case step_kind::call:
    return issue(number, given);
  case step_kind::pipeline:
    return start(child(n, 0), given);
  case step_kind::series:
    n.given = given;
    return start(child(n, 0), given);
  default:
    return start_members(number, given);
  }
}

void workflow_run::start_members(uint32_t number, const given_ptr& given) {
  auto& n = nodes_[number];
  auto bytes = given->items.size() * n.what->size;
  if (bytes > limits::workflow_fan_out_bytes_max)
    return fail(number, number,
                too_large("what is given to all members together", bytes,
                          limits::workflow_fan_out_bytes_max));
  for (size_t i = 0; i < n.what->member_count(); ++i)
    start(child(n, i), given);
  if (n.what->member_count() == 0) end_list(number);
}

/// Its parents have ended, or will fail for an earlier reason: whatever it did, nothing would come
/// of it.
bool workflow_run::is_pointless(uint32_t number) const {
  for (auto at = number; at != 0; at = nodes_[at].parent) {
    const auto& above = nodes_[nodes_[at].parent];
    if (above.state == node_state::ended) return true;
    bool is_strict = is_list(*above.what) && above.what->on_error == error_policy::fail_fast;
    if (is_strict && above.first_failed < nodes_[at].index) return true;
  }
  return false;
}

std::optional<call_id> workflow_run::id_of_member(uint32_t number, const std::string& path) const {
  auto derived = [&](partition_id owner) {
    return derive_call_id(call_->id, path, call_->generation, owner);
  };
  if (known_) {
    auto found = made_.find(without_partition(derived({})));
    if (found != made_.end()) return found->second;
  }
  auto owner = find_(nodes_[number].what->socket);
  if (!owner) return std::nullopt;
  return derived(*owner);
}

void workflow_run::issue(uint32_t number, const given_ptr& given) {
  auto& n = nodes_[number];
  auto path = path_of_step(number);
  auto id = id_of_member(number, path);
  bool was_made = known_ && id && made_.contains(without_partition(*id));
  if (was_made || (known_ && known_->contains(number))) {
    n.id = id.value_or(call_id{});
    if (was_made) running_.emplace(n.id, number);
    return;
  }
  auto refuse = [&](failure why) {
    recorded_.push_back(number);
    out_.outcomes.push_back({number, {{}, why}});
    fail(number, number, std::move(why));
  };
  if (!id)
    return refuse(
        {ec::unknown_socket, "unknown_socket", "no socket \"" + n.what->socket + "\"", {}});
  auto member = std::make_shared<call_record>();
  if (n.what->is_only)
    member->args = n.what->args;
  else
    member->args = prepended(n.what->args, given->count, given->items);
  if (member->args.size_bytes() > limits::payload_bytes_max)
    return refuse(too_large("the arguments", member->args.size_bytes(), limits::payload_bytes_max));
  member->id = *id;
  member->root = call_->root;
  member->parent = call_->id;
  member->queued_ms = now_ms_;
  member->priority = call_->priority;
  call_extras more;
  more.edge = std::move(path);
  more.user = call_->more().user;
  more.trace = call_->more().trace;
  member->set_extras(std::move(more));
  n.id = *id;
  running_.emplace(*id, number);
  out_.begun.push_back(std::move(member));
}

// -- ending -------------------------------------------------------------------

void workflow_run::conclude(uint32_t number, member_outcome outcome) {
  auto& n = nodes_[number];
  if (n.state != node_state::running) return;
  running_.erase(n.id);
  if (outcome.why)
    fail(number, number, std::move(outcome.why));
  else
    succeed(number, std::move(outcome.result.cbor));
}

void workflow_run::succeed(uint32_t number, std::string result) {
  auto& n = nodes_[number];
  n.state = node_state::ended;
  n.result = std::move(result);
  n.given.reset();
  just_ended_.push_back(number);
}

void workflow_run::fail(uint32_t number, uint32_t failed_step, failure why) {
  auto& n = nodes_[number];
  n.state = node_state::ended;
  n.failed_step = failed_step;
  n.why = std::make_unique<failure>(std::move(why));
  n.given.reset();
  just_ended_.push_back(number);
}

/// Not by recursion: a step may end at once, and so may a hundred thousand after it.
void workflow_run::settle() {
  while (!just_ended_.empty()) {
    auto number = just_ended_.back();
    just_ended_.pop_back();
    if (number != 0) child_ended(nodes_[number].parent, number);
  }
}

void workflow_run::child_ended(uint32_t parent, uint32_t number) {
  auto& p = nodes_[parent];
  if (p.state == node_state::ended) return;
  auto& ended = nodes_[number];
  bool is_last = ended.index + 1 == p.what->steps.size();
  if (p.what->kind == step_kind::pipeline && !is_last && !ended.why)
    return start(child(p, ended.index + 1),
                 std::make_shared<given_values>(given_values{1, std::move(ended.result)}));
  bool is_body = p.what->kind == step_kind::funnel && is_last;
  if (p.what->kind == step_kind::pipeline || is_body) return take_over(parent, number);
  member_of_list_ended(parent, number);
}

/// The step ends as this one of its steps did.
void workflow_run::take_over(uint32_t number, uint32_t child) {
  auto& from = nodes_[child];
  if (from.why)
    fail(number, from.failed_step, *from.why);
  else
    succeed(number, std::move(from.result));
}

void workflow_run::member_of_list_ended(uint32_t number, uint32_t member) {
  auto& n = nodes_[number];
  const auto count = n.what->member_count();
  ++n.ended_count;
  if (nodes_[member].why) n.first_failed = std::min(n.first_failed, nodes_[member].index);
  if (n.what->on_error == error_policy::fail_fast) {
    // The first error in declared order is known when all before it have a result.
    while (n.first_undecided < count) {
      const auto& next = nodes_[child(n, n.first_undecided)];
      if (next.state != node_state::ended || next.why) break;
      ++n.first_undecided;
    }
    if (n.first_undecided == n.first_failed) return take_over(number, child(n, n.first_failed));
  }
  if (n.ended_count == count) return end_list(number);
  if (n.what->kind == step_kind::series) start(child(n, nodes_[member].index + 1), n.given);
}

/// All members have ended: their list is the result, or goes to the body.
void workflow_run::end_list(uint32_t number) {
  auto& n = nodes_[number];
  bool keeps_errors = n.what->on_error == error_policy::collect;
  uint64_t count = 0;
  std::string items;
  for (size_t i = 0; i < n.what->member_count(); ++i) {
    auto& member = nodes_[child(n, i)];
    if (member.why && !keeps_errors) continue;
    ++count;
    if (member.why)
      append_error(items, member);
    else
      items += std::exchange(member.result, {});
  }
  std::string list;
  cbor::writer{list}.array(count).raw(items);
  if (list.size() > limits::payload_bytes_max)
    return fail(number, number,
                too_large("the list of results", list.size(), limits::payload_bytes_max));
  cbor::reader check{list};
  check.skip();
  if (check.failed())
    return fail(
        number, number,
        {ec::not_a_value,
         "not_a_value",
         "the list of results is nested deeper than " + std::to_string(limits::value_depth_max),
         {}});
  if (n.what->kind != step_kind::funnel) return succeed(number, std::move(list));
  start(child(n, n.what->member_count()),
        std::make_shared<given_values>(given_values{1, std::move(list)}));
}

// -- errors -------------------------------------------------------------------

std::string workflow_run::path_of_step(uint32_t number) const {
  std::vector<uint32_t> up;
  for (auto at = number; at != 0; at = nodes_[at].parent)
    up.push_back(at);
  std::string path;
  for (auto at = up.rbegin(); at != up.rend(); ++at)
    append_path(path, *nodes_[nodes_[*at].parent].what, nodes_[*at].index);
  return path;
}

/// What failed is a step far below: the message says which.
failure workflow_run::why_at(const node& failed) const {
  auto why = *failed.why;
  auto path = path_of_step(failed.failed_step);
  if (path.empty()) return why;
  const auto& socket = nodes_[failed.failed_step].what->socket;
  why.message = "step " + path + (socket.empty() ? "" : " (" + socket + ")") + ": " + why.message;
  return why;
}

void workflow_run::append_error(std::string& to, const node& member) const {
  const auto& step = nodes_[member.failed_step];
  cbor::writer out{to};
  out.map(1).text("error").map(7).text("code").text(code_text(member.why->code));
  out.text("type").text(member.why->type).text("message").text(member.why->message);
  out.text("traceback").text(member.why->traceback);
  out.text("path").text(path_of_step(member.failed_step)).text("socket").text(step.what->socket);
  out.text("call");
  if (step.id)
    out.text(to_string(step.id));
  else
    out.null();
}

} // namespace flow
