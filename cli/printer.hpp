// How data reaches stdout, in the format of --output.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/table.hpp"
#include "flows/error.hpp"
#include "flows/value.hpp"

namespace flow::cli {

enum class format { table, wide, json, jsonl, yaml, csv, name };

result<format> format_of(const std::string& name);

struct print_options {
  format how = format::table;
  std::vector<std::string> columns; ///< of --columns
  std::string sort_by;
  bool has_headers = true;
  bool names_only = false; ///< -q
  bool has_colour = false;
  size_t width = 0; ///< of the terminal; 0: never cut
};

class printer {
public:
  printer(std::ostream& out, print_options options, uint64_t now_ms);

  const print_options& options() const { return options_; }
  /// json, jsonl or yaml: for programs.
  /// `bad_usage` for a name in --columns or --sort-by that is no title, and that no item has.
  result<void> check_columns(const std::vector<column>& columns, const nlohmann::json& items) const;

  bool is_for_programs() const;

  /// `answer` is {"items": [...], "next": ...}.
  void list(const std::string& kind_name, const std::vector<column>& columns,
            const nlohmann::json& answer);
  /// One thing: for people its fields, one a line.
  void object(const nlohmann::json& tree);
  /// One thing that people see as `line`.
  void object(const nlohmann::json& tree, const std::string& line);
  /// A value as a call gave it: a string raw, anything else as JSON.
  void value(const flow::value& v);
  /// As it is, whatever the format.
  void raw(const std::string& text);
  void flush();

private:
  void tree(const nlohmann::json& tree);
  std::vector<column> chosen(const std::vector<column>& columns) const;
  std::vector<std::vector<std::string>> rows(const std::vector<column>& columns,
                                             const nlohmann::json& items) const;

  std::ostream& out_;
  print_options options_;
  uint64_t now_ms_;
};

/// "-AGE" to "-queued_ms": a column's title stands for its JSON path.
std::string sort_path(const std::vector<column>& columns, const std::string& by);

/// "name" of an object, "id" of a call.
std::string name_in_list(const nlohmann::json& item);

/// The length at which every id in the list can be told from the others; never below 13.
size_t id_prefix_length(const std::vector<std::string>& ids);

} // namespace flow::cli
