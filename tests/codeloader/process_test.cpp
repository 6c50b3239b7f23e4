#define CAF_SUITE codeloader.process

#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codeloader/process.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;

namespace {

size_t open_descriptors() {
  size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"})
    ++n;
  return n;
}

struct finished {
  process_exit exit;
  std::string out;
};

// Runs `command` with its stdout in a pipe.
finished run(process_command command) {
  auto out = make_pipe();
  command.descriptors[1] = out->write.get();
  auto child = start_process(command);
  CAF_REQUIRE(child.has_value());
  out->write.close();
  finished done;
  done.exit = reap(*child);
  char buffer[4096];
  for (ssize_t n; (n = ::read(out->read.get(), buffer, sizeof buffer)) > 0;)
    done.out.append(buffer, static_cast<size_t>(n));
  return done;
}

process_command python(std::string code) {
  process_command command;
  command.argv = {"/usr/bin/python3", "-I", "-S", "-c", std::move(code)};
  return command;
}

} // namespace

CAF_TEST(a program gets its arguments and environment and nothing else) {
  ::setenv("MILLRACE_TEST_LEAK", "1", 1);
  process_command command;
  command.argv = {"/usr/bin/env"};
  command.environment = {"ONLY=this one"};
  auto done = run(command);
  CAF_CHECK_EQUAL(done.exit.code, 0);
  CAF_CHECK_EQUAL(done.out, "ONLY=this one\n");
}

CAF_TEST(a shell metacharacter is only a character) {
  process_command command;
  command.argv = {"/usr/bin/printf", "%s", "$(id) ; `id` > /dev/null"};
  CAF_CHECK_EQUAL(run(command).out, "$(id) ; `id` > /dev/null");
}

CAF_TEST(exit codes and signals are told apart) {
  CAF_CHECK_EQUAL(run(python("import os; os._exit(7)")).exit.code, 7);
  CAF_CHECK_EQUAL(run(python("import os; os.kill(os.getpid(), 9)")).exit.signal, SIGKILL);
}

CAF_TEST(a program that is not there is an error with its name and leaves no child) {
  process_command command;
  command.argv = {"/nonexistent/program"};
  auto before = open_descriptors();
  for (int i = 0; i < 200; ++i) {
    auto child = start_process(command);
    CAF_REQUIRE(!child.has_value());
    CAF_CHECK_EQUAL(child.error().code, ec::process_failed);
    CAF_CHECK(child.error().text.find("/nonexistent/program") != std::string::npos);
  }
  CAF_CHECK_EQUAL(open_descriptors(), before);
  CAF_CHECK_EQUAL(::waitpid(-1, nullptr, WNOHANG), -1); // ECHILD: no zombie either
  command.argv = {"relative"};
  CAF_CHECK(!start_process(command).has_value());
}

CAF_TEST(a step that fails before the program is named) {
  process_command command;
  command.argv = {"/usr/bin/true"};
  command.working_dir = "/nonexistent";
  auto child = start_process(command);
  CAF_REQUIRE(!child.has_value());
  CAF_CHECK(child.error().text.find("change the directory") != std::string::npos);
}

CAF_TEST(only the descriptors that were passed are open in the child) {
  descriptor leaky{::open("/dev/null", O_RDONLY)}; // not close-on-exec, as a library might
  auto extra = make_memory_file("extra", "hello");
  auto command
      = python("import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:4], os.read(3, 9),"
               " len(os.listdir('/proc/self/fd')))");
  command.descriptors.push_back(extra->get());
  // 0 to 3 and the one that lists the directory
  CAF_CHECK_EQUAL(run(command).out, "[0, 1, 2, 3] b'hello' 5\n");
}

CAF_TEST(descriptors may be permuted) {
  auto a = make_memory_file("a", "a");
  auto b = make_memory_file("b", "b");
  auto command = python("import os; print(os.read(3, 9), os.read(4, 9))");
  // Sources below the number of targets are those that a careless dup2 would overwrite.
  descriptor low_a{::fcntl(a->get(), F_DUPFD_CLOEXEC, 3)};
  descriptor low_b{::fcntl(b->get(), F_DUPFD_CLOEXEC, 3)};
  command.descriptors = {-1, -1, -1, low_b.get(), low_a.get()};
  CAF_CHECK_EQUAL(run(command).out, "b'b' b'a'\n");
}

CAF_TEST(ignored and blocked signals are not inherited) {
  auto before = ::signal(SIGPIPE, SIG_IGN);
  auto done = run(python(
      "print([l.split()[1] for l in open('/proc/self/status') if l[:6] in ('SigIgn', 'SigBlk')])"));
  ::signal(SIGPIPE, before);
  // Python itself ignores SIGPIPE and SIGXFSZ.
  CAF_CHECK_EQUAL(done.out, "['0000000000000000', '0000000001001000']\n");
}

CAF_TEST(limits and the user hold in the child) {
  auto command = python("import os, resource; print(resource.getrlimit(resource.RLIMIT_NOFILE),"
                        " resource.getrlimit(resource.RLIMIT_CORE))");
  command.limits = {{RLIMIT_NOFILE, 99}, {RLIMIT_CORE, 0}};
  CAF_CHECK_EQUAL(run(command).out, "(99, 99) (0, 0)\n");
  if (::geteuid() != 0) return;
  auto other = python("import os; print(os.getresuid(), os.getresgid(), os.getgroups())");
  other.uid = 12345;
  CAF_CHECK_EQUAL(run(other).out, "(12345, 12345, 12345) (12345, 12345, 12345) []\n");
  CAF_CHECK_EQUAL(::getuid(), 0u);
}

CAF_TEST(a child ends readably on its pidfd and is reaped once) {
  process_command command;
  command.argv = {"/usr/bin/sleep", "100"};
  auto child = start_process(command);
  CAF_REQUIRE(child.has_value());
  CAF_CHECK(!try_reap(*child).has_value());
  signal_process(*child, SIGTERM);
  pollfd ended{child->pidfd.get(), POLLIN, 0};
  CAF_CHECK_EQUAL(::poll(&ended, 1, 10'000), 1);
  auto exit = try_reap(*child);
  CAF_REQUIRE(exit.has_value());
  CAF_CHECK_EQUAL(exit->signal, SIGTERM);
}

CAF_TEST(a thousand starts from several threads leave no descriptor and no zombie) {
  auto before = open_descriptors();
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&good] {
      for (int i = 0; i < 250; ++i) {
        process_command command;
        command.argv = {"/usr/bin/true"};
        auto child = start_process(command);
        if (!child) continue;
        auto exit = reap(*child);
        good += exit.code == 0 && exit.signal == 0;
      }
    });
  for (auto& thread : threads)
    thread.join();
  CAF_CHECK_EQUAL(good.load(), 1000);
  CAF_CHECK_EQUAL(open_descriptors(), before);
  CAF_CHECK_EQUAL(::waitpid(-1, nullptr, WNOHANG), -1);
}
