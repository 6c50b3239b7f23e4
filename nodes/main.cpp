// The daemon: options, start, one line when ready, end by signal.
#include <csignal>
#include <cstdio>

#include <pthread.h>
#include <unistd.h>

#include "nodes/node.hpp"
#include "nodes/options.hpp"

namespace {

int fail(const flow::error& why) {
  std::fprintf(stderr, "%s\n", flow::to_string(why).c_str());
  return flow::exit_code(why.code);
}

/// A second daemon thread must never take the signals that `main` waits for.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int number : {SIGTERM, SIGINT, SIGUSR1})
    sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

} // namespace

int main(int argc, char** argv) {
  auto options = flow::nodes::parse_options(argc, argv);
  if (!options) return fail(options.error());
  if (options->help) {
    std::fputs(options->text.c_str(), stdout);
    return 0;
  }
  auto signals = block_signals();
  auto node = flow::nodes::start_node(*options, [](const std::string& why) {
    std::fprintf(stderr, "the node cannot go on: %s\n", why.c_str());
    ::kill(::getpid(), SIGUSR1);
  });
  if (!node) return fail(node.error());
  std::printf("flow-node %s ready api=%s pid=%d data=%s\n", options->name.c_str(),
              (*node)->api_address().c_str(), static_cast<int>(::getpid()),
              options->data_directory.c_str());
  std::fflush(stdout);
  int received = 0;
  sigwait(&signals, &received);
  // What the actors hold is of no use when they have failed: the disk has the truth, and the next
  // start reads it.
  if (received == SIGUSR1) ::_exit(flow::exit_code(flow::ec::internal));
  // Whatever hangs at the end, the process ends: nothing durable is lost by it.
  ::alarm(static_cast<unsigned>(options->drain_ms / 1'000 + 15));
  (*node)->close();
  return 0;
}
