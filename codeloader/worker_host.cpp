// The host's two threads: one carries frames for all workers, one starts them.
#include "codeloader/worker_host.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codeloader/worker_launcher.hpp"
#include "codeloader/worker_session.hpp"

namespace flow::codeloader {

namespace {

using session_ptr = std::shared_ptr<worker_session>;
using std::chrono::steady_clock;

constexpr uint64_t wake_tag = 0; // sessions have tags from 2 on, two each

class process_worker_host final : public worker_host {
public:
  process_worker_host(worker_host_options options, descriptor epoll, descriptor wake)
      : options_{std::move(options)},
        epoll_{std::move(epoll)},
        wake_{std::move(wake)},
        thread_{[this] { run(); }} {}

  ~process_worker_host() override {
    std::vector<session_ptr> all;
    {
      std::lock_guard lock{mutex_};
      is_closing_ = true;
      for (const auto& [tag, session] : sessions_)
        all.push_back(session);
    }
    for (const auto& session : all)
      session->kill();
    wake();
    thread_.join();
  }

  worker_number start(worker_spec spec, worker_events events) override {
    session_ptr session;
    uint64_t tag = 0;
    {
      std::lock_guard lock{mutex_};
      tag = next_tag_;
      next_tag_ += 2;
      session = std::make_shared<worker_session>(worker_number{tag}, std::move(spec),
                                                 std::move(events), options_.start_ms_max);
      if (is_closing_) return session->number();
      sessions_.emplace(tag, session);
    }
    launcher_.post([this, session, tag] { launch_session(session, tag); });
    wake(); // there is a new deadline
    return session->number();
  }

  void send(worker_number worker, std::vector<worker_call> calls) override {
    if (auto session = find(worker)) session->send(std::move(calls));
  }

  void stop(worker_number worker) override {
    if (auto session = find(worker)) session->stop();
  }

  void kill(worker_number worker) override {
    if (auto session = find(worker)) session->kill();
  }

  sandbox_report report() const override {
    if (options_.isolate) return machine_sandbox();
    sandbox_report out;
    out.missing.push_back("workers are not isolated at all, because the node was told so");
    return out;
  }

private:
  session_ptr find(worker_number worker) { return find_tag(static_cast<uint64_t>(worker)); }

  session_ptr find_tag(uint64_t tag) {
    std::lock_guard lock{mutex_};
    auto it = sessions_.find(tag);
    return it == sessions_.end() ? nullptr : it->second;
  }

  void wake() {
    uint64_t one = 1;
    [[maybe_unused]] auto n = ::write(wake_.get(), &one, sizeof one);
  }

  void report_gone(uint64_t tag) {
    {
      std::lock_guard lock{mutex_};
      gone_.push_back(tag);
    }
    wake();
  }

  // On the launcher's thread.
  void launch_session(const session_ptr& session, uint64_t tag) {
    auto worker = launch(options_, session->spec());
    if (!worker)
      session->launch_failed(worker.error());
    else if (session->attach(std::move(*worker), epoll_.get(), tag))
      return;
    else
      session->finish();
    report_gone(tag);
  }

  // -- the host's thread --------------------------------------------------------

  void run() {
    std::array<epoll_event, 64> events;
    while (!is_done()) {
      int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms());
      for (int i = 0; i < n; ++i)
        on_event(events[static_cast<size_t>(i)]);
      deliver_gone();
      check_deadlines();
    }
  }

  void on_event(const epoll_event& event) {
    auto tag = event.data.u64;
    if (tag == wake_tag) {
      uint64_t count = 0;
      [[maybe_unused]] auto n = ::read(wake_.get(), &count, sizeof count);
      return;
    }
    auto session = find_tag(tag & ~uint64_t{1});
    if (!session) return;
    if ((tag & 1) == 0) {
      if (event.events & EPOLLOUT) session->on_writable();
      if (event.events & ~uint32_t{EPOLLOUT}) session->on_readable(buffer_);
    } else if (session->on_ended(buffer_)) {
      launcher_.post([this, session, tag] {
        session->finish();
        report_gone(tag & ~uint64_t{1});
      });
    }
  }

  void deliver_gone() {
    std::vector<session_ptr> gone;
    {
      std::lock_guard lock{mutex_};
      for (auto tag : std::exchange(gone_, {})) {
        auto it = sessions_.find(tag);
        gone.push_back(it->second);
        sessions_.erase(it);
      }
    }
    for (const auto& session : gone)
      session->on_gone();
  }

  std::vector<session_ptr> with_deadline() {
    std::lock_guard lock{mutex_};
    std::vector<session_ptr> out;
    for (const auto& [tag, session] : sessions_)
      if (session->deadline()) out.push_back(session);
    return out;
  }

  void check_deadlines() {
    auto now = steady_clock::now();
    for (const auto& session : with_deadline())
      if (session->deadline() && *session->deadline() <= now) session->on_deadline();
  }

  int wait_ms() {
    std::optional<steady_clock::time_point> first;
    for (const auto& session : with_deadline())
      if (!first || *session->deadline() < *first) first = session->deadline();
    if (!first) return -1;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - steady_clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
  }

  bool is_done() {
    std::lock_guard lock{mutex_};
    return is_closing_ && sessions_.empty();
  }

  const worker_host_options options_;
  descriptor epoll_;
  descriptor wake_;

  std::mutex mutex_;
  std::map<uint64_t, session_ptr> sessions_;
  std::vector<uint64_t> gone_; ///< ended and cleared away; `exited` is to be delivered
  uint64_t next_tag_ = 2;
  bool is_closing_ = false;

  std::vector<char> buffer_
      = std::vector<char>(limits::worker_read_bytes_max); ///< the host's thread only

  launcher launcher_;
  std::thread thread_; ///< last: it uses all of the above
};

} // namespace

result<std::unique_ptr<worker_host>> make_worker_host(worker_host_options options) {
  if (!options.scratch_dir.empty() && ::mkdir(options.scratch_dir.c_str(), 0700) != 0
      && errno != EEXIST)
    return system_error("make " + options.scratch_dir, errno);
  descriptor epoll{::epoll_create1(EPOLL_CLOEXEC)};
  descriptor wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!epoll || !wake) return system_error("make an event loop", errno);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_tag;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0)
    return system_error("make an event loop", errno);
  std::unique_ptr<worker_host> host = std::make_unique<process_worker_host>(
      std::move(options), std::move(epoll), std::move(wake));
  return host;
}

} // namespace flow::codeloader
