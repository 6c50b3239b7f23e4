// A tree of values as JSON, YAML or plain text. Bytes, big integers and NaN are written as
// flows/value.hpp says.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "flows/error.hpp"

namespace flow::cli {

/// A tree converts to and from too much for `result` to see by itself that it is the value.
result<nlohmann::json> as_result(nlohmann::json tree);

/// One line of JSON.
std::string json_line(const nlohmann::json& tree);

/// JSON over several lines, two blanks a level.
std::string pretty_json(const nlohmann::json& tree);

/// A YAML document that says the same as the JSON.
std::string yaml_text(const nlohmann::json& tree);

/// A string raw, a list of plain items with commas, anything else as one line of JSON.
std::string plain_text(const nlohmann::json& tree);

/// One field of RFC 4180.
std::string csv_field(const std::string& text);

} // namespace flow::cli
