// Ctrl-C: exit code 130, with a last sentence for people.
#pragma once

#include <string>

namespace flow::cli {

/// From now on SIGINT ends the program with 130.
void exit_on_interrupt();

/// What is said on stderr then; empty: nothing. At most 500 bytes.
void say_on_interrupt(const std::string& text);

} // namespace flow::cli
