// Finds out what this machine can isolate, by trying each part with a program that does nothing.
#include <csignal>

#include <poll.h>
#include <unistd.h>

#include "codeloader/confinement.hpp"
#include "codeloader/seccomp_filter.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// Empty: it works; else why it does not.
std::string trial(const sandbox_means& means) {
  auto errors = make_pipe();
  if (!errors) return errors.error().text;
  sandbox_spec spec;
  spec.argv = {"/usr/bin/true"};
  spec.binds = {{"/usr/share", "/trial"}};
  auto confined = confinement::make(means, spec, {-1, -1, errors->write.get()});
  if (!confined) return confined.error().text;
  auto child = start_process(confined->command());
  if (!child) {
    confined->finish();
    return child.error().text;
  }
  errors->write.close();
  pollfd ended{child->pidfd.get(), POLLIN, 0};
  if (::poll(&ended, 1, static_cast<int>(limits::sandbox_probe_ms_max)) <= 0)
    signal_process(*child, SIGKILL);
  auto exit = reap(*child);
  confined->finish();
  if (exit.code == 0 && exit.signal == 0) return {};
  char text[512];
  auto n = ::read(errors->read.get(), text, sizeof text);
  return n > 0 ? first_line({text, static_cast<size_t>(n)})
               : "killed by signal " + std::to_string(exit.signal);
}

struct machine {
  sandbox_means means;
  sandbox_report report;
};

std::string installed_bwrap() {
  for (const char* path : {"/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"})
    if (::access(path, X_OK) == 0) return path;
  return {};
}

// Turns on one part after the other and keeps those with which a sandbox still starts.
void find_parts(machine& out) {
  auto& [means, report] = out;
  auto& missing = report.missing;
  auto bare = trial(means);
  if (!bare.empty()) {
    means.own_uid
        = ::geteuid() == 0; // where root may not make user namespaces another user sometimes may
    if (!means.own_uid || !trial(means).empty()) {
      means.bwrap.clear();
      missing.push_back("sandboxes do not start on this machine: " + bare);
      return;
    }
  }
  report.namespaces = true;
  auto keep = [&](bool& part, const std::string& otherwise) {
    part = true;
    auto why = trial(means);
    if (why.empty()) return;
    part = false;
    missing.push_back(otherwise + ": " + why);
  };
  if (::geteuid() == 0 && !means.own_uid)
    keep(means.own_uid, "workers share the daemon's user, which is root");
  else if (!means.own_uid)
    missing.push_back("workers have the daemon's user id (it is not root), so that only namespaces "
                      "keep them apart");
  report.own_uid = means.own_uid;
  keep(means.seccomp, "system calls are not filtered");
  report.seccomp = means.seccomp;
  keep(means.disable_userns, "a sandbox may make user namespaces of its own");
  if (::access("/usr/bin/prlimit", X_OK) == 0)
    keep(means.prlimit, "the number of processes is not limited inside a sandbox");
  auto place = find_cgroup_place();
  if (!place.usable()) {
    missing.push_back(place.why_not);
    return;
  }
  means.cgroups = place;
  if (auto why = trial(means); !why.empty()) {
    means.cgroups = {};
    missing.push_back("control groups cannot be used: " + why);
  }
  report.cgroups = means.cgroups.usable();
}

const machine& this_machine() {
  static const machine found = [] {
    machine out;
    out.means.bwrap = installed_bwrap();
    if (out.means.bwrap.empty())
      out.report.missing.push_back(
          "bwrap is not installed, so that no worker can start: install the package bubblewrap");
    else
      find_parts(out);
    return out;
  }();
  return found;
}

} // namespace

const sandbox_means& machine_means() {
  return this_machine().means;
}

const sandbox_report& machine_sandbox() {
  return this_machine().report;
}

} // namespace flow::codeloader
