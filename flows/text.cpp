#include "flows/text.hpp"

#include <algorithm>
#include <tuple>

#include "flows/limits.hpp"
#include "flows/utf8.hpp"

namespace flow {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool is_same_letter(char a, char b) {
  return lower(a) == lower(b);
}

bool begins_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size()
         && std::ranges::equal(text.substr(0, prefix.size()), prefix, is_same_letter);
}

bool is_ascii_name_character(char32_t c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c == '.' || c == '_' || c == '-' || c == ':' || c == '@' || c == '+';
}

} // namespace

std::string position_in(std::string_view text, size_t offset) {
  size_t line = 1;
  size_t column = 1;
  for (size_t at = 0; at < std::min(offset, text.size()); ++column) {
    if (utf8::next(text, at) != '\n') continue;
    ++line;
    column = 0;
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    if (out.size() > limits::error_excerpt_bytes_max) return out + "…\"";
    auto code_point = utf8::next(text, at);
    if (code_point != ' ' && !utf8::is_visible(code_point)) code_point = 0xfffd;
    utf8::append(out, code_point);
  }
  return out + '"';
}

result<void> check_name(std::string_view name, std::string_view what) {
  auto refuse = [&](const std::string& why) {
    return make_error(ec::bad_name, std::string{what} + " " + quoted(name) + " " + why,
                      "names have letters, digits and . _ - : @ + and begin with no dash");
  };
  if (name.empty()) return refuse("is empty");
  if (name.size() > limits::name_bytes_max)
    return refuse("has " + std::to_string(name.size()) + " bytes, at most "
                  + std::to_string(limits::name_bytes_max) + " are allowed");
  for (size_t at = 0; at < name.size();) {
    auto start = at;
    auto c = utf8::next(name, at);
    if (c == utf8::invalid) return refuse("is not UTF-8 at byte " + std::to_string(start));
    if (c == ' ') return refuse("has a space");
    if (!utf8::is_visible(c))
      return refuse("has an invisible character at byte " + std::to_string(start));
    if (c < 0x80 && !is_ascii_name_character(c))
      return refuse(std::string{"has the character '"} + static_cast<char>(c) + "'");
  }
  if (name.front() == '-') return refuse("begins with a dash");
  if (name.find_first_not_of('.') == std::string_view::npos) return refuse("has only dots");
  return {};
}

size_t edit_distance(std::string_view a, std::string_view b, size_t distance_max) {
  auto none = distance_max + 1;
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > distance_max) return none;
  // Rows of the table of optimal string alignment: the one before last serves swaps.
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t k = 0; k <= b.size(); ++k)
    row[k] = k;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, row);
    row[0] = i;
    for (size_t k = 1; k <= b.size(); ++k) {
      bool same = is_same_letter(a[i - 1], b[k - 1]);
      row[k] = std::min({last[k] + 1, row[k - 1] + 1, last[k - 1] + (same ? 0 : 1)});
      if (i > 1 && k > 1 && is_same_letter(a[i - 1], b[k - 2])
          && is_same_letter(a[i - 2], b[k - 1]))
        row[k] = std::min(row[k], before_last[k - 2] + 1);
    }
    if (std::ranges::min(row) > distance_max) return none;
  }
  return std::min(row[b.size()], none);
}

std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates,
                                 size_t n) {
  word = word.substr(0, limits::name_bytes_max);
  auto distance_max = std::max<size_t>(1, word.size() / 3);
  std::vector<std::tuple<size_t, std::string_view>> found;
  for (const auto& candidate : candidates) {
    auto distance = edit_distance(word, candidate, distance_max);
    if (distance > distance_max) {
      // A beginning is as good as the worst misspelling.
      if (word.size() < 2 || !begins_with(candidate, word)) continue;
      distance = distance_max;
    }
    // Of one letter nothing is left when one edit replaces it.
    if (word.size() < 2 && distance > 0) continue;
    found.emplace_back(distance, candidate);
  }
  std::ranges::sort(found);
  auto repeated = std::ranges::unique(found);
  found.erase(repeated.begin(), repeated.end());
  std::vector<std::string> names;
  for (const auto& [distance, name] : found) {
    if (names.size() == n) break;
    names.emplace_back(name);
  }
  return names;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  auto names = nearest(word, candidates);
  if (names.empty()) return {};
  std::string hint = "did you mean \"" + names.front() + '"';
  for (size_t i = 1; i < names.size(); ++i)
    hint += (i + 1 == names.size() ? " or \"" : ", \"") + names[i] + '"';
  return hint + '?';
}

} // namespace flow
