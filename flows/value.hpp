// A typed value: the JSON data model plus bytes, integers of any size, NaN and infinities. Carried
// as CBOR, shown as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "flows/error.hpp"

namespace flow {

/// One CBOR item, already checked to be well formed. What a function returns is exactly what the
/// next one receives.
struct value {
  std::string cbor = "\xf6"; ///< null

  bool operator==(const value&) const = default;
};

/// Positional and keyword arguments, each an encoded item: a CBOR array and a CBOR map with text
/// keys.
struct arguments {
  std::string positional = "\x80"; ///< empty array
  std::string keyword = "\xa0";    ///< empty map

  bool operator==(const arguments&) const = default;
  size_t size_bytes() const { return positional.size() + keyword.size(); }
};

/// Checks bytes from outside: exactly one item, in the subset, at most `limits::value_depth_max`
/// deep, integers of at most `limits::integer_bytes_max`, text in UTF-8, map keys text and unique.
/// `bad_value` says what is wrong and at which byte.
result<value> value_of_cbor(std::string cbor);

/// The same for arguments from outside: an array and a map. `bad_value`.
result<arguments> arguments_of_cbor(std::string positional, std::string keyword);

/// JSON text. Integers keep their digits, however many; {"$bytes":"<base64>"} is bytes;
/// {"$float":"nan"|"inf"|"-inf"} are the numbers JSON lacks; {"$int":"<digits>"} is an integer too;
/// {"$object":{...}} is the inner object, for objects that have such a key themselves. Duplicate
/// keys are refused. `bad_value` names line and column.
result<value> value_of_json(std::string_view text);

/// JSON or, when it is not that, a Python literal ('single quotes', True, None, tuples, bytes
/// b'..', sets become lists, 0x10, 1_000), parsed and never evaluated. `bad_literal` names the
/// position.
result<value> value_of_literal(std::string_view text);

/// One line of JSON that `value_of_json` reads back to the same value. Invalid UTF-8 cannot occur
/// in a checked value.
std::string to_json_text(const value& v);

/// What people see: a string raw, without quotes; anything else as JSON.
std::string to_plain_text(const value& v);

/// For cold paths that build or take values apart as a tree. Bytes become a binary, integers beyond
/// 64 bits
/// {"$int":"digits"}, objects with a key such as "$int" {"$object":{...}}.
nlohmann::json json_of_value(const value& v);

/// The way back; text that is not UTF-8 is repaired with U+FFFD. A tree deeper than
/// `limits::value_depth_max` is a programming error (std::length_error): text from outside is for
/// `value_of_json`.
value value_of_json_tree(const nlohmann::json& tree);

/// Positional arguments from values in order; keyword arguments from names and values.
arguments make_arguments(const std::vector<value>& positional,
                         const std::vector<std::pair<std::string, value>>& keyword = {});

/// The items of the positional array, and the pairs of the keyword map.
result<std::vector<value>> positional_values(const arguments& args);
result<std::vector<std::pair<std::string, value>>> keyword_values(const arguments& args);

/// `args`, which are checked, with `first` put before the positional values, as workflows and plugs
/// do.
arguments prepend(const value& first, const arguments& args);

} // namespace flow
