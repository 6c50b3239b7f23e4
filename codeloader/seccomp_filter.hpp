// Which system calls a sandboxed program may make.
#pragma once

#include <string>

#include "flows/error.hpp"

namespace flow::codeloader {

/// A BPF program for `bwrap --seccomp`: denies tracing, mounting, new namespaces, keys, bpf,
/// io_uring, terminal injection, loading of kernel code, and every socket family but unix (and
/// inet, inet6, netlink with `network`). Calls of foreign architectures kill. `sandbox_unavailable`
/// when the library cannot make it.
result<std::string> make_seccomp_filter(bool network);

} // namespace flow::codeloader
