#include "cli/quantities.hpp"

#include <algorithm>
#include <charconv>

#include "flows/text.hpp"

namespace flow::cli {
namespace {

bool is_whole_number(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

error with_option(error why, const std::string& option) {
  why.text = option + ": " + why.text;
  return why;
}

} // namespace

result<uint64_t> duration_ms_of(const std::string& text, const std::string& option) {
  auto parsed = parse_duration_ms(is_whole_number(text) ? text + "s" : text);
  if (!parsed) return with_option(parsed.error(), option);
  return *parsed;
}

result<uint64_t> bytes_of(const std::string& text, const std::string& option) {
  auto parsed = parse_bytes(text);
  if (!parsed) return with_option(parsed.error(), option);
  return *parsed;
}

result<uint64_t> count_of(const std::string& text, const std::string& option, uint64_t most) {
  uint64_t n = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (is_whole_number(text) && failure == std::errc{} && end == text.data() + text.size()
      && n <= most)
    return n;
  return make_error(ec::bad_value,
                    option + " wants a whole number"
                        + (most == UINT64_MAX ? "" : " of at most " + std::to_string(most))
                        + ", not " + flow::quoted(text));
}

} // namespace flow::cli
