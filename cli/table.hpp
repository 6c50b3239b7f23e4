// Tables without borders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace flow::cli {

enum class cell { text, number, age, duration_ms, duration_us, bytes, id, commit, state };

/// What stands in a column: the first of the dotted paths ("spec.type|type") that is there.
struct column {
  std::string title;
  std::string path;
  cell how = cell::text;
  bool is_wide = false; ///< only with -o wide
};

/// Columns a terminal shows for UTF-8 text; control characters count as one, as they are shown.
size_t display_width(std::string_view text);

/// At most `width` columns, the last of them an ellipsis if anything was cut.
std::string cut_to_width(std::string_view text, size_t width);

/// Text from outside must not move the cursor: control characters become U+FFFD, line ends become a
/// visible sign.
std::string one_line(std::string_view text);

struct table_style {
  size_t width = 0; ///< 0: never cut
  bool has_headers = true;
  bool has_colour = false;
};

/// Columns with two blanks between them, numbers to the right. Cuts the widest text columns until a
/// line fits.
std::string format_table(const std::vector<column>& columns,
                         const std::vector<std::vector<std::string>>& rows,
                         const table_style& style);

/// The item of `tree` at a dotted path, or null; "a|b" is the first that is there.
const nlohmann::json& item_at(const nlohmann::json& tree, const std::string& path);

/// What a cell shows for one item. `now_ms` is for ages.
std::string cell_text(const nlohmann::json& item, cell how, uint64_t now_ms);

/// "12s", "3m", "5h", "2d"
std::string age_text(uint64_t ms);

/// "850us", "3.2ms", "1.5s", "2m10s"
std::string elapsed_text(uint64_t us);

/// "512", "1.5K", "64M", "2.0G"
std::string size_text(uint64_t bytes);

} // namespace flow::cli
