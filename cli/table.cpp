#include "cli/table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>
#include <utf8proc.h>

#include "cli/tree_text.hpp"

namespace flow::cli {
namespace {

constexpr std::string_view ellipsis = "…";
constexpr size_t column_width_min = 8; ///< no column is cut below this while another is wider

struct glyph {
  std::string_view bytes;
  size_t width = 0;
};

/// The next character of `text`, which is shortened by it. A byte that is not UTF-8 is one column.
glyph next_glyph(std::string_view& text) {
  utf8proc_int32_t code = 0;
  auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 static_cast<utf8proc_ssize_t>(text.size()), &code);
  glyph next;
  if (length <= 0) {
    next = {text.substr(0, 1), 1};
  } else {
    const auto category = utf8proc_category(code);
    const bool is_control = category == UTF8PROC_CATEGORY_CC;
    next = {text.substr(0, static_cast<size_t>(length)),
            is_control ? 1 : static_cast<size_t>(std::max(0, utf8proc_charwidth(code)))};
  }
  text.remove_prefix(next.bytes.size());
  return next;
}

std::string one_decimal(double n, std::string_view unit) {
  char text[32];
  std::snprintf(text, sizeof text, n < 9.95 ? "%.1f" : "%.0f", n);
  return std::string{text}.append(unit);
}

bool is_right_aligned(cell how) {
  return how == cell::number || how == cell::duration_ms || how == cell::duration_us
         || how == cell::bytes;
}

std::string_view colour_of_state(std::string_view state) {
  for (auto good : {"finished", "running", "up", "ready"})
    if (state == good) return "\x1b[32m";
  for (auto bad : {"failed", "timed_out", "dead", "broken", "down"})
    if (state == bad) return "\x1b[31m";
  for (auto between :
       {"waiting", "paused", "draining", "loading", "starting", "suspect", "cancelled", "stopped"})
    if (state == between) return "\x1b[33m";
  return {};
}

size_t line_width(const std::vector<size_t>& widths) {
  size_t sum = widths.empty() ? 0 : 2 * (widths.size() - 1);
  for (auto width : widths)
    sum += width;
  return sum;
}

/// Takes from the widest column that may be cut until a line fits; ids and numbers stay whole.
void fit(std::vector<size_t>& widths, const std::vector<column>& columns, size_t width_max) {
  while (line_width(widths) > width_max) {
    size_t widest = widths.size();
    for (size_t i = 0; i < widths.size(); ++i) {
      if (columns[i].how != cell::text || widths[i] <= column_width_min) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
  }
}

std::string padded(const std::string& text, size_t width, bool to_the_right) {
  const auto shown = display_width(text);
  const std::string blanks(width > shown ? width - shown : 0, ' ');
  return to_the_right ? blanks + text : text + blanks;
}

} // namespace

size_t display_width(std::string_view text) {
  size_t width = 0;
  while (!text.empty())
    width += next_glyph(text).width;
  return width;
}

std::string cut_to_width(std::string_view text, size_t width) {
  if (display_width(text) <= width) return std::string{text};
  if (width == 0) return {};
  std::string kept;
  size_t used = 0;
  while (!text.empty()) {
    auto next = next_glyph(text);
    if (used + next.width > width - 1) break;
    used += next.width;
    kept += next.bytes;
  }
  return kept.append(ellipsis);
}

std::string one_line(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    utf8proc_int32_t code = 0;
    const bool is_valid = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                           static_cast<utf8proc_ssize_t>(text.size()), &code)
                          > 0;
    const auto next = next_glyph(text);
    if (!is_valid || utf8proc_category(code) == UTF8PROC_CATEGORY_CC)
      clean += code == '\n' ? "⏎" : code == '\t' ? " " : "\xef\xbf\xbd";
    else
      clean += next.bytes;
  }
  return clean;
}

std::string format_table(const std::vector<column>& columns,
                         const std::vector<std::vector<std::string>>& rows,
                         const table_style& style) {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns.size(); ++i) {
    size_t width = style.has_headers ? display_width(columns[i].title) : 0;
    for (const auto& row : rows)
      width = std::max(width, display_width(row[i]));
    widths.push_back(width);
  }
  if (style.width > 0) fit(widths, columns, style.width);
  std::string text;
  auto add_line = [&](auto cell_of) {
    std::string line;
    for (size_t i = 0; i < columns.size(); ++i) {
      std::string shown = cell_of(i);
      if (style.width > 0) shown = cut_to_width(shown, widths[i]);
      std::string piece = padded(shown, widths[i], is_right_aligned(columns[i].how));
      if (style.has_colour && columns[i].how == cell::state)
        if (auto colour = colour_of_state(shown); !colour.empty())
          piece = std::string{colour} + shown + "\x1b[0m" + piece.substr(shown.size());
      line += (i == 0 ? "" : "  ") + piece;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  if (style.has_headers) add_line([&](size_t i) { return columns[i].title; });
  for (const auto& row : rows)
    add_line([&](size_t i) { return row[i]; });
  return text;
}

const nlohmann::json& item_at(const nlohmann::json& tree, const std::string& path) {
  static const nlohmann::json nothing;
  size_t begin = 0;
  while (begin <= path.size()) {
    const auto end = std::min(path.find('|', begin), path.size());
    const nlohmann::json* at = &tree;
    size_t from = begin;
    while (at && from <= end) {
      const auto to = std::min(path.find('.', from), end);
      const auto key = path.substr(from, to - from);
      auto found = at->is_object() ? at->find(key) : at->end();
      at = at->is_object() && found != at->end() ? &*found : nullptr;
      from = to + 1;
    }
    if (at && !at->is_null()) return *at;
    begin = end + 1;
  }
  return nothing;
}

std::string age_text(uint64_t ms) {
  const uint64_t seconds = ms / 1000;
  if (seconds < 120) return std::to_string(seconds) + "s";
  if (seconds < 120 * 60) return std::to_string(seconds / 60) + "m";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86'400) + "d";
}

std::string elapsed_text(uint64_t us) {
  if (us < 1000) return std::to_string(us) + "us";
  const auto n = static_cast<double>(us);
  if (us < 1'000'000) return one_decimal(n / 1e3, "ms");
  if (us < 120'000'000) return one_decimal(n / 1e6, "s");
  const uint64_t seconds = us / 1'000'000;
  if (seconds < 7200)
    return std::to_string(seconds / 60) + "m" + std::to_string(seconds % 60) + "s";
  return std::to_string(seconds / 3600) + "h" + std::to_string(seconds % 3600 / 60) + "m";
}

std::string size_text(uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes);
  static constexpr std::array units{"K", "M", "G", "T", "P"};
  double n = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (n >= 1024 && unit + 1 < units.size()) {
    n /= 1024;
    ++unit;
  }
  return one_decimal(n, units[unit]);
}

std::string cell_text(const nlohmann::json& item, cell how, uint64_t now_ms) {
  if (item.is_null()) return "-";
  const bool is_count
      = item.is_number_unsigned() || (item.is_number_integer() && item.get<int64_t>() >= 0);
  const uint64_t n = is_count ? item.get<uint64_t>() : 0;
  if (is_count && n == 0 && how != cell::number && how != cell::bytes && how != cell::text)
    return "-";
  if (is_count) {
    switch (how) {
    case cell::age:
      return age_text(now_ms > n ? now_ms - n : 0);
    case cell::duration_ms:
      return elapsed_text(n * 1000);
    case cell::duration_us:
      return elapsed_text(n);
    case cell::bytes:
      return size_text(n);
    default:
      return std::to_string(n);
    }
  }
  if (item.is_boolean()) return item.get<bool>() ? "yes" : "no";
  auto text = one_line(plain_text(item));
  return text.empty() ? "-" : text;
}

} // namespace flow::cli
