#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"

namespace flow::cli {

commands version_command() {
  command cmd;
  cmd.path = "version";
  cmd.summary = "the version of this program";
  cmd.examples = {{"flow version", "also: flow --version"}};
  cmd.run = [](context& ctx) -> result<int> {
    ctx.print.object({{"name", "flow"}, {"version", MILLRACE_VERSION}},
                     std::string{"flow "} + MILLRACE_VERSION);
    return 0;
  };
  return {cmd};
}

} // namespace flow::cli
