#define CAF_SUITE codeloader.environment

#include "codeloader/environment.hpp"

#include <sys/stat.h>

#include "codeloader/installer_settings.hpp"
#include "codeloader/sandbox.hpp"
#include "tests/codeloader/git_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;
using namespace codeloader_test;

namespace {

const std::string commit(40, 'a');

struct fixture {
  temp_dir dir;
  std::vector<std::string> steps;
  environment_options options{dir / "environments", "/usr/bin/python3", {"PIP_NO_INDEX=1"}};

  void write(const std::string& name, const std::string& content) const {
    auto path = fs::path{dir / "checkout"} / name;
    fs::create_directories(path.parent_path());
    std::ofstream{path} << content;
  }

  /// A package `name` whose function `where` says its name, and a program of the same name.
  void write_package(const std::string& directory, const std::string& name) const {
    write(directory + "setup.py", "from setuptools import setup\n"
                                  "setup(name='"
                                      + name + "', version='1', packages=['" + name
                                      + "'],\n"
                                        "      entry_points={'console_scripts': ['"
                                      + name + "-run=" + name + ":main']})\n");
    write(directory + name + "/__init__.py", "def main():\n  print('ran " + name + "')\n");
  }

  environment_request request(const std::string& requirements = {}) const {
    fs::create_directories(dir / "checkout");
    return {"https://example.org/a/b", commit, "python", requirements, dir / "checkout"};
  }

  result<std::string> build(const environment_request& wanted) {
    return build_environment(options, wanted,
                             [this](const std::string& step) { steps.push_back(step); });
  }

  ec failure(const environment_request& wanted) {
    auto built = build(wanted);
    if (built) CAF_FAIL("built " << *built);
    CAF_MESSAGE(to_string(built.error()));
    CAF_CHECK(!fs::exists(options.environments_dir) || fs::is_empty(options.environments_dir));
    last = built.error().text;
    return built.error().code;
  }

  /// Runs a program of the environment as a worker would see it.
  process_outcome run(const std::string& environment, const std::vector<std::string>& argv) const {
    sandbox_command command;
    command.argv = argv;
    command.binds = {{environment, "", false}};
    command.time_ms_max = 30'000;
    auto outcome = run_sandboxed(command);
    if (!outcome) CAF_FAIL(to_string(outcome.error()));
    return *outcome;
  }

  std::string last;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(environment_tests, fixture)

CAF_TEST(code without requirements needs no environment) {
  write("m.py", "");
  write("requirements.txt", "# nothing\n\n   \n");
  write("pyproject.toml", "[tool.black]\nline-length = 100\n");
  auto built = build(request("\n# nothing\n"));
  CAF_REQUIRE(built);
  CAF_CHECK_EQUAL(*built, "");
  CAF_CHECK(steps.empty());
  write("pyproject.toml", "[project]\nname = 'x'\n");
  CAF_CHECK(needs_environment(request()));
}

CAF_TEST(the key depends on repository commit language and requirements and on nothing else) {
  auto base = request("a\nb");
  auto key = environment_key(base);
  CAF_CHECK_EQUAL(key.size(), 64u);
  auto changed = base;
  changed.requirements = "  a  \n# comment\n\nb\n";
  changed.checkout_dir = "/elsewhere";
  CAF_CHECK_EQUAL(environment_key(changed), key);
  for (auto member : {&environment_request::repository, &environment_request::commit,
                      &environment_request::language, &environment_request::requirements}) {
    changed = base;
    (changed.*member) += "x";
    CAF_CHECK_NOT_EQUAL(environment_key(changed), key);
  }
}

CAF_TEST(a requirement inside the repository and its own package are installed once and for good) {
  write("requirements.txt", "./vendored/helper\n");
  write_package("vendored/helper/", "helper");
  write_package("", "own");
  auto built = build(request());
  if (!built) CAF_FAIL(to_string(built.error()));
  CAF_CHECK(fs::exists(fs::path{*built}.parent_path() / "complete"));
  auto python = *built + "/bin/python";
  auto imported = run(*built, {python, "-c", "import helper, own, sys; print(sys.prefix)"});
  CAF_CHECK_EQUAL(imported.out, *built + "\n");
  CAF_CHECK_EQUAL(imported.err, "");
  // A program of the environment starts with the path of its interpreter in its first line.
  CAF_CHECK_EQUAL(run(*built, {*built + "/bin/helper-run"}).out, "ran helper\n");
  CAF_CHECK_EQUAL(run(*built, {*built + "/bin/own-run"}).out, "ran own\n");

  struct stat status {};
  size_t writable = 0;
  size_t compiled = 0;
  for (const auto& entry : fs::recursive_directory_iterator{*built}) {
    ::lstat(entry.path().c_str(), &status);
    if (!S_ISLNK(status.st_mode) && (status.st_mode & 07222) != 0) ++writable;
    if (!S_ISLNK(status.st_mode) && (status.st_mode & 0444) != 0444) ++writable;
    if (status.st_uid != ::geteuid()) ++writable;
    if (has(entry.path().string(), "helper/__pycache__/")) ++compiled;
  }
  CAF_CHECK_EQUAL(writable, 0u);
  CAF_CHECK_GREATER(compiled, 0u);
  CAF_CHECK(!steps.empty());
  CAF_CHECK(std::ranges::any_of(steps, [](const auto& step) {
    return has(step, "building environment: ") && has(step, "vendored/helper");
  }));
  // The repository's own files were not touched by its build.
  CAF_CHECK(!fs::exists(dir / "checkout/build"));
  CAF_CHECK(!fs::exists(dir / "checkout/own.egg-info"));

  steps.clear();
  auto again = build(request());
  CAF_REQUIRE(again);
  CAF_CHECK_EQUAL(*again, *built);
  CAF_CHECK(steps.empty());

  // Neither the machine's packages nor those of another environment are seen.
  auto other = request();
  other.commit = std::string(40, 'b');
  fs::remove_all(dir / "checkout");
  write_package("", "other");
  auto second = build(other);
  if (!second) CAF_FAIL(to_string(second.error()));
  CAF_CHECK_NOT_EQUAL(*second, *built);
  CAF_CHECK_EQUAL(run(*second, {*second + "/bin/python", "-c", "import other"}).exit_code, 0);
  CAF_CHECK(has(run(*second, {*second + "/bin/python", "-c", "import helper"}).err,
                "ModuleNotFoundError"));
  CAF_CHECK(has(run(*built, {python, "-c", "import other"}).err, "ModuleNotFoundError"));
  auto path = run(*second, {*second + "/bin/python", "-c", "import sys; print(sys.path)"});
  CAF_CHECK(!has(path.out, "dist-packages"));
}

CAF_TEST(a requirement that cannot be installed says why and leaves nothing) {
  CAF_CHECK_EQUAL(failure(request("there-is-no-such-package-7f3a==1.2.3\n")), ec::bad_requirements);
  CAF_CHECK(has(last, "there-is-no-such-package-7f3a"));
  CAF_CHECK(has(last, "No matching distribution"));
}

CAF_TEST(a package whose build fails is named with its own words) {
  write("setup.py", "raise SystemExit('the reactor is cold')\n");
  CAF_CHECK_EQUAL(failure(request()), ec::bad_requirements);
  CAF_CHECK(has(last, "the reactor is cold"));
}

CAF_TEST(a build that takes too long is ended with all it started) {
  options.time_ms_max = 300;
  CAF_CHECK_EQUAL(failure(request("x")), ec::build_timed_out);
}

CAF_TEST(a build that fills the disk is ended) {
  options.bytes_max = 1u << 20;
  CAF_CHECK_EQUAL(failure(request("x")), ec::payload_too_large);
}

CAF_TEST(a package cannot reach what is not its own while it is built) {
  auto secret = dir / "secret";
  std::ofstream{secret} << "hunter2";
  write(
      "setup.py",
      "import os, sys\n"
      "found = [p for p in ['"
          + secret + "', '/root', '/home', '/etc/shadow', '" + options.environments_dir
          + "/x'] if os.path.exists(p)]\n"
            "for name in ('CANARY', 'PIP_TARGET'):\n"
            "  found += [name] if name in os.environ else []\n"
            "try:\n  open('/usr/planted', 'w'); found.append('wrote /usr')\nexcept OSError: pass\n"
            "raise SystemExit('found: %s' % found)\n");
  options.settings = {"PIP_NO_INDEX=1", "CANARY=1", "PIP_TARGET=/tmp"};
  CAF_CHECK_EQUAL(failure(request()), ec::bad_requirements);
  CAF_CHECK(has(last, "found: []"));
}

CAF_TEST(the settings of a site are taken from variables and files and bound as far as they exist) {
  auto wheels = dir / "wheels";
  auto certificates = dir / "ca.crt";
  auto site = dir / "pip.conf";
  fs::create_directories(wheels);
  std::ofstream{certificates} << "x";
  std::ofstream{site} << "[global]\ncert = " << certificates
                      << "\nindex-url = https://mirror.example.org/simple\n";
  auto settings = read_installer_settings(
      {"PIP_FIND_LINKS=" + wheels + " https://x.example.org/y " + dir.path().string() + "/missing",
       "PIP_INDEX_URL=https://a.example.org/", "PIP_TARGET=/etc", "PIP_CACHE_DIR=/root",
       "HOME=/root", "SECRET=1", "nothing"},
      site);
  CAF_REQUIRE_EQUAL(settings.environment.size(), 2u);
  CAF_CHECK_EQUAL(settings.environment[1].second, "https://a.example.org/");
  std::vector<std::string> bound;
  for (const auto& bind : settings.binds) {
    CAF_CHECK(!bind.writable);
    bound.push_back(bind.source);
  }
  const std::vector<std::string> wanted{site, certificates, wheels};
  CAF_CHECK_EQUAL(bound, wanted);
}

CAF_TEST(a native program is built by CMake or make with our headers) {
  options.runtime_dir = CODELOADER_RUNTIME_DIR;
  write("app/tool.cpp", "#include <millrace/worker.hpp>\n#include <cstdio>\n"
                        "int main() { std::puts(\"built\"); }\n");
  write("app/CMakeLists.txt", "cmake_minimum_required(VERSION 3.20)\nproject(t LANGUAGES CXX)\n"
                              "set(CMAKE_CXX_STANDARD 20)\nadd_executable(tool tool.cpp)\n");
  write("app/Makefile", "made: tool.cpp\n\tg++ -std=c++20 -o made tool.cpp\n");
  auto wanted = request();
  wanted.language = "native";
  CAF_CHECK(!needs_environment(wanted)); // a program that is in the repository
  wanted.source = "app";
  for (auto [build_tool, program, place] :
       {std::tuple{"cmake", "tool", "/app/build/tool"}, {"make", "made", "/app/made"}}) {
    wanted.build = build_tool;
    wanted.program = program;
    auto built = build(wanted);
    if (!built) CAF_FAIL(to_string(built.error()));
    CAF_CHECK_EQUAL(run(*built, {*built + place}).out, "built\n");
    CAF_CHECK_EQUAL(*build(wanted), *built);
  }
  write("app/tool.cpp", "int main() { return nothing_here; }\n");
  wanted.commit = std::string(40, 'b');
  auto bad = build(wanted);
  CAF_REQUIRE(!bad);
  CAF_CHECK_EQUAL(bad.error().code, ec::bad_module);
  CAF_CHECK(has(bad.error().text, "nothing_here"));
  write("app/tool.cpp", "int main() {}\n");
  wanted.program = "another";
  bad = build(wanted);
  CAF_REQUIRE(!bad);
  CAF_CHECK(has(bad.error().text, "made no \"another\""));
}

CAF_TEST(packages of Node are installed beside a copy of the repository) {
  write("package.json",
        R"({"name":"app","version":"1.0.0","dependencies":{"local":"file:./local"}})");
  write("local/package.json", R"({"name":"local","version":"1.0.0","main":"main.js"})");
  write("local/main.js", "exports.word = () => 'from a package';\n");
  write("m.js", "console.log(require('local').word());\n");
  auto wanted = request();
  wanted.language = "node";
  CAF_REQUIRE(needs_environment(wanted));
  auto built = build(wanted);
  if (!fs::exists("/usr/bin/npm")) {
    CAF_REQUIRE(!built);
    CAF_CHECK(has(built.error().hint, "install the package npm"));
    return;
  }
  if (!built) CAF_FAIL(to_string(built.error()));
  sandbox_command command;
  command.argv = {"/usr/bin/node", *built + "/m.js"};
  command.binds = {{*built, "", false}};
  command.limits.address_bytes = limits::node_address_bytes_min;
  auto outcome = run_sandboxed(command);
  CAF_REQUIRE(outcome.has_value());
  CAF_CHECK_EQUAL(outcome->out, "from a package\n");
  write("node_modules/local/x", "");
  CAF_CHECK(!needs_environment(wanted));
}

CAF_TEST(languages without requirements refuse them) {
  for (const auto* language : {"bash", "native"}) {
    auto wanted = request("numpy\n");
    wanted.language = language;
    CAF_CHECK_EQUAL(failure(wanted), ec::bad_requirements);
  }
}

CAF_TEST_FIXTURE_SCOPE_END()
