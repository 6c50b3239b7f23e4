#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"

namespace flow::cli {

commands status_command() {
  command cmd;
  cmd.path = "status";
  cmd.summary = "how the node is: its calls, store and sandbox";
  cmd.examples = {{"flow status", "for people"}, {"flow status -o json", "for programs"}};
  cmd.run = [](context& ctx) -> result<int> {
    auto status = ctx.ask("node.status", nlohmann::json::object());
    if (!status) return status.error();
    ctx.print.object(*status);
    return 0;
  };
  return {cmd};
}

} // namespace flow::cli
