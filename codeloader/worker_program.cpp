#include "codeloader/worker_program.hpp"

#include <unistd.h>

namespace flow::codeloader {

namespace {

bool is_below(const std::string& path, const std::string& dir) {
  return !dir.empty() && path.starts_with(dir)
         && (path.size() == dir.size() || path[dir.size()] == '/');
}

} // namespace

result<sandbox_spec> worker_program(const worker_host_options& options, const worker_spec& spec) {
  if (spec.language != "python")
    return make_error(ec::unknown_object,
                      "no worker runtime for the language \"" + spec.language + "\"",
                      "languages: python");
  auto runtime = options.runtime_dir + "/python";
  auto program = runtime + "/worker.py";
  if (::access(program.c_str(), R_OK) != 0)
    return make_error(ec::bad_config, "the worker runtime is not at " + program,
                      "reinstall the package, or set the runtime directory");
  sandbox_spec out;
  auto python
      = spec.environment_dir.empty() ? options.python : spec.environment_dir + "/bin/python";
  out.argv = {python, "-I", "-X", "utf8", program};
  out.binds.push_back({runtime});
  if (!spec.checkout_dir.empty()) out.binds.push_back({spec.checkout_dir});
  if (!spec.import_root.empty() && !is_below(spec.import_root, spec.checkout_dir))
    out.binds.push_back({spec.import_root});
  if (!spec.environment_dir.empty()) {
    out.binds.push_back({spec.environment_dir});
    out.environment.emplace_back("PATH",
                                 spec.environment_dir + "/bin:/usr/local/bin:/usr/bin:/bin");
    out.environment.emplace_back("VIRTUAL_ENV", spec.environment_dir);
  }
  out.environment.insert(out.environment.end(), spec.environment.begin(), spec.environment.end());
  out.limits = spec.sandbox;
  return out;
}

} // namespace flow::codeloader
