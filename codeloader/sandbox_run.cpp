// One program in a sandbox, from start to end, with its output.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "codeloader/confinement.hpp"
#include "codeloader/sandbox.hpp"

namespace flow::codeloader {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t line_bytes_max = 64u << 10;
constexpr size_t drain_bytes_max = 2u << 20; // more than a pipe holds

// One of the two output streams.
struct output_stream {
  descriptor read;
  std::string* kept;
  std::string line;

  /// Takes what is there, at most `bytes_max`: a program that never stops writing must not keep us
  /// from its clock.
  void pump(const sandbox_command& command, bool& truncated, size_t bytes_max = 1u << 20) {
    std::array<char, 64u << 10> buffer;
    for (size_t taken = 0; read && taken < bytes_max;) {
      auto n = ::read(read.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) {
        read.close();
        break;
      }
      taken += static_cast<size_t>(n);
      take({buffer.data(), static_cast<size_t>(n)}, command, truncated);
    }
  }

  void finish(const sandbox_command& command, bool& truncated) {
    pump(command, truncated, drain_bytes_max);
    if (command.on_line && !line.empty()) command.on_line(line);
  }

  void take(std::string_view data, const sandbox_command& command, bool& truncated) {
    auto room = command.output_bytes_max - std::min(command.output_bytes_max, kept->size());
    kept->append(data.substr(0, room));
    truncated = truncated || data.size() > room;
    if (!command.on_line) return;
    for (char c : data) {
      if (c == '\n') {
        command.on_line(line);
        line.clear();
      } else if (line.size() < line_bytes_max) {
        line += c;
      }
    }
  }
};

struct run {
  const sandbox_command& command;
  process_outcome outcome;
  child_process child;
  output_stream out{{}, &outcome.out, {}};
  output_stream err{{}, &outcome.err, {}};
  descriptor stop_event;

  void kill_once(bool& why) {
    if (outcome.timed_out || outcome.stopped) return;
    why = true;
    signal_process(child, SIGKILL);
  }

  process_exit wait() {
    auto deadline = steady_clock::now() + milliseconds(command.time_ms_max);
    while (true) {
      std::array<pollfd, 4> events{
          pollfd{out.read.get(), POLLIN, 0}, pollfd{err.read.get(), POLLIN, 0},
          pollfd{child.pidfd.get(), POLLIN, 0}, pollfd{stop_event.get(), POLLIN, 0}};
      int wait_ms = -1;
      if (command.time_ms_max > 0 && !outcome.timed_out) {
        auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
        wait_ms = static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
      }
      if (::poll(events.data(), events.size(), wait_ms) < 0 && errno != EINTR)
        kill_once(outcome.stopped);
      out.pump(command, outcome.truncated);
      err.pump(command, outcome.truncated);
      if (events[2].revents != 0) break;
      if (events[3].revents != 0) {
        kill_once(outcome.stopped);
        stop_event.close();
      }
      if (command.time_ms_max > 0 && steady_clock::now() >= deadline) kill_once(outcome.timed_out);
    }
    auto exit = reap(child);
    out.finish(command, outcome.truncated);
    err.finish(command, outcome.truncated);
    return exit;
  }
};

} // namespace

result<process_outcome> run_sandboxed(const sandbox_command& command) {
  auto out = make_pipe();
  if (!out) return out.error();
  auto err = make_pipe();
  if (!err) return err.error();
  auto input = make_memory_file("stdin", command.input);
  if (!input) return input.error();
  run r{command, {}, {}, {}, {}, descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}};
  r.out = {std::move(out->read), &r.outcome.out, {}};
  r.err = {std::move(err->read), &r.outcome.err, {}};
  if (!r.stop_event) return system_error("make an event", errno);
  auto confined = confinement::make(machine_means(), command,
                                    {input->get(), out->write.get(), err->write.get()});
  if (!confined) return confined.error();
  auto child = start_process(confined->command());
  if (!child) {
    confined->finish();
    return child.error();
  }
  r.child = std::move(*child);
  confined->started();
  out->write.close();
  err->write.close();
  int stop_fd = r.stop_event.get();
  std::stop_callback on_stop{command.stop, [stop_fd] {
                               uint64_t one = 1;
                               [[maybe_unused]] auto n = ::write(stop_fd, &one, sizeof one);
                             }};
  auto exit = r.wait();
  r.outcome.out_of_memory = confined->finish();
  // bwrap reports the end of the program by a signal as 128 + its number.
  r.outcome.exit_code = exit.code > 128 ? 0 : exit.code;
  r.outcome.signal = exit.code > 128 ? exit.code - 128 : exit.signal;
  return std::move(r.outcome);
}

std::string process_outcome::how_it_ended() const {
  if (timed_out) return "took longer than its time limit and was killed";
  if (stopped) return "was stopped";
  if (out_of_memory) return "ran out of memory and was killed";
  if (signal != 0)
    return std::string{"was killed by signal "} + std::to_string(signal) + " ("
           + ::strsignal(signal) + ")";
  return "exited with code " + std::to_string(exit_code);
}

} // namespace flow::codeloader
