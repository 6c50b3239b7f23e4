#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/dev_node.hpp"
#include "cli/quantities.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"

namespace flow::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

constexpr uint16_t default_port = 7717;

std::string name_of_machine() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return check_name(name) ? name : "dev";
}

/// --port as it is, or the usual one, or any when the usual one is taken.
result<uint16_t> choose_port(context& ctx) {
  if (auto text = ctx.args.text("port")) {
    auto port = count_of(*text, "--port", 65'535);
    if (!port) return port.error();
    if (*port == 0) return free_port();
    if (is_port_free(static_cast<uint16_t>(*port))) return static_cast<uint16_t>(*port);
    return make_error(ec::port_taken, "port " + *text + " is taken",
                      "choose another, or --port 0 for any");
  }
  if (is_port_free(default_port)) return default_port;
  const auto port = free_port();
  ctx.say("port " + std::to_string(default_port) + " is taken: using " + std::to_string(port));
  return port;
}

result<std::string> choose_data_dir(context& ctx) {
  if (!ctx.args.has("ephemeral")) {
    auto dir = fs::path{ctx.world.working_dir}
               / ctx.args.text_or("data", data_home(ctx.world.variable) + "/dev");
    return dir.lexically_normal().string();
  }
  if (ctx.args.has("data"))
    return make_error(ec::bad_usage,
                      "--ephemeral chooses its own directory; --data contradicts it");
  std::string dir = ctx.world.variable("TMPDIR").value_or("/tmp") + "/flow-XXXXXX";
  if (!::mkdtemp(dir.data()))
    return make_error(ec::bad_config, "cannot make a directory like " + dir);
  return dir;
}

/// What the node is told beside its name, data and address. A node of one's own may use the
/// repositories on one's own disk; one that others reach may not.
std::vector<std::string> node_options(const context& ctx) {
  std::vector<std::string> options;
  auto patterns = ctx.args.all("allow-repo");
  if (patterns.empty()) patterns = {"file:///*", "https://*/*", "http://*/*", "ssh://*/*"};
  for (const auto& pattern : patterns)
    options.insert(options.end(), {"--allow-repo", pattern});
  if (auto cpus = ctx.args.text("cpus")) options.insert(options.end(), {"--cpus", *cpus});
  return options;
}

/// The context `dev` becomes the current one and points to the node.
result<void> point_context(context& ctx, const dev_node& node) {
  const auto path = config_path(ctx.world.variable);
  auto conf = load_config(path);
  if (!conf) return conf.error();
  if (!conf->current.empty() && conf->current != "dev")
    ctx.say("the current context is now dev; it was " + conf->current);
  conf->current = "dev";
  auto& dev = conf->contexts["dev"];
  dev.address = node.address;
  dev.token_file = node.token_file();
  for (auto name : {"FLOW_ADDRESS", "FLOW_CONTEXT", "FLOW_TOKEN_FILE"})
    if (ctx.world.variable(name))
      ctx.say(std::string{"note: "} + name + " is set, and wins over the context dev");
  return save_config(path, *conf);
}

json tree_of(const dev_node& node) {
  return {
      {"name", node.name},     {"address", node.address},         {"pid", node.process.pid},
      {"data", node.data_dir}, {"token_file", node.token_file()}, {"ephemeral", node.is_ephemeral}};
}

void announce(context& ctx, const dev_node& node, const std::string& how) {
  ctx.print.object(tree_of(node), "node " + node.name + " " + how + " at " + node.address
                                      + "  (data: " + node.data_dir
                                      + (node.is_ephemeral ? ", gone after flow down)" : ")"));
  ctx.print.flush();
}

result<int> up(context& ctx) {
  const auto state_dir = data_home(ctx.world.variable);
  if (auto running = find_dev_node(state_dir)) {
    if (auto ok = point_context(ctx, *running); !ok) return ok.error();
    announce(ctx, *running, "runs already");
    return 0;
  }
  const auto program = ctx.world.program_dir + "/flow-node";
  if (::access(program.c_str(), X_OK) != 0)
    return make_error(ec::process_failed, "there is no program " + program,
                      "flow-node belongs beside flow");
  auto patience = ctx.timeout();
  if (!patience) return patience.error();
  auto port = choose_port(ctx);
  if (!port) return port.error();
  auto data_dir = choose_data_dir(ctx);
  if (!data_dir) return data_dir.error();
  dev_node node;
  node.name = name_of_machine();
  node.address = "127.0.0.1:" + std::to_string(*port);
  node.data_dir = *data_dir;
  node.is_ephemeral = ctx.args.has("ephemeral");
  const auto begun_ms = ctx.world.time.steady_ms();
  const auto start_ms_max
      = patience->value_or(std::chrono::milliseconds{limits::cli_node_start_ms_max}).count();
  auto process = start_dev_node(program, node, node_options(ctx), ctx.args.has("foreground"),
                                static_cast<uint64_t>(start_ms_max));
  if (!process) {
    forget_dev_node(state_dir, node);
    return process.error();
  }
  node.process = *process;
  auto noted = note_dev_node(state_dir, node);
  if (noted) noted = point_context(ctx, node);
  if (!noted) {
    terminate(node.process);
    return noted.error();
  }
  announce(ctx, node,
           "is ready after " + elapsed_text((ctx.world.time.steady_ms() - begun_ms) * 1000));
  if (!ctx.args.has("foreground")) {
    ctx.next("flow add processor NAME -g REPO -m MODULE      end it: flow down");
    return 0;
  }
  const int code = attend_in_foreground(node.process);
  forget_dev_node(state_dir, node);
  return code == 0
             ? result<int>{0}
             : make_error(ec::process_failed, "the node ended with code " + std::to_string(code));
}

result<int> down(context& ctx) {
  const auto state_dir = data_home(ctx.world.variable);
  auto node = find_dev_node(state_dir);
  if (!node) {
    ctx.say("no node of flow up is running");
    if (ctx.print.is_for_programs()) ctx.print.object({{"stopped", false}});
    return 0;
  }
  auto patience = ctx.timeout();
  if (!patience) return patience.error();
  if (ctx.args.has("force"))
    kill_now(node->process);
  else
    terminate(node->process);
  const auto stop_ms_max
      = patience->value_or(std::chrono::milliseconds{limits::cli_node_stop_ms_max}).count();
  if (!ends_within(node->process, static_cast<uint64_t>(stop_ms_max)))
    return make_error(ec::timed_out,
                      "node " + node->name + " (pid " + std::to_string(node->process.pid)
                          + ") still drains",
                      "wait, or end it at once: flow down --force");
  forget_dev_node(state_dir, *node);
  auto tree = tree_of(*node);
  tree["stopped"] = true;
  ctx.print.object(tree, "node " + node->name + " has ended"
                             + (node->is_ephemeral ? "; its data is gone"
                                                   : "; its data is kept in " + node->data_dir));
  return 0;
}

} // namespace

commands up_commands() {
  command start;
  start.path = "up";
  start.summary = "start a node for this machine, in the background";
  start.details = "It keeps its data, and the context dev points to it. Running it twice starts "
                  "nothing more.";
  start.examples = {{"flow up", "keeps its data below ~/.local/share/flow"},
                    {"flow up --ephemeral", "its data goes with it"}};
  start.options = {
      {"--data", "DIR", "where it keeps its data"},
      {"--ephemeral", "", "a new directory, removed by flow down"},
      {"--port", "N", "port of its address; 0: any"},
      {"--cpus", "N", "cpus to offer; without: all of the machine"},
      {"--allow-repo", "PATTERN", "repositories that may be used, as file:///srv/*; without: all"},
      {"--foreground", "", "stay, and end it with Ctrl-C"}};
  start.run = up;
  command end;
  end.path = "down";
  end.summary = "end the node that flow up started";
  end.details = "Running calls may end first; what waits stays on disk.";
  end.examples = {{"flow down", "lets running calls end"},
                  {"flow down --force", "at once: nothing that was accepted is lost"}};
  end.options = {{"--force", "", "kill it"}};
  end.run = down;
  return {start, end};
}

} // namespace flow::cli
