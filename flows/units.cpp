// Durations, sizes and times of text.hpp.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>

#include "flows/text.hpp"

namespace flow {

namespace {

struct unit {
  std::string_view name;
  uint64_t size;
};

constexpr std::array duration_units{
    unit{"w", 604'800'000}, unit{"d", 86'400'000}, unit{"h", 3'600'000}, unit{"min", 60'000},
    unit{"m", 60'000},      unit{"s", 1'000},      unit{"ms", 1},
};

constexpr std::array size_units{
    unit{"b", 1},
    unit{"k", 1ull << 10},
    unit{"kib", 1ull << 10},
    unit{"kb", 1'000},
    unit{"m", 1ull << 20},
    unit{"mib", 1ull << 20},
    unit{"mb", 1'000'000},
    unit{"g", 1ull << 30},
    unit{"gib", 1ull << 30},
    unit{"gb", 1'000'000'000},
    unit{"t", 1ull << 40},
    unit{"tib", 1ull << 40},
    unit{"tb", 1'000'000'000'000},
};

constexpr uint64_t last_time_ms = 253'402'300'799'999;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/// A cursor over text that was trimmed of blanks.
struct scanner {
  std::string_view text;

  explicit scanner(std::string_view given) : text{given} {
    while (!text.empty() && text.front() == ' ')
      text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
      text.remove_suffix(1);
  }

  bool at_end() const { return text.empty(); }

  bool accept(std::string_view any_of) {
    if (at_end() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
  }

  std::string_view take_while(bool (*fits)(char)) {
    auto end = std::ranges::find_if_not(text, fits);
    auto taken = text.substr(0, static_cast<size_t>(end - text.begin()));
    text.remove_prefix(taken.size());
    return taken;
  }

  /// Exactly `count` digits.
  std::optional<unsigned> number(size_t count) {
    unsigned n = 0;
    for (size_t i = 0; i < count; ++i) {
      if (at_end() || !is_digit(text.front())) return {};
      n = n * 10 + static_cast<unsigned>(text.front() - '0');
      text.remove_prefix(1);
    }
    return n;
  }
};

/// "1.25" times `size`, exactly; nothing when it overflows or leaves a fraction.
std::optional<uint64_t> scaled(std::string_view whole, std::string_view fraction, uint64_t size) {
  uint64_t sum = 0;
  for (char digit : whole)
    if (__builtin_mul_overflow(sum, 10u, &sum)
        || __builtin_add_overflow(sum, static_cast<uint64_t>(digit - '0'), &sum))
      return {};
  if (__builtin_mul_overflow(sum, size, &sum)) return {};
  while (fraction.ends_with('0'))
    fraction.remove_suffix(1);
  if (fraction.size() > 12) return {};
  uint64_t numerator = 0;
  uint64_t denominator = 1;
  for (char digit : fraction) {
    numerator = numerator * 10 + static_cast<uint64_t>(digit - '0');
    denominator *= 10;
  }
  __extension__ using wide = unsigned __int128;
  wide product = wide{numerator} * size;
  if (product % denominator != 0
      || __builtin_add_overflow(sum, static_cast<uint64_t>(product / denominator), &sum))
    return {};
  return sum;
}

/// One number with its unit, such as "1.5h"; nothing when there is none.
template <size_t N>
std::optional<uint64_t> quantity(scanner& in, const std::array<unit, N>& units,
                                 std::string_view unit_default) {
  auto whole = in.take_while(is_digit);
  std::string_view fraction;
  if (in.accept(".")) {
    fraction = in.take_while(is_digit);
    if (fraction.empty()) return {};
  }
  if (whole.empty() && fraction.empty()) return {};
  while (in.accept(" ")) {}
  std::string name{in.take_while(is_letter)};
  std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(c | 0x20); });
  if (name.empty()) name = unit_default;
  auto found = std::ranges::find(units, name, &unit::name);
  if (found == units.end()) return {};
  return scaled(whole, fraction, found->size);
}

bool is_zero(std::string_view text) {
  return !text.empty() && text.find_first_not_of('0') == std::string_view::npos;
}

} // namespace

// -- durations ----------------------------------------------------------------

result<uint64_t> parse_duration_ms(std::string_view text) {
  auto refuse = [&] {
    return make_error(ec::bad_value, quoted(text) + " is not a duration",
                      "write a number and a unit: 200ms, 1.5s, 5min, 2h, 1d, 1h30min");
  };
  scanner in{text};
  if (is_zero(in.text)) return uint64_t{0};
  if (in.at_end()) return refuse();
  uint64_t sum = 0;
  while (!in.at_end()) {
    auto part = quantity(in, duration_units, "");
    if (!part || __builtin_add_overflow(sum, *part, &sum)) return refuse();
    while (in.accept(" ")) {}
  }
  return sum;
}

std::string duration_text(uint64_t ms) {
  if (ms == 0) return "0s";
  if (ms < 1'000) return std::to_string(ms) + "ms";
  std::string text;
  for (const auto& part : duration_units) {
    // Weeks are read but not written: "30d" says more than "4w2d".
    if (part.name == "w" || part.name == "m" || part.name == "s" || ms < part.size) continue;
    if (part.name == "ms") break;
    text += std::to_string(ms / part.size);
    text += part.name;
    ms %= part.size;
  }
  if (ms == 0) return text;
  text += std::to_string(ms / 1'000);
  if (ms % 1'000 != 0) {
    char fraction[8];
    std::snprintf(fraction, sizeof fraction, ".%03u", static_cast<unsigned>(ms % 1'000));
    text += fraction;
    while (text.back() == '0')
      text.pop_back();
  }
  return text + "s";
}

// -- sizes --------------------------------------------------------------------

result<uint64_t> parse_bytes(std::string_view text) {
  scanner in{text};
  auto bytes = quantity(in, size_units, "b");
  if (bytes && in.at_end()) return *bytes;
  return make_error(ec::bad_value, quoted(text) + " is not a size",
                    "write a number of whole bytes and a unit: 512, 64KiB, 10MB, 1.5GiB");
}

std::string bytes_text(uint64_t bytes) {
  constexpr std::array names{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  size_t scale = 0;
  while (scale + 1 < names.size() && bytes >> (10 * (scale + 1)) != 0)
    ++scale;
  auto size = uint64_t{1} << (10 * scale);
  auto whole = bytes / size;
  // Tenths are cut off, not rounded, so that nothing shows as more than it is.
  auto tenths = bytes % size * 10 / size;
  auto text = std::to_string(whole);
  if (tenths != 0) text += "." + std::to_string(tenths);
  return text + " " + names[scale];
}

// -- times --------------------------------------------------------------------

namespace {

/// The time of day behind a date, with its offset, in milliseconds; nothing when malformed.
std::optional<int64_t> time_of_day_ms(scanner& in) {
  if (!in.accept("Tt ")) return {};
  auto hour = in.number(2);
  if (!hour || *hour > 23 || !in.accept(":")) return {};
  auto minute = in.number(2);
  if (!minute || *minute > 59 || !in.accept(":")) return {};
  auto second = in.number(2);
  if (!second || *second > 60) return {}; // 60: a leap second
  int64_t ms = (*hour * 3600 + *minute * 60 + *second) * int64_t{1'000};
  if (in.accept(".")) {
    std::string digits{in.take_while(is_digit)};
    if (digits.empty()) return {};
    digits.resize(3, '0');
    ms += std::stoi(digits);
  }
  if (in.accept("Zz")) return ms;
  auto sign = in.accept("-") ? 1 : in.accept("+") ? -1 : 0;
  if (sign == 0) return {};
  auto offset_hour = in.number(2);
  if (!offset_hour || *offset_hour > 23 || !in.accept(":")) return {};
  auto offset_minute = in.number(2);
  if (!offset_minute || *offset_minute > 59) return {};
  return ms + sign * int64_t{*offset_hour * 60 + *offset_minute} * 60'000;
}

} // namespace

result<uint64_t> parse_time_ms(std::string_view text) {
  auto refuse = [&] {
    return make_error(
        ec::bad_value, quoted(text) + " is not a time",
        "write RFC 3339, such as 2026-02-03T04:05:06Z, or a date, such as 2026-02-03");
  };
  scanner in{text};
  auto year = in.number(4);
  if (!year || !in.accept("-")) return refuse();
  auto month = in.number(2);
  if (!month || !in.accept("-")) return refuse();
  auto day = in.number(2);
  if (!day) return refuse();
  std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                   std::chrono::month{*month}, std::chrono::day{*day}};
  if (!date.ok()) return refuse();
  auto ms = int64_t{std::chrono::sys_days{date}.time_since_epoch().count()} * 86'400'000;
  if (!in.at_end()) {
    auto of_day = time_of_day_ms(in);
    if (!of_day || !in.at_end()) return refuse();
    ms += *of_day;
  }
  if (ms < 0) return refuse();
  return static_cast<uint64_t>(ms);
}

std::string time_text(uint64_t ms) {
  ms = std::min(ms, last_time_ms);
  std::chrono::sys_days day{std::chrono::days{static_cast<int>(ms / 86'400'000)}};
  std::chrono::year_month_day date{day};
  auto of_day = static_cast<unsigned>(ms % 86'400'000);
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), of_day / 3'600'000, of_day / 60'000 % 60,
                of_day / 1'000 % 60, of_day % 1'000);
  return text;
}

} // namespace flow
