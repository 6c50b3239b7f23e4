// From options to the `spec` of an object.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.hpp"
#include "cli/kinds.hpp"

namespace flow::cli {

/// The keys of the options that were given. `bad_value` names the option.
result<nlohmann::json> spec_of(const context& ctx, const kind& what);

/// `bad_usage` naming every option that adding one needs and that was not given.
result<void> check_required(const context& ctx, const kind& what);

/// {"k": "v"} from k=v of every `--key`. `bad_usage` without `=`.
result<nlohmann::json> pairs_of(const context& ctx, const std::string& key);

/// A directory as it is seen from here becomes absolute; an address stays as it is.
std::string absolute_repository(const std::string& typed, const std::string& working_dir);

/// The options of a kind's fields, for add and update.
std::vector<option> field_options(const kind& what);

} // namespace flow::cli
