// Another process with a store, to be killed.
#pragma once

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace flow::storage::test {

class child {
public:
  /// Commits the groups from `first` to `last` of a history, saying each, then waits to be killed.
  child(const std::string& directory, uint64_t seed, uint64_t first, uint64_t last)
      : child{std::vector<std::string>{MILLRACE_CRASH_CHILD, directory, std::to_string(seed),
                                       std::to_string(first), std::to_string(last)}} {}
  /// Reads all rows, says their digest and ends with 0; with 1 if the store tells of an error.
  explicit child(const std::string& directory)
      : child{std::vector<std::string>{MILLRACE_CRASH_CHILD, directory}} {}
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    end();
    if (out_ >= 0) ::close(out_);
  }

  /// The next group that it says is acknowledged (0: it is open); nullopt when it has ended.
  std::optional<uint64_t> next() {
    uint64_t group = 0;
    if (::read(out_, &group, sizeof group) != sizeof group) return std::nullopt;
    return group;
  }

  /// Waits for its own end and answers the status of waitpid.
  int wait() {
    int status = -1;
    if (pid_ > 0) ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

  /// SIGKILL, and wait until the kernel has let go of its locks.
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

private:
  explicit child(std::vector<std::string> words) {
    int ends[2];
    if (::pipe(ends) != 0) return;
    out_ = ends[0];
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addclose(&actions, ends[0]);
    ::posix_spawn_file_actions_addclose(&actions, ends[1]);
    std::vector<char*> arguments;
    for (auto& word : words)
      arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, arguments.data(), environ) != 0) {
      pid_ = -1;
    }
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
  }

  pid_t pid_ = -1;
  int out_ = -1;
};

} // namespace flow::storage::test
