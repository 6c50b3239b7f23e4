#include "cli/process.hpp"

#include <csignal>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace flow::cli {
namespace {

/// posix_spawn's two parameter blocks, destroyed together.
struct spawn_setup {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  spawn_setup() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~spawn_setup() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  spawn_setup(const spawn_setup&) = delete;
  spawn_setup& operator=(const spawn_setup&) = delete;
};

void set_attributes(spawn_setup& setup, const spawn_options& options) {
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (options.has_own_session) flags = static_cast<short>(flags | POSIX_SPAWN_SETSID);
  if (options.has_own_group && !options.has_own_session)
    flags = static_cast<short>(flags | POSIX_SPAWN_SETPGROUP);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&setup.attributes, &none);
  ::posix_spawnattr_setsigdefault(&setup.attributes, &all);
  ::posix_spawnattr_setpgroup(&setup.attributes, 0);
  ::posix_spawnattr_setflags(&setup.attributes, flags);
}

int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

void send_signal(const process_id& process, int signal) {
  const int fd = open_pidfd(process.pid);
  if (fd < 0) return;
  // The descriptor holds the process: checked after it was opened, the number cannot be another's.
  if (identify(process.pid) == process) ::syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0);
  ::close(fd);
}

} // namespace

process_id identify(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')'); // the name may hold blanks and brackets
  if (!file || name_end == std::string::npos) return {pid, 0};
  std::istringstream rest{line.substr(name_end + 2)};
  std::string state;
  rest >> state;
  if (state == "Z") return {pid, 0};
  std::string skipped;
  for (int field = 4; field < 22; ++field)
    rest >> skipped;
  process_id found{pid, 0};
  rest >> found.started;
  return found;
}

bool is_alive(const process_id& process) {
  return process.started != 0 && identify(process.pid) == process;
}

result<spawned> spawn(const std::vector<std::string>& argv, const spawn_options& options) {
  spawn_setup setup;
  set_attributes(setup, options);
  int ends[2] = {-1, -1};
  if (options.has_pipe) {
    if (::pipe2(ends, O_CLOEXEC) != 0)
      return make_error(ec::process_failed, "no pipe for " + argv.front());
    ::posix_spawn_file_actions_adddup2(&setup.actions, ends[0], STDIN_FILENO);
  } else if (options.has_own_session) {
    ::posix_spawn_file_actions_addopen(&setup.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  if (!options.out_file.empty())
    ::posix_spawn_file_actions_addopen(&setup.actions, STDOUT_FILENO, options.out_file.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!options.err_file.empty())
    ::posix_spawn_file_actions_addopen(&setup.actions, STDERR_FILENO, options.err_file.c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND, 0600);
  std::vector<char*> raw;
  for (const auto& each : argv)
    raw.push_back(const_cast<char*>(each.c_str()));
  raw.push_back(nullptr);
  pid_t pid = 0;
  const int failure
      = ::posix_spawnp(&pid, raw.front(), &setup.actions, &setup.attributes, raw.data(), environ);
  if (ends[0] >= 0) ::close(ends[0]);
  if (failure != 0) {
    if (ends[1] >= 0) ::close(ends[1]);
    return make_error(ec::process_failed, argv.front() + " cannot be started: "
                                              + std::generic_category().message(failure));
  }
  return spawned{identify(pid), ends[1]};
}

int wait_for_exit(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool ends_within(const process_id& process, uint64_t ms) {
  const int fd = open_pidfd(process.pid);
  if (fd < 0 || !is_alive(process)) {
    if (fd >= 0) ::close(fd);
    return true;
  }
  pollfd waited{fd, POLLIN, 0};
  const int ready = ::poll(&waited, 1, static_cast<int>(ms));
  ::close(fd);
  return ready > 0;
}

void terminate(const process_id& process) {
  send_signal(process, SIGTERM);
}

void kill_now(const process_id& process) {
  send_signal(process, SIGKILL);
}

result<std::vector<std::string>> split_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool is_open = false; ///< a word has begun, though it may be empty
  for (char c : text) {
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote != 0) {
      word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      is_open = true;
    } else if (c == ' ' || c == '\t') {
      if (is_open) words.push_back(std::exchange(word, {}));
      is_open = false;
    } else {
      word += c;
      is_open = true;
    }
  }
  if (quote != 0)
    return make_error(ec::bad_usage, "the quote " + std::string(1, quote) + " is not closed");
  if (is_open) words.push_back(word);
  return words;
}

} // namespace flow::cli
