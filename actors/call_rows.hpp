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
nlohmann::json row_of(const catalog& objects, const ended_call& ended, bool whole);

/// A call that a worker runs now.
struct running_call {
  uint64_t worker = 0; ///< process id
  uint64_t started_ms = 0;
  std::string node;
};

/// A call in flight, one of `where`; `running` is null while it waits.
nlohmann::json row_of(const catalog& objects, const call_view& view, const call_list& where,
                      const running_call* running, bool whole);

/// The names that a filter of calls may begin with.
const std::vector<std::string>& call_fields();

nlohmann::json row_of(const processor_status& status);
nlohmann::json row_of(const worker_status& worker, const std::string& processor,
                      const std::string& node);

/// The captured output of a call, a row for each stream that has any.
nlohmann::json log_rows_of(const ended_call& ended);

nlohmann::json json_of_signature(const signature& sig);

} // namespace flow::actors
