// The one error type of the project: a code, what happened where, and the way out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

namespace flow {

/// Every cause of failure. The hundreds digit decides the exit code of the command line
/// (`exit_code`); numbers are published as F0101 and are never reused. One sentence per code in
/// error.cpp, one page per code in docs/errors.
enum class ec : uint16_t {
  none = 0,
  // -- 01: wrong usage or a bad file ------------------------------------------
  bad_usage = 101,
  bad_value = 102,
  bad_filter = 103,
  bad_name = 104,
  bad_arguments = 105,
  payload_too_large = 106,
  bad_literal = 107,
  bad_repository_url = 108,
  bad_module = 109,
  bad_requirements = 110,
  bad_frame = 111,
  unknown_key = 112,
  bad_reference = 113,
  bad_config = 114,
  bad_call_id = 115,
  bad_workflow = 116,
  // -- 02: the call itself ----------------------------------------------------
  task_failed = 201,
  task_timed_out = 202,
  task_cancelled = 203,
  worker_lost = 204,
  not_a_value = 205,
  call_dead = 206,
  import_failed = 207,
  output_too_large = 208,
  // -- 03: no such thing ------------------------------------------------------
  unknown_socket = 301,
  unknown_object = 302,
  unknown_call = 303,
  unknown_function = 304,
  unknown_repository = 305,
  unknown_reference = 306,
  unknown_module = 307,
  result_gone = 308,
  unknown_command = 309,
  // -- 04: not allowed --------------------------------------------------------
  not_logged_in = 401,
  not_allowed = 402,
  repository_not_allowed = 403,
  path_escapes = 404,
  // -- 05: exists, or changed meanwhile ---------------------------------------
  already_exists = 501,
  in_use = 502,
  wrong_state = 503,
  fenced = 504,
  data_directory_in_use = 505,
  port_taken = 506,
  lease_held = 507,
  // -- 06: took too long ------------------------------------------------------
  timed_out = 601,
  build_timed_out = 602,
  // -- 07: no server, or a server that cannot take it now ---------------------
  no_server = 701,
  queue_full = 702,
  store_full = 703,
  shutting_down = 704,
  too_busy = 705,
  connection_lost = 706,
  version_mismatch = 707,
  catalog_full = 708,
  // -- 08: some of many -------------------------------------------------------
  some_failed = 801,
  // -- 09: inside -------------------------------------------------------------
  internal = 901,
  store_corrupt = 902,
  store_io = 903,
  store_foreign = 904,
  store_stale = 905,
  store_newer = 906,
  sandbox_unavailable = 907,
  outcome_unknown = 908,
  environment_failed = 909,
  process_failed = 910,
};

struct ec_info {
  ec code;
  std::string_view name;     ///< stable, snake_case, the enumerator
  std::string_view sentence; ///< what it means, for people
};

/// All codes in ascending order.
const std::vector<ec_info>& all_error_codes();

/// Never fails: an unknown number is described as `internal`.
const ec_info& describe(ec code);

/// "F0301"
std::string code_text(ec code);

/// The exit code of the command line for this cause (docs/errors): the hundreds digit, but that 1
/// is kept for a call that failed, as for any program that runs another, and 2 for wrong usage, as
/// for any shell command.
constexpr int exit_code(ec code) {
  int digit = static_cast<int>(code) / 100;
  return digit == 1 ? 2 : digit == 2 ? 1 : digit;
}

/// Whether the same request can succeed later without any change by the caller.
bool is_retryable(ec code);

/// An operating error as a value. `text` says what and where, with names as the user typed them;
/// `hint` says what to do. Neither ever holds a secret.
struct error {
  ec code = ec::none;
  std::string text;
  std::string hint;

  bool operator==(const error&) const = default;
};

/// "error[F0301]: no socket "shop.prise"" and, on a second line, the hint if there is one.
std::string to_string(const error& err);

template <class T>
using result = boost::system::result<T, error>;

inline error make_error(ec code, std::string text, std::string hint = {}) {
  return error{code, std::move(text), std::move(hint)};
}

/// Required by boost::system::result::value(); reaching it is a programming error.
[[noreturn]] void throw_exception_from_error(const error& err, const boost::source_location& where);

} // namespace flow
