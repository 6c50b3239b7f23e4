#include "cli/call_tree.hpp"

#include <nlohmann/json.hpp>

#include "cli/printer.hpp"
#include "cli/tree_text.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

constexpr size_t arguments_width_max = 40;
constexpr size_t result_width_max = 30;

std::string text_at(const json& tree, const std::string& path) {
  const auto& found = item_at(tree, path);
  return found.is_string() ? found.get<std::string>() : "";
}

/// shop.price("tea", qty=2)
std::string label_of(const json& call) {
  std::string arguments;
  for (const auto& each : item_at(call, "args"))
    arguments += (arguments.empty() ? "" : ", ") + json_line(each);
  const auto& named = item_at(call, "kwargs");
  if (named.is_object())
    for (auto it = named.begin(); it != named.end(); ++it)
      arguments += (arguments.empty() ? "" : ", ") + it.key() + "=" + json_line(*it);
  const auto name = one_line(text_at(call, "socket|function"));
  if (!call.contains("args") && !call.contains("kwargs")) return name; // a node may leave them out
  return name + "(" + cut_to_width(one_line(arguments), arguments_width_max) + ")";
}

std::string outcome_of(const json& call) {
  const auto state = text_at(call, "state");
  if (state == "finished" && call.contains("result"))
    return cut_to_width(one_line(json_line(call["result"])), result_width_max);
  const auto why = text_at(call, "failure.type");
  return why.empty() ? state : state + ": " + one_line(why);
}

struct drawing {
  std::vector<std::vector<std::string>> rows;

  void add(const json& tree, const std::string& before_label, const std::string& before_children) {
    const auto& call = item_at(tree, "call");
    rows.push_back({before_label + label_of(call), outcome_of(call),
                    cell_text(item_at(call, "run_us"), cell::duration_us, 0),
                    one_line(text_at(call, "node")), text_at(call, "id")});
    const auto& children = item_at(tree, "children");
    if (!children.is_array()) return;
    for (size_t i = 0; i < children.size(); ++i) {
      const bool is_last = i + 1 == children.size();
      add(children[i], before_children + (is_last ? "└── " : "├── "),
          before_children + (is_last ? "    " : "│   "));
    }
  }
};

} // namespace

std::string draw_call_tree(const json& tree, const table_style& style) {
  drawing made;
  made.add(tree, "", "");
  std::vector<std::string> ids;
  for (const auto& row : made.rows)
    ids.push_back(row.back());
  const auto length = id_prefix_length(ids);
  for (auto& row : made.rows)
    row.back() = row.back().substr(0, length);
  auto plain = style;
  plain.has_headers = false;
  return format_table({{"CALL", ""},
                       {"RESULT", ""},
                       {"TIME", "", cell::duration_us},
                       {"NODE", "", cell::id},
                       {"ID", "", cell::id}},
                      made.rows, plain);
}

} // namespace flow::cli
