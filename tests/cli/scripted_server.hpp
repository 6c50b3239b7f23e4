// A node that answers from a script, and one run of `flow` against it with everything around it
// captured.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/run.hpp"
#include "cli/server.hpp"
#include "flows/clock.hpp"

namespace flow::cli::test {

using json = nlohmann::json;

/// What was asked of the node.
struct asked {
  std::string verb;
  json params;
};

/// A call that was submitted.
struct submitted {
  std::string socket;
  std::string positional; ///< JSON
  std::string keyword;    ///< JSON
  wire::submit_options options;
  bool wants_end = false;
};

/// The id of the n-th call of a script, counted from 0.
call_id id_of(uint64_t n);

/// Shared by the test and the connections that commands make.
struct script {
  std::map<std::string, std::function<result<value>(const json&)>> verbs;
  /// What becomes of a call; without it its first positional argument is its result.
  std::function<result<call_outcome>(const submitted&)> on_call;
  bool never_ends = false; ///< calls are accepted, and that is all
  std::optional<error> no_connection;
  std::vector<value> events; ///< of any subscription
  std::vector<asked> requests;
  std::vector<submitted> calls;
  std::vector<json> subscriptions;
  connection_options connection; ///< of the latest connection
  size_t connections = 0;
  /// Calls whose end is held back until `end_later` of them wait, then told last first. 0: told at
  /// once.
  size_t end_later = 0;

  /// Answers a verb with what this JSON text says.
  void answer(const std::string& verb, const std::string& json_text);
  void refuse(const std::string& verb, error why);
};

/// One run of `flow`.
class flow_run {
public:
  flow_run();
  ~flow_run();
  flow_run(const flow_run&) = delete;
  flow_run& operator=(const flow_run&) = delete;

  script node;
  manual_clock time{1'700'000'000'000};
  std::map<std::string, std::string> variables;
  std::string stdin_text;
  bool stdin_is_piped = false;
  bool is_terminal = false; ///< stdin, stdout and stderr
  size_t width = 100;
  std::string working_dir = "/home/joe/shop";
  std::string program_dir = "/nowhere";
  std::string config_dir; ///< fresh for each object

  /// "ls queues -o json", split as a shell would; the exit code.
  int operator()(const std::string& line);
  int with(const std::vector<std::string>& args);

  std::string out;
  std::string err;

  /// References into this object: they hold until the next call of the same function.
  const json& out_json() { return out_json_ = json::parse(out); }
  const json& err_json() { return err_json_ = json::parse(err); }
  const json& last_params() const { return node.requests.back().params; }

private:
  json out_json_;
  json err_json_;
};

} // namespace flow::cli::test
