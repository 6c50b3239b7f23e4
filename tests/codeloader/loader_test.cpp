#define CAF_SUITE codeloader.loader

#include "codeloader/loader.hpp"

#include <atomic>
#include <csignal>
#include <thread>

#include <poll.h>

#include "codeloader/process.hpp"
#include "tests/codeloader/git_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;
using namespace codeloader_test;

namespace {

/// The repositories below a directory, served by a process of its own until the end of the test.
class http_server {
public:
  explicit http_server(const std::string& directory, const std::string& certificate = {})
      : is_tls_{!certificate.empty()} {
    auto pipe = make_pipe();
    if (!pipe) CAF_FAIL("no pipe");
    process_command command;
    command.argv = {"/usr/bin/python3", CODELOADER_TESTS_DIR "/git_http_server.py", directory};
    if (is_tls_) command.argv.push_back(certificate);
    command.environment = {"PATH=/usr/bin:/bin"};
    command.descriptors = {-1, pipe->write.get(), 2};
    auto child = start_process(command);
    if (!child) CAF_FAIL(to_string(child.error()));
    child_ = std::move(*child);
    pipe->write.close();
    std::string line;
    pollfd waiting{pipe->read.get(), POLLIN, 0};
    for (char c = 0;
         c != '\n' && ::poll(&waiting, 1, 20'000) == 1 && ::read(pipe->read.get(), &c, 1) == 1;)
      line += c;
    port_ = std::stoi(line);
  }
  ~http_server() {
    signal_process(child_, SIGKILL);
    reap(child_);
  }
  std::string url(const std::string& path) const {
    return (is_tls_ ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(port_) + path;
  }

private:
  bool is_tls_ = false;
  child_process child_;
  int port_ = 0;
};

/// Key and certificate of "localhost" in one file.
void make_certificate(const std::string& file) {
  output_of({"/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-keyout", file, "-out", file + ".crt"});
  std::ofstream{file, std::ios::app} << text_of_file(file + ".crt");
}

/// The one that this process trusts: libgit2 is told of it when it starts.
const std::string& trusted_certificate() {
  static const temp_dir dir;
  static const std::string file = dir / "trusted.pem";
  static const bool is_made
      = (make_certificate(file), ::setenv("SSL_CERT_FILE", (file + ".crt").c_str(), 1) == 0);
  return is_made ? file : throw std::runtime_error("setenv failed");
}

struct fixture {
  temp_dir dir;
  git_repository origin{dir / "repositories/sample"};
  std::unique_ptr<loader> code;

  fixture() {
    trusted_certificate();
    ::setenv("PIP_NO_INDEX", "1", 1); // what is installed here comes from the repositories alone
    open({{"file://" + (dir / "repositories") + "/", "http://127.0.0.1*", "https://localhost*"},
          {}});
  }

  void open(const repository_policy& policy) {
    code.reset();
    auto made = make_loader({dir / "data", CODELOADER_RUNTIME_DIR, "/usr/bin/python3", policy});
    if (!made) CAF_FAIL(to_string(made.error()));
    code = std::move(*made);
  }

  module_request request(const std::string& module, const std::string& commit = {}) const {
    module_request wanted;
    wanted.repository = origin.path();
    wanted.module = module;
    wanted.commit = commit;
    return wanted;
  }

  loaded_module load(const module_request& wanted) {
    auto loaded = code->load(wanted, {});
    if (!loaded) CAF_FAIL(to_string(loaded.error()));
    return *loaded;
  }

  std::string resolve(const module_request& wanted) {
    auto commit = code->resolve(wanted, {});
    return commit ? *commit : std::string{describe(commit.error().code).name};
  }

  ec failure(const module_request& wanted) {
    auto loaded = code->load(wanted, {});
    if (loaded) CAF_FAIL("loaded " << loaded->checkout_dir);
    CAF_MESSAGE(to_string(loaded.error()));
    return loaded.error().code;
  }

  /// Directories below one of the loader's own, at any depth, that a half-finished load would
  /// leave.
  size_t halves() const {
    size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator{dir / "data"})
      if (entry.path().extension() == ".half" || entry.path().extension() == ".new") ++count;
    return count;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(loader_tests, fixture)

CAF_TEST(a module without requirements is ready at once) {
  auto commit = origin.add("greet.py", "def hello(name='you'):\n  'Greets.'\n");
  std::vector<std::string> steps;
  auto loaded
      = code->load(request("greet"), [&](const std::string& step) { steps.push_back(step); });
  if (!loaded) CAF_FAIL(to_string(loaded.error()));
  CAF_CHECK_EQUAL(loaded->commit, commit);
  CAF_CHECK_EQUAL(loaded->import_root, loaded->checkout_dir);
  CAF_CHECK_EQUAL(text_of_file(loaded->checkout_dir + "/greet.py").substr(0, 9), "def hello");
  CAF_CHECK_EQUAL(loaded->environment_dir, "");
  CAF_CHECK_EQUAL(loaded->environment_key.size(), 64u);
  CAF_REQUIRE_EQUAL(loaded->functions.size(), 1u);
  CAF_CHECK_EQUAL(loaded->functions[0].summary, "Greets.");
  CAF_CHECK(!steps.empty());
  auto again = load(request("greet"));
  CAF_CHECK_EQUAL(again.checkout_dir, loaded->checkout_dir);
  CAF_CHECK_EQUAL(again.environment_key, loaded->environment_key);
}

CAF_TEST(two commits of one repository are loaded side by side) {
  auto first = origin.add("m.py", "def old(): pass\n");
  auto second = origin.add("m.py", "def new(): pass\n");
  auto one = load(request("m", first.substr(0, 8)));
  auto two = load(request("m", second));
  CAF_CHECK_EQUAL(one.commit, first);
  CAF_CHECK_EQUAL(one.functions.at(0).function, "old");
  CAF_CHECK_EQUAL(two.functions.at(0).function, "new");
  CAF_CHECK_NOT_EQUAL(one.checkout_dir, two.checkout_dir);
  CAF_CHECK_NOT_EQUAL(one.environment_key, two.environment_key);
  CAF_CHECK(fs::exists(one.checkout_dir + "/m.py"));
}

CAF_TEST(a branch is resolved anew each time and a pin is not ) {
  auto first = origin.add("m.py", "");
  auto wanted = request("m");
  wanted.branch = "main";
  CAF_CHECK_EQUAL(resolve(wanted), first);
  auto second = origin.add("m.py", "x = 1\n");
  CAF_CHECK_EQUAL(resolve(wanted), second);
  CAF_CHECK_EQUAL(resolve(request("m", first)), first);
  wanted.tag = "also";
  CAF_CHECK_EQUAL(resolve(wanted), "bad_value");
}

CAF_TEST(a pinned commit is loaded when its repository is gone) {
  auto commit = origin.add("m.py", "");
  auto before = load(request("m", commit));
  fs::remove_all(origin.path());
  CAF_CHECK_EQUAL(load(request("m", commit)).checkout_dir, before.checkout_dir);
  open({{"file:*"}, {}});
  CAF_CHECK_EQUAL(load(request("m", commit)).checkout_dir, before.checkout_dir);
  CAF_CHECK_EQUAL(failure(request("m")), ec::unknown_repository);
  open({});
  CAF_CHECK_EQUAL(failure(request("m", commit)), ec::repository_not_allowed);
}

CAF_TEST(a repository is fetched over http) {
  auto first = origin.add("m.py", "def f(): pass\n");
  for (int i = 0; i < 200; ++i)
    origin.write("d/" + std::to_string(i), std::string(1'000, 'x') + std::to_string(i));
  origin.commit();
  origin.git("tag -a -m x v1");
  http_server server{dir / "repositories"};
  auto wanted = request("m");
  wanted.repository = server.url("/sample/.git");
  wanted.tag = "v1";
  auto loaded = load(wanted);
  CAF_CHECK_EQUAL(loaded.commit, origin.git("rev-parse HEAD"));
  CAF_CHECK_EQUAL(text_of_file(loaded.checkout_dir + "/d/199"), std::string(1'000, 'x') + "199");
  auto second = origin.add("m.py", "def g(): pass\n");
  wanted.tag.clear();
  CAF_CHECK_EQUAL(resolve(wanted), second); // brings only what is new
  wanted.commit = first.substr(0, 7);
  CAF_CHECK_EQUAL(resolve(wanted), first);
  wanted.commit.clear();
  for (const auto* path :
       {"/nothing/.git", "/private/sample/.git", "/broken/sample/.git", "/away/sample/.git"}) {
    wanted.repository = server.url(path);
    CAF_CHECK_EQUAL(failure(wanted), ec::unknown_repository);
  }
}

CAF_TEST(a repository is fetched over https from those whose certificate is trusted) {
  auto commit = origin.add("m.py", "def f(): pass\n");
  auto wanted = request("m");
  http_server trusted{dir / "repositories", trusted_certificate()};
  wanted.repository = trusted.url("/sample/.git");
  CAF_CHECK_EQUAL(load(wanted).commit, commit);
  make_certificate(dir / "other.pem");
  http_server other{dir / "repositories", dir / "other.pem"};
  wanted.repository = other.url("/sample/.git");
  auto refused = code->resolve(wanted, {});
  CAF_REQUIRE(!refused);
  CAF_CHECK_EQUAL(refused.error().code, ec::unknown_repository);
  CAF_CHECK_NOT_EQUAL(to_string(refused.error()).find("certificate"), std::string::npos);
  CAF_MESSAGE(to_string(refused.error()));
}

CAF_TEST(what the lists refuse is never touched) {
  origin.add("m.py", "");
  auto wanted = request("m");
  wanted.repository = "https://user:hunter2@example.org/x";
  auto refused = code->load(wanted, {});
  CAF_REQUIRE(!refused);
  CAF_CHECK_EQUAL(refused.error().code, ec::bad_repository_url);
  CAF_CHECK_EQUAL(to_string(refused.error()).find("hunter2"), std::string::npos);
  wanted.repository = "ext::sh -c 'touch " + (dir / "ran") + "'";
  CAF_CHECK_EQUAL(failure(wanted), ec::bad_repository_url);
  CAF_CHECK(!fs::exists(dir / "ran"));
  wanted.repository = dir / "elsewhere";
  CAF_CHECK_EQUAL(failure(wanted), ec::repository_not_allowed);
  // A link inside the allowed directory does not widen it.
  git_repository outside{dir / "outside"};
  outside.add("m.py", "");
  fs::create_directory_symlink(outside.path(), dir / "repositories/link");
  wanted.repository = dir / "repositories/link";
  CAF_CHECK_EQUAL(failure(wanted), ec::repository_not_allowed);
  CAF_CHECK(fs::is_empty(dir / "data/mirrors"));
}

CAF_TEST(a failed load leaves nothing half made and says what is wrong) {
  fs::create_symlink("/etc/passwd", origin.path() + "/evil");
  auto commit = origin.add("m.py", "");
  CAF_CHECK_EQUAL(failure(request("m", commit)), ec::path_escapes);
  fs::remove(origin.path() + "/evil");
  origin.add("bad.py", "def (:\n");
  CAF_CHECK_EQUAL(failure(request("bad")), ec::bad_module);
  CAF_CHECK_EQUAL(failure(request("missing")), ec::unknown_module);
  auto wanted = request("m");
  wanted.branch = "nope";
  CAF_CHECK_EQUAL(failure(wanted), ec::unknown_reference);
  wanted = request("m");
  wanted.module_path = "../..";
  CAF_CHECK_EQUAL(failure(wanted), ec::path_escapes);
  wanted = request("m");
  wanted.language = "cobol";
  CAF_CHECK_EQUAL(failure(wanted), ec::bad_value);
  CAF_CHECK_EQUAL(halves(), 0u);
}

CAF_TEST(what a killed daemon left half made is removed at the start) {
  auto commit = origin.add("m.py", "");
  auto loaded = load(request("m", commit));
  fs::create_directories(loaded.checkout_dir + ".half/x");
  fs::create_directories(dir / "data/environments/0123.half/venv");
  fs::permissions(dir / "data/environments/0123.half/venv",
                  fs::perms::owner_read | fs::perms::owner_exec);
  CAF_CHECK_EQUAL(halves(), 2u);
  open({{"file:*"}, {}});
  CAF_CHECK_EQUAL(halves(), 0u);
  CAF_CHECK(fs::exists(loaded.checkout_dir));
}

CAF_TEST(many threads that load one module get one environment) {
  origin.write("setup.py",
               "from setuptools import setup\nsetup(name='p', version='1', py_modules=['m'])\n");
  origin.add("m.py", "def f(): pass\n");
  std::vector<result<loaded_module>> outcomes(4, make_error(ec::internal, "not run"));
  std::atomic<int> environments_begun = 0;
  std::vector<std::thread> threads;
  for (auto& outcome : outcomes)
    threads.emplace_back([&] {
      int begun = 0;
      outcome = code->load(request("m"), [&](const std::string& step) {
        begun += step.ends_with("creating a virtual environment");
      });
      if (begun > 1) environments_begun += begun;
    });
  for (auto& thread : threads)
    thread.join();
  for (const auto& outcome : outcomes) {
    if (!outcome) CAF_FAIL(to_string(outcome.error()));
    CAF_CHECK_EQUAL(outcome->environment_dir, outcomes[0]->environment_dir);
    CAF_CHECK(!outcome->environment_dir.empty());
  }
  CAF_CHECK_EQUAL(environments_begun.load(), 0);
  CAF_CHECK_EQUAL(std::distance(fs::directory_iterator{dir / "data/environments"}, {}), 1);
  CAF_CHECK_EQUAL(halves(), 0u);
}

CAF_TEST(a loader that could not work is not made) {
  auto code_of = [&](const loader_options& options) {
    auto made = make_loader(options);
    return made ? ec::none : made.error().code;
  };
  CAF_CHECK_EQUAL(code_of({"relative", CODELOADER_RUNTIME_DIR, "/usr/bin/python3", {}}),
                  ec::bad_config);
  CAF_CHECK_EQUAL(code_of({dir / "x", dir / "nowhere", "/usr/bin/python3", {}}), ec::bad_config);
  CAF_CHECK_EQUAL(
      code_of({dir / "x", CODELOADER_RUNTIME_DIR, "/usr/bin/python3", {{"git://x/"}, {}}}),
      ec::bad_config);
  std::ofstream{dir / "file"} << "x";
  CAF_CHECK_EQUAL(code_of({dir / "file/below", CODELOADER_RUNTIME_DIR, "/usr/bin/python3", {}}),
                  ec::store_io);
}

CAF_TEST_FIXTURE_SCOPE_END()
