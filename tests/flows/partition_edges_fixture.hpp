// A partition under test with plugs and joins.
#pragma once

#include "tests/flows/partition_fixture.hpp"

#include "caf/test/dsl.hpp"

namespace flow::test {

struct edges_fixture : partition_fixture {
  ~edges_fixture() { CAF_CHECK_EQUAL(trouble, ""); }

  static constexpr partition_id elsewhere{9};

  void connect(std::string plug, std::string on = "result", std::string argument = {}) {
    policy.edges.push_back({std::move(plug), std::move(on), other, std::move(argument)});
    reconfigure();
  }

  void join_on(std::vector<parameter> parameters) {
    policy.join = std::move(parameters);
    reconfigure();
  }

  void join_by(join_mode how, std::vector<parameter> parameters) {
    policy.join_by = how;
    join_on(std::move(parameters));
  }

  /// The root of a run that fans out and joins again: some call of another partition.
  call_id make_root(partition_id from = other) {
    return make_call_id(now_ms, from, stable_hash("root", ++roots));
  }

  /// A child of `root` that delivers one argument, durable as its maker has written it.
  call_ptr arrive_value(const call_id& root, std::string argument, const value& what) {
    auto call = make_call([&](call_record& made, call_extras& more) {
      made.root = root;
      made.parent = root;
      made.args = make_arguments({what});
      more.argument = argument;
      more.edge = "to_" + argument;
    });
    rows.apply({put_call{call}, put_child{root, call->id}});
    run(arrive_command{{call}});
    return call;
  }
  call_ptr arrive(const call_id& root, std::string argument, int64_t n) {
    return arrive_value(root, std::move(argument), number(n));
  }

  /// An argument that a caller delivers by hand.
  call_ptr make_delivery(std::string argument, int64_t n) {
    return make_call([&](call_record& made, call_extras& more) {
      made.args = make_arguments({number(n)});
      more.argument = argument;
    });
  }
  call_ptr deliver(std::string argument, int64_t n) { return add(make_delivery(argument, n)); }

  /// The keyword arguments of the calls taken so far, as JSON.
  std::vector<std::string> taken_arguments() const {
    std::vector<std::string> all;
    for (const auto& item : taken)
      all.push_back(to_json_text(value{item.call->args.keyword}));
    return all;
  }

  std::vector<call_id> children_of(const call_id& parent) const {
    std::vector<call_id> found;
    for (const auto& [from, child] : rows.children)
      if (from == parent) found.push_back(child);
    return found;
  }

  uint64_t roots = 0;
};

inline parameter required(std::string name) {
  return {std::move(name), parameter_kind::positional_or_keyword, {}, {}};
}

inline parameter optional(std::string name) {
  return {std::move(name), parameter_kind::positional_or_keyword, "0", {}};
}

using texts = std::vector<std::string>;

} // namespace flow::test
