// A worker host whose results a test can wait for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "codeloader/worker_host.hpp"

namespace flow::codeloader::test {

inline constexpr auto patience = std::chrono::seconds(30);

/// What has been told of one worker.
struct worker_log_book {
  int ready = 0;
  int broken = 0;
  int exited = 0;
  int pid = 0;
  worker_failure failure;
  worker_exit exit;
  std::map<uint64_t, worker_result> results;
  std::vector<uint64_t> order;
  std::vector<worker_log> logs;
  size_t batches = 0;
};

class worker_fixture {
public:
  worker_fixture() : worker_fixture(true) {}
  explicit worker_fixture(bool isolate, uint64_t start_ms_max = limits::worker_start_ms_max) {
    worker_host_options options;
    options.runtime_dir = CODELOADER_RUNTIME_DIR;
    options.isolate = isolate;
    options.start_ms_max = start_ms_max;
    host = std::move(*make_worker_host(options));
  }

  worker_spec spec(std::string module = "sample") {
    worker_spec out;
    out.module = std::move(module);
    out.checkout_dir = out.import_root = std::string{CODELOADER_TESTS_DIR} + "/worker";
    return out;
  }

  worker_number start(worker_spec s) {
    worker_events events;
    auto note = [this](worker_number n, auto change) {
      std::lock_guard lock{mutex};
      change(books[n]);
      changed.notify_all();
    };
    events.ready = [note](worker_number n, int pid) {
      note(n, [&](auto& book) { ++book.ready, book.pid = pid; });
    };
    events.broken = [note](worker_number n, worker_failure failure) {
      note(n, [&](auto& book) { ++book.broken, book.failure = failure; });
    };
    events.results = [note](worker_number n, std::vector<worker_result> results) {
      note(n, [&](auto& book) {
        ++book.batches;
        for (auto& each : results) {
          book.order.push_back(each.handle);
          book.results[each.handle] = std::move(each);
        }
      });
    };
    events.logs = [note](worker_number n, std::vector<worker_log> logs) {
      note(n,
           [&](auto& book) { std::move(logs.begin(), logs.end(), std::back_inserter(book.logs)); });
    };
    events.exited = [note](worker_number n, worker_exit exit) {
      note(n, [&](auto& book) { ++book.exited, book.exit = exit; });
    };
    return host->start(std::move(s), std::move(events));
  }

  /// A worker that has reported ready.
  worker_number started(worker_spec s) {
    auto n = start(std::move(s));
    await(n, [](const auto& book) { return book.ready + book.exited > 0; });
    return n;
  }

  worker_number started(std::string module = "sample") { return started(spec(std::move(module))); }

  template <class Predicate>
  bool await(worker_number n, Predicate holds) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, patience, [&] { return holds(books[n]); });
  }

  uint64_t send(worker_number n, std::string function, std::vector<value> positional = {},
                std::vector<std::pair<std::string, value>> keyword = {}) {
    auto call = make_call(std::move(function), std::move(positional), std::move(keyword));
    auto handle = call.handle;
    host->send(n, {std::move(call)});
    return handle;
  }

  worker_call make_call(std::string function, std::vector<value> positional = {},
                        std::vector<std::pair<std::string, value>> keyword = {}) {
    worker_call call;
    call.handle = next_handle++;
    call.id = make_call_id(1'700'000'000'000 + call.handle, partition_id{7}, call.handle);
    call.function = std::move(function);
    call.args = make_arguments(positional, keyword);
    return call;
  }

  /// The result of one call; one of code `internal` when it does not come.
  worker_result result_of(worker_number n, uint64_t handle) {
    bool came = await(
        n, [&](const auto& book) { return book.results.count(handle) > 0 || book.exited > 0; });
    std::lock_guard lock{mutex};
    auto it = books[n].results.find(handle);
    if (came && it != books[n].results.end()) return it->second;
    worker_result none;
    none.failure = {ec::internal, "no result", books[n].exit.reason, {}};
    return none;
  }

  worker_result run(worker_number n, std::string function, std::vector<value> positional = {},
                    std::vector<std::pair<std::string, value>> keyword = {}) {
    return result_of(n, send(n, std::move(function), std::move(positional), std::move(keyword)));
  }

  worker_exit exit_of(worker_number n) {
    await(n, [](const auto& book) { return book.exited > 0; });
    std::lock_guard lock{mutex};
    return books[n].exit;
  }

  worker_log_book book(worker_number n) {
    std::lock_guard lock{mutex};
    return books[n];
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::map<worker_number, worker_log_book> books;
  uint64_t next_handle = 1;
  std::unique_ptr<worker_host> host; ///< last: its end still tells of exits
};

inline value json(std::string_view text) {
  return std::move(*value_of_json(text));
}

} // namespace flow::codeloader::test
