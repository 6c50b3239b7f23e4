// Evaluation of a filter; filter_parser.cpp reads it.
#include "flows/filter.hpp"

#include <algorithm>
#include <compare>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

#include "flows/filter_node.hpp"
#include "flows/text.hpp"

namespace flow {

namespace {

using nlohmann::json;
using order = std::partial_ordering;

struct evaluation {
  const json& object;
  uint64_t now_ms;

  bool holds(const filter_node& node) const {
    auto holds_here = [this](const filter_node& child) { return holds(child); };
    switch (node.what) {
    case filter_node::kind::all:
      return std::ranges::all_of(node.children, holds_here);
    case filter_node::kind::any:
      return std::ranges::any_of(node.children, holds_here);
    case filter_node::kind::negation:
      return !holds(node.children.front());
    case filter_node::kind::comparison:
      break;
    }
    const auto& field = find(node.path);
    if (!field.is_array()) return compares(field, node);
    return std::ranges::any_of(field, [&](const json& item) { return compares(item, node); });
  }

  const json& find(const std::vector<std::string>& path) const {
    static const json missing;
    const json* at = first_of(path.front());
    for (auto name = path.begin() + 1; at && name != path.end(); ++name)
      at = member(*at, *name);
    return at ? *at : missing;
  }

  const json* first_of(const std::string& name) const {
    if (const auto* found = timed_member(object, name)) return found;
    for (auto part : filter::parts_searched)
      if (const auto* within = member(object, part))
        if (const auto* found = timed_member(*within, name)) return found;
    return nullptr;
  }

  static const json* timed_member(const json& tree, const std::string& name) {
    const auto* found = member(tree, name);
    return found ? found : member(tree, name + std::string{filter::time_suffix});
  }

  static const json* member(const json& tree, std::string_view name) {
    auto found = tree.find(name); // `end` for anything but an object
    return found == tree.end() ? nullptr : &*found;
  }

  bool compares(const json& field, const filter_node& node) const {
    if (node.how == filter_operator::found) return is_found(field, *node.expression);
    return std::ranges::any_of(node.operands, [&](const filter_operand& operand) {
      return is_as_asked(node.how, compare(field, operand));
    });
  }

  static bool is_found(const json& field, const pattern& expression) {
    if (field.is_null() || field.is_structured() || field.is_binary()) return false;
    if (field.is_string()) return expression.is_found_in(field.get_ref<const std::string&>());
    return expression.is_found_in(field.dump());
  }

  static bool is_as_asked(filter_operator how, order found) {
    switch (how) {
    case filter_operator::less:
      return found < 0;
    case filter_operator::less_equal:
      return found <= 0;
    case filter_operator::greater:
      return found > 0;
    case filter_operator::greater_equal:
      return found >= 0;
    default:
      return found == 0;
    }
  }

  order compare(const json& field, const filter_operand& operand) const {
    if (field.is_null() || operand.is_null)
      return field.is_null() && operand.is_null ? order::equivalent : order::unordered;
    if (field.is_boolean())
      return operand.boolean ? order{field.get<bool>() <=> *operand.boolean} : order::unordered;
    if (field.is_number()) return compare_number(field, operand);
    if (field.is_string()) return compare_text(field.get_ref<const std::string&>(), operand);
    return order::unordered;
  }

  order compare_number(const json& field, const filter_operand& operand) const {
    auto number = field.get<long double>();
    if (operand.number) return number <=> *operand.number;
    if (operand.duration_ms) return number <=> static_cast<long double>(*operand.duration_ms);
    if (auto time = time_ms(operand)) return number <=> *time;
    return order::unordered;
  }

  order compare_text(const std::string& field, const filter_operand& operand) const {
    if (auto time = time_ms(operand))
      if (auto field_time = parse_time_ms(field))
        return static_cast<long double>(*field_time) <=> *time;
    // An hour ago is no text that anything could come before or after.
    if (operand.from_now_ms && field != operand.text) return order::unordered;
    return field.compare(operand.text) <=> 0;
  }

  std::optional<long double> time_ms(const filter_operand& operand) const {
    if (operand.from_now_ms)
      return static_cast<long double>(now_ms) + static_cast<long double>(*operand.from_now_ms);
    if (operand.time_ms) return static_cast<long double>(*operand.time_ms);
    return {};
  }
};

} // namespace

std::vector<std::string> filter::fields_of(const json& objects) {
  std::set<std::string> names;
  auto add = [&names](const json& tree) {
    for (auto it = tree.begin(); tree.is_object() && it != tree.end(); ++it) {
      names.insert(it.key());
      if (it.key().ends_with(time_suffix))
        names.insert(it.key().substr(0, it.key().size() - time_suffix.size()));
    }
  };
  for (const auto& object : objects) {
    add(object);
    for (auto part : parts_searched)
      if (auto within = object.find(part); within != object.end()) add(*within);
  }
  return {names.begin(), names.end()};
}

bool filter::matches(const json& object, uint64_t now_ms) const {
  return evaluation{object, now_ms}.holds(*root_);
}

} // namespace flow
