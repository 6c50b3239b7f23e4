#include <algorithm>

#include "cli/commands.hpp"
#include "cli/resolve.hpp"

namespace flow::cli {

const std::vector<command>& registry() {
  static const std::vector<command> table = [] {
    std::vector<command> all;
    for (auto make : {add_commands, ls_commands, show_commands, update_commands, delete_commands,
                      task_run_command, task_code_command, init_commands, call_commands, dlq_commands, proc_commands, queue_commands,
                      listen_command, up_commands, status_command, context_commands,
                      completion_commands, help_commands, version_command})
      for (auto& each : make())
        all.push_back(std::move(each));
    std::ranges::sort(all, {}, &command::path);
    return all;
  }();
  return table;
}

} // namespace flow::cli
