#include "codeloader/cgroup.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flows/limits.hpp"

namespace flow::codeloader {

namespace {

namespace fs = std::filesystem;

constexpr const char* name_prefix = "millrace-";

// The kernel wants one write a setting, and answers by its result.
bool write_setting(const std::string& path, const std::string& text) {
  descriptor file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string read_setting(const std::string& path) {
  std::ifstream in{path};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

bool has_word(const std::string& text, const std::string& word) {
  std::istringstream in{text};
  for (std::string each; in >> each;)
    if (each == word) return true;
  return false;
}

// "/sys/fs/cgroup/memory" of the mount whose type is `type` and whose options name `controller`.
std::string mount_point(const std::string& type, const std::string& controller) {
  std::ifstream in{"/proc/self/mounts"};
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields{line};
    std::string device, dir, kind, options;
    fields >> device >> dir >> kind >> options;
    if (kind != type) continue;
    if (controller.empty()
        || ("," + options + ",").find("," + controller + ",") != std::string::npos)
      return dir;
  }
  return {};
}

// Our own group in the hierarchy of `controller` (empty: version 2), as the kernel names it.
std::string own_group(const std::string& controller) {
  std::ifstream in{"/proc/self/cgroup"};
  for (std::string line; std::getline(in, line);) {
    auto first = line.find(':');
    auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    auto controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()
            ? controller.empty()
            : ("," + controllers + ",").find("," + controller + ",") != std::string::npos)
      return line.substr(second + 1);
  }
  return {};
}

// In a container the path may not exist below the mount: then the mount is the group.
std::string group_dir(const std::string& type, const std::string& controller) {
  auto mount = mount_point(type, controller);
  if (mount.empty()) return {};
  auto own = own_group(controller);
  std::error_code ignored;
  if (own.size() > 1 && fs::is_directory(mount + own, ignored)) return mount + own;
  return mount;
}

bool may_make_groups(const std::string& dir) {
  auto probe = dir + "/" + name_prefix + "probe-" + std::to_string(::getpid());
  if (::mkdir(probe.c_str(), 0755) != 0) return false;
  ::rmdir(probe.c_str());
  return true;
}

// A group with processes cannot hand controllers to its children, so we step into a child of our
// own first.
bool enable_controllers(const std::string& dir) {
  auto control = dir + "/cgroup.subtree_control";
  auto enabled = [&] {
    auto now = read_setting(control);
    return has_word(now, "memory") && has_word(now, "pids");
  };
  if (enabled()) return true;
  if (write_setting(control, "+memory +pids")) return enabled();
  auto pid = std::to_string(::getpid());
  std::istringstream members{read_setting(dir + "/cgroup.procs")};
  for (std::string each; members >> each;)
    if (each != pid) return false; // not ours alone
  auto daemon = dir + "/daemon";
  if (::mkdir(daemon.c_str(), 0755) != 0 && errno != EEXIST) return false;
  if (!write_setting(daemon + "/cgroup.procs", pid)) return false;
  if (write_setting(control, "+memory +pids") && enabled()) return true;
  write_setting(dir + "/cgroup.procs", pid);
  ::rmdir(daemon.c_str());
  return false;
}

std::string usable_unified() {
  auto dir = group_dir("cgroup2", "");
  if (dir.empty()) return {};
  // After a restart within one service we may already be in the child made above.
  if (fs::path{dir}.filename() == "daemon" && enable_controllers(fs::path{dir}.parent_path()))
    return fs::path{dir}.parent_path();
  auto available = read_setting(dir + "/cgroup.controllers");
  if (!has_word(available, "memory") || !has_word(available, "pids") || !may_make_groups(dir))
    return {};
  return enable_controllers(dir) ? dir : std::string{};
}

void remove_left_overs(const std::string& dir) {
  if (dir.empty()) return;
  std::error_code failed;
  for (auto it = fs::directory_iterator{dir, failed}; !failed && it != fs::directory_iterator{};
       it.increment(failed)) {
    auto name = it->path().filename().string();
    if (!name.starts_with(name_prefix)) continue;
    auto owner = std::atoi(name.c_str() + std::strlen(name_prefix));
    if (owner > 0 && ::kill(owner, 0) != 0 && errno == ESRCH) ::rmdir(it->path().c_str());
  }
}

std::string group_name() {
  static std::atomic<uint64_t> made{0};
  return std::string{name_prefix} + std::to_string(::getpid()) + "-" + std::to_string(++made);
}

} // namespace

cgroup_place find_cgroup_place() {
  cgroup_place place;
  place.unified = usable_unified();
  if (place.unified.empty()) {
    place.v1_memory = group_dir("cgroup", "memory");
    place.v1_pids = group_dir("cgroup", "pids");
    for (auto* dir : {&place.v1_memory, &place.v1_pids})
      if (!dir->empty() && !may_make_groups(*dir)) dir->clear();
  }
  for (const auto& dir : {place.unified, place.v1_memory, place.v1_pids})
    remove_left_overs(dir);
  if (!place.usable())
    place.why_not = "no control group is delegated to the daemon, so that memory is limited a "
                    "process and not a sandbox; "
                    "run it as a systemd service with Delegate=memory pids";
  return place;
}

result<cgroup> cgroup::make(const cgroup_place& place, uint64_t memory_bytes, uint64_t processes) {
  cgroup out;
  auto name = group_name();
  auto add = [&](const std::string& parent,
                 const std::vector<std::pair<std::string, std::string>>& settings) -> result<void> {
    auto dir = parent + "/" + name;
    if (::mkdir(dir.c_str(), 0755) != 0) return system_error("make " + dir, errno);
    out.dirs_.push_back(dir);
    for (const auto& [key, text] : settings)
      if (!write_setting(dir + "/" + key, text))
        return system_error("set " + dir + "/" + key, errno);
    descriptor procs{::open((dir + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC)};
    if (!procs) return system_error("open " + dir + "/cgroup.procs", errno);
    out.procs_.push_back(std::move(procs));
    return {};
  };
  auto memory = std::to_string(memory_bytes);
  auto pids = std::to_string(processes);
  result<void> made;
  if (!place.unified.empty()) {
    made = add(place.unified, {{"memory.max", memory}, {"pids.max", pids}});
    // These may be missing from a kernel; the limits above hold without them.
    if (made) {
      write_setting(out.dirs_.front() + "/memory.swap.max", "0");
      write_setting(out.dirs_.front() + "/memory.oom.group", "1");
    }
  } else {
    made = add(place.v1_memory, {{"memory.limit_in_bytes", memory}});
    if (made) made = add(place.v1_pids, {{"pids.max", pids}});
  }
  if (!made) return made.error();
  return out;
}

cgroup& cgroup::operator=(cgroup&& other) noexcept {
  std::swap(dirs_, other.dirs_);
  std::swap(procs_, other.procs_);
  return *this;
}

cgroup::~cgroup() {
  if (dirs_.empty()) return;
  drain();
  procs_.clear();
  for (const auto& dir : dirs_)
    ::rmdir(dir.c_str());
}

std::vector<int> cgroup::procs() const {
  std::vector<int> out;
  for (const auto& file : procs_)
    out.push_back(file.get());
  return out;
}

uint64_t cgroup::oom_kills() const {
  for (const auto& dir : dirs_) {
    for (const char* file : {"/memory.events", "/memory.oom_control"}) {
      std::istringstream in{read_setting(dir + file)};
      std::string key;
      for (uint64_t n = 0; in >> key >> n;)
        if (key == "oom_kill") return n;
    }
  }
  return 0;
}

void cgroup::drain() {
  using namespace std::chrono;
  auto deadline = steady_clock::now() + milliseconds(limits::sandbox_teardown_ms_max);
  for (const auto& dir : dirs_) {
    while (true) {
      std::istringstream members{read_setting(dir + "/cgroup.procs")};
      bool any = false;
      for (pid_t pid; members >> pid;) {
        any = true;
        if (pid > 0) ::kill(pid, SIGKILL); // 0 is one of a namespace that we cannot see
      }
      if (!any || steady_clock::now() >= deadline) break;
      std::this_thread::sleep_for(
          milliseconds(1)); // the kernel tells nobody when a version 1 group is empty
    }
  }
}

} // namespace flow::codeloader
