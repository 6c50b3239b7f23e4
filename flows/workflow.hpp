// A workflow as a value: a tree of steps (spec 1.8). Building one runs nothing; it may be launched
// often, and nested in others. What is built once is shared, never copied.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flows/error.hpp"
#include "flows/value.hpp"

namespace flow {

/// Written to disk: never renumber.
enum class step_kind : uint8_t {
  call = 0,
  pipeline = 1, ///< one after the other, each is given the result of the one before
  parallel = 2, ///< all at once; the list of results in declared order
  funnel = 3,   ///< members as in a parallel, then the body is given their list
  segment = 4,  ///< its steps are `series`
  series = 5,   ///< one chunk of a segment: one call after the other; the list of results
};

/// What a step with members makes of those that fail. Written to disk: never renumber.
enum class error_policy : uint8_t {
  fail_fast = 0, ///< fails as the first of them in declared order
  collect = 1,   ///< {"error": {...}} in the place of the result
  skip = 2,      ///< leaves them out
};

std::string_view to_string(step_kind kind);
std::string_view to_string(error_policy policy);

struct workflow_step;
using step_ptr = std::shared_ptr<const workflow_step>;

struct workflow_step {
  step_kind kind = step_kind::call;
  error_policy on_error = error_policy::fail_fast;
  bool is_only = false; ///< of a call: nothing is prepended to its arguments
  std::string socket;   ///< of a call
  arguments args;
  std::vector<step_ptr> steps; ///< of a funnel: its members, and last its body
  uint64_t size = 1;           ///< steps in it, itself included
  uint32_t depth = 1;

  /// Steps without the body of a funnel.
  size_t member_count() const { return steps.size() - (kind == step_kind::funnel ? 1 : 0); }
};

/// `bad_workflow` from a builder says which rule was broken. All refuse more than
/// `limits::workflow_steps_max` steps and `limits::workflow_depth_max` of depth.
class workflow {
public:
  static workflow call(std::string socket, arguments args = {});
  /// Refuses to be empty.
  static result<workflow> pipeline(const std::vector<workflow>& steps);
  /// A parallel directly inside is spliced; it may have no error policy of its own.
  static result<workflow> parallel(const std::vector<workflow>& members,
                                   error_policy on_error = error_policy::fail_fast);
  static result<workflow> funnel(const std::vector<workflow>& members, const workflow& body,
                                 error_policy on_error = error_policy::fail_fast);
  /// Calls `task` for each item, chunks of `chunk_items` side by side; the list of the lists of
  /// results. An item that is a list is the positional arguments, anything else the one argument.
  static result<workflow> segment(const workflow& task, const std::vector<value>& items,
                                  size_t chunk_items,
                                  error_policy on_error = error_policy::fail_fast);

  /// The same call, which is not given the result of the step before it. Of another step: the step.
  workflow only() const;

  const workflow_step& root() const { return *root_; }
  const step_ptr& shared_root() const { return root_; }
  bool operator==(const workflow& other) const;

private:
  explicit workflow(step_ptr root) : root_{std::move(root)} {}
  static result<workflow> make(workflow_step step);
  friend class workflow_decoder;
  step_ptr root_;
};

/// The arguments of a call with `count` encoded items put in front of the positional ones.
arguments prepended(const arguments& args, uint64_t count, std::string_view items);

/// Appends what leads from a step to its `index`-th step: "pipeline[1]", "pipeline[1].funnel.body".
void append_path(std::string& path, const workflow_step& of, size_t index);

/// The bytes that travel and are stored: one CBOR item (docs/data.md).
std::string encode(const workflow& what);
/// Bytes from outside: `bad_workflow`, `bad_value` for arguments that are no values.
result<workflow> decode_workflow(std::string_view bytes);

} // namespace flow
