#include "cli/dev_node.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/table.hpp"

namespace flow::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

constexpr size_t log_lines_quoted = 5;

/// A descriptor that closes itself.
struct descriptor {
  explicit descriptor(int number) : fd{number} {}
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int fd;
};

std::string state_path(const std::string& state_dir) {
  return state_dir + "/up.json";
}

bool has_ready_line(const std::string& path) {
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);)
    if (line.find("ready") != std::string::npos && !file.eof()) return true;
  return false;
}

std::string last_lines(const std::string& path, std::uintmax_t from) {
  std::ifstream file{path};
  file.seekg(static_cast<std::streamoff>(from));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) lines.push_back(one_line(line));
  std::string text;
  for (size_t i = lines.size() > log_lines_quoted ? lines.size() - log_lines_quoted : 0;
       i < lines.size(); ++i)
    text += "\n  " + lines[i];
  return text;
}

/// A socket bound to 127.0.0.1:port, or -1.
int bind_local(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes,
               sizeof yes); // else the port of a node that has just ended is taken
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

} // namespace

std::optional<dev_node> find_dev_node(const std::string& state_dir) {
  std::ifstream file{state_path(state_dir)};
  const auto tree = json::parse(file, nullptr, false);
  if (!tree.is_object()) return std::nullopt;
  dev_node node;
  node.process.pid = tree.value("pid", 0);
  node.process.started = tree.value("started", uint64_t{0});
  node.name = tree.value("name", "");
  node.address = tree.value("address", "");
  node.data_dir = tree.value("data", "");
  node.is_ephemeral = tree.value("ephemeral", false);
  if (!is_alive(node.process)) return std::nullopt;
  return node;
}

result<void> note_dev_node(const std::string& state_dir, const dev_node& node) {
  std::error_code why;
  fs::create_directories(state_dir, why);
  const json tree{{"pid", node.process.pid}, {"started", node.process.started},
                  {"name", node.name},       {"address", node.address},
                  {"data", node.data_dir},   {"ephemeral", node.is_ephemeral}};
  const auto scratch = state_path(state_dir) + ".new";
  {
    std::ofstream file{scratch};
    file << tree.dump() << '\n';
    if (!file.flush()) return make_error(ec::bad_config, "cannot write " + scratch);
  }
  fs::rename(scratch, state_path(state_dir), why);
  if (why)
    return make_error(ec::bad_config,
                      "cannot write " + state_path(state_dir) + ": " + why.message());
  return {};
}

void forget_dev_node(const std::string& state_dir, const dev_node& node) {
  std::error_code ignored;
  fs::remove(state_path(state_dir), ignored);
  if (node.is_ephemeral && !node.data_dir.empty()) fs::remove_all(node.data_dir, ignored);
}

bool is_port_free(uint16_t port) {
  return descriptor{bind_local(port)}.fd >= 0;
}

uint16_t free_port() {
  const descriptor bound{bind_local(0)};
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (bound.fd < 0 || ::getsockname(bound.fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return 0;
  return ntohs(address.sin_port);
}

result<process_id> start_dev_node(const std::string& program, const dev_node& node,
                                  const std::vector<std::string>& more, bool is_foreground,
                                  uint64_t start_ms_max) {
  std::error_code why;
  fs::create_directories(node.data_dir, why);
  if (why)
    return make_error(ec::bad_config,
                      "cannot make the directory " + node.data_dir + ": " + why.message());
  const auto out = node.data_dir + "/node.out";
  const auto log = node.data_dir + "/node.log";
  std::ofstream{out, std::ios::trunc}; // the watch below needs it to be there
  const auto log_size = fs::exists(log, why) ? fs::file_size(log, why) : 0;
  const descriptor watch{::inotify_init1(IN_CLOEXEC)};
  ::inotify_add_watch(watch.fd, out.c_str(), IN_MODIFY);
  spawn_options options;
  options.out_file = out;
  if (!is_foreground) options.err_file = log;
  options.has_own_session = !is_foreground;
  options.has_own_group = is_foreground;
  std::vector<std::string> argv{program,       "--name", node.name,   "--data",
                                node.data_dir, "--api",  node.address};
  argv.insert(argv.end(), more.begin(), more.end());
  auto child = spawn(argv, options);
  if (!child) return child.error();
  const descriptor end{static_cast<int>(::syscall(SYS_pidfd_open, child->process.pid, 0))};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{start_ms_max};
  while (true) {
    if (has_ready_line(out)) return child->process;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                          deadline - std::chrono::steady_clock::now())
                          .count();
    pollfd waited[2] = {{watch.fd, POLLIN, 0}, {end.fd, POLLIN, 0}};
    const int changed = left > 0 ? ::poll(waited, 2, static_cast<int>(left)) : 0;
    if (changed < 0 && errno == EINTR) continue;
    if (changed <= 0) {
      kill_now(child->process);
      wait_for_exit(child->process.pid);
      return make_error(ec::timed_out,
                        "the node was not ready within " + elapsed_text(start_ms_max * 1000)
                            + last_lines(log, log_size),
                        "its log: " + log);
    }
    if (waited[1].revents != 0 && !has_ready_line(out)) {
      const int code = wait_for_exit(child->process.pid);
      return make_error(ec::process_failed,
                        "the node ended with code " + std::to_string(code) + " before it was ready"
                            + last_lines(log, log_size),
                        is_foreground ? "" : "its log: " + log);
    }
    char events[4096];
    if (waited[0].revents != 0) (void)!::read(watch.fd, events, sizeof events);
  }
}

int attend_in_foreground(const process_id& child) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const descriptor asked{::signalfd(-1, &signals, SFD_CLOEXEC)};
  const descriptor end{static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0))};
  for (bool is_asked = false;;) {
    pollfd waited[2] = {{asked.fd, POLLIN, 0}, {end.fd, POLLIN, 0}};
    if (::poll(waited, 2, -1) < 0 && errno != EINTR) break;
    if (waited[1].revents != 0) break;
    if (waited[0].revents == 0) continue;
    signalfd_siginfo signal{};
    (void)!::read(asked.fd, &signal, sizeof signal);
    if (is_asked)
      kill_now(child); // asked twice
    else
      terminate(child);
    is_asked = true;
  }
  return wait_for_exit(child.pid);
}

} // namespace flow::cli
