#include "actors/workflow_rows.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "flows/limits.hpp"
#include "flows/workflow_text.hpp"
#include "storage/key_kind.hpp"

namespace flow::actors {

using nlohmann::json;

namespace {

/// "parallel[2]" before "parallel[10]": numbers by their size, a body after the members.
bool is_earlier_step(const std::string& a, const std::string& b) {
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0;
  while (i < a.size() && i < b.size() && a[i] == b[i])
    ++i;
  while (i > 0 && is_digit(a[i - 1]))
    --i;
  auto number_at = [&](const std::string& path) {
    auto end = i;
    while (end < path.size() && is_digit(path[end]))
      ++end;
    return path.substr(i, end - i);
  };
  auto x = number_at(a);
  auto y = number_at(b);
  if (!x.empty() && !y.empty()) return std::pair{x.size(), x} < std::pair{y.size(), y};
  // "funnel[0]" and "funnel.body"
  if (i < a.size() && i < b.size()) return a[i] != '.' && (b[i] == '.' || a[i] < b[i]);
  return a.size() < b.size();
}

/// The path of the step that a member is; empty for another call.
std::string step_of(const json& tree) {
  const auto& via = tree["call"]["via"];
  return via.is_string() ? via.get<std::string>() : std::string{};
}

} // namespace

void sort_steps(json& trees) {
  std::ranges::stable_sort(trees.get_ref<json::array_t&>(), is_earlier_step, step_of);
}

result<json_ptr> with_steps(const services& shared, const call_id& id, result<json_ptr> row) {
  if (!row || id.partition() != workflow_partition) return row;
  auto bytes = shared.store->get(storage::family::history, storage::workflow_key(id));
  auto what = bytes && *bytes ? decode_workflow(**bytes) : result<workflow>{error{}};
  if (!what) return row;
  auto whole = **row;
  whole["function"] = to_string(what->root().kind);
  whole["flow"] = to_text(*what, limits::workflow_text_bytes_shown_max);
  return share(std::move(whole));
}

result<call_id> workflow_of(const services& shared, const verbs_state::in_flight& live,
                            const call_id& id) {
  auto at = id;
  while (at.partition() != workflow_partition) {
    auto row = row_anywhere(shared, live, at, false);
    if (!row) return row.error();
    const auto& parent = (**row).at("parent");
    if (!parent.is_string())
      return make_error(ec::wrong_state, "call " + to_string(id) + " is not part of a workflow",
                        "flow ls call ID --graph draws all calls of its root");
    at = *parse_call_id(parent.get<std::string>());
  }
  return at;
}

} // namespace flow::actors
