// The filter language of lists and bulk commands: `state=failed and queue~"pyfi.*" and
// started>-1h`.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "flows/error.hpp"

namespace flow {

struct filter_node;

/// A condition on one object in its JSON form. Immutable; copies share it, and any thread may use
/// it.
///
///     condition:  comparison | condition and condition | condition or condition | not condition |
///     ( condition ) comparison: field OP value | field in (value, value) | field not in (value,
///     value) OP:         = != < <= > >=   ~ (a regular expression is found in the text)   !~
///     field:      name.name."name with dots"; `started` also finds `started_ms`, and what an
///                 object has under `spec` or `status` is found without that word
///     value:      word "text" 'text' 3 -1.5 true false null 200ms 1h30min (duration) -1h +5min now
///     (time from now)
///                 2026-02-03 2026-02-03T04:05:06Z
///
/// A value means what the field's type makes of it: against a number 10s is 10,000 (durations are
/// in milliseconds) and -1h a time in milliseconds since 1970; against an RFC 3339 time -1h is an
/// hour ago; against other text every value without quotes is its letters. Values that do not
/// compare are different, and neither less nor greater. A field that is missing is null. Of a list,
/// `=`, `in`, `~`, `<` and so on hold if they hold for any item; `!=` and `!~` and `not in` are the
/// exact opposites of `=`, `~` and `in`.
class filter {
public:
  static constexpr std::string_view time_suffix = "_ms";
  static constexpr std::array parts_searched{"spec", "status"};

  /// `bad_filter` names the column and what is expected. When `fields` are given, the first name of
  /// every field must be one of them. Empty text is an error, so that an empty variable in a script
  /// never means "everything".
  static result<filter> parse(std::string_view text, const std::vector<std::string>& fields = {});

  /// The first names that find something in one of `objects`, a list: for `parse`.
  static std::vector<std::string> fields_of(const nlohmann::json& objects);

  bool matches(const nlohmann::json& object, uint64_t now_ms) const;

private:
  explicit filter(std::shared_ptr<const filter_node> root) : root_{std::move(root)} {}
  std::shared_ptr<const filter_node> root_;
};

} // namespace flow
