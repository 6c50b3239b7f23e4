#define CAF_SUITE codeloader.worker_host

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <sys/wait.h>

#include "flows/cbor.hpp"
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

size_t open_descriptors() {
  size_t n = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator{"/proc/self/fd"})
    ++n;
  return n;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(worker_host_tests, worker_fixture)

CAF_TEST(a finished result does not wait for a slow call behind it) {
  // Slow without and with use of the interpreter; of unknown duration, and until then known to be
  // quick.
  for (const char* slow : {"waits_for", "spins_until"}) {
    for (int earlier_calls : {0, 200}) {
      auto w = started();
      run(w, "identity", {json("0")});
      run(w, "opens", {json("\"/tmp/open\"")});
      for (int i = 0; i < earlier_calls; ++i)
        run(w, slow, {json("\"/tmp/open\"")});
      auto quick = make_call("identity", {json("1")});
      auto waiting = make_call(slow, {json("\"/tmp/closed\"")});
      auto sent = std::chrono::steady_clock::now();
      host->send(w, {quick, waiting});
      CAF_CHECK_EQUAL(shown(result_of(w, quick.handle)), "1");
      auto waited = std::chrono::steady_clock::now() - sent;
      CAF_MESSAGE(slow << " after " << earlier_calls << " quick calls: "
                       << std::chrono::duration_cast<std::chrono::microseconds>(waited).count()
                       << " us");
      CAF_CHECK_EQUAL(book(w).results.count(waiting.handle), 0u); // it never ends
      host->kill(w);
      exit_of(w);
    }
  }
}

CAF_TEST(thousands of calls are answered in order) {
  auto w = started();
  std::vector<worker_call> calls;
  for (int i = 0; i < 5'000; ++i)
    calls.push_back(make_call("identity", {json(std::to_string(i))}));
  host->send(w, calls);
  CAF_CHECK(await(w, [](const auto& book) { return book.results.size() == 5'000; }));
  auto b = book(w);
  CAF_CHECK(std::is_sorted(b.order.begin(), b.order.end()));
  bool all_right = true;
  for (size_t i = 0; i < calls.size(); ++i)
    all_right = all_right && shown(b.results[calls[i].handle]) == std::to_string(i);
  CAF_CHECK(all_right);
}

CAF_TEST(calls larger than the socket holds go both ways at once) {
  auto w = started();
  std::vector<worker_call> calls;
  for (int i = 0; i < 20; ++i)
    calls.push_back(make_call(
        "identity", {json("\"" + std::string(1'000'000, static_cast<char>('a' + i % 26)) + "\"")}));
  host->send(w, calls);
  CAF_CHECK(await(w, [](const auto& book) { return book.results.size() == 20; }));
  for (const auto& call : calls)
    CAF_CHECK_EQUAL(result_of(w, call.handle).returned.cbor.size(), 1'000'005u);
}

CAF_TEST(calls sent before the worker is ready are run) {
  auto w = start(spec());
  CAF_CHECK_EQUAL(shown(run(w, "add", {json("1")})), "11");
}

CAF_TEST(a module that cannot be imported is told before the exit) {
  auto w = start(spec("broken"));
  auto exit = exit_of(w);
  auto b = book(w);
  CAF_CHECK_EQUAL(b.broken, 1);
  CAF_CHECK_EQUAL(b.ready, 0);
  CAF_CHECK_EQUAL(b.exited, 1);
  CAF_CHECK_EQUAL(b.failure.code, ec::import_failed);
  CAF_CHECK_EQUAL(b.failure.type, "ModuleNotFoundError");
  CAF_CHECK(b.failure.traceback.find("broken.py\", line 3") != std::string::npos);
  CAF_CHECK(b.failure.traceback.find("millrace_worker") == std::string::npos);
  CAF_CHECK(exit.reason.find("no_such_module_anywhere") != std::string::npos);
  CAF_REQUIRE_EQUAL(b.logs.size(), 1u);
  CAF_CHECK_EQUAL(b.logs[0].text, "before it breaks\n");
  w = start(spec("no_such_module"));
  exit_of(w);
  CAF_CHECK(book(w).failure.message.find("No module named 'no_such_module'") != std::string::npos);
}

CAF_TEST(a worker that exits is told with code and last words) {
  auto w = started();
  send(w, "dies");
  auto exit = exit_of(w);
  CAF_CHECK_EQUAL(exit.exit_code, 7);
  CAF_CHECK_EQUAL(exit.signal, 0);
  CAF_CHECK(!exit.by_us);
  CAF_CHECK_EQUAL(exit.reason, "exited with code 7; its last words:\nabout to die");
}

CAF_TEST(a crash is told with its signal and where it was) {
  auto w = started();
  send(w, "segfaults");
  auto exit = exit_of(w);
  CAF_CHECK_EQUAL(exit.signal, SIGSEGV);
  CAF_CHECK(exit.reason.find("killed by signal 11 (Segmentation fault)") != std::string::npos);
  CAF_CHECK(exit.reason.find("in segfaults") != std::string::npos);
}

CAF_TEST(results that were sent before a crash are delivered) {
  auto w = started();
  auto calls = std::vector<worker_call>{make_call("add", {json("1")}), make_call("dies")};
  host->send(w, calls);
  exit_of(w);
  CAF_CHECK_EQUAL(shown(result_of(w, calls[0].handle)), "11");
  CAF_CHECK_EQUAL(book(w).results.size(), 1u);
}

CAF_TEST(stop lets the worker finish what it has) {
  auto w = started();
  std::vector<worker_call> calls;
  for (int i = 0; i < 100; ++i)
    calls.push_back(make_call("count"));
  host->send(w, calls);
  host->stop(w);
  host->send(w, {make_call("count")}); // too late: it is not given
  auto exit = exit_of(w);
  CAF_CHECK(exit.by_us);
  CAF_CHECK_EQUAL(exit.exit_code, 0);
  CAF_CHECK_EQUAL(exit.reason, "stopped");
  CAF_CHECK_EQUAL(book(w).results.size(), 100u);
  CAF_CHECK_EQUAL(book(w).exited, 1);
}

CAF_TEST(kill ends an endless call at once) {
  auto w = started("hostile");
  send(w, "never_ends");
  host->kill(w);
  auto exit = exit_of(w);
  CAF_CHECK(exit.by_us);
  CAF_CHECK_EQUAL(exit.signal, SIGKILL);
  CAF_CHECK_EQUAL(exit.reason, "killed on request");
  // And one that has not even begun.
  w = start(spec());
  host->kill(w);
  CAF_CHECK(exit_of(w).by_us);
  CAF_CHECK_EQUAL(book(w).exited, 1);
}

CAF_TEST(a missing interpreter runtime or directory is told in the exit) {
  auto s = spec();
  s.environment_dir = "/usr/share";
  auto w = start(s);
  CAF_CHECK(exit_of(w).reason.find("/usr/share/bin/python") != std::string::npos);
  s = spec();
  s.checkout_dir = s.import_root = "/nonexistent/checkout";
  w = start(s);
  CAF_CHECK(exit_of(w).reason.find("/nonexistent/checkout") != std::string::npos);
  s = spec();
  s.language = "cobol";
  w = start(s);
  CAF_CHECK(exit_of(w).reason.find("no worker runtime for the language \"cobol\"")
            != std::string::npos);
  CAF_CHECK_EQUAL(book(w).exited, 1);
  CAF_CHECK_EQUAL(book(w).ready, 0);
}

CAF_TEST(a worker has the environment of its processor and no other) {
  ::setenv("MILLRACE_TEST_LEAK", "1", 1);
  auto s = spec();
  s.environment = {{"TOKEN", "s3cret=x"}};
  auto w = started(s);
  auto r = run(w, "environment");
  CAF_CHECK(shown(r).find("\"TOKEN\":\"s3cret=x\"") != std::string::npos);
  CAF_CHECK(shown(r).find("LEAK") == std::string::npos);
  // Nowhere in what other users of the machine can see.
  for (const auto& entry : fs::directory_iterator{"/proc"}) {
    std::ifstream in{entry.path() / "cmdline"};
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    CAF_REQUIRE(text.find("s3cret=x") == std::string::npos);
  }
}

CAF_TEST(a hundred starts leave neither descriptors nor processes) {
  auto once = [this] {
    auto w = started();
    CAF_CHECK_EQUAL(shown(run(w, "count")), "1");
    host->stop(w);
    exit_of(w);
  };
  once();
  auto before = open_descriptors();
  for (int i = 0; i < 10; ++i) {
    std::vector<worker_number> all;
    for (int k = 0; k < 10; ++k)
      all.push_back(start(spec()));
    for (size_t k = 0; k < all.size(); ++k) {
      CAF_CHECK_EQUAL(shown(run(all[k], "count")), "1");
      k % 2 == 0 ? host->stop(all[k]) : host->kill(all[k]);
    }
    for (auto w : all) {
      exit_of(w);
      CAF_CHECK_EQUAL(book(w).exited, 1);
    }
  }
  CAF_CHECK_EQUAL(open_descriptors(), before);
  CAF_CHECK_EQUAL(::waitpid(-1, nullptr, WNOHANG), -1);
}

CAF_TEST(the end of the host ends its workers) {
  auto w = started("hostile");
  send(w, "never_ends");
  auto pid = book(w).pid;
  host.reset();
  CAF_CHECK_EQUAL(book(w).exited, 1);
  CAF_CHECK(book(w).exit.by_us);
  CAF_CHECK_EQUAL(::kill(pid, 0), -1);
}

CAF_TEST(throughput for the record) {
  auto w = started();
  run(w, "noop");
  auto measure = [&](size_t total, size_t in_flight) {
    auto begin = std::chrono::steady_clock::now();
    size_t before = book(w).results.size();
    for (size_t sent = 0; sent < total; sent += in_flight) {
      std::vector<worker_call> calls;
      for (size_t i = 0; i < in_flight; ++i)
        calls.push_back(make_call("noop"));
      host->send(w, std::move(calls));
      await(w, [&](const auto& book) { return book.results.size() == before + sent + in_flight; });
    }
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    CAF_MESSAGE(in_flight << " at a time: " << static_cast<double>(total) / took.count()
                          << " calls/s");
  };
  measure(2'000, 1);
  measure(25'600, 256);
  CAF_CHECK_EQUAL(book(w).results.size(), 27'601u);
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(a worker that does not become ready in time is ended) {
  worker_fixture f{true, 1'000};
  auto w = f.start(f.spec("slow_import"));
  auto exit = f.exit_of(w);
  CAF_CHECK(!exit.by_us);
  CAF_CHECK(exit.reason.find("not ready within its start-up time (import of module slow_import)")
            != std::string::npos);
  CAF_CHECK_EQUAL(f.book(w).ready, 0);
}

CAF_TEST(without isolation the same protocol is spoken) {
  worker_fixture f{false};
  auto w = f.started();
  CAF_CHECK_EQUAL(shown(f.run(w, "add", {json("1")})), "11");
  f.send(w, "sleeps", {json("1000")});
  f.host->kill(w);
  CAF_CHECK_EQUAL(f.exit_of(w).signal, SIGKILL);
  CAF_CHECK(!f.host->report().namespaces);
}
