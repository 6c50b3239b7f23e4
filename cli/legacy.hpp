// Helpers for commands whose older spellings a table cannot translate.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flow::cli {

/// The value after one of `names` (or behind its `=`), which stays where it is.
std::optional<std::string> value_after(const std::vector<std::string>& args,
                                       std::initializer_list<std::string_view> names);

/// The same, taken out of the arguments with its name. A name that is last, or before another
/// option, has no value and stays.
std::optional<std::string> take_value(std::vector<std::string>& args,
                                      std::initializer_list<std::string_view> names);

} // namespace flow::cli
