// What a command runs in: what was typed, where output goes, and the node, connected on first use.
#pragma once

#include <chrono>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/command.hpp"
#include "cli/config.hpp"
#include "cli/printer.hpp"
#include "cli/server.hpp"
#include "flows/clock.hpp"

namespace flow::cli {

/// Everything of the outside world, so that a test can be that world.
struct surroundings {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool in_is_terminal = false;
  bool in_is_piped = false;  ///< a pipe, file or socket: `task run` may take its argument from it
  size_t terminal_width = 0; ///< of stdout; 0: not a terminal
  variable_lookup variable;
  connector connect;
  const clock& time;
  std::string program_dir; ///< where flow-node is looked for
  std::string working_dir;
};

class context {
public:
  context(surroundings& world, invocation args, connection_settings settings);

  const invocation args;
  const connection_settings settings;
  surroundings& world;
  printer print;

  bool is_quiet() const { return args.has("quiet"); }
  bool is_dry_run() const { return args.has("dry-run"); }
  /// --timeout, or nothing when it was not given.
  result<std::optional<std::chrono::milliseconds>> timeout() const;
  /// From now on --timeout is this.
  void set_timeout(std::chrono::milliseconds patience) { patience_ = patience; }

  /// The node. `no_server`, `not_logged_in`.
  result<server*> node();

  /// A verb of docs/api.md, answered as a tree.
  result<nlohmann::json> ask(const std::string& verb, const nlohmann::json& params);

  /// A sentence for people: stderr, not with -q.
  void say(const std::string& text);
  /// What one would do next: stderr, not with -q nor for programs.
  void next(const std::string& text);
  /// Only with --debug.
  void debug(const std::string& text);

  /// True with -y, or when the terminal's user agrees; without a terminal `bad_usage` that asks for
  /// -y.
  result<bool> confirm(const std::string& question);

private:
  std::optional<std::chrono::milliseconds> patience_;
  std::unique_ptr<server> node_;
};

/// The parameters of a list verb from --filter, --limit and --cursor. `bad_value`.
result<nlohmann::json> list_params(const context& ctx);

/// {"apiVersion", "kind": "QueueList", "items", "next"} or a table of the items; a sentence when
/// there is none.
result<int> print_list(context& ctx, const std::string& kind_name,
                       const std::vector<column>& columns, const nlohmann::json& answer,
                       const std::string& nothing);

} // namespace flow::cli
