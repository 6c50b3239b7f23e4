#include "cli/run_lines.hpp"

#include <condition_variable>
#include <deque>
#include <istream>
#include <mutex>
#include <optional>
#include <ostream>
#include <thread>

#include <nlohmann/json.hpp>

#include "cli/call_views.hpp"
#include "cli/run_input.hpp"
#include "cli/tree_text.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

/// Causes that the next line would meet too.
bool ends_all(ec code) {
  switch (code) {
  case ec::no_server:
  case ec::connection_lost:
  case ec::version_mismatch:
  case ec::shutting_down:
  case ec::not_logged_in:
  case ec::not_allowed:
  case ec::unknown_socket:
    return true;
  default:
    return false;
  }
}

std::string error_line(const error& why) {
  return json_line({{"error",
                     {{"code", code_text(why.code)},
                      {"message", why.text},
                      {"hint", why.hint},
                      {"retryable", is_retryable(why.code)}}}});
}

/// What each line gave, printed in order by a thread of its own: a slow reader of stdout then slows
/// the reading of stdin, and never the connection.
class ordered_output {
public:
  ordered_output(std::ostream& out) : out_{out}, printer_{[this] { print(); }} {}
  ~ordered_output() { finish(); }
  ordered_output(const ordered_output&) = delete;
  ordered_output& operator=(const ordered_output&) = delete;

  /// The place of the next line. Blocks while too many calls, or too many bytes, are between stdin
  /// and stdout.
  uint64_t reserve(size_t bytes) {
    std::unique_lock lock{mutex_};
    space_.wait(lock, [&] {
      return slots_.empty()
             || (slots_.size() < limits::cli_lines_in_flight_max
                 && bytes_ + bytes <= limits::cli_bytes_in_flight_max);
    });
    slots_.push_back({std::nullopt, bytes});
    bytes_ += bytes;
    return first_ + slots_.size() - 1;
  }

  void fill(uint64_t place, std::string line, bool is_failure) {
    std::lock_guard lock{mutex_};
    auto& filled = slots_[place - first_];
    bytes_ += line.size() - filled.bytes;
    filled.bytes = line.size();
    filled.line = std::move(line);
    failures_ += is_failure ? 1 : 0;
    if (place == first_) ready_.notify_one();
  }

  /// Waits until every reserved place is printed.
  void finish() {
    {
      std::lock_guard lock{mutex_};
      is_complete_ = true;
      ready_.notify_one();
    }
    if (printer_.joinable()) printer_.join();
  }

  uint64_t failures() {
    std::lock_guard lock{mutex_};
    return failures_;
  }

private:
  struct slot {
    std::optional<std::string> line;
    size_t bytes = 0;
  };

  void print() {
    std::unique_lock lock{mutex_};
    while (true) {
      ready_.wait(lock, [&] {
        return (!slots_.empty() && slots_.front().line) || (is_complete_ && slots_.empty());
      });
      if (slots_.empty()) return;
      std::string text;
      while (!slots_.empty() && slots_.front().line) {
        text += *slots_.front().line + "\n";
        bytes_ -= slots_.front().bytes;
        slots_.pop_front();
        ++first_;
      }
      lock.unlock();
      out_ << text << std::flush;
      space_.notify_one();
      lock.lock();
    }
  }

  std::ostream& out_;
  std::mutex mutex_;
  std::condition_variable space_;
  std::condition_variable ready_;
  std::deque<slot> slots_;
  uint64_t first_ = 0; ///< the place of the first slot
  size_t bytes_ = 0;
  uint64_t failures_ = 0;
  bool is_complete_ = false;
  std::thread printer_; ///< last: it uses the others
};

/// The first error after which there is no use in going on.
class last_error {
public:
  void note(const error& why) {
    std::lock_guard lock{mutex_};
    if (ends_all(why.code) && !why_) why_ = why;
  }
  std::optional<error> what() {
    std::lock_guard lock{mutex_};
    return why_;
  }

private:
  std::mutex mutex_;
  std::optional<error> why_;
};

struct line_sender {
  server& node;
  const std::string& socket;
  wire::submit_options options;
  std::vector<std::pair<std::string, value>> keywords;
  std::optional<std::string> key_prefix;
  bool is_detached = false;
  std::shared_ptr<ordered_output> output;
  std::shared_ptr<last_error> fatal;

  void send(const std::string& line, uint64_t index) {
    const auto place = output->reserve(line.size());
    auto parsed = value_of_json(line);
    if (!parsed) {
      auto why = parsed.error();
      why.text = "line " + std::to_string(index + 1) + ": " + why.text;
      output->fill(place, error_line(why), true);
      return;
    }
    auto one = options;
    if (key_prefix) one.key = *key_prefix + std::to_string(index);
    auto accepted = [out = output, end = fatal, place, detached = is_detached](result<call_id> id) {
      if (!id) {
        end->note(id.error());
        out->fill(place, error_line(id.error()), true);
      } else if (detached) {
        out->fill(place, to_string(*id), false);
      }
    };
    std::function<void(const call_outcome&)> ended;
    if (!is_detached)
      ended = [out = output, end = fatal, place](const call_outcome& outcome) {
        if (outcome.ok()) return out->fill(place, to_json_text(outcome.returned), false);
        end->note(make_error(outcome.why.code, outcome.why.message));
        out->fill(place, json_line({{"error", failure_tree(outcome)}}), true);
      };
    node.submit(socket, make_arguments({*parsed}, keywords), one, std::move(accepted),
                std::move(ended));
  }
};

} // namespace

result<int> run_lines(context& ctx, const std::string& socket) {
  auto options = run_options(ctx);
  if (!options) return options.error();
  auto keywords = run_keywords(ctx);
  if (!keywords) return keywords.error();
  auto node = ctx.node();
  if (!node) return node.error();
  line_sender sender{**node,
                     socket,
                     *options,
                     *keywords,
                     ctx.args.text("key-prefix"),
                     ctx.args.has("detach"),
                     std::make_shared<ordered_output>(ctx.world.out),
                     std::make_shared<last_error>()};
  uint64_t index = 0;
  for (std::string line; !sender.fatal->what() && std::getline(ctx.world.in, line); ++index) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (line.size() > limits::payload_bytes_max)
      return make_error(ec::payload_too_large, "line " + std::to_string(index + 1)
                                                   + " is larger than "
                                                   + bytes_text(limits::payload_bytes_max));
    sender.send(line, index);
  }
  sender.output->finish();
  if (auto why = sender.fatal->what()) return *why;
  return sender.output->failures() == 0 ? 0 : exit_code(ec::some_failed);
}

} // namespace flow::cli
