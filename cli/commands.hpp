// The commands of each file in cli/commands; registry.cpp puts them together.
#pragma once

#include <vector>

#include "cli/command.hpp"

namespace flow::cli {

using commands = std::vector<command>;

commands add_commands();
commands ls_commands();
commands show_commands();
commands update_commands();
commands delete_commands();
commands task_run_command();
commands task_code_command();
commands init_commands();
commands call_commands();
commands dlq_commands();
commands proc_commands();
commands queue_commands();
commands listen_command();
commands up_commands();
commands status_command();
commands context_commands();
commands completion_commands();
commands help_commands();
commands version_command();

} // namespace flow::cli
