#include "cli/tree_text.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "flows/value.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

bool is_special(const json& tree) {
  return tree.is_object() && tree.size() == 1
         && (tree.contains("$int") || tree.contains("$bytes") || tree.contains("$float"));
}

bool is_leaf(const json& tree) {
  return !tree.is_structured() || tree.empty() || is_special(tree);
}

std::string quoted(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

void add_pretty(std::string& out, const json& tree, size_t depth) {
  if (is_leaf(tree)) {
    out += json_line(tree);
    return;
  }
  const std::string inner(2 * (depth + 1), ' ');
  out += tree.is_object() ? "{" : "[";
  bool is_first = true;
  for (auto it = tree.begin(); it != tree.end(); ++it) {
    out += (is_first ? "\n" : ",\n") + inner;
    is_first = false;
    if (tree.is_object()) out += quoted(it.key()) + ": ";
    add_pretty(out, *it, depth + 1);
  }
  out += "\n" + std::string(2 * depth, ' ');
  out += tree.is_object() ? "}" : "]";
}

/// Whether YAML 1.1 and 1.2 both read these letters back as this string, without quotes.
bool is_plain_yaml(const std::string& text) {
  if (text.empty() || text.size() > 200) return false;
  auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '/';
  };
  if (!std::isalpha(static_cast<unsigned char>(text.front()))) return false;
  if (!std::ranges::all_of(text, [&](char c) { return is_word(c) || c == '-'; })) return false;
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return static_cast<char>(std::tolower(c)); });
  for (auto reserved : {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})
    if (lower == reserved) return false;
  return true;
}

std::string yaml_leaf(const json& tree) {
  if (tree.is_string() && is_plain_yaml(tree.get_ref<const std::string&>()))
    return tree.get<std::string>();
  return json_line(tree);
}

void add_yaml(std::string& out, const json& tree, size_t depth, bool is_inline) {
  const std::string indent(2 * depth, ' ');
  for (auto it = tree.begin(); it != tree.end(); ++it) {
    out += is_inline ? "" : indent;
    is_inline = false;
    if (tree.is_object())
      out += (is_plain_yaml(it.key()) ? it.key() : quoted(it.key())) + ":";
    else
      out += "-";
    if (is_leaf(*it)) {
      out += " " + yaml_leaf(*it) + "\n";
    } else if (tree.is_array()) {
      out += " ";
      add_yaml(out, *it, depth + 1, true);
    } else {
      out += "\n";
      add_yaml(out, *it, depth + 1, false);
    }
  }
}

} // namespace

result<json> as_result(json tree) {
  return result<json>{boost::system::in_place_value, std::move(tree)};
}

std::string json_line(const json& tree) {
  return to_json_text(value_of_json_tree(tree));
}

std::string pretty_json(const json& tree) {
  std::string out;
  add_pretty(out, tree, 0);
  return out;
}

std::string yaml_text(const json& tree) {
  if (is_leaf(tree)) return yaml_leaf(tree) + "\n";
  std::string out;
  add_yaml(out, tree, 0, false);
  return out;
}

std::string plain_text(const json& tree) {
  if (tree.is_string()) return tree.get<std::string>();
  if (!tree.is_array()) return tree.is_null() ? "" : json_line(tree);
  if (!std::ranges::all_of(tree, [](const json& item) { return item.is_string(); }))
    return json_line(tree);
  std::string out;
  for (const auto& item : tree)
    out += (out.empty() ? "" : ", ") + item.get<std::string>();
  return out;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field = "\"";
  for (char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field + "\"";
}

} // namespace flow::cli
