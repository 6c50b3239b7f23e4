#include "codeloader/worker_session.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flows/limits.hpp"
#include "flows/utf8.hpp"

namespace flow::codeloader {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t reads_per_turn_max = 8;
constexpr auto grace_after_hangup
    = milliseconds(1'000); // from the end of the connection to that of the process

std::string signal_text(int number) {
  return "killed by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
}

// As many as a frame may have; large ones go alone, so that the worker can begin before the rest
// has come.
size_t calls_of_one_frame(std::span<const worker_call> calls) {
  size_t n = 0;
  size_t bytes = 0;
  while (n < calls.size() && n < limits::worker_frame_calls_max) {
    bytes += calls[n].args.size_bytes();
    if (n > 0 && bytes > limits::worker_frame_bytes_target) break;
    ++n;
  }
  return n;
}

} // namespace

worker_session::worker_session(worker_number number, worker_spec spec, worker_events events,
                               uint64_t start_ms_max)
    : number_{number},
      spec_{std::move(spec)},
      events_{std::move(events)},
      deadline_{steady_clock::now() + milliseconds(start_ms_max)} {
  append_hello(out_, spec_);
}

// -- any thread ---------------------------------------------------------------

void worker_session::send(std::vector<worker_call> calls) {
  std::lock_guard lock{mutex_};
  if (is_over_ || is_stopped_) return;
  for (const auto& call : calls)
    outstanding_.push_back(call.handle);
  std::span rest{calls};
  while (!rest.empty()) {
    auto n = calls_of_one_frame(rest);
    append_calls(out_, rest.first(n));
    rest = rest.subspan(n);
  }
  write_some();
}

void worker_session::stop() {
  std::lock_guard lock{mutex_};
  if (is_over_ || is_stopped_) return;
  is_stopped_ = true;
  append_stop(out_);
  write_some();
}

void worker_session::kill() {
  std::lock_guard lock{mutex_};
  is_killed_ = true;
  kill_process();
}

void worker_session::kill_process() {
  is_over_ = true;
  kill_tree(worker_);
}

// One write for all that is there; what the socket does not take waits for `on_writable`.
void worker_session::write_some() {
  if (!worker_.socket) return;
  while (written_ < out_.size()) {
    auto n = ::send(worker_.socket.get(), out_.data() + written_, out_.size() - written_,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      watch(true);
      return;
    }
    if (n < 0) is_over_ = true; // it is dying; its exit tells why
    written_ = n < 0 ? out_.size() : written_ + static_cast<size_t>(n);
  }
  out_.clear();
  if (out_.capacity() > limits::worker_read_bytes_max) out_.shrink_to_fit();
  written_ = 0;
  watch(false);
}

void worker_session::watch(bool writable) {
  if (is_watched_for_writing_ == writable || epoll_ < 0) return;
  is_watched_for_writing_ = writable;
  epoll_event event{};
  event.events = EPOLLIN | (writable ? uint32_t{EPOLLOUT} : 0u);
  event.data.u64 = tag_;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, worker_.socket.get(), &event);
}

// -- the launcher's thread ----------------------------------------------------

bool worker_session::attach(launched_worker worker, int epoll, uint64_t tag) {
  std::lock_guard lock{mutex_};
  worker_ = std::move(worker);
  tag_ = tag;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  bool watched = ::epoll_ctl(epoll, EPOLL_CTL_ADD, worker_.socket.get(), &event) == 0;
  epoll_ = epoll;
  event.data.u64 = tag + 1;
  watched = watched && ::epoll_ctl(epoll, EPOLL_CTL_ADD, worker_.child.pidfd.get(), &event) == 0;
  if (!watched || is_killed_) kill_process();
  if (watched) {
    write_some();
    return true;
  }
  process_exit_ = reap(worker_.child);
  why_ = "the node has no descriptor left to watch it";
  return false;
}

void worker_session::launch_failed(const error& why) {
  std::lock_guard lock{mutex_};
  is_over_ = true;
  why_ = "did not start: " + to_string(why);
  process_exit_ = {-1, 0};
}

void worker_session::finish() {
  if (worker_.confined) out_of_memory_ = worker_.confined->finish();
  std::lock_guard lock{mutex_};
  worker_ = launched_worker{};
}

// -- the host's thread --------------------------------------------------------

void worker_session::on_writable() {
  std::lock_guard lock{mutex_};
  write_some();
}

void worker_session::on_readable(std::span<char> buffer) {
  if (peer_is_gone_) return;
  auto state = read_some(buffer, reads_per_turn_max * buffer.size());
  deliver_frames();
  if (state != stream::closed) return;
  peer_is_gone_ = true;
  deadline_ = steady_clock::now() + grace_after_hangup;
  std::lock_guard lock{mutex_};
  unwatch();
}

void worker_session::unwatch() {
  is_over_ = true;
  if (epoll_ >= 0) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, worker_.socket.get(), nullptr);
  epoll_ = -1;
}

worker_session::stream worker_session::read_some(std::span<char> buffer, size_t bytes_max) {
  for (size_t taken = 0; taken < bytes_max;) {
    auto n = ::recv(worker_.socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN ? stream::drained : stream::closed;
    if (n == 0) return stream::closed;
    if (phase_ != phase::over) in_.append({buffer.data(), static_cast<size_t>(n)});
    taken += static_cast<size_t>(n);
    if (static_cast<size_t>(n) < buffer.size()) return stream::open; // the next event tells of more
  }
  return stream::open;
}

void worker_session::deliver_frames() {
  // Results of all frames of one turn go out together.
  std::vector<worker_result> results;
  while (phase_ != phase::over) {
    auto frame = in_.next();
    if (!frame) {
      end_because("protocol error: " + frame.error().text);
      break;
    }
    if (!*frame) break;
    auto message = decode_worker_message(**frame);
    if (!message) {
      end_because("protocol error: " + message.error().text);
      break;
    }
    if (auto* more = std::get_if<std::vector<worker_result>>(&*message);
        more && phase_ == phase::ready) {
      if (results.empty())
        results = std::move(*more);
      else
        std::ranges::move(*more, std::back_inserter(results));
      continue;
    }
    deliver_results(std::exchange(results, {}));
    deliver(std::move(*message));
  }
  deliver_results(std::move(results));
}

void worker_session::deliver(worker_message&& message) {
  if (auto* logs = std::get_if<std::vector<worker_log>>(&message))
    return deliver_logs(std::move(*logs));
  if (auto* greeting = std::get_if<worker_greeting>(&message);
      greeting && phase_ == phase::waits_for_greeting) {
    phase_ = phase::waits_for_import;
    if (greeting->version == worker_protocol_version) return;
    return end_because("protocol error: it speaks version " + std::to_string(greeting->version)
                       + " of the worker protocol, this node version "
                       + std::to_string(worker_protocol_version));
  }
  if (phase_ == phase::waits_for_import && std::holds_alternative<worker_ready>(message)) {
    phase_ = phase::ready;
    was_ready_ = true;
    deadline_.reset();
    if (events_.ready) events_.ready(number_, worker_.child.pid);
    return;
  }
  if (auto* broken = std::get_if<worker_broken>(&message);
      broken && phase_ == phase::waits_for_import) {
    auto why = "module " + spec_.module + " could not be imported: " + broken->failure.type + ": "
               + broken->failure.message;
    if (events_.broken) events_.broken(number_, std::move(broken->failure));
    return end_because(std::move(why));
  }
  end_because("protocol error: a message that is out of order");
}

void worker_session::deliver_results(std::vector<worker_result>&& results) {
  if (results.empty()) return;
  size_t known = 0;
  {
    std::lock_guard lock{mutex_};
    for (; known < results.size(); ++known) {
      auto it = std::find(outstanding_.begin(), outstanding_.end(), results[known].handle);
      if (it == outstanding_.end()) break;
      outstanding_.erase(it);
    }
  }
  log_bytes_ = 0;
  bool is_lying = known < results.size();
  results.resize(known);
  if (!results.empty() && events_.results) events_.results(number_, std::move(results));
  if (is_lying) end_because("protocol error: a result of a call that it was not given");
}

void worker_session::deliver_logs(std::vector<worker_log>&& logs) {
  {
    // A call may have ended while its output was on the way. What is printed during the import is
    // of no call.
    std::lock_guard lock{mutex_};
    std::erase_if(logs, [&](const worker_log& log) {
      return log.handle != 0 && std::ranges::find(outstanding_, log.handle) == outstanding_.end();
    });
  }
  std::erase_if(logs, [&](const worker_log& log) {
    log_bytes_ += log.text.size();
    return log_bytes_ > 4 * limits::call_output_bytes_max;
  });
  if (!logs.empty() && events_.logs) events_.logs(number_, std::move(logs));
}

void worker_session::end_because(std::string why) {
  phase_ = phase::over;
  deadline_.reset();
  std::lock_guard lock{mutex_};
  if (why_.empty()) why_ = std::move(why);
  kill_process();
}

void worker_session::on_deadline() {
  deadline_.reset();
  if (peer_is_gone_) return end_because("it closed its connection and did not end");
  end_because("it was not ready within its start-up time"
              + std::string{phase_ == phase::waits_for_import
                                ? " (import of module " + spec_.module + ")"
                                : ""});
}

bool worker_session::on_ended(std::span<char> buffer) {
  {
    std::lock_guard lock{mutex_};
    if (is_reaped_) return false; // its pidfd stays readable until the launcher has cleared it away
    auto exit = try_reap(worker_.child);
    if (!exit) return false;
    is_reaped_ = true;
    process_exit_ = *exit;
  }
  // What it said before it died still counts; a process that outlives it does not keep us.
  for (auto state = peer_is_gone_ ? stream::closed : stream::open; state == stream::open;) {
    state = read_some(buffer, reads_per_turn_max * buffer.size());
    deliver_frames();
  }
  peer_is_gone_ = true;
  deadline_.reset();
  phase_ = phase::over;
  words_ = last_words();
  std::lock_guard lock{mutex_};
  unwatch();
  return true;
}

std::string worker_session::last_words() {
  std::string text;
  for (auto* end : {&worker_.out, &worker_.err}) {
    std::array<char, 64u << 10> buffer;
    // No more than a pipe can hold, whoever may still be writing.
    for (size_t taken = 0; taken < limits::call_output_bytes_max + buffer.size();) {
      auto n = ::read(end->get(), buffer.data(), buffer.size());
      if (n <= 0) break;
      taken += static_cast<size_t>(n);
      text.append(buffer.data(), static_cast<size_t>(n));
    }
  }
  if (text.size() > limits::worker_last_words_bytes_max)
    text.erase(0, text.size() - limits::worker_last_words_bytes_max);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  return utf8::repaired(text);
}

void worker_session::on_gone() {
  worker_exit exit;
  std::string text;
  {
    std::lock_guard lock{mutex_};
    exit.by_us = is_killed_ || is_stopped_;
    // bwrap reports the end of its program by a signal as 128 + its number.
    bool by_signal = process_exit_.signal != 0 || process_exit_.code > 128;
    exit.signal = process_exit_.signal != 0 ? process_exit_.signal
                  : by_signal               ? process_exit_.code - 128
                                            : 0;
    exit.exit_code = by_signal ? 0 : process_exit_.code;
    exit.reason = reason({exit.exit_code, exit.signal}, was_ready_);
  }
  if (events_.exited) events_.exited(number_, std::move(exit));
}

std::string worker_session::reason(const process_exit& exit, bool was_ready) const {
  std::string text;
  if (!why_.empty())
    text = why_;
  else if (is_killed_)
    text = "killed on request";
  else if (out_of_memory_)
    text = "killed: its sandbox used more than " + std::to_string(spec_.sandbox.memory_bytes >> 20)
           + " MiB of memory";
  else if (is_stopped_ && exit.code == 0 && exit.signal == 0)
    return "stopped";
  else if (exit.signal == SIGKILL)
    text = signal_text(exit.signal) + ": out of memory, or ended from outside";
  else if (exit.signal != 0)
    text = signal_text(exit.signal);
  else
    text = "exited with code " + std::to_string(exit.code);
  if (!was_ready && why_.empty() && !is_killed_) text = "did not start: " + text;
  if (!words_.empty()) text += "; its last words:\n" + words_;
  return text;
}

} // namespace flow::codeloader
