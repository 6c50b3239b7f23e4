#include "codeloader/seccomp_filter.hpp"

#include <cerrno>
#include <cstring>
#include <memory>

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codeloader/descriptor.hpp"

namespace flow::codeloader {

namespace {

constexpr int denied_calls[] = {
    // other processes
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(kcmp),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(perf_event_open),
    // mounts and namespaces
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fspick),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(open_by_handle_at),
    // wide kernel surfaces that no function needs
    SCMP_SYS(bpf),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(vhangup),
    SCMP_SYS(syslog),
    // the machine
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
};

constexpr int network_families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

constexpr unsigned new_namespace_flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET
                                         | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

int add_socket_rules(scmp_filter_ctx filter, bool network) {
  auto deny = SCMP_ACT_ERRNO(EPERM);
  if (!network)
    return seccomp_rule_add(filter, deny, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX));
  // Rules of one filter are alternatives, so "none of these" is written as the ranges between them.
  int rc = 0;
  int after = -1;
  for (int family : network_families) {
    for (int other = after + 1; rc == 0 && other < family; ++other)
      rc = seccomp_rule_add(filter, deny, SCMP_SYS(socket), 1,
                            SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(other)));
    after = family;
  }
  if (rc != 0) return rc;
  return seccomp_rule_add(filter, deny, SCMP_SYS(socket), 1,
                          SCMP_A0(SCMP_CMP_GT, static_cast<scmp_datum_t>(after)));
}

int add_rules(scmp_filter_ctx filter, bool network) {
  auto deny = SCMP_ACT_ERRNO(EPERM);
  for (int call : denied_calls)
    if (int rc = seccomp_rule_add(filter, deny, call, 0); rc != 0) return rc;
  // Its flags lie in memory that a filter cannot read; libc falls back to clone.
  if (int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0); rc != 0)
    return rc;
  for (unsigned bit = 1; bit != 0; bit <<= 1) {
    if ((new_namespace_flags & bit) == 0) continue;
    if (int rc
        = seccomp_rule_add(filter, deny, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
        rc != 0)
      return rc;
  }
  for (scmp_datum_t request : {scmp_datum_t{TIOCSTI}, scmp_datum_t{TIOCLINUX}})
    if (int rc = seccomp_rule_add(filter, deny, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, request));
        rc != 0)
      return rc;
  return add_socket_rules(filter, network);
}

} // namespace

result<std::string> make_seccomp_filter(bool network) {
  auto unavailable = [](int rc) {
    return make_error(ec::sandbox_unavailable,
                      std::string{"make the seccomp filter: "} + std::strerror(-rc));
  };
  std::unique_ptr<void, void (*)(void*)> filter{seccomp_init(SCMP_ACT_ALLOW), seccomp_release};
  if (!filter) return unavailable(-ENOMEM);
  if (int rc = add_rules(filter.get(), network); rc != 0) return unavailable(rc);
  auto file = make_memory_file("seccomp", {});
  if (!file) return file.error();
  if (int rc = seccomp_export_bpf(filter.get(), file->get()); rc != 0) return unavailable(rc);
  auto size = ::lseek(file->get(), 0, SEEK_END);
  std::string program(static_cast<size_t>(size), '\0');
  if (::pread(file->get(), program.data(), program.size(), 0) != size) return unavailable(-errno);
  return program;
}

} // namespace flow::codeloader
