#include "codeloader/environment.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "codeloader/digest.hpp"
#include "codeloader/file_tree.hpp"
#include "codeloader/installer_settings.hpp"
#include "codeloader/sandbox.hpp"
#include "codeloader/size_watch.hpp"
#include "flows/clock.hpp"

namespace flow::codeloader {

namespace {

namespace fs = std::filesystem;

/// Inside the sandbox. The environment stands at its final path there, because scripts hold it.
constexpr const char* source_dir = "/build/source";
constexpr const char* extra_file = "/build/requirements.txt";

std::string text_of_file(const fs::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Requirements without comments, blank lines and outer spaces.
std::vector<std::string> lines_that_count(std::string_view text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    auto end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    begin = end + 1;
    auto first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || line[first] == '#') continue;
    lines.emplace_back(line.substr(first, line.find_last_not_of(" \t\r") - first + 1));
  }
  return lines;
}

/// A pyproject.toml often holds nothing but the settings of some tool; that is no package.
bool is_package(const fs::path& checkout) {
  std::error_code failure;
  if (fs::is_regular_file(checkout / "setup.py", failure)) return true;
  auto lines = lines_that_count(text_of_file(checkout / "pyproject.toml"));
  return std::ranges::any_of(lines, [](const std::string& line) {
    return line.starts_with("[build-system]") || line.starts_with("[project]")
           || line.starts_with("[tool.poetry]");
  });
}

/// A package.json with dependencies that are not in the repository.
bool lacks_packages(const fs::path& checkout) {
  std::error_code failure;
  if (fs::exists(checkout / "node_modules", failure)) return false;
  auto about = nlohmann::json::parse(text_of_file(checkout / "package.json"), nullptr, false);
  return about.is_object() && about.contains("dependencies") && !about["dependencies"].empty();
}

bool has_requirements_file(const fs::path& checkout) {
  return !lines_that_count(text_of_file(checkout / "requirements.txt")).empty();
}

/// What an environment of a language is called: Python has its own kind, others a copy of the
/// repository.
const char* product_of(const std::string& language) {
  return language == "python" ? "venv" : "repository";
}

/// One build, from the empty directory to the finished environment.
class environment_build {
public:
  environment_build(const environment_options& options, const environment_request& request,
                    fs::path target, const std::function<void(const std::string&)>& progress)
      : options_{options},
        request_{request},
        progress_{progress},
        target_{std::move(target)},
        half_{target_.string() + ".half"},
        settings_{read_installer_settings(options.settings)},
        deadline_ms_{system_clock().steady_ms() + options.time_ms_max} {}

  result<void> run() {
    if (auto removed = remove_tree(half_.string()); !removed) return removed;
    auto done = build();
    if (!done) (void)remove_tree(half_.string());
    return done;
  }

private:
  result<void> build();
  result<void> lay_out();
  result<void> build_python();
  result<void> install_requirements();
  result<void> install_package();
  result<void> install_node_packages();
  result<void> build_native();
  result<void> built(const result<process_outcome>& outcome) const;
  result<void> finish();
  result<process_outcome> step(std::vector<std::string> argv);
  result<void> installed(const process_outcome& outcome, const std::string& what) const;
  std::vector<std::string> pip(std::vector<std::string> arguments) const;
  void tell(std::string_view line);
  std::string last_lines() const;
  bool is_python() const { return request_.language == "python"; }
  std::string venv() const { return product().string(); }
  fs::path product() const { return target_ / product_of(request_.language); }

  const environment_options& options_;
  const environment_request& request_;
  const std::function<void(const std::string&)>& progress_;
  const fs::path target_;
  const fs::path half_;
  const installer_settings settings_;
  const uint64_t deadline_ms_;
  std::deque<std::string> lines_; ///< the last of the current step
};

void environment_build::tell(std::string_view line) {
  std::string clean;
  for (char c : line.substr(0, 500))
    clean += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  auto begin = clean.find_first_not_of(' ');
  if (begin == std::string::npos) return;
  clean.erase(clean.find_last_not_of(' ') + 1);
  lines_.push_back(clean);
  if (lines_.size() > limits::environment_error_lines) lines_.pop_front();
  if (progress_) progress_("building environment: " + clean.substr(begin));
}

std::string environment_build::last_lines() const {
  std::string text;
  for (const auto& line : lines_)
    text += "\n" + line;
  return text;
}

std::vector<std::string> environment_build::pip(std::vector<std::string> arguments) const {
  std::vector<std::string> argv{venv() + "/bin/python",
                                "-m",
                                "pip",
                                "install",
                                "--no-input",
                                "--no-cache-dir",
                                "--disable-pip-version-check",
                                "--no-color",
                                "--progress-bar",
                                "off",
                                "--root-user-action",
                                "ignore"};
  std::ranges::move(arguments, std::back_inserter(argv));
  return argv;
}

/// Runs one program of the build in its sandbox; that it fails is not an error yet.
result<process_outcome> environment_build::step(std::vector<std::string> argv) {
  lines_.clear();
  auto now_ms = system_clock().steady_ms();
  auto late = [&] {
    return make_error(ec::build_timed_out, "building the environment of \"" + request_.repository
                                               + "\" took longer than "
                                               + std::to_string(options_.time_ms_max) + " ms"
                                               + last_lines());
  };
  if (now_ms >= deadline_ms_) return late();
  size_watch watch{half_.string(), options_.bytes_max};
  sandbox_command command;
  command.argv = std::move(argv);
  command.binds = settings_.binds;
  command.environment = settings_.environment;
  command.binds.push_back(
      {(half_ / product_of(request_.language)).string(), product().string(), true});
  if (is_python()) {
    command.binds.push_back({(half_ / "source").string(), source_dir, true});
    command.binds.push_back({(half_ / "requirements.txt").string(), extra_file, false});
  } else if (!options_.runtime_dir.empty()) {
    auto headers = options_.runtime_dir + "/native/include";
    command.binds.push_back({headers, "", false});
    command.environment.emplace_back("CPATH", headers);
  }
  command.environment.emplace_back("PYTHONNOUSERSITE", "1");
  command.environment.emplace_back("PYTHONIOENCODING", "utf-8");
  command.working_dir = is_python() ? source_dir : (product() / request_.source).string();
  command.limits.network = true;
  command.limits.memory_bytes = limits::environment_memory_bytes;
  command.limits.processes = limits::environment_processes;
  command.limits.file_bytes = limits::environment_file_bytes_max;
  command.limits.tmp_bytes = limits::environment_tmp_bytes;
  command.limits.files = 1'024;
  command.time_ms_max = deadline_ms_ - now_ms;
  command.output_bytes_max = 0; // lines are all that is kept
  command.on_line = [this](std::string_view line) { tell(line); };
  command.stop = watch.stop_token();
  auto outcome = run_sandboxed(command);
  if (!outcome) return outcome;
  if (watch.is_over())
    return make_error(ec::payload_too_large, "the environment of \"" + request_.repository
                                                 + "\" is larger than "
                                                 + std::to_string(options_.bytes_max) + " bytes");
  if (outcome->timed_out) return late();
  return outcome;
}

result<void> environment_build::installed(const process_outcome& outcome,
                                          const std::string& what) const {
  if (outcome.succeeded()) return {};
  return make_error(ec::bad_requirements,
                    what + " of \"" + request_.repository + "\" at " + request_.commit.substr(0, 12)
                        + " could not be installed: the installer " + outcome.how_it_ended()
                        + last_lines(),
                    "try the same with pip in a fresh virtual environment");
}

result<void> environment_build::lay_out() {
  std::error_code failure;
  fs::create_directories(is_python() ? half_ / "venv" : half_, failure);
  if (failure)
    return make_error(ec::store_io, "cannot make \"" + half_.string() + "\": " + failure.message());
  auto copy = half_ / (is_python() ? "source" : product_of(request_.language));
  if (auto copied = copy_tree(request_.checkout_dir, copy.string()); !copied) return copied;
  if (!is_python()) return {};
  std::ofstream extra{half_ / "requirements.txt"};
  for (const auto& line : lines_that_count(request_.requirements))
    extra << line << "\n";
  if (!extra.flush())
    return make_error(ec::store_io, "\"" + half_.string() + "\" cannot be filled");
  fs::permissions(half_ / "requirements.txt", fs::perms{0444}, failure);
  return {};
}

result<void> environment_build::install_requirements() {
  std::vector<std::string> files;
  if (has_requirements_file(request_.checkout_dir))
    files = {"-r", std::string{source_dir} + "/requirements.txt"};
  if (!lines_that_count(request_.requirements).empty())
    files.insert(files.end(), {"-r", extra_file});
  if (files.empty()) return {};
  auto outcome = step(pip(files));
  if (!outcome) return outcome.error();
  auto first = installed(*outcome, "the requirements");
  bool lacks_build_tools = std::ranges::any_of(lines_, [](const std::string& line) {
    return line.find("install build dependencies") != std::string::npos;
  });
  if (first || !lacks_build_tools) return first;
  // Without an index even a directory of the repository fails that way; what the environment has
  // may be enough to build it.
  files.insert(files.begin(), "--no-build-isolation");
  outcome = step(pip(files));
  if (!outcome) return outcome.error();
  return outcome->succeeded() ? result<void>{} : first;
}

result<void> environment_build::install_package() {
  if (!is_package(request_.checkout_dir)) return {};
  // The environment's own setuptools need no network; a project that wants other tools gets them in
  // a second try.
  auto outcome = step(pip({"--no-build-isolation", source_dir}));
  if (!outcome) return outcome.error();
  if (outcome->succeeded()) return {};
  auto second = step(pip({source_dir}));
  if (!second) return second.error();
  return installed(*second, "the package");
}

/// Local packages and those of a registry, with its own scripts: they run in this sandbox.
result<void> environment_build::install_node_packages() {
  constexpr const char* npm = "/usr/bin/npm";
  std::error_code failure;
  if (!fs::exists(npm, failure))
    return make_error(
        ec::environment_failed, "packages cannot be installed: there is no " + std::string{npm},
        "install the package npm on the node, or keep node_modules in the repository");
  bool is_locked = fs::exists(fs::path{request_.checkout_dir} / "package-lock.json", failure);
  auto extra = lines_that_count(request_.requirements);
  std::vector<std::string> argv{npm,          is_locked && extra.empty() ? "ci" : "install",
                                "--omit=dev", "--no-audit",
                                "--no-fund",  "--no-update-notifier",
                                "--"};
  argv.insert(argv.end(), extra.begin(), extra.end());
  auto outcome = step(std::move(argv));
  if (!outcome) return outcome.error();
  return installed(*outcome, "the packages");
}

result<void> environment_build::built(const result<process_outcome>& outcome) const {
  if (!outcome) return outcome.error();
  if (outcome->succeeded()) return {};
  return make_error(ec::bad_module, "the program of \"" + request_.repository + "\" at "
                                        + request_.commit.substr(0, 12)
                                        + " could not be built: " + request_.build + " "
                                        + outcome->how_it_ended() + last_lines());
}

result<void> environment_build::build_native() {
  auto tool = "/usr/bin/" + request_.build;
  std::error_code failure;
  if (!fs::exists(tool, failure) || !fs::exists("/usr/bin/c++", failure))
    return make_error(ec::environment_failed, "native modules cannot be built on this node",
                      "install the packages g++ and " + request_.build + " on it");
  if (request_.build == "cmake") {
    auto configured = built(step({tool, "-S", ".", "-B", "build", "-DCMAKE_BUILD_TYPE=Release"}));
    if (!configured) return configured;
    if (auto done = built(step({tool, "--build", "build"})); !done) return done;
  } else if (auto done = built(step({tool})); !done) {
    return done;
  }
  auto place = half_ / product_of(request_.language) / request_.source;
  if (request_.build == "cmake") place /= "build";
  auto made = fs::canonical(place / request_.program, failure);
  auto inside = made.lexically_relative(fs::canonical(half_, failure));
  if (failure || inside.empty() || *inside.begin() == "..")
    return make_error(ec::bad_module,
                      request_.build + " succeeded and made no \"" + request_.program
                          + "\", which the manifest names",
                      "name the program relative to the directory that the build fills");
  return {};
}

result<void> environment_build::build() {
  if (auto done = lay_out(); !done) return done;
  auto done = is_python()                   ? build_python()
              : request_.language == "node" ? install_node_packages()
                                            : build_native();
  return done ? finish() : done;
}

result<void> environment_build::build_python() {
  tell("creating a virtual environment");
  auto outcome = step({options_.python, "-m", "venv", venv()});
  if (!outcome) return outcome.error();
  if (!outcome->succeeded())
    return make_error(ec::environment_failed,
                      "a virtual environment cannot be created: the interpreter "
                          + outcome->how_it_ended() + last_lines(),
                      "install the package python3-venv on the node");
  if (auto done = install_requirements(); !done) return done;
  if (auto done = install_package(); !done) return done;
  // Workers cannot write there; packages may have come without compiled files, or with some that do
  // not compile.
  outcome = step({venv() + "/bin/python", "-m", "compileall", "-q", venv() + "/lib"});
  if (!outcome) return outcome.error();
  return {};
}

result<void> environment_build::finish() {
  if (auto removed = remove_tree((half_ / "source").string()); !removed) return removed;
  // What a package's build left there is not ours: no privileges, nothing to write to.
  auto made = (half_ / product_of(request_.language)).string();
  if (auto done = set_modes(made, read_only_tree); !done) return done;
  std::ofstream about{half_ / "complete"};
  about << "repository " << request_.repository << "\ncommit " << request_.commit << "\nlanguage "
        << request_.language << "\n";
  about.close();
  if (!about) return make_error(ec::store_io, "\"" + half_.string() + "\" cannot be written");
  return publish_directory(half_.string(), target_.string());
}

} // namespace

std::string environment_key(const environment_request& request) {
  std::string text = "environment 1\n" + request.repository + "\n" + request.commit + "\n"
                     + request.language + "\n";
  for (const auto& line : lines_that_count(request.requirements))
    text += line + "\n";
  if (!request.build.empty())
    text += "build " + request.build + " " + request.source + " " + request.program + "\n";
  return sha256_hex(text);
}

bool needs_environment(const environment_request& request) {
  if (request.language == "native") return !request.build.empty();
  if (request.language == "node")
    return !lines_that_count(request.requirements).empty() || lacks_packages(request.checkout_dir);
  if (request.language != "python") return false;
  return !lines_that_count(request.requirements).empty()
         || has_requirements_file(request.checkout_dir) || is_package(request.checkout_dir);
}

result<std::string> build_environment(const environment_options& options,
                                      const environment_request& request,
                                      const std::function<void(const std::string&)>& progress) {
  if ((request.language == "bash" || request.language == "native")
      && !lines_that_count(request.requirements).empty())
    return make_error(ec::bad_requirements,
                      "modules of the language " + request.language + " have no requirements",
                      "remove them; what is in the repository is all that such a module has");
  if (!needs_environment(request)) return std::string{};
  auto target = fs::path{options.environments_dir} / environment_key(request);
  auto made = (target / product_of(request.language)).string();
  std::error_code failure;
  if (fs::exists(target / "complete", failure)) return made;
  fs::create_directories(options.environments_dir, failure);
  if (auto built = environment_build{options, request, target, progress}.run(); !built)
    return built.error();
  return made;
}

} // namespace flow::codeloader
