#include "codeloader/process.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Boost's headers do not keep to our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wpedantic"
#include <boost/asio/io_context.hpp>
#include <boost/process/v2/posix/default_launcher.hpp>
#include <boost/process/v2/process.hpp>
#pragma GCC diagnostic pop

namespace flow::codeloader {

namespace {

namespace process_v2 = boost::process::v2;

constexpr const char* staging_dir = "/tmp";
constexpr size_t staged_max = 64;

// What the child says of itself when it could not reach its program; it shares our memory until
// then.
struct child_report {
  const char* step = "start";
  int number = 0;
};

// The steps between vfork and execve. They run in the child but on our memory: system calls only,
// no allocation, and the raw calls for user ids, because libc's would change every thread of ours.
struct child_setup {
  const process_command& command;
  child_report& report;
  std::vector<int> moved;
  std::vector<std::string> stages;

  child_setup(const process_command& c, child_report& r) : command{c}, report{r} {
    moved.resize(c.descriptors.size());
    for (size_t i = 0; i < c.staged.size(); ++i)
      stages.push_back(staged_path(i));
  }

  bool failed(const char* step) {
    report = {step, errno};
    return true;
  }

  bool enter_cgroups() {
    for (int fd : command.cgroups)
      if (::write(fd, "0", 1) != 1) return failed("enter a cgroup");
    if (!command.oom_score_adj) return false;
    char text[16];
    int n = std::snprintf(text, sizeof text, "%d", *command.oom_score_adj);
    int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, text, static_cast<size_t>(n)) != n)
      return failed("set oom_score_adj");
    ::close(fd);
    return false;
  }

  bool stage_one(int source, const char* target) {
    struct stat info {};
    if (::fstat(source, &info) != 0) return failed("look at a staged path");
    if (S_ISDIR(info.st_mode) ? ::mkdir(target, 0755) != 0
                              : ::mknod(target, S_IFREG | 0644, 0) != 0)
      return failed("make a staging point");
    char path[32];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", source);
    if (::mount(path, target, nullptr, MS_BIND | MS_REC, nullptr) != 0)
      return failed("bind a staged path");
    ::close(source);
    return false;
  }

  bool stage() {
    if (command.staged.empty()) return false;
    if (::unshare(CLONE_NEWNS) != 0) return failed("make a mount namespace");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return failed("make the mounts private");
    int sources[staged_max]; // opened first: the tmpfs may hide them
    for (size_t i = 0; i < command.staged.size(); ++i) {
      sources[i] = ::open(command.staged[i].c_str(), O_PATH | O_CLOEXEC);
      if (sources[i] < 0) return failed("open a path to be staged");
    }
    if (::mount("tmpfs", staging_dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0)
      return failed("mount the staging directory");
    for (size_t i = 0; i < command.staged.size(); ++i)
      if (stage_one(sources[i], stages[i].c_str())) return true;
    return false;
  }

  bool place_descriptors() {
    auto count = static_cast<int>(command.descriptors.size());
    int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return failed("open /dev/null");
    // Above all targets first, so that no dup2 overwrites a source that is still needed.
    for (int i = 0; i < count; ++i) {
      int source = command.descriptors[static_cast<size_t>(i)];
      moved[static_cast<size_t>(i)] = ::fcntl(source < 0 ? null : source, F_DUPFD_CLOEXEC, count);
      if (moved[static_cast<size_t>(i)] < 0) return failed("move a descriptor");
    }
    for (int i = 0; i < count; ++i)
      if (::dup2(moved[static_cast<size_t>(i)], i) < 0) return failed("place a descriptor");
    if (::syscall(SYS_close_range, static_cast<unsigned>(count), ~0u, 0u) != 0)
      return failed("close other descriptors");
    return false;
  }

  bool confine() {
    for (const auto& [resource, most] : command.limits) {
      rlimit limit{most, most};
      if (::setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0)
        return failed("set a resource limit");
    }
    if (!command.uid) return false;
    auto id = *command.uid;
    if (::syscall(SYS_setgroups, 0, nullptr) != 0) return failed("leave all groups");
    if (::syscall(SYS_setresgid, id, id, id) != 0) return failed("change the group");
    if (::syscall(SYS_setresuid, id, id, id) != 0) return failed("change the user");
    return false;
  }

  // Ignored signals and the mask outlive execve; a child starts with neither.
  static void reset_signals() {
    struct sigaction plain {};
    plain.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number)
      ::sigaction(number, &plain, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  }

  process_v2::error_code run() {
    ::setsid();
    ::umask(022);
    bool stop = enter_cgroups() || stage() || place_descriptors() || confine();
    if (!stop && ::chdir(command.working_dir.c_str()) != 0) stop = failed("change the directory");
    if (!stop) reset_signals();
    return stop ? process_v2::error_code{report.number, boost::system::system_category()}
                : process_v2::error_code{};
  }

  // The hook by which Boost.Process runs an initialiser in the child.
  process_v2::error_code on_exec_setup(process_v2::posix::default_launcher&,
                                       const process_v2::filesystem::path&, const char* const*(&)) {
    return run();
  }
};

// Boost 1.81's own vfork launcher tells the reactor of the *parent* that it was forked, runs exit
// handlers when execve fails, and leaves a zombie then; hence one of ours on the same base.
struct vfork_launcher : process_v2::posix::default_launcher {
  template <class Executor>
  process_v2::basic_process<Executor>
  start(Executor executor, const process_v2::filesystem::path& program,
        const std::vector<std::string>& args, child_setup& setup) {
    auto argv = build_argv_(program, args);
    namespace hooks = process_v2::posix::detail;
    auto& report = setup.report;
    pid = ::vfork();
    if (pid == 0) {
      if (!hooks::on_exec_setup(*this, program, argv, setup)) {
        ::execve(program.c_str(), const_cast<char* const*>(argv), const_cast<char* const*>(env));
        report = {"run the program", errno};
      }
      ::_exit(127);
    }
    if (pid < 0) {
      report = {"fork", errno};
    } else if (report.number != 0) {
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
    }
    if (report.number != 0) return process_v2::basic_process<Executor>{executor};
    return process_v2::basic_process<Executor>{executor, pid};
  }
};

// A handler of ours that ran in the child would run on our memory.
class signals_held {
public:
  signals_held() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_held() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
  sigset_t before_;
};

void end_child(pid_t pid) {
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
}

std::optional<process_exit> reap_with(child_process& child, int options) {
  siginfo_t info{};
  int rc = 0;
  do {
    rc = ::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED | options);
  } while (rc != 0 && errno == EINTR);
  if (rc != 0) return process_exit{-1, 0}; // somebody else reaped it
  if (info.si_pid == 0) return std::nullopt;
  child.pidfd.close();
  if (info.si_code == CLD_EXITED) return process_exit{info.si_status, 0};
  return process_exit{0, info.si_status};
}

} // namespace

std::string staged_path(size_t index) {
  return std::string{staging_dir} + "/s" + std::to_string(index);
}

result<child_process> start_process(const process_command& command) {
  if (command.argv.empty() || !command.argv.front().starts_with('/'))
    return make_error(ec::process_failed, "a program needs an absolute path");
  if (command.staged.size() > staged_max)
    return make_error(ec::process_failed, "too many paths to stage");
  child_report report;
  vfork_launcher launcher;
  try {
    child_setup setup{command, report};
    std::vector<const char*> environment;
    for (const auto& variable : command.environment)
      environment.push_back(variable.c_str());
    environment.push_back(nullptr);
    launcher.env = environment.data();
    std::vector<std::string> args{command.argv.begin() + 1, command.argv.end()};
    boost::asio::io_context context{1};
    child_process child;
    {
      signals_held hold;
      auto started = launcher.start(context.get_executor(), command.argv.front(), args, setup);
      child.pid = started.id();
      auto handle = started.detach();
    }
    if (report.number != 0)
      return make_error(ec::process_failed, "start " + command.argv.front() + ": " + report.step
                                                + ": " + std::strerror(report.number));
    child.pidfd = descriptor{static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0))};
    if (child.pidfd) return child;
    auto err = system_error("watch " + command.argv.front(), errno);
    end_child(child.pid);
    return err;
  } catch (const std::exception& e) {
    if (launcher.pid > 0 && report.number == 0) end_child(launcher.pid);
    return make_error(ec::process_failed, "start " + command.argv.front() + ": " + e.what());
  }
}

process_exit reap(child_process& child) {
  return *reap_with(child, 0);
}

std::optional<process_exit> try_reap(child_process& child) {
  return reap_with(child, WNOHANG);
}

void signal_process(const child_process& child, int signal_number) {
  if (child.pidfd) ::syscall(SYS_pidfd_send_signal, child.pidfd.get(), signal_number, nullptr, 0);
}

} // namespace flow::codeloader
