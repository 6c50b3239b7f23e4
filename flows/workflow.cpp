#include "flows/workflow.hpp"

#include <algorithm>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"

namespace flow {

namespace {

constexpr uint64_t encoding_version = 1;

/// The steps with each parallel among them replaced by its members, if they follow `on_error`.
result<std::vector<step_ptr>> spliced(const std::vector<workflow>& members, error_policy on_error) {
  std::vector<step_ptr> flat;
  flat.reserve(members.size());
  for (const auto& member : members) {
    const auto& inner = member.root();
    if (inner.kind != step_kind::parallel) {
      flat.push_back(member.shared_root());
      continue;
    }
    if (inner.on_error != on_error && inner.on_error != error_policy::fail_fast)
      return make_error(ec::bad_workflow,
                        "a parallel directly inside a parallel or funnel is part of it, and cannot "
                        "have the error policy "
                            + std::string{to_string(inner.on_error)} + " alone",
                        "give the policy to the outer one, or put the inner one into a pipeline");
    flat.insert(flat.end(), inner.steps.begin(), inner.steps.end());
  }
  return flat;
}

arguments arguments_of_item(const value& item, const arguments& declared) {
  cbor::reader in{item.cbor};
  if (in.peek() != cbor::kind::array) return prepended(declared, 1, item.cbor);
  auto count = in.array();
  return prepended(declared, count, std::string_view{item.cbor}.substr(in.offset()));
}

void write_step(cbor::writer& out, const workflow_step& step) {
  if (step.kind == step_kind::call) {
    out.array(5).unsigned_integer(static_cast<uint64_t>(step.kind)).text(step.socket);
    out.raw(step.args.positional).raw(step.args.keyword).boolean(step.is_only);
    return;
  }
  out.array(3).unsigned_integer(static_cast<uint64_t>(step.kind));
  out.unsigned_integer(static_cast<uint64_t>(step.on_error)).array(step.steps.size());
  for (const auto& inner : step.steps)
    write_step(out, *inner);
}

} // namespace

std::string_view to_string(step_kind kind) {
  constexpr std::string_view names[]
      = {"call", "pipeline", "parallel", "funnel", "segment", "series"};
  return names[static_cast<size_t>(kind)];
}

std::string_view to_string(error_policy policy) {
  constexpr std::string_view names[] = {"fail_fast", "collect", "skip"};
  return names[static_cast<size_t>(policy)];
}

// -- building -----------------------------------------------------------------

result<workflow> workflow::make(workflow_step step) {
  for (const auto& inner : step.steps) {
    step.size += inner->size;
    step.depth = std::max(step.depth, inner->depth + 1);
    if (step.size > limits::workflow_steps_max)
      return make_error(ec::bad_workflow, "a workflow has at most "
                                              + std::to_string(limits::workflow_steps_max)
                                              + " steps");
  }
  if (step.depth > limits::workflow_depth_max)
    return make_error(ec::bad_workflow, "the steps of a workflow are at most "
                                            + std::to_string(limits::workflow_depth_max)
                                            + " deep inside one another");
  return workflow{std::make_shared<const workflow_step>(std::move(step))};
}

workflow workflow::call(std::string socket, arguments args) {
  workflow_step step;
  step.socket = std::move(socket);
  step.args = std::move(args);
  return workflow{std::make_shared<const workflow_step>(std::move(step))};
}

result<workflow> workflow::pipeline(const std::vector<workflow>& steps) {
  if (steps.empty()) return make_error(ec::bad_workflow, "a pipeline has at least one step");
  workflow_step step;
  step.kind = step_kind::pipeline;
  for (const auto& inner : steps)
    step.steps.push_back(inner.shared_root());
  return make(std::move(step));
}

result<workflow> workflow::parallel(const std::vector<workflow>& members, error_policy on_error) {
  auto flat = spliced(members, on_error);
  if (!flat) return flat.error();
  workflow_step step;
  step.kind = step_kind::parallel;
  step.on_error = on_error;
  step.steps = std::move(*flat);
  return make(std::move(step));
}

result<workflow> workflow::funnel(const std::vector<workflow>& members, const workflow& body,
                                  error_policy on_error) {
  auto flat = spliced(members, on_error);
  if (!flat) return flat.error();
  workflow_step step;
  step.kind = step_kind::funnel;
  step.on_error = on_error;
  step.steps = std::move(*flat);
  step.steps.push_back(body.shared_root());
  return make(std::move(step));
}

result<workflow> workflow::segment(const workflow& task, const std::vector<value>& items,
                                   size_t chunk_items, error_policy on_error) {
  const auto& called = task.root();
  if (called.kind != step_kind::call)
    return make_error(ec::bad_workflow, "a segment calls a socket for each item, not a "
                                            + std::string{to_string(called.kind)});
  if (chunk_items == 0)
    return make_error(ec::bad_workflow, "a chunk of a segment has at least one item");
  std::vector<step_ptr> chunks;
  for (size_t begin = 0; begin < items.size(); begin += std::min(chunk_items, items.size())) {
    workflow_step chunk;
    chunk.kind = step_kind::series;
    chunk.on_error = on_error;
    for (auto i = begin; i < items.size() && i - begin < chunk_items; ++i) {
      auto each = called;
      each.args = arguments_of_item(items[i], called.args);
      chunk.steps.push_back(std::make_shared<const workflow_step>(std::move(each)));
    }
    auto made = make(std::move(chunk));
    if (!made) return made.error();
    chunks.push_back(made->root_);
  }
  workflow_step step;
  step.kind = step_kind::segment;
  step.on_error = on_error;
  step.steps = std::move(chunks);
  return make(std::move(step));
}

workflow workflow::only() const {
  if (root_->kind != step_kind::call) return *this;
  auto changed = *root_;
  changed.is_only = true;
  return workflow{std::make_shared<const workflow_step>(std::move(changed))};
}

bool workflow::operator==(const workflow& other) const {
  return root_ == other.root_ || encode(*this) == encode(other);
}

arguments prepended(const arguments& args, uint64_t count, std::string_view items) {
  if (count == 0) return args;
  cbor::reader in{args.positional};
  auto declared = in.array();
  arguments whole;
  whole.keyword = args.keyword;
  whole.positional.clear();
  whole.positional.reserve(args.positional.size() + items.size() + 8);
  cbor::writer{whole.positional}
      .array(count + declared)
      .raw(items)
      .raw(std::string_view{args.positional}.substr(in.offset()));
  return whole;
}

void append_path(std::string& path, const workflow_step& of, size_t index) {
  if (of.kind != step_kind::series) {
    if (!path.empty()) path += '.';
    path += to_string(of.kind);
  }
  path += of.kind == step_kind::funnel && index == of.member_count()
              ? std::string{".body"}
              : "[" + std::to_string(index) + "]";
}

// -- bytes --------------------------------------------------------------------

std::string encode(const workflow& what) {
  std::string bytes;
  cbor::writer out{bytes};
  out.array(2).unsigned_integer(encoding_version);
  write_step(out, what.root());
  return bytes;
}

/// Builds again what it reads, so that no rule is written twice.
class workflow_decoder {
public:
  explicit workflow_decoder(std::string_view bytes) : bytes_{bytes}, in_{bytes} {}

  result<workflow> decode() {
    if (in_.array() != 2 || in_.unsigned_integer() != encoding_version) return malformed();
    auto what = read_step(limits::workflow_depth_max);
    if (what && !in_.at_end()) return malformed();
    return what;
  }

private:
  error malformed() const {
    return make_error(ec::bad_workflow, "the bytes of the workflow are malformed at byte "
                                            + std::to_string(in_.offset()));
  }

  result<workflow> read_step(size_t depth_left) {
    if (depth_left == 0) return malformed();
    auto items = in_.array();
    auto kind = in_.unsigned_integer();
    if (in_.failed() || kind > static_cast<uint64_t>(step_kind::series)) return malformed();
    if (kind == static_cast<uint64_t>(step_kind::call))
      return items == 5 ? read_call() : result<workflow>{malformed()};
    auto on_error = in_.unsigned_integer();
    if (items != 3 || on_error > static_cast<uint64_t>(error_policy::skip)) return malformed();
    std::vector<workflow> steps;
    for (auto n = in_.array(); n > 0; --n) {
      auto step = read_step(depth_left - 1);
      if (!step) return step;
      if (steps.size() == limits::workflow_steps_max) return malformed();
      steps.push_back(std::move(*step));
    }
    if (in_.failed()) return malformed();
    return build(step_kind{static_cast<uint8_t>(kind)},
                 error_policy{static_cast<uint8_t>(on_error)}, std::move(steps));
  }

  result<workflow> read_call() {
    auto socket = std::string{in_.text()};
    auto positional = std::string{read_container(cbor::kind::array)};
    auto keyword = std::string{read_container(cbor::kind::map)};
    auto is_only = in_.boolean();
    if (in_.failed() || socket.empty() || socket.size() > limits::name_bytes_max)
      return malformed();
    auto args = arguments_of_cbor(std::move(positional), std::move(keyword));
    if (!args) return args.error();
    auto made = workflow::call(std::move(socket), std::move(*args));
    return is_only ? made.only() : made;
  }

  /// Each item of which may be as deep as a value may.
  std::string_view read_container(cbor::kind expected) {
    auto start = in_.offset();
    bool is_map = expected == cbor::kind::map;
    for (auto n = is_map ? in_.map() : in_.array(); n > 0 && !in_.failed(); --n) {
      if (is_map) in_.text();
      in_.skip();
    }
    return bytes_.substr(start, in_.failed() ? 0 : in_.offset() - start);
  }

  result<workflow> build(step_kind kind, error_policy on_error, std::vector<workflow> steps) {
    if (kind == step_kind::pipeline) return workflow::pipeline(steps);
    if (kind == step_kind::parallel) return workflow::parallel(steps, on_error);
    if (kind == step_kind::funnel) {
      if (steps.empty()) return malformed();
      auto body = std::move(steps.back());
      steps.pop_back();
      return workflow::funnel(steps, body, on_error);
    }
    // Only a segment has series, and only series of calls.
    auto wanted = kind == step_kind::segment ? step_kind::series : step_kind::call;
    workflow_step step;
    step.kind = kind;
    step.on_error = on_error;
    for (const auto& inner : steps) {
      if (inner.root().kind != wanted
          || (kind == step_kind::segment && inner.root().on_error != on_error))
        return malformed();
      step.steps.push_back(inner.shared_root());
    }
    if (kind == step_kind::series && step.steps.empty()) return malformed();
    return workflow::make(std::move(step));
  }

  std::string_view bytes_;
  cbor::reader in_;
};

result<workflow> decode_workflow(std::string_view bytes) {
  auto what = workflow_decoder{bytes}.decode();
  if (what && what->root().kind == step_kind::series)
    return make_error(ec::bad_workflow, "a chunk stands in a segment only");
  return what;
}

} // namespace flow
