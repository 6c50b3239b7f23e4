// The `flow` program: the real world for cli::run.
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/interrupt.hpp"
#include "cli/node_server.hpp"
#include "cli/run.hpp"

namespace {

bool is_piped(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0
         && (S_ISFIFO(info.st_mode) || S_ISREG(info.st_mode) || S_ISSOCK(info.st_mode));
}

size_t width_of_terminal() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

std::optional<std::string> variable(const std::string& name) {
  const char* text = std::getenv(name.c_str());
  return text ? std::optional<std::string>{text} : std::nullopt;
}

std::string own_dir() {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/self/exe", none).parent_path().string();
}

} // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  flow::cli::exit_on_interrupt();
  std::error_code none;
  flow::cli::surroundings world{
      .out = std::cout,
      .err = std::cerr,
      .in = std::cin,
      .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
      .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
      .in_is_terminal = ::isatty(STDIN_FILENO) == 1,
      .in_is_piped = is_piped(STDIN_FILENO),
      .terminal_width = ::isatty(STDOUT_FILENO) == 1 ? width_of_terminal() : 0,
      .variable = variable,
      .connect = flow::cli::connect_node,
      .time = flow::system_clock(),
      .program_dir = own_dir(),
      .working_dir = std::filesystem::current_path(none).string(),
  };
  return flow::cli::run({argv + 1, argv + argc}, world);
}
