#include "codeloader/worker_program.hpp"

#include <algorithm>

#include <unistd.h>

#include "codeloader/container.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

namespace {

bool is_below(const std::string& path, const std::string& dir) {
  return !dir.empty() && path.starts_with(dir)
         && (path.size() == dir.size() || path[dir.size()] == '/');
}

result<void> need(const std::string& program, int how, const std::string& hint) {
  if (::access(program.c_str(), how) == 0) return {};
  return make_error(ec::bad_config, "the worker runtime is not at " + program, hint);
}

constexpr const char* reinstall = "reinstall the package, or set the runtime directory";

/// What comes first on the command line, and the directory of the runtime.
result<void> python_program(const worker_host_options& options, const worker_spec& spec,
                            sandbox_spec& out) {
  auto runtime = options.runtime_dir + "/python";
  auto python
      = spec.environment_dir.empty() ? options.python : spec.environment_dir + "/bin/python";
  out.argv = {python, "-I", "-X", "utf8", runtime + "/worker.py"};
  out.binds.push_back({runtime});
  if (!spec.environment_dir.empty()) {
    out.environment.emplace_back("PATH",
                                 spec.environment_dir + "/bin:/usr/local/bin:/usr/bin:/bin");
    out.environment.emplace_back("VIRTUAL_ENV", spec.environment_dir);
  }
  return need(out.argv.back(), R_OK, reinstall);
}

result<void> node_program(const worker_host_options& options, const worker_spec& spec,
                          sandbox_spec& out) {
  auto runtime = options.runtime_dir + "/node";
  // The heap keeps to the limit; the address space, of which V8 reserves far more, cannot.
  auto heap_mib = std::max<uint64_t>(spec.sandbox.memory_bytes >> 20, 32);
  out.argv = {options.node, "--expose-internals",
              "--max-old-space-size=" + std::to_string(heap_mib), runtime + "/worker.js"};
  out.binds.push_back({runtime});
  out.limits.address_bytes = std::max(spec.sandbox.memory_bytes, limits::node_address_bytes_min);
  out.limits.processes = spec.sandbox.processes + limits::node_threads;
  if (auto there = need(options.node, X_OK, "install the package nodejs on this node"); !there)
    return there;
  return need(out.argv.back(), R_OK, reinstall);
}

result<void> bash_program(const worker_host_options& options, sandbox_spec& out) {
  auto runtime = options.runtime_dir + "/bash";
  out.argv = {runtime + "/worker"};
  out.binds.push_back({runtime});
  return need(out.argv.back(), X_OK, reinstall);
}

result<void> native_program(const worker_spec& spec, sandbox_spec& out) {
  out.argv = {spec.file};
  return need(spec.file, X_OK, "let the build make it executable, and name it in the manifest");
}

result<void> program_of(const worker_host_options& options, const worker_spec& spec,
                        sandbox_spec& out) {
  if (spec.language == "python") return python_program(options, spec, out);
  if (spec.language == "node") return node_program(options, spec, out);
  if (spec.language == "bash") return bash_program(options, out);
  if (spec.language == "native") return native_program(spec, out);
  return make_error(ec::unknown_object,
                    "no worker runtime for the language \"" + spec.language + "\"",
                    "languages: python, node, bash, native");
}

} // namespace

result<sandbox_spec> worker_program(const worker_host_options& options, const worker_spec& spec) {
  if (auto can = check_image(spec.image); !can) return can.error();
  sandbox_spec out;
  out.limits = spec.sandbox;
  if (auto made = program_of(options, spec, out); !made) return made.error();
  if (!spec.checkout_dir.empty()) out.binds.push_back({spec.checkout_dir});
  if (!spec.environment_dir.empty()) out.binds.push_back({spec.environment_dir});
  if (!spec.import_root.empty() && !is_below(spec.import_root, spec.checkout_dir)
      && !is_below(spec.import_root, spec.environment_dir))
    out.binds.push_back({spec.import_root});
  out.environment.insert(out.environment.end(), spec.environment.begin(), spec.environment.end());
  return out;
}

} // namespace flow::codeloader
