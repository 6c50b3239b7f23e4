// What several commands show of calls.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/context.hpp"
#include "flows/client.hpp"

namespace flow::cli {

/// The result on stdout, or the failure on stderr: 0 or 1.
int print_outcome(context& ctx, const std::string& socket, const call_outcome& ended);

/// The failure as programs read it: {code, type, message, traceback, call, state, attempts, hint,
/// retryable}.
nlohmann::json failure_tree(const call_outcome& ended);

/// The tree below a call (`call.tree`), or of its root (`call.graph`), on stdout.
result<int> print_call_tree(context& ctx, const std::string& verb, const std::string& id);

/// The result of a call that has ended; `wrong_state` if it has not.
result<int> print_call_result(context& ctx, const std::string& id);

/// The whole id of what was typed, which may be any prefix that is unique.
result<call_id> whole_id(context& ctx, const std::string& typed);

/// `ids` from the words, or `filter` from --filter; `bad_usage` for neither or both.
result<nlohmann::json> ids_or_filter(const context& ctx);

/// Sends a verb that takes ids or a filter. With a filter it says first how many calls are hit, and
/// asks. Prints one line a call ("0192f3a1-7c44 cancelled"); 8 if some failed, the error itself if
/// it was only one.
result<int> change_calls(context& ctx, const std::string& verb, const std::string& list_verb,
                         const std::string& done);

} // namespace flow::cli
