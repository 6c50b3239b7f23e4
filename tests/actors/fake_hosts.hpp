// Code and processes as a test wants them, in place of git and of sandboxes.
#pragma once

#include <deque>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "codeloader/loader.hpp"
#include "codeloader/worker_host.hpp"

namespace flow::test {

/// Gives one module, or one error, for every request.
class fake_loader final : public codeloader::loader {
public:
  result<std::string> resolve(const codeloader::module_request& request,
                              const codeloader::progress_callback&) override {
    asked.push_back(request);
    if (throws) throw std::runtime_error{"out of luck"};
    if (why.code != ec::none) return why;
    return module.commit;
  }
  result<codeloader::loaded_module> load(const codeloader::module_request& request,
                                         const codeloader::progress_callback& progress) override {
    asked.push_back(request);
    progress("fetching");
    if (throws) throw std::runtime_error{"out of luck"};
    if (why.code != ec::none) return why;
    return module;
  }

  void function(std::string name) {
    signature sig;
    sig.function = std::move(name);
    module.functions.push_back(std::move(sig));
  }

  codeloader::loaded_module module{
      std::string(40, 'a'), "/code", "/code", "/code/mod.py", {}, "key", {}};
  error why; ///< set: requests fail with it
  bool throws = false;
  std::vector<codeloader::module_request> asked;
};

/// Processes that do what the test says, when it says it.
class fake_worker_host final : public codeloader::worker_host {
public:
  using number = codeloader::worker_number;

  struct process {
    codeloader::worker_spec spec;
    codeloader::worker_events events;
    std::deque<codeloader::worker_call> calls; ///< the first runs now
    bool is_stopping = false;
    bool is_killed = false;
    bool is_over = false;
  };

  number start(codeloader::worker_spec spec, codeloader::worker_events events) override {
    auto& made = all[++last_];
    made.spec = std::move(spec);
    made.events = std::move(events);
    return number{last_};
  }
  void send(number worker, std::vector<codeloader::worker_call> calls) override {
    if (throws) throw std::runtime_error{"no memory"};
    for (auto& call : calls)
      at(worker).calls.push_back(std::move(call));
  }
  void stop(number worker) override { at(worker).is_stopping = true; }
  void kill(number worker) override { at(worker).is_killed = true; }
  codeloader::sandbox_report report() const override { return {}; }

  // -- what the processes do --------------------------------------------------

  process& at(uint64_t worker) { return all.at(worker); }
  process& at(number worker) { return at(static_cast<uint64_t>(worker)); }

  void ready(uint64_t worker) {
    at(worker).events.ready(number{worker}, static_cast<int>(1'000 + worker));
  }
  void broken(uint64_t worker, codeloader::worker_failure why) {
    at(worker).events.broken(number{worker}, std::move(why));
    exit(worker, "exited with code 1", false);
  }
  /// The call that runs ends; `what` says how (its handle is filled in).
  void finish(uint64_t worker, codeloader::worker_result what = {}) {
    auto& it = at(worker);
    what.handle = it.calls.front().handle;
    if (what.run_us == 0) what.run_us = 100;
    it.calls.pop_front();
    std::vector<codeloader::worker_result> results;
    results.push_back(std::move(what));
    it.events.results(number{worker}, std::move(results));
  }
  void exit(uint64_t worker, std::string reason, bool by_us) {
    auto& it = at(worker);
    it.is_over = true;
    it.calls.clear();
    auto events = std::exchange(it.events, {}); // they hold the actor
    codeloader::worker_exit how;
    how.by_us = by_us;
    how.reason = std::move(reason);
    events.exited(number{worker}, std::move(how));
  }
  /// Processes that were told to end do so, but for those that still run a call.
  void reap() {
    for (auto& [worker, it] : all)
      if (!it.is_over && (it.is_killed || (it.is_stopping && it.calls.empty())))
        exit(worker, "stopped", true);
  }

  /// Numbers of the processes that live and were not told to end.
  std::vector<uint64_t> live() const {
    std::vector<uint64_t> found;
    for (const auto& [worker, it] : all)
      if (!it.is_over && !it.is_stopping && !it.is_killed) found.push_back(worker);
    return found;
  }

  std::map<uint64_t, process> all;
  bool throws = false;

private:
  uint64_t last_ = 0;
};

} // namespace flow::test
