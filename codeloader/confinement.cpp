#include "codeloader/confinement.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "codeloader/seccomp_filter.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

namespace {

constexpr const char* inner_uid = "65534";
constexpr uint64_t bwrap_processes = 2; // the outer one and the pid 1 of the namespace
constexpr int owner_depth_max = 256;    // of the directories that a program may leave behind

// /bin and the like are links into /usr on most machines, and directories on some.
void add_root(std::vector<std::string>& args) {
  args.insert(args.end(), {"--ro-bind", "/usr", "/usr"});
  for (const char* dir : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    char target[256];
    auto n = ::readlink(dir, target, sizeof target - 1);
    if (n > 0)
      args.insert(args.end(), {"--symlink", std::string(target, static_cast<size_t>(n)), dir});
    else if (::access(dir, F_OK) == 0)
      args.insert(args.end(), {"--ro-bind", dir, dir});
  }
  for (const char* file : {"/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"})
    args.insert(args.end(), {"--ro-bind-try", file, file});
}

void add_network_files(std::vector<std::string>& args) {
  for (const char* file : {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf",
                           "/etc/gai.conf", "/etc/services", "/etc/protocols", "/etc/ssl/certs",
                           "/etc/ssl/openssl.cnf", "/etc/ca-certificates"})
    args.insert(args.end(), {"--ro-bind-try", file, file});
}

void add_environment(std::vector<std::string>& args, const sandbox_spec& spec) {
  std::vector<std::pair<std::string, std::string>> all{{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                                       {"HOME", "/tmp"},
                                                       {"TMPDIR", "/tmp"},
                                                       {"LANG", "C.UTF-8"}};
  all.insert(all.end(), spec.environment.begin(), spec.environment.end());
  for (const auto& [name, text] : all)
    args.insert(args.end(), {"--setenv", name, text});
}

result<void> check_bind(const sandbox_bind& bind, bool own_uid) {
  struct stat info {};
  if (::stat(bind.source.c_str(), &info) != 0) return system_error("reach " + bind.source, errno);
  mode_t wanted = S_ISDIR(info.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
  if (!own_uid || bind.writable || (info.st_mode & wanted) == wanted) return {};
  return make_error(ec::process_failed, bind.source + " cannot be read by the user of its sandbox",
                    "give others the right to read it: chmod -R o+rX " + bind.source);
}

// A tree changes hands file by file; links are changed themselves and never followed.
void change_owner(int dir_fd, const char* name, uid_t owner, int depth = 0) {
  if (::fchownat(dir_fd, name, owner, owner, AT_SYMLINK_NOFOLLOW) != 0) return; // gone meanwhile
  if (depth == owner_depth_max) return;
  int fd = ::openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  DIR* entries = ::fdopendir(fd);
  if (!entries) {
    ::close(fd);
    return;
  }
  while (auto* entry = ::readdir(entries)) {
    std::string_view each{entry->d_name};
    if (each != "." && each != "..") change_owner(fd, entry->d_name, owner, depth + 1);
  }
  ::closedir(entries);
}

} // namespace

// -- uid_lease ----------------------------------------------------------------

result<uid_lease> uid_lease::take() {
  uid_lease out;
  // Never the one just given back: its last process may still wait for init to reap it, and would
  // count.
  static std::atomic<uint32_t> next{static_cast<uint32_t>(::getpid()) * 61u};
  for (uint32_t i = 0; i < limits::sandbox_uids_max; ++i) {
    auto uid = limits::sandbox_uid_first + next++ % limits::sandbox_uids_max;
    descriptor lock{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!lock) return system_error("take a user id for a sandbox", errno);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto name = "millrace-uid-" + std::to_string(uid);
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    if (::bind(lock.get(), reinterpret_cast<sockaddr*>(&address), size) == 0) {
      out.uid_ = uid;
      out.lock_ = std::move(lock);
      return out;
    }
    if (errno != EADDRINUSE) return system_error("take a user id for a sandbox", errno);
  }
  return make_error(ec::sandbox_unavailable, "every user id for sandboxes is in use");
}

// -- confinement --------------------------------------------------------------

int confinement::add_file(descriptor file) {
  command_.descriptors.push_back(file.get());
  files_.push_back(std::move(file));
  return static_cast<int>(command_.descriptors.size()) - 1;
}

result<void> confinement::add_data_file(std::vector<std::string>& args, const char* target,
                                        std::string_view content) {
  auto file = make_memory_file("data", content);
  if (!file) return file.error();
  args.insert(args.end(), {"--perms", "0444", "--ro-bind-data",
                           std::to_string(add_file(std::move(*file))), target});
  return {};
}

// All but the program goes to bwrap through a file: nothing of it, secrets included, shows in `ps`,
// and bwrap itself runs with an empty environment (an LD_PRELOAD meant for the inside must not
// reach it).
result<void> confinement::add_arguments(const sandbox_means& means, const sandbox_spec& spec) {
  std::vector<std::string> args{
      "--unshare-all", "--unshare-user",    "--uid",         inner_uid,    "--gid",
      inner_uid,       "--die-with-parent", "--new-session", "--cap-drop", "ALL",
      "--hostname",    "sandbox",           "--clearenv"};
  if (spec.limits.network) args.push_back("--share-net");
  if (means.disable_userns) args.push_back("--disable-userns");
  add_root(args);
  if (auto done
      = add_data_file(args, "/etc/passwd", "nobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n");
      !done)
    return done;
  if (auto done = add_data_file(args, "/etc/group", "nogroup:x:65534:\n"); !done) return done;
  if (spec.limits.network)
    add_network_files(args);
  else if (auto done = add_data_file(args, "/etc/hosts", "127.0.0.1 localhost\n"); !done)
    return done;
  args.insert(args.end(),
              {"--proc", "/proc", "--dev", "/dev", "--size", std::to_string(spec.limits.tmp_bytes),
               "--tmpfs", "/dev/shm", "--perms", "0700", "--size",
               std::to_string(spec.limits.tmp_bytes), "--tmpfs", "/tmp"});
  for (const auto& bind : spec.binds) {
    if (auto reachable = check_bind(bind, means.own_uid); !reachable) return reachable;
    auto source = bind.source;
    if (means.own_uid) {
      source = staged_path(command_.staged.size());
      command_.staged.push_back(bind.source);
    }
    args.insert(args.end(), {bind.writable ? "--bind" : "--ro-bind", source,
                             bind.target.empty() ? bind.source : bind.target});
  }
  // Neither the root nor /dev is a place to fill.
  args.insert(args.end(), {"--remount-ro", "/dev", "--remount-ro", "/"});
  add_environment(args, spec);
  args.insert(args.end(), {"--chdir", spec.working_dir});
  if (means.seccomp) {
    auto filter = make_seccomp_filter(spec.limits.network);
    if (!filter) return filter.error();
    auto file = make_memory_file("seccomp", *filter);
    if (!file) return file.error();
    args.insert(args.end(), {"--seccomp", std::to_string(add_file(std::move(*file)))});
  }
  std::string text;
  for (const auto& arg : args)
    text.append(arg).push_back('\0');
  auto file = make_memory_file("arguments", text);
  if (!file) return file.error();
  command_.argv = {means.bwrap, "--args", std::to_string(add_file(std::move(*file))), "--"};
  return {};
}

result<confinement> confinement::make(const sandbox_means& means, const sandbox_spec& spec,
                                      std::vector<int> stdio) {
  if (means.bwrap.empty())
    return make_error(ec::sandbox_unavailable,
                      "bwrap is not installed, so that nothing can be isolated",
                      "install the package bubblewrap");
  if (spec.argv.empty()) return make_error(ec::process_failed, "no program to run in the sandbox");
  confinement out;
  auto& command = out.command_;
  command.descriptors = std::move(stdio);
  if (auto done = out.add_arguments(means, spec); !done) return done.error();
  const auto& most = spec.limits;
  if (means.prlimit) {
    // Inside, where only the sandbox's own processes count.
    auto n = std::to_string(most.processes + 1);
    command.argv.insert(command.argv.end(), {"/usr/bin/prlimit", "--nproc=" + n + ":" + n, "--"});
  }
  command.argv.insert(command.argv.end(), spec.argv.begin(), spec.argv.end());
  command.limits = {{RLIMIT_CORE, 0},
                    {RLIMIT_AS, most.address_bytes != 0 ? most.address_bytes : most.memory_bytes},
                    {RLIMIT_NOFILE, most.files},
                    {RLIMIT_FSIZE, most.file_bytes}};
  command.oom_score_adj = limits::sandbox_oom_score;
  if (means.own_uid) {
    auto uid = uid_lease::take();
    if (!uid) return uid.error();
    out.uid_ = std::move(*uid);
    command.uid = out.uid_.uid();
    command.limits.push_back({RLIMIT_NPROC, most.processes + 1 + bwrap_processes});
    for (const auto& bind : spec.binds) {
      if (!bind.writable) continue;
      out.given_away_.push_back(bind.source);
      change_owner(AT_FDCWD, bind.source.c_str(), *command.uid);
    }
  }
  if (means.cgroups.usable()) {
    auto group
        = cgroup::make(means.cgroups, most.memory_bytes, most.processes + 1 + bwrap_processes);
    if (!group) return group.error();
    out.cgroup_ = std::move(*group);
    command.cgroups = out.cgroup_.procs();
  }
  return out;
}

bool confinement::finish() {
  bool starved = cgroup_.oom_kills() > 0;
  cgroup_.drain();
  for (const auto& dir : given_away_)
    change_owner(AT_FDCWD, dir.c_str(), ::geteuid());
  given_away_.clear();
  cgroup_ = cgroup{};
  return starved;
}

} // namespace flow::codeloader
