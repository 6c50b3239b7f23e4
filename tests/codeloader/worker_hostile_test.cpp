#define CAF_SUITE codeloader.worker_hostile

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "worker_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;
using namespace flow::codeloader::test;

namespace {

namespace fs = std::filesystem;

std::string shown(const worker_result& r) {
  if (r.failure.code != ec::none) return r.failure.type + ": " + r.failure.message;
  return to_json_text(r.returned);
}

// Processes of the whole machine whose command line holds `marker`.
int running_with(const std::string& marker) {
  int n = 0;
  for (const auto& entry : fs::directory_iterator{"/proc"}) {
    std::ifstream in{entry.path() / "cmdline"};
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    n += text.find(marker) != std::string::npos;
  }
  return n;
}

uint64_t resident_kib() {
  std::ifstream in{"/proc/self/status"};
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6));
  return 0;
}

// Two workers of two processors: whatever the first does, the second must not notice.
struct hostile_fixture : worker_fixture {
  worker_number bystander = started("sample");

  void check_bystander() {
    CAF_CHECK_EQUAL(shown(run(bystander, "add", {json("1")})), "11");
    CAF_CHECK_EQUAL(book(bystander).exited, 0);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(worker_hostile_tests, hostile_fixture)

CAF_TEST(the files of the host are out of reach) {
  auto w = started("hostile");
  CAF_CHECK_EQUAL(shown(run(w, "reads_the_host")),
                  R"(["ENOENT","ENOENT","ENOENT","ENOENT","ENOENT","ENOENT","ENOENT","ENOENT"])");
  auto code = spec().checkout_dir;
  CAF_CHECK_EQUAL(
      shown(
          run(w, "writes",
              {json(R"([")" + code
                    + R"(/sample.py","/usr/x","/x","/etc/x","/proc/sys/kernel/core_pattern"])")})),
      R"(["EROFS","EROFS","EROFS","EROFS","EACCES"])");
  check_bystander();
}

CAF_TEST(other processes can be neither seen nor signalled) {
  auto w = started("hostile");
  CAF_CHECK_EQUAL(shown(run(w, "sees_processes")), "[1,2]");
  auto pid = std::to_string(book(bystander).pid);
  CAF_CHECK_EQUAL(shown(run(w, "signals_others", {json(pid)})).substr(0, 8), R"(["ESRCH")");
  check_bystander();
}

CAF_TEST(files of other processors and of the daemon are not there) {
  std::string mark = "/tmp/millrace-hostile-" + std::to_string(::getpid());
  fs::create_directories(mark + "/checkout");
  std::ofstream{mark + "/checkout/secret.py"} << "TOKEN = 'x'\n";
  auto other = spec("sample");
  other.checkout_dir = other.import_root = mark + "/checkout";
  other.module = "secret";
  auto neighbour = started(other);
  CAF_CHECK_EQUAL(book(neighbour).ready, 1);
  auto w = started("hostile");
  auto pid = std::to_string(::getpid());
  CAF_CHECK_EQUAL(shown(run(w, "reads_others",
                            {json(R"([")" + mark + R"(/checkout/secret.py",")" + mark
                                  + R"(","/proc/)" + pid + R"(/environ",")"
                                  + std::string{CODELOADER_TESTS_DIR} + R"(/CMakeLists.txt"])")})),
                  R"(["ENOENT","ENOENT","ENOENT","ENOENT"])");
  fs::remove_all(mark);
}

CAF_TEST(the environment of others cannot be read) {
  ::setenv("MILLRACE_SECRET_OF_THE_DAEMON", "daemonsecret", 1);
  auto other = spec("sample");
  other.environment = {{"TOKEN", "neighboursecret"}};
  started(other);
  auto s = spec("hostile");
  s.environment = {{"TOKEN", "ownsecret"}};
  auto seen = shown(run(started(s), "reads_processes"));
  ::unsetenv("MILLRACE_SECRET_OF_THE_DAEMON");
  CAF_CHECK(seen.find("ownsecret") != std::string::npos); // the search itself works
  CAF_CHECK(seen.find("neighboursecret") == std::string::npos);
  CAF_CHECK(seen.find("daemonsecret") == std::string::npos);
}

CAF_TEST(links lead nowhere that is not in the sandbox) {
  CAF_CHECK_EQUAL(shown(run(started("hostile"), "follows_links")),
                  R"(["ENOENT","ENOENT","ENOENT","ENOENT"])");
  check_bystander();
}

CAF_TEST(rights cannot be gained) {
  auto w = started("hostile");
  CAF_CHECK_EQUAL(shown(run(w, "becomes_root")),
                  R"(["EINVAL","EINVAL","EPERM","1","0000000000000000","0000000000000000"])");
  CAF_CHECK_EQUAL(shown(run(w, "runs_setuid_program")), "\"65534\"");
}

CAF_TEST(a million lines of log are cut at the limit and the call ends) {
  auto before = resident_kib();
  auto w = started("hostile");
  auto r = run(w, "logs_a_million_lines");
  CAF_CHECK_EQUAL(shown(r), "\"logged\"");
  CAF_CHECK(r.out.starts_with("0\n1\n2\n"));
  CAF_CHECK(r.out.find("more characters were cut]") != std::string::npos);
  CAF_CHECK_LESS(r.out.size(), limits::call_output_bytes_max + 200);
  CAF_CHECK_EQUAL(run(w, "never_was").out, ""); // the next call begins with nothing
  CAF_CHECK(resident_kib() < before + (32u << 10));
  check_bystander();
}

CAF_TEST(descriptors that calls leave open end with their worker) {
  auto w = started("hostile");
  CAF_CHECK_EQUAL(shown(run(w, "leaves_descriptors_open", {json("100")})), "100");
  auto r = run(w, "leaves_descriptors_open", {json("1000")});
  CAF_CHECK(r.failure.message.find("Too many open files") != std::string::npos);
  check_bystander();
  host->kill(w);
  exit_of(w);
  CAF_CHECK_EQUAL(shown(run(started("hostile"), "leaves_descriptors_open", {json("1")})), "1");
}

CAF_TEST(the network and the kernel are closed) {
  auto w = started("hostile");
  CAF_CHECK_EQUAL(shown(run(w, "connects")), R"(["EPERM","EPERM","EPERM"])");
  CAF_CHECK_EQUAL(shown(run(w, "calls_kernel")), R"(["EPERM","EPERM","EPERM","EPERM","EPERM"])");
}

CAF_TEST(a fork bomb stays in its sandbox) {
  auto s = spec("hostile");
  s.sandbox.processes = 30;
  auto w = started(s);
  auto n = std::atoi(shown(run(w, "fork_bomb")).c_str());
  CAF_CHECK(n > 10 && n < 40);
  check_bystander();
  host->kill(w);
  CAF_CHECK_EQUAL(exit_of(w).signal, SIGKILL);
}

CAF_TEST(a memory hog fails alone) {
  auto s = spec("hostile");
  s.sandbox.memory_bytes = 300u << 20;
  auto w = started(s);
  auto r = run(w, "hogs_memory");
  CAF_CHECK_EQUAL(r.failure.type, "MemoryError");
  check_bystander();
}

CAF_TEST(a filler of disks runs out of room) {
  auto s = spec("hostile");
  s.sandbox.tmp_bytes = 8u << 20;
  auto w = started(s);
  CAF_CHECK(shown(run(w, "fills_disk")).find("No space left on device") != std::string::npos);
  check_bystander();
}

CAF_TEST(descriptors run out for the one who takes them) {
  auto w = started("hostile");
  CAF_CHECK(shown(run(w, "opens_descriptors")).find("Too many open files") != std::string::npos);
  check_bystander();
}

CAF_TEST(daemons that a function leaves behind die with the worker) {
  auto w = started("hostile");
  auto marker = "98" + std::to_string(::getpid());
  CAF_CHECK_EQUAL(shown(run(w, "leaves_daemons", {json("\"" + marker + "\"")})), "\"left\"");
  auto deadline = std::chrono::steady_clock::now() + patience;
  while (running_with(marker) < 3 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  CAF_CHECK_EQUAL(running_with(marker), 3);
  host->kill(w);
  exit_of(w);
  while (running_with(marker) > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  CAF_CHECK_EQUAL(running_with(marker), 0);
}

CAF_TEST(bytes that are not the protocol end the worker and nothing else) {
  for (auto [function, reason] :
       {std::pair{"lies_about_length", "protocol error: a frame of 4294967295 bytes"},
        {"sends_garbage", "protocol error: a message of a worker: malformed"},
        {"invents_a_result", "protocol error: a result of a call that it was not given"},
        {"closes_everything", "closed its connection"}}) {
    auto before = resident_kib();
    auto w = started("hostile");
    send(w, function);
    auto exit = exit_of(w);
    CAF_CHECK_EQUAL(exit.signal, SIGKILL);
    CAF_CHECK(!exit.by_us);
    if (exit.reason.find(reason) == std::string::npos) CAF_ERROR(exit.reason);
    CAF_CHECK_EQUAL(book(w).results.size(), 0u);
    CAF_CHECK(resident_kib() < before + (32u << 10));
    check_bystander();
  }
}

CAF_TEST(a result of a gigabyte is refused without growing the node) {
  auto before = resident_kib();
  auto w = started("hostile");
  CAF_CHECK_EQUAL(run(w, "returns_a_gigabyte").failure.code, ec::output_too_large);
  CAF_CHECK(resident_kib() < before + (32u << 10));
  check_bystander();
}

CAF_TEST(endless output is bounded at the node too) {
  auto before = resident_kib();
  auto w = started("hostile");
  auto call = send(w, "prints_for_ever");
  auto shown_bytes = [&](const auto& book) {
    size_t n = 0;
    for (const auto& log : book.logs)
      if (log.handle == call) n += log.text.size();
    return n;
  };
  CAF_CHECK(await(
      w, [&](const auto& book) { return shown_bytes(book) > limits::call_output_bytes_max / 2; }));
  check_bystander();
  host->kill(w);
  exit_of(w);
  CAF_CHECK(shown_bytes(book(w)) <= 4 * limits::call_output_bytes_max);
  CAF_CHECK(resident_kib() < before + (64u << 10));
}

CAF_TEST(a recursion without end harms the worker only) {
  auto s = spec("hostile");
  s.sandbox.memory_bytes = 100u << 20;
  auto w = started(s);
  auto r = run(w, "recurses_without_limit"); // it fails or dies, as the interpreter pleases
  CAF_CHECK(r.failure.code != ec::none);
  check_bystander();
}

CAF_TEST_FIXTURE_SCOPE_END()
