#include "cli/printer.hpp"

#include <algorithm>
#include <ostream>

#include <nlohmann/json.hpp>

#include "cli/suggest.hpp"
#include "cli/tree_text.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

constexpr size_t commit_length = 7;  ///< as git shows them
constexpr size_t id_prefix_min = 13; ///< the milliseconds of a UUIDv7

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return text;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return text;
}

std::string without_sign(const std::string& by) {
  return by.substr(by.starts_with('-') || by.starts_with('+') ? 1 : 0);
}

/// "queue" to "QueueList"
std::string list_kind(std::string kind_name) {
  if (!kind_name.empty())
    kind_name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(kind_name[0])));
  return kind_name + "List";
}

bool comes_before(const json& a, const json& b) {
  if (a.is_number() && b.is_number()) return a < b;
  if (a.is_null() || b.is_null()) return b.is_null() && !a.is_null();
  return plain_text(a) < plain_text(b);
}

void sort_items(json& items, const std::string& by) {
  const bool is_descending = by.starts_with('-');
  const auto path = is_descending ? by.substr(1) : by;
  std::stable_sort(items.begin(), items.end(), [&](const json& a, const json& b) {
    return is_descending ? comes_before(item_at(b, path), item_at(a, path))
                         : comes_before(item_at(a, path), item_at(b, path));
  });
}

/// An item of a list inside an object: a text of its own, an event, or JSON.
std::string list_line(const json& item) {
  if (item.contains("text")) return one_line(plain_text(item["text"]));
  if (!item.contains("name") || !item_at(item, "time_ms").is_number_unsigned())
    return one_line(json_line(item));
  auto line = time_text(item["time_ms"].get<uint64_t>()) + "  " + plain_text(item["name"]);
  if (const auto& note = item_at(item, "note"); note.is_string())
    line += "  " + note.get<std::string>();
  return one_line(line);
}

/// The fields of an object, one a line, with those that are objects indented below their name.
void add_fields(std::string& out, const json& tree, size_t depth, uint64_t now_ms) {
  size_t width = 0;
  for (auto it = tree.begin(); it != tree.end(); ++it)
    width = std::max(width, it.key().size());
  for (auto it = tree.begin(); it != tree.end(); ++it) {
    out.append(2 * depth, ' ') += it.key();
    if (it->is_object() && !it->empty()) {
      out += "\n";
      add_fields(out, *it, depth + 1, now_ms);
      continue;
    }
    if (it->is_array() && !it->empty() && it->front().is_object()) {
      for (const auto& item : *it)
        out.append("\n").append(2 * depth + 2, ' ') += list_line(item);
      out += "\n";
      continue;
    }
    auto text = one_line(plain_text(*it));
    const bool is_time = it->is_number_unsigned() && it->get<uint64_t>() > 1'000'000'000'000
                         && (it.key().ends_with("_ms"));
    if (is_time)
      text += "  (" + age_text(now_ms > it->get<uint64_t>() ? now_ms - it->get<uint64_t>() : 0)
              + " ago)";
    out.append(width - it.key().size() + 2, ' ') += (text.empty() ? "-" : text) + "\n";
  }
}

} // namespace

result<format> format_of(const std::string& name) {
  static const std::vector<std::pair<std::string, format>> table{
      {"table", format::table}, {"wide", format::wide}, {"json", format::json},
      {"jsonl", format::jsonl}, {"yaml", format::yaml}, {"csv", format::csv},
      {"name", format::name},
  };
  for (const auto& [word, how] : table)
    if (word == name) return how;
  return make_error(ec::bad_usage, "there is no output format \"" + name + "\"",
                    "one of: table, wide, json, jsonl, yaml, csv, name");
}

std::string sort_path(const std::vector<column>& columns, const std::string& by) {
  const std::string sign = by.starts_with('-') ? "-" : "";
  const auto name = without_sign(by);
  auto found = std::ranges::find(columns, upper(name), &column::title);
  // "status.queued|queued": the first of them is where this version has it.
  return sign + (found != columns.end() ? found->path.substr(0, found->path.find('|')) : name);
}

std::string name_in_list(const json& item) {
  for (auto key : {"name", "id", "call"}) {
    auto found = item.is_object() ? item.find(key) : item.end();
    if (item.is_object() && found != item.end() && found->is_string())
      return found->get<std::string>();
  }
  return plain_text(item);
}

size_t id_prefix_length(const std::vector<std::string>& ids) {
  auto sorted = ids;
  std::ranges::sort(sorted);
  size_t length = id_prefix_min;
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i] == sorted[i - 1]) continue;
    auto differs = std::ranges::mismatch(sorted[i], sorted[i - 1]).in1;
    length = std::max(length, static_cast<size_t>(differs - sorted[i].begin()) + 1);
  }
  return length;
}

printer::printer(std::ostream& out, print_options options, uint64_t now_ms)
    : out_{out}, options_{std::move(options)}, now_ms_{now_ms} {}

bool printer::is_for_programs() const {
  return options_.how == format::json || options_.how == format::jsonl
         || options_.how == format::yaml;
}

result<void> printer::check_columns(const std::vector<column>& columns, const json& items) const {
  auto asked = options_.columns;
  if (!options_.sort_by.empty()) asked.push_back(without_sign(options_.sort_by));
  std::vector<std::string> known;
  for (const auto& each : columns)
    known.push_back(lower(each.title));
  for (const auto& name : asked) {
    const auto first = name.substr(0, name.find_first_of(".|"));
    const bool is_known
        = items.empty() || std::ranges::find(known, lower(name)) != known.end()
          || std::ranges::any_of(items, [&](const json& item) { return item.contains(first); });
    if (!is_known)
      return make_error(
          ec::bad_usage, "there is no column " + flow::quoted(name),
          suggestion(lower(name), known, "columns are titles, or paths into the JSON"));
  }
  return {};
}

void printer::tree(const json& tree) {
  switch (options_.how) {
  case format::jsonl:
    out_ << json_line(tree) << '\n';
    break;
  case format::yaml:
    out_ << yaml_text(tree);
    break;
  default:
    out_ << pretty_json(tree) << '\n';
    break;
  }
}

std::vector<column> printer::chosen(const std::vector<column>& columns) const {
  std::vector<column> kept;
  if (options_.columns.empty()) {
    const bool is_wide = options_.how == format::wide || options_.how == format::csv;
    std::ranges::copy_if(columns, std::back_inserter(kept),
                         [&](const column& c) { return is_wide || !c.is_wide; });
    return kept;
  }
  for (const auto& name : options_.columns) {
    auto found = std::ranges::find(columns, upper(name), &column::title);
    kept.push_back(found != columns.end() ? *found : column{upper(name), name});
  }
  return kept;
}

std::vector<std::vector<std::string>> printer::rows(const std::vector<column>& columns,
                                                    const json& items) const {
  const bool is_exact = options_.how == format::csv;
  std::vector<std::vector<std::string>> made;
  for (const auto& item : items) {
    auto& row = made.emplace_back();
    for (const auto& each : columns) {
      const auto& found = item_at(item, each.path);
      row.push_back(is_exact ? plain_text(found) : cell_text(found, each.how, now_ms_));
    }
  }
  if (is_exact) return made;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].how == cell::commit && options_.how != format::wide)
      for (auto& row : made)
        row[i] = row[i].substr(0, commit_length);
    if (columns[i].how != cell::id) continue;
    std::vector<std::string> ids;
    for (const auto& row : made)
      ids.push_back(row[i]);
    const auto length = id_prefix_length(ids);
    if (options_.how != format::wide)
      for (auto& row : made)
        row[i] = row[i].substr(0, length);
  }
  return made;
}

void printer::list(const std::string& kind_name, const std::vector<column>& columns,
                   const json& answer) {
  json items = answer.is_object() && answer.contains("items") ? answer["items"] : json::array();
  if (!options_.sort_by.empty()) sort_items(items, sort_path(columns, options_.sort_by));
  if (options_.how == format::name || (options_.names_only && !is_for_programs())) {
    for (const auto& item : items)
      out_ << one_line(name_in_list(item)) << '\n';
    return;
  }
  if (options_.how == format::jsonl) {
    for (const auto& item : items)
      out_ << json_line(item) << '\n';
    return;
  }
  if (is_for_programs()) {
    tree({{"apiVersion", "flow/v1"},
          {"kind", list_kind(kind_name)},
          {"items", std::move(items)},
          {"next", answer.is_object() && answer.contains("next") ? answer["next"] : json{}}});
    return;
  }
  const auto shown = chosen(columns);
  if (options_.how == format::csv) {
    auto add_line = [&](size_t count, auto text_of) {
      for (size_t i = 0; i < count; ++i)
        out_ << (i == 0 ? "" : ",") << csv_field(text_of(i));
      out_ << "\r\n";
    };
    if (options_.has_headers) add_line(shown.size(), [&](size_t i) { return shown[i].title; });
    for (const auto& row : rows(shown, items))
      add_line(row.size(), [&](size_t i) { return row[i]; });
    return;
  }
  if (items.empty()) return;
  out_ << format_table(shown, rows(shown, items),
                       {options_.width, options_.has_headers, options_.has_colour});
}

void printer::object(const json& one) {
  if (is_for_programs()) return tree(one);
  if (options_.how == format::name || options_.names_only) {
    out_ << one_line(name_in_list(one)) << '\n';
    return;
  }
  if (options_.how == format::csv && one.is_object()) {
    out_ << "FIELD,VALUE\r\n";
    for (auto it = one.begin(); it != one.end(); ++it)
      out_ << csv_field(it.key()) << ',' << csv_field(plain_text(*it)) << "\r\n";
    return;
  }
  if (!one.is_object()) {
    out_ << plain_text(one) << '\n';
    return;
  }
  std::string text;
  add_fields(text, one, 0, now_ms_);
  out_ << text;
}

void printer::object(const json& one, const std::string& line) {
  if (is_for_programs() || options_.how == format::csv || options_.how == format::name
      || options_.names_only)
    return object(one);
  out_ << line << '\n';
}

void printer::value(const flow::value& v) {
  switch (options_.how) {
  case format::json:
  case format::jsonl:
    out_ << to_json_text(v) << '\n';
    break;
  case format::yaml:
    out_ << yaml_text(json_of_value(v));
    break;
  default:
    out_ << to_plain_text(v) << '\n';
    break;
  }
}

void printer::raw(const std::string& text) {
  out_ << text;
}

void printer::flush() {
  out_.flush();
}

} // namespace flow::cli
