// What a call costs, beside what this machine can do in the same run: W1, W2, W5, W6 and W7.
// Prints, never asserts.
//   calls_bench [--calls N] [--backlog N]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codeloader/worker_host.hpp"
#include "flows/client.hpp"
#include "flows/params.hpp"
#include "storage/codec.hpp"
#include "storage/rocks_store.hpp"

extern char** environ;

namespace {

using namespace flow;
namespace fs = std::filesystem;
using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "calls_bench: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(result<T> r) {
  if (!r) give_up(to_string(r.error()));
  return std::move(*r);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

pid_t run(const std::vector<std::string>& words, int stdout_fd = -1) {
  std::vector<char*> argv;
  for (const auto& word : words)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (stdout_fd >= 0) posix_spawn_file_actions_adddup2(&actions, stdout_fd, 1);
  pid_t pid = 0;
  if (posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0)
    give_up("cannot start " + words[0]);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

void run_to_end(const std::vector<std::string>& words) {
  int status = 0;
  if (waitpid(run(words), &status, 0) < 0 || status != 0) give_up(words[0] + " failed");
}

void row(const char* name, double figure, const char* unit, double limit, const char* of_limit,
         const char* target) {
  if (limit > 0)
    std::printf("%-34s %12.3f %-8s %6.2f x %-34s target %s\n", name, figure, unit, figure / limit,
                of_limit, target);
  else
    std::printf("%-34s %12.3f %-8s %44s target %s\n", name, figure, unit, "", target);
  std::fflush(stdout);
}

// -- what the machine can do --------------------------------------------------

double synced_append_ms(const fs::path& directory) {
  auto file = (directory / "append").string();
  int fd = ::open(file.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  std::string block(4096, 'x');
  std::vector<double> times;
  for (int i = 0; i < 400; ++i) {
    auto start = clock_type::now();
    if (::write(fd, block.data(), block.size()) < 0 || ::fdatasync(fd) != 0) give_up("cannot sync");
    times.push_back(seconds_since(start) * 1e3);
  }
  ::close(fd);
  return median(times);
}

/// A worker and a store and nothing between them: accept, run, end.
class bare_path {
public:
  bare_path(const fs::path& directory, const fs::path& module_directory, const fs::path& runtime) {
    storage::rocks_options at;
    at.directory = (directory / "bare").string();
    store_ = must(storage::open_rocks_store(at));
    codeloader::worker_host_options hosting;
    hosting.runtime_dir = runtime.string();
    hosting.scratch_dir = (directory / "scratch").string();
    host_ = must(codeloader::make_worker_host(hosting));
    codeloader::worker_spec spec;
    spec.module = "mod";
    spec.import_root = spec.checkout_dir = module_directory.string();
    codeloader::worker_events events;
    events.ready = [this](codeloader::worker_number, int) { arrive({}); };
    events.broken
        = [](codeloader::worker_number, codeloader::worker_failure why) { give_up(why.message); };
    events.results = [this](codeloader::worker_number, std::vector<codeloader::worker_result> r) {
      arrive(std::move(r));
    };
    events.logs = [](codeloader::worker_number, std::vector<codeloader::worker_log>) {};
    events.exited = [](codeloader::worker_number, codeloader::worker_exit) {};
    worker_ = host_->start(spec, events);
    take();
  }

  /// Calls a second with `outstanding` under way. What has come and what has ended meanwhile is one
  /// commit; running overlaps it, and a call is done when its end is durable.
  double rate(size_t total, size_t outstanding, const value& argument, bool durable) {
    auto start = clock_type::now();
    size_t sent = 0;
    size_t done = 0;
    std::vector<codeloader::worker_result> ended;
    while (done < total) {
      storage::batch rows;
      auto n = std::min(outstanding - (sent - done), total - sent);
      if (n > 0) accept(n, argument, rows);
      sent += n;
      finish(ended, rows);
      if (durable && !rows.mutations.empty()) must(store_->commit({&rows, 1}));
      done += ended.size();
      if (done < total) ended = take(sent - done > 0 && (ended.empty() || sent == total));
    }
    return static_cast<double>(total) / seconds_since(start);
  }

private:
  void accept(size_t n, const value& argument, storage::batch& rows) {
    std::vector<codeloader::worker_call> calls;
    for (size_t i = 0; i < n; ++i) {
      auto call = std::make_shared<call_record>();
      call->id = make_call_id(1'700'000'000'000, partition_id{1}, ++last_);
      call->root = call->id;
      call->args = make_arguments({argument});
      storage::append(rows, std::vector<row_change>{put_call{call}});
      calls.push_back({last_, call->id, 1, "noop", call->args});
    }
    host_->send(worker_, std::move(calls));
  }

  static void finish(std::vector<codeloader::worker_result>& results, storage::batch& rows) {
    for (auto& r : results) {
      auto ended = std::make_shared<ended_call>();
      auto call = std::make_shared<call_record>();
      call->id = make_call_id(1'700'000'000'000, partition_id{1}, r.handle);
      call->root = call->id;
      ended->call = call;
      ended->result = std::move(r.returned);
      storage::append(rows, std::vector<row_change>{erase_call{call->id, false}, put_ended{ended}});
    }
  }

  void arrive(std::vector<codeloader::worker_result> results) {
    std::lock_guard lock{mutex_};
    has_news_ = true;
    for (auto& r : results)
      inbox_.push_back(std::move(r));
    news_.notify_one();
  }

  std::vector<codeloader::worker_result> take(bool wait = true) {
    std::unique_lock lock{mutex_};
    if (wait) news_.wait(lock, [&] { return has_news_; });
    has_news_ = false;
    return std::exchange(inbox_, {});
  }

  std::mutex mutex_;
  std::condition_variable news_;
  bool has_news_ = false;
  std::vector<codeloader::worker_result> inbox_;
  uint64_t last_ = 0;
  codeloader::worker_number worker_{};
  std::unique_ptr<storage::store> store_;
  std::unique_ptr<codeloader::worker_host> host_; ///< first to go: its thread calls us
};

// -- the daemon ---------------------------------------------------------------

struct node_process {
  fs::path programs;
  fs::path directory;
  std::string address;
  pid_t pid = 0;
  double ready_ms = 0;

  void start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) give_up("no pipe");
    auto begin = clock_type::now();
    pid = run({(programs / "flow-node").string(), "--name", "bench", "--data",
               (directory / "data").string(), "--api", "127.0.0.1:0", "--allow-repo",
               "file://" + directory.string() + "/*"},
              ends[1]);
    ::close(ends[1]);
    std::string line;
    char c = 0;
    while (::read(ends[0], &c, 1) == 1 && c != '\n')
      line += c;
    ready_ms = seconds_since(begin) * 1e3;
    auto at = line.find("api=");
    if (at == std::string::npos) give_up("the daemon is not ready: " + line);
    address = line.substr(at + 4, line.find(' ', at) - at - 4);
  }

  void end(int signal) {
    ::kill(pid, signal);
    waitpid(pid, nullptr, 0);
  }

  client connect() const {
    std::ifstream file{directory / "data" / "admin.token"};
    client_options options;
    options.address = address;
    file >> options.token;
    return must(client::connect(options));
  }

  double resident_mb() const {
    std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
    std::string word;
    double kb = 0;
    while (status >> word)
      if (word == "VmRSS:") status >> kb;
    return kb / 1024;
  }

  double cpu_seconds() const {
    std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
    std::string word;
    double ticks = 0;
    for (int i = 1; i <= 15 && stat >> word; ++i)
      if (i >= 14) ticks += std::stod(word);
    return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
};

value object_params(const char* kind, const std::string& name, const value& spec) {
  return map_builder{}.text("kind", kind).text("name", name).item("spec", spec).finish();
}

std::vector<double> one_at_a_time(client& c, size_t calls, const value& argument) {
  std::vector<double> times;
  for (size_t i = 0; i < calls; ++i) {
    auto start = clock_type::now();
    must(c.call("mod.noop", make_arguments({argument}), std::chrono::seconds{60}));
    times.push_back(seconds_since(start) * 1e3);
  }
  return times;
}

/// Calls a second with at most `outstanding` unanswered, results collected.
double rate(client& c, size_t total, size_t outstanding, const value& argument) {
  std::mutex mutex;
  std::condition_variable changed;
  size_t under_way = 0;
  size_t done = 0;
  auto args = make_arguments({argument});
  auto start = clock_type::now();
  for (size_t i = 0; i < total; ++i) {
    {
      std::unique_lock lock{mutex};
      changed.wait(lock, [&] { return under_way < outstanding; });
      ++under_way;
    }
    c.submit(
        "mod.noop", args, {}, [](result<call_id> id) { must(std::move(id)); },
        [&](const call_outcome& outcome) {
          if (!outcome.ok()) give_up("a call failed: " + outcome.why.message);
          std::lock_guard lock{mutex};
          --under_way;
          ++done;
          changed.notify_one();
        });
  }
  std::unique_lock lock{mutex};
  changed.wait(lock, [&] { return done == total; });
  return static_cast<double>(total) / seconds_since(start);
}

void recovery(node_process& d, size_t backlog, const value& argument) {
  {
    auto c = d.connect();
    must(c.request("proc.stop", map_builder{}.text("name", "mod").finish()));
    std::atomic<size_t> accepted{0};
    auto args = make_arguments({argument});
    for (size_t i = 0; i < backlog; ++i)
      c.submit(
          "mod.noop", args, {},
          [&](result<call_id> id) {
            must(std::move(id));
            ++accepted;
          },
          nullptr);
    while (accepted < backlog)
      std::this_thread::yield();
  }
  d.end(SIGKILL);
  d.start();
  row("W7 recovery of the backlog", d.ready_ms / 1e3, "s", 0, "", "below 10 s for 1,000,000");
  std::printf("   (%zu calls in flight on disk)\n", backlog);
}

} // namespace

int main(int argc, char** argv) {
  size_t calls = 100'000;
  size_t backlog = 100'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--calls") == 0) calls = std::stoul(argv[i + 1]);
    if (std::strcmp(argv[i], "--backlog") == 0) backlog = std::stoul(argv[i + 1]);
  }
  auto programs = fs::read_symlink("/proc/self/exe").parent_path();
  char name[] = "/tmp/millrace-bench-XXXXXX";
  if (!::mkdtemp(name)) give_up("no directory");
  fs::path directory{name};
  fs::permissions(directory, fs::perms{0755});
  auto module_directory = directory / "mod";
  fs::create_directory(module_directory);
  std::ofstream{module_directory / "mod.py"} << "def noop(x):\n    return x\n";
  run_to_end({"git", "-C", module_directory.string(), "init", "-q"});
  run_to_end({"git", "-C", module_directory.string(), "add", "mod.py"});
  run_to_end({"git", "-C", module_directory.string(), "-c", "user.email=a@example.org", "-c",
              "user.name=a", "commit", "-qm", "mod"});
  auto small = must(value_of_json("1"));
  auto large = must(value_of_json('"' + std::string(100 * 1024, 'x') + '"'));

  std::printf("%-34s %12s %-8s %6s   %-34s\n", "what", "figure", "unit", "ratio", "of");
  auto sync_ms = synced_append_ms(directory);
  row("limit: append 4 KiB + fdatasync", sync_ms, "ms", 0, "", "-");
  double bare = 0;
  double bare_64 = 0;
  double pipe_ms = 0;
  double pipe_large = 0;
  double bare_large = 0;
  {
    bare_path path{directory, module_directory,
                   programs.parent_path() / "share" / "millrace" / "runtime"};
    pipe_ms = 1e3 / path.rate(2'000, 1, small, false);
    pipe_large = path.rate(2'000, 16, large, false);
    bare_large = path.rate(2'000, 16, large, true);
    path.rate(calls / 10, 1'000, small, true);
    bare = path.rate(calls, 1'000, small, true);
    bare_64 = path.rate(calls / 2, 64, small, true);
  }
  row("limit: worker round trip", pipe_ms, "ms", 0, "", "-");
  row("limit: worker, 100 KiB, 16 at a time", pipe_large, "calls/s", 0, "", "-");
  row("limit: bare path, 100 KiB", bare_large, "calls/s", 0, "", "-");
  row("limit: bare path, 1,000 outstanding", bare, "calls/s", 0, "", "-");
  row("limit: bare path, 64 outstanding", bare_64, "calls/s", 0, "", "-");

  node_process d{programs, directory, {}, 0, 0};
  d.start();
  row("W6 start to ready", d.ready_ms, "ms", 0, "", "below 1,000 ms");
  {
    auto before = d.cpu_seconds();
    auto until = clock_type::now() + std::chrono::seconds{5};
    while (clock_type::now() < until)
      ::usleep(100'000); // tidy: allow sleep because idleness is what is measured
    row("W6 idle cpu", (d.cpu_seconds() - before) / 5 * 100, "%", 0, "", "below 0.5 %");
    row("W6 idle resident", d.resident_mb(), "MB", 0, "", "below 60 MB");
  }
  auto begin = clock_type::now();
  for (int i = 0; i < 10; ++i) {
    int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    waitpid(run({(programs / "flow").string(), "version"}, null), nullptr, 0);
    ::close(null);
  }
  row("W6 empty command", seconds_since(begin) * 100, "ms", 0, "", "below 20 ms");
  {
    auto c = d.connect();
    auto spec = map_builder{}
                    .text("repository", module_directory.string())
                    .text("module", "mod")
                    .finish();
    must(c.request("object.add", object_params("processor", "mod", spec)));
    one_at_a_time(c, 200, small);
    auto times = one_at_a_time(c, 2'000, small);
    auto p50 = median(times);
    std::ranges::sort(times);
    row("W1 one caller, p50", p50, "ms", sync_ms + pipe_ms, "one sync + one round trip",
        "below 2.5 x");
    row("W1 one caller, p99", times[times.size() * 99 / 100], "ms", 0, "", "-");
    row("W2 64 outstanding", rate(c, calls / 2, 64, small), "calls/s", bare_64, "the bare path",
        "0.70 x");
    row("W2 1,000 outstanding", rate(c, calls, 1'000, small), "calls/s", bare, "the bare path",
        "0.70 x");
    auto rate_large = rate(c, 2'000, 16, large);
    row("W5 100 KiB in and out", rate_large, "calls/s", pipe_large, "the worker's own rate",
        "0.60 x");
    row("W5 100 KiB in and out", rate_large, "calls/s", bare_large, "the bare path", "-");
  }
  recovery(d, backlog, small);
  d.end(SIGTERM);
  fs::remove_all(directory);
}
