#include "codeloader/worker_launcher.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sys/socket.h>

#include "codeloader/worker_program.hpp"

namespace flow::codeloader {

namespace {

struct socket_pair {
  descriptor ours;
  descriptor theirs;
};

result<socket_pair> make_socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return system_error("make a socket pair", errno);
  socket_pair out{descriptor{ends[0]}, descriptor{ends[1]}};
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return system_error("make a socket pair", errno);
  return out;
}

// Without isolation: for tests of the protocol.
process_command bare_command(const sandbox_spec& program, std::vector<int> descriptors) {
  process_command command;
  command.argv = program.argv;
  command.environment = {"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"};
  for (const auto& [name, text] : program.environment)
    command.environment.push_back(name + "=" + text);
  command.descriptors = std::move(descriptors);
  return command;
}

} // namespace

launcher::launcher() : thread_{[this] { run(); }} {}

launcher::~launcher() {
  {
    std::lock_guard lock{mutex_};
    closing_ = true;
  }
  more_.notify_one();
  thread_.join();
}

void launcher::post(std::function<void()> job) {
  {
    std::lock_guard lock{mutex_};
    jobs_.push_back(std::move(job));
  }
  more_.notify_one();
}

void launcher::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    more_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

result<launched_worker> launch(const worker_host_options& options, const worker_spec& spec) {
  auto program = worker_program(options, spec);
  if (!program) return program.error();
  auto socket = make_socket_pair();
  if (!socket) return socket.error();
  auto out = make_pipe();
  if (!out) return out.error();
  auto err = make_pipe();
  if (!err) return err.error();
  launched_worker worker;
  std::vector<int> descriptors{-1,
                               out->write.get(),
                               err->write.get(),
                               socket->theirs.get(),
                               out->read.get(),
                               err->read.get()};
  process_command bare;
  if (options.isolate) {
    auto confined = confinement::make(machine_means(), *program, descriptors);
    if (!confined) return confined.error();
    worker.confined = std::make_unique<confinement>(std::move(*confined));
  } else {
    bare = bare_command(*program, descriptors);
  }
  auto child = start_process(worker.confined ? worker.confined->command() : bare);
  if (!child) {
    if (worker.confined) worker.confined->finish();
    return child.error();
  }
  if (worker.confined) worker.confined->started();
  worker.child = std::move(*child);
  worker.socket = std::move(socket->ours);
  worker.out = std::move(out->read);
  worker.err = std::move(err->read);
  return worker;
}

void kill_tree(const launched_worker& worker) {
  if (!worker.child.pidfd) return;
  // bwrap takes its namespace with it; without one, the worker leads a process group.
  if (!worker.confined) ::kill(-worker.child.pid, SIGKILL);
  signal_process(worker.child, SIGKILL);
}

} // namespace flow::codeloader
