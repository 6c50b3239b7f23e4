#include "nodes/session_checks.hpp"

#include "flows/limits.hpp"
#include "flows/text.hpp"

namespace flow::nodes {

namespace {

constexpr size_t suggestions_from_max = 10'000; // names looked at for "did you mean"

result<void> check_size(const char* what, size_t bytes, size_t bytes_max) {
  if (bytes <= bytes_max) return {};
  return make_error(ec::bad_value, std::string{what} + " of the call has " + std::to_string(bytes)
                                       + " bytes, at most " + std::to_string(bytes_max)
                                       + " are taken");
}

result<void> check_delay(const char* what, uint64_t ms) {
  if (ms <= limits::call_delay_ms_max) return {};
  return make_error(ec::bad_value, std::string{what} + " of the call is " + std::to_string(ms)
                                       + " ms, at most " + std::to_string(limits::call_delay_ms_max)
                                       + " are taken");
}

/// Not moved to the node's time, which a repeat would find later: the same call would then get a
/// second id.
result<void> check_time(const wire::submit& m, uint64_t now_ms) {
  auto skew_ms = limits::client_clock_skew_ms_max * (m.again ? 2 : 1);
  auto apart_ms = m.time_ms > now_ms ? m.time_ms - now_ms : now_ms - m.time_ms;
  if (apart_ms <= skew_ms) return {};
  return make_error(ec::bad_value, "the time of the call is more than a day away from the node's",
                    "set the clock of the client, or use the time in the node's hello");
}

} // namespace

result<void> check_submit(wire::submit& m, uint64_t now_ms) {
  if (m.args.size_bytes() > limits::payload_bytes_max)
    return make_error(ec::payload_too_large,
                      "the arguments for " + flow::quoted(m.socket) + " have "
                          + std::to_string(m.args.size_bytes()) + " bytes, at most "
                          + std::to_string(limits::payload_bytes_max) + " are taken");
  auto& options = m.options;
  if (auto fits = check_size("the key", options.key.size(), limits::idempotency_key_bytes_max);
      !fits)
    return fits;
  if (auto fits = check_size("the argument", options.argument.size(), limits::name_bytes_max);
      !fits)
    return fits;
  if (auto fits = check_size("the workflow", options.flow.size(), limits::payload_bytes_max); !fits)
    return fits;
  if (auto fits = check_size("the trace", options.trace.size(), limits::name_bytes_max); !fits)
    return fits;
  if (auto fits = check_delay("the delay", options.delay_ms); !fits) return fits;
  if (auto fits = check_delay("the expiry", options.expires_ms); !fits) return fits;
  if (auto sane = check_time(m, now_ms); !sane) return sane;
  return wire::check_values(m);
}

error unknown_socket(const std::string& socket, const actors::routes& known, bool with_hint) {
  std::vector<std::string> names;
  for (auto& [name, route] : known.by_name) {
    if (!with_hint || names.size() == suggestions_from_max) break;
    names.push_back(name);
  }
  auto hint = did_you_mean(socket, names);
  return make_error(ec::unknown_socket, "no socket " + flow::quoted(socket),
                    hint.empty() ? "list them with `flow ls sockets`" : hint);
}

} // namespace flow::nodes
