// How calls look to people and programs: the rows of docs/api.md.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "actors/messages.hpp"
#include "flows/call.hpp"
#include "flows/signature.hpp"

namespace flow::actors {

/// A call that has ended. `whole`: with arguments, result, artifacts, output size, events and
/// attempts.
nlohmann::json row_of(const ended_call& ended, bool whole);

/// A call in flight.
nlohmann::json row_of(const call_view& view, const std::string& socket, const std::string& function,
                      const std::string& processor, bool whole);

nlohmann::json row_of(const processor_status& status);
nlohmann::json row_of(const worker_status& worker, const std::string& processor,
                      const std::string& node);

/// The captured output of a call, a row for each stream that has any.
nlohmann::json log_rows_of(const ended_call& ended);

nlohmann::json json_of_signature(const signature& sig);

} // namespace flow::actors
