// Internal to the client library: what the callers of a connection and its thread share, without
// the network in it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "flows/client_connection.hpp"
#include "flows/clock.hpp"
#include "flows/endpoint.hpp"

namespace flow {

class client_core {
public:
  using when_full = client_connection::when_full;

  explicit client_core(client_options options);
  virtual ~client_core() = default;
  client_core(const client_core&) = delete;
  client_core& operator=(const client_core&) = delete;

  // -- the thread -------------------------------------------------------------

  /// Runs until stopped or given up; `first` is told how the first attempt went.
  virtual void run(std::function<void(result<void>)> first) = 0;
  /// Any thread: closes, and ends everything unanswered.
  virtual void stop() = 0;

  // -- the program ------------------------------------------------------------

  /// Runs `ask` on the ledger once there is room, or says why it cannot; then wakes the thread.
  template <class Ask>
  result<uint64_t> ask_with_room(size_t bytes, when_full full, Ask ask) {
    std::unique_lock lock{mutex_};
    if (!ledger_.has_room(bytes)) {
      if (full == when_full::refuse || on_own_thread())
        return make_error(ec::too_busy,
                          std::to_string(ledger_.unanswered())
                              + " calls of this client are unanswered",
                          "go on when some of them have ended");
      ++blocked_;
      room_.wait(lock, [&] { return given_up_ || ledger_.has_room(bytes); });
      --blocked_;
    }
    if (given_up_) return *given_up_;
    auto seq = ask(ledger_);
    wake();
    return seq;
  }

  template <class Ask>
  result<uint64_t> ask(Ask ask) {
    std::lock_guard lock{mutex_};
    if (given_up_) return *given_up_;
    auto seq = ask(ledger_);
    wake();
    return seq;
  }

  uint64_t call_time_ms() const {
    return static_cast<uint64_t>(static_cast<int64_t>(system_clock().wall_ms())
                                 + clock_offset_ms_.load());
  }
  bool on_own_thread() const { return std::this_thread::get_id() == thread_.load(); }
  const client_options& options() const { return options_; }
  const std::string& node_name() const { return node_.node; }
  const std::string& user() const { return node_.user; }

protected:
  /// Locked: makes the thread look at what waits.
  virtual void post_look() = 0;
  /// Locked: the same, unless it will anyway.
  void wake() {
    if (woken_ || !ledger_.has_batch()) return;
    woken_ = true;
    post_look();
  }

  /// The node has answered the first hello, or a later one.
  void greeted(const wire::node_hello& node);
  /// Queues what a new connection must carry.
  void opened();
  void lost();
  void give_up(const error& why);
  /// False, and nobody looks any more until there is more, when nothing waits.
  bool next_batch(wire_batch& batch);
  void take(std::vector<wire::node_message>&& messages);

  const client_options options_;
  std::atomic<std::thread::id> thread_;
  std::mutex mutex_; ///< of the ledger and what follows it
  std::condition_variable room_;
  client_ledger ledger_;
  std::optional<error> given_up_;
  size_t blocked_ = 0;
  bool woken_ = false; ///< a look is on its way, or a write that ends in one
  bool finished_ = false;

private:
  std::atomic<int64_t> clock_offset_ms_ = 0;
  wire::node_hello node_; ///< of the first hello, written before any caller has the connection
  bool is_known_ = false;
};

/// The one that speaks WebSocket.
std::shared_ptr<client_core> make_client_core(client_options options, endpoint where);

} // namespace flow
