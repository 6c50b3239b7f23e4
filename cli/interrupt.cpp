#include "cli/interrupt.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

#include <unistd.h>

namespace flow::cli {
namespace {

std::array<char, 500> last_words{};
std::atomic<size_t> last_words_size{0};

extern "C" void on_sigint(int) {
  // Only what a signal handler may do.
  if (auto size = last_words_size.load()) (void)!::write(STDERR_FILENO, last_words.data(), size);
  ::_exit(130);
}

} // namespace

void exit_on_interrupt() {
  struct sigaction action {};
  action.sa_handler = on_sigint;
  ::sigaction(SIGINT, &action, nullptr);
}

void say_on_interrupt(const std::string& text) {
  last_words_size = 0;
  const auto size = std::min(text.size(), last_words.size());
  std::memcpy(last_words.data(), text.data(), size);
  last_words_size = size;
}

} // namespace flow::cli
