// What is known of a function without importing it: its parameters, and whether given arguments fit
// them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flows/error.hpp"
#include "flows/value.hpp"

namespace flow {

/// Python's five kinds, with its numbers; other languages use the subset they have.
enum class parameter_kind : uint8_t {
  positional_only = 0,
  positional_or_keyword = 1,
  var_positional = 2,
  keyword_only = 3,
  var_keyword = 4,
};

struct parameter {
  std::string name;
  parameter_kind kind = parameter_kind::positional_or_keyword;
  std::optional<std::string> default_text; ///< as written in the source; absent: required
  std::string annotation;                  ///< as written; empty: none

  bool operator==(const parameter&) const = default;
};

struct signature {
  std::string function;
  std::vector<parameter> parameters; ///< without `plugs` and `output`, which the engine provides
  std::string returns;               ///< the annotation as written; empty: none
  std::string summary;               ///< first line of the docstring
  bool takes_plugs = false;          ///< declares a parameter named `plugs`
  bool takes_output = false;         ///< declares a parameter named `output`

  bool operator==(const signature&) const = default;
};

/// "greet(name: str, times: int = 1) -> str"
std::string to_string(const signature& sig);

/// `bad_arguments` with the signature in its text for an unknown keyword, a missing or a surplus
/// argument, or one given twice.
result<void> check_arguments(const signature& sig, const arguments& args);

/// Catalog form, and back.
value to_value(const signature& sig);
result<signature> signature_of_value(const value& v);

} // namespace flow
