// Which program a worker of a language is, and what it may see. Internal to codeloader.
#pragma once

#include "codeloader/sandbox.hpp"
#include "codeloader/worker_host.hpp"

namespace flow::codeloader {

/// The numbers of a worker's descriptors, beside 0 (nothing), 1 and 2 (the pipes of its output).
inline constexpr int worker_socket_fd = 3;
inline constexpr int worker_stdout_fd = 4; ///< where 1 can be read
inline constexpr int worker_stderr_fd = 5;

/// `unknown_object` for a language without a runtime, `bad_config` when the runtime is not where it
/// should be.
result<sandbox_spec> worker_program(const worker_host_options& options, const worker_spec& spec);

} // namespace flow::codeloader
