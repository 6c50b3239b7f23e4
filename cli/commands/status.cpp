#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/tree_text.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

std::string shown(const json& status, const std::string& path, cell how = cell::number) {
  return cell_text(item_at(status, path), how, 0);
}

/// "namespaces, seccomp": what of the sandbox this machine gives, and what it lacks.
std::string sandbox_line(const json& sandbox) {
  std::string line;
  for (auto it = sandbox.begin(); sandbox.is_object() && it != sandbox.end(); ++it)
    if (*it == json(true)) line += (line.empty() ? "" : ", ") + one_line(it.key());
  const auto& missing = item_at(sandbox, "missing");
  if (missing.is_array() && !missing.empty()) line += "; missing: " + one_line(plain_text(missing));
  return line.empty() ? "none" : line;
}

std::string lines_of(const json& status) {
  auto text = "node " + shown(status, "name", cell::text) + " is "
              + (item_at(status, "healthy") == json(true) ? "healthy" : "not healthy") + ", up for "
              + shown(status, "uptime_ms", cell::duration_ms) + "  (version "
              + shown(status, "version", cell::text) + ", cpus " + shown(status, "cpus") + ")\n";
  for (const auto& problem : item_at(status, "unhealthy"))
    text += "  problem: " + one_line(plain_text(problem)) + "\n";
  text += "calls    queued " + shown(status, "calls.queued") + ", running "
          + shown(status, "calls.running") + ", waiting " + shown(status, "calls.waiting")
          + ", joining " + shown(status, "calls.joining") + "; since the start: finished "
          + shown(status, "calls.finished") + ", failed " + shown(status, "calls.failed") + "\n";
  text += "objects  processors " + shown(status, "processors") + ", sockets "
          + shown(status, "sockets") + "; actors restarted " + shown(status, "actor_restarts")
          + "\n";
  text += "store    "
          + std::string{item_at(status, "journal.writable") == json(true) ? "writable"
                                                                          : "not writable"}
          + ", " + shown(status, "store.bytes_on_disk", cell::bytes) + " on disk, commits "
          + shown(status, "store.commits") + ", syncs " + shown(status, "store.syncs") + "\n";
  return text + "sandbox  " + sandbox_line(item_at(status, "sandbox")) + "\n";
}

} // namespace

commands status_command() {
  command cmd;
  cmd.path = "status";
  cmd.summary = "how the node is: its calls, store and sandbox";
  cmd.examples = {{"flow status", "for people"}, {"flow status -o json", "for programs"}};
  cmd.run = [](context& ctx) -> result<int> {
    auto status = ctx.ask("node.status", json::object());
    if (!status) return status.error();
    if (ctx.print.options().how == format::table && !ctx.print.options().names_only)
      ctx.print.raw(lines_of(*status));
    else
      ctx.print.object(*status);
    return 0;
  };
  return {cmd};
}

} // namespace flow::cli
