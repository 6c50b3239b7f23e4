#include "flows/error.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace flow {

const std::vector<ec_info>& all_error_codes() {
  static const std::vector<ec_info> table{
      {ec::bad_usage, "bad_usage", "the command or request is not one that exists"},
      {ec::bad_value, "bad_value", "a value is not of the kind that is needed here"},
      {ec::bad_filter, "bad_filter", "the filter expression cannot be read"},
      {ec::bad_name, "bad_name",
       "the name is empty, too long or has characters that names may not have"},
      {ec::bad_arguments, "bad_arguments", "the arguments do not fit the function's signature"},
      {ec::payload_too_large, "payload_too_large", "the payload is larger than the limit"},
      {ec::bad_literal, "bad_literal", "the text is neither JSON nor a Python literal"},
      {ec::bad_repository_url, "bad_repository_url",
       "the repository address is malformed or of a refused kind"},
      {ec::bad_module, "bad_module", "the module's source does not parse"},
      {ec::bad_requirements, "bad_requirements", "the requirements could not be installed"},
      {ec::bad_frame, "bad_frame", "a peer sent bytes that are not the protocol"},
      {ec::unknown_key, "unknown_key", "a key in the definition is not known"},
      {ec::bad_reference, "bad_reference",
       "an object refers to another that does not exist or does not fit"},
      {ec::bad_config, "bad_config", "a configuration option is unknown or out of bounds"},
      {ec::bad_call_id, "bad_call_id", "the text is not a call id, or is the beginning of several"},
      {ec::bad_workflow, "bad_workflow", "the workflow cannot be read, or is none that could run"},
      {ec::task_failed, "task_failed", "the function raised an error, after the last retry"},
      {ec::task_timed_out, "task_timed_out", "the function ran longer than its time limit"},
      {ec::task_cancelled, "task_cancelled", "the call was cancelled"},
      {ec::worker_lost, "worker_lost", "the worker process died while it ran the call"},
      {ec::not_a_value, "not_a_value", "the function returned something that is not a value"},
      {ec::call_dead, "call_dead", "the call was put among the dead letters before it could run"},
      {ec::import_failed, "import_failed", "the module could not be imported by the worker"},
      {ec::output_too_large, "output_too_large",
       "the function's result or output is larger than the limit"},
      {ec::unknown_socket, "unknown_socket", "no socket has this name"},
      {ec::unknown_object, "unknown_object", "no object of this kind has this name"},
      {ec::unknown_call, "unknown_call", "no call has this id"},
      {ec::unknown_function, "unknown_function", "the module has no such function"},
      {ec::unknown_repository, "unknown_repository",
       "the repository cannot be reached or does not exist"},
      {ec::unknown_reference, "unknown_reference",
       "the repository has no such branch, tag or commit"},
      {ec::unknown_module, "unknown_module", "the repository has no such module at this commit"},
      {ec::result_gone, "result_gone", "the call's result is no longer kept"},
      {ec::unknown_command, "unknown_command", "no such command, kind or topic"},
      {ec::not_logged_in, "not_logged_in", "the request carries no valid token"},
      {ec::not_allowed, "not_allowed", "the user lacks the right for this"},
      {ec::repository_not_allowed, "repository_not_allowed",
       "the repository is not on the allow list, or is on the deny list"},
      {ec::path_escapes, "path_escapes", "a path or link leads out of the checkout"},
      {ec::already_exists, "already_exists", "an object of this kind and name exists already"},
      {ec::in_use, "in_use", "other objects need this one"},
      {ec::wrong_state, "wrong_state", "the object's state does not allow this"},
      {ec::fenced, "fenced", "another owner has taken over; this write had no effect"},
      {ec::data_directory_in_use, "data_directory_in_use",
       "another daemon uses this data directory"},
      {ec::port_taken, "port_taken", "the address is in use by another program"},
      {ec::lease_held, "lease_held", "another holder has the lease"},
      {ec::timed_out, "timed_out", "the time given has passed"},
      {ec::build_timed_out, "build_timed_out",
       "building the environment took longer than its limit"},
      {ec::no_server, "no_server", "no server answers at the address"},
      {ec::queue_full, "queue_full", "the queue is at its limit"},
      {ec::store_full, "store_full", "the disk is full: new calls are refused until there is room"},
      {ec::shutting_down, "shutting_down", "the server is shutting down"},
      {ec::too_busy, "too_busy", "the server is at its limit of connections or requests"},
      {ec::connection_lost, "connection_lost", "the connection ended before the answer came"},
      {ec::version_mismatch, "version_mismatch",
       "the two sides speak different versions of the protocol"},
      {ec::catalog_full, "catalog_full", "the catalog is at its limit of objects"},
      {ec::some_failed, "some_failed", "some of several requests failed"},
      {ec::internal, "internal", "an internal error; the daemon's log has details"},
      {ec::store_corrupt, "store_corrupt", "the store holds damaged data"},
      {ec::store_io, "store_io", "the disk returned an error"},
      {ec::store_foreign, "store_foreign",
       "the directory holds something that is not a store of this program"},
      {ec::store_stale, "store_stale", "the store is older than what was acknowledged from it"},
      {ec::store_newer, "store_newer", "the store was written by a newer version"},
      {ec::sandbox_unavailable, "sandbox_unavailable",
       "this machine cannot isolate workers as required"},
      {ec::outcome_unknown, "outcome_unknown",
       "the write may or may not have happened; repeat it with the same batch id"},
      {ec::environment_failed, "environment_failed",
       "the environment of the processor could not be built"},
      {ec::process_failed, "process_failed", "a process could not be started"},
  };
  return table;
}

const ec_info& describe(ec code) {
  const auto& table = all_error_codes();
  auto found = std::ranges::lower_bound(table, code, {}, &ec_info::code);
  if (found != table.end() && found->code == code) return *found;
  return describe(ec::internal);
}

std::string code_text(ec code) {
  char text[8];
  std::snprintf(text, sizeof text, "F%04u", static_cast<unsigned>(code) % 10000u);
  return text;
}

bool is_retryable(ec code) {
  switch (code) {
  case ec::timed_out:
  case ec::no_server:
  case ec::queue_full:
  case ec::store_full:
  case ec::shutting_down:
  case ec::too_busy:
  case ec::connection_lost:
  case ec::outcome_unknown:
    return true;
  default:
    return false;
  }
}

std::string to_string(const error& err) {
  std::string text = "error[" + code_text(err.code) + "]: ";
  text += err.text.empty() ? std::string{describe(err.code).sentence} : err.text;
  if (!err.hint.empty()) text += "\n  hint: " + err.hint;
  return text;
}

void throw_exception_from_error(const error& err, const boost::source_location&) {
  throw std::logic_error("unchecked result: " + to_string(err));
}

} // namespace flow
