// One worker as the host sees it: its buffers, the calls it has, and how it ended. Internal to
// codeloader.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codeloader/worker_host.hpp"
#include "codeloader/worker_launcher.hpp"
#include "codeloader/worker_protocol.hpp"

namespace flow::codeloader {

/// Calls go out on the caller's thread (one thread less to wake for each); all else, and every
/// callback, is the host's.
class worker_session {
public:
  using time_point = std::chrono::steady_clock::time_point;

  worker_session(worker_number number, worker_spec spec, worker_events events,
                 uint64_t start_ms_max);

  worker_number number() const { return number_; }
  const worker_spec& spec() const { return spec_; }

  // -- any thread ---------------------------------------------------------------
  void send(std::vector<worker_call> calls);
  void stop();
  void kill();

  // -- the launcher's thread ----------------------------------------------------
  /// From now on `epoll` reports the socket as `tag` and the end as `tag + 1`. False: nothing
  /// watches, and it is dead.
  bool attach(launched_worker worker, int epoll, uint64_t tag);
  void launch_failed(const error& why);
  /// Clears away after the end.
  void finish();

  // -- the host's thread --------------------------------------------------------
  void on_writable();
  /// Reads and delivers what has come, a bounded part of it at a time.
  void on_readable(std::span<char> buffer);
  /// Delivers the rest and collects the exit; false if it has not ended. `finish` comes next.
  bool on_ended(std::span<char> buffer);
  /// Delivers `exited`.
  void on_gone();
  /// When `on_deadline` is due.
  std::optional<time_point> deadline() const { return deadline_; }
  void on_deadline();

private:
  enum class phase : uint8_t { waits_for_greeting, waits_for_import, ready, over };
  enum class stream : uint8_t { open, drained, closed };

  void write_some();
  void watch(bool writable);
  void unwatch();
  stream read_some(std::span<char> buffer, size_t bytes_max);
  void deliver_frames();
  void deliver(worker_message&& message);
  void deliver_results(std::vector<worker_result>&& results);
  void deliver_logs(std::vector<worker_log>&& logs);
  void end_because(std::string why);
  void kill_process();
  std::string last_words();
  std::string reason(const process_exit& exit, bool was_ready) const;

  const worker_number number_;
  const worker_spec spec_;
  const worker_events events_;

  std::mutex mutex_; ///< of the members up to the next comment
  launched_worker worker_;
  int epoll_ = -1;
  uint64_t tag_ = 0;
  std::string out_;
  size_t written_ = 0;
  bool is_watched_for_writing_ = false;
  bool is_over_ = false; ///< nothing more is sent
  bool is_killed_ = false;
  bool is_stopped_ = false;
  std::deque<uint64_t> outstanding_; ///< handles of calls without a result

  // The host's thread only.
  frame_splitter in_;
  phase phase_ = phase::waits_for_greeting;
  std::optional<time_point> deadline_;
  std::string why_;      ///< the cause, when it is known better than by the exit
  size_t log_bytes_ = 0; ///< shown of the call that runs
  bool peer_is_gone_ = false;
  worker_exit exit_;
  std::string words_;
  bool out_of_memory_ = false;
  bool was_ready_ = false;
  process_exit process_exit_;
  bool is_reaped_ = false;
};

} // namespace flow::codeloader
