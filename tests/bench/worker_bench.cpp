// The bare loop of one Python worker over the worker protocol, in a sandbox: no actors, no store.
// The physical limit that every figure of the engine is compared with. Prints one line a workload.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <tuple>
#include <vector>

#include "codeloader/worker_host.hpp"

using namespace flow;
using namespace flow::codeloader;

namespace {

using std::chrono::steady_clock;

struct results_gate {
  std::mutex mutex;
  std::condition_variable changed;
  size_t done = 0;
  bool is_ready = false;
  bool is_over = false;

  void wait_for(size_t n) {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return done >= n || is_over; });
    if (is_over) {
      std::fputs("the worker ended\n", stderr);
      std::exit(1);
    }
  }
};

struct workload {
  const char* name;
  const char* function;
  size_t argument_bytes;
  size_t total;
  size_t in_flight;
  size_t batch; ///< calls handed over at once
};

worker_call make_call(const workload& load, uint64_t handle) {
  worker_call call;
  call.handle = handle;
  call.id = make_call_id(1'700'000'000'000, partition_id{1}, handle);
  call.function = load.function;
  if (load.argument_bytes > 0) {
    auto text = value_of_json('"' + std::string(load.argument_bytes, 'x') + '"');
    call.args = make_arguments({*text});
  }
  return call;
}

void run(worker_host& host, worker_number worker, results_gate& gate, const workload& load,
         uint64_t& handle) {
  gate.done = 0;
  std::vector<double> round_trips;
  auto template_call = make_call(load, 0);
  auto begin = steady_clock::now();
  for (size_t sent = 0; sent < load.total;) {
    auto n = std::min(load.batch, load.total - sent);
    if (sent + n > load.in_flight) gate.wait_for(sent + n - load.in_flight);
    std::vector<worker_call> calls(n, template_call);
    for (auto& call : calls)
      call.handle = ++handle;
    auto asked = steady_clock::now();
    host.send(worker, std::move(calls));
    sent += n;
    if (load.in_flight > 1) continue;
    gate.wait_for(sent);
    round_trips.push_back(
        std::chrono::duration<double, std::micro>(steady_clock::now() - asked).count());
  }
  gate.wait_for(load.total);
  std::chrono::duration<double> took = steady_clock::now() - begin;
  std::printf("%-34s %9.0f calls/s", load.name, static_cast<double>(load.total) / took.count());
  if (!round_trips.empty()) {
    std::ranges::sort(round_trips);
    std::printf("   p50 %.0f us, p99 %.0f us", round_trips[round_trips.size() / 2],
                round_trips[round_trips.size() * 99 / 100]);
  }
  std::printf("\n");
}

/// From `start` to `ready`; negative if the worker ended first.
double start_ms(worker_host& host, const worker_spec& spec) {
  results_gate gate;
  worker_events events;
  auto note = [&gate](auto change) {
    std::lock_guard lock{gate.mutex};
    change();
    gate.changed.notify_one();
  };
  events.ready = [&](worker_number, int) { note([&] { gate.is_ready = true; }); };
  events.exited = [&](worker_number, const worker_exit&) { note([&] { gate.is_over = true; }); };
  auto begin = steady_clock::now();
  auto worker = host.start(spec, events);
  std::unique_lock lock{gate.mutex};
  gate.changed.wait(lock, [&] { return gate.is_ready || gate.is_over; });
  std::chrono::duration<double, std::milli> took = steady_clock::now() - begin;
  bool was_ready = gate.is_ready;
  lock.unlock();
  host.kill(worker);
  lock.lock();
  gate.changed.wait(lock, [&] { return gate.is_over; });
  return was_ready ? took.count() : -1;
}

/// The second start of a module has its files in memory, and everything else to do again.
void time_starts(worker_host& host, const std::filesystem::path& dir) {
  std::ofstream{dir / "heavy.py"}
      << "import asyncio, decimal, email.mime.text, http.client, json, sqlite3, ssl, unittest\n"
         "import xml.dom.minidom\n\ndef noop():\n  pass\n";
  std::ofstream{dir / "bench.js"} << "exports.noop = () => null;\n";
  std::ofstream{dir / "bench.sh"} << "noop() { :; }\n";
  for (auto [language, module, file] : {std::tuple{"python", "bench", "bench.py"},
                                        {"python", "heavy", "heavy.py"},
                                        {"node", "bench", "bench.js"},
                                        {"bash", "bench", "bench.sh"}}) {
    worker_spec spec;
    spec.language = language;
    spec.module = module;
    spec.file = dir / file;
    spec.checkout_dir = spec.import_root = dir;
    auto first = start_ms(host, spec);
    auto second = start_ms(host, spec);
    std::printf("start of %-9s %6.1f ms, and again %6.1f ms\n", file, first, second);
  }
}

} // namespace

int main() {
  std::string name = "/tmp/worker-bench-XXXXXX";
  std::filesystem::path dir = ::mkdtemp(name.data());
  std::filesystem::permissions(
      dir, std::filesystem::perms{0755}); // as root, workers have users of their own
  std::ofstream{dir / "bench.py"} << "def noop():\n  pass\n\ndef echo(x):\n  return x\n\n"
                                     "def prints():\n  print('a line')\n";
  worker_host_options options;
  options.runtime_dir = MILLRACE_RUNTIME_DIR;
  auto host = make_worker_host(options);
  results_gate gate;
  worker_events events;
  auto note = [&gate](auto change) {
    {
      std::lock_guard lock{gate.mutex};
      change();
    }
    gate.changed.notify_one();
  };
  events.ready = [&](worker_number, int) { note([&] { gate.is_ready = true; }); };
  events.results = [&](worker_number, std::vector<worker_result> results) {
    note([&] { gate.done += results.size(); });
  };
  events.exited = [&](worker_number, const worker_exit& exit) {
    if (!exit.by_us) std::fprintf(stderr, "%s\n", exit.reason.c_str());
    note([&] { gate.is_over = true; });
  };
  worker_spec spec;
  spec.module = "bench";
  spec.checkout_dir = spec.import_root = dir;
  auto begin = steady_clock::now();
  auto worker = (*host)->start(spec, events);
  {
    std::unique_lock lock{gate.mutex};
    gate.changed.wait(lock, [&] { return gate.is_ready || gate.is_over; });
  }
  std::printf("first start, with probing the machine %6.0f ms\n",
              std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count());
  time_starts(**host, dir);
  uint64_t handle = 0;
  for (const auto& load :
       {workload{"no-op, 1 in flight", "noop", 0, 20'000, 1, 1},
        workload{"no-op, 64 in flight, one by one", "noop", 0, 100'000, 64, 1},
        workload{"no-op, 256 in flight, by 64", "noop", 0, 300'000, 256, 64},
        workload{"no-op, 1,000 in flight, by 256", "noop", 0, 500'000, 1'000, 256},
        workload{"prints, 1,000 in flight, by 256", "prints", 0, 200'000, 1'000, 256},
        workload{"100 KiB echo, 1 in flight", "echo", 100'000, 2'000, 1, 1},
        workload{"100 KiB echo, 50 in flight, by 10", "echo", 100'000, 5'000, 50, 10}})
    run(**host, worker, gate, load, handle);
  events = {};
  host->reset();
  std::filesystem::remove_all(dir);
}
