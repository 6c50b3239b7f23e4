#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <ostream>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/process.hpp"
#include "cli/quantities.hpp"
#include "cli/tree_text.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

/// Between the connection's thread, which must not block, and stdout, which may.
class event_queue {
public:
  void push(value event) {
    std::lock_guard lock{mutex_};
    if (events_.size() >= limits::event_subscriber_queue_max) {
      events_.pop_front();
      ++lost_;
    }
    events_.push_back(std::move(event));
    changed_.notify_one();
  }

  /// Everything that has come, at least one event; and how many were lost before.
  std::deque<value> take(uint64_t& lost) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return !events_.empty(); });
    lost = std::exchange(lost_, 0);
    return std::exchange(events_, {});
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<value> events_;
  uint64_t lost_ = 0;
};

std::string text_at(const json& tree, const std::string& path) {
  const auto& found = item_at(tree, path);
  return found.is_string() ? one_line(found.get<std::string>()) : "";
}

/// One line for people; what has no form of its own is shown as JSON.
std::string line_of(const std::string& channel, const json& event) {
  const auto id = text_at(event, "call").substr(0, 13);
  if (channel == "log") {
    auto text = text_at(event, "text");
    if (text.ends_with("⏎")) text.resize(text.size() - std::string_view{"⏎"}.size());
    return id + "  " + text_at(event, "stream") + "  " + text;
  }
  const auto& at = item_at(event, "time_ms");
  const auto time = (at.is_number_unsigned() ? time_text(at.get<uint64_t>()) : "-") + "  ";
  if (channel == "event") {
    const auto more = text_at(event, "text");
    return time + text_at(event, "kind") + "/" + text_at(event, "name") + "  "
           + text_at(event, "change") + (more.empty() ? "" : ": " + more);
  }
  auto line = time + id + "  " + text_at(event, "socket") + "  " + text_at(event, "state");
  if (channel != "result") return line;
  const auto& why = item_at(event, "failure");
  return line + "  "
         + (why.is_object() ? text_at(why, "type") + ": " + text_at(why, "message")
                            : json_line(item_at(event, "result")));
}

/// The program of --exec: one event a line on its stdin.
class sink {
public:
  static result<sink> open(const std::string& program, const std::vector<std::string>& more) {
    auto argv = split_words(program);
    if (!argv) return argv.error();
    argv->insert(argv->end(), more.begin(), more.end());
    if (argv->empty()) return make_error(ec::bad_usage, "--exec needs a program");
    spawn_options options;
    options.has_pipe = true;
    auto child = spawn(*argv, options);
    if (!child) return child.error();
    std::signal(SIGPIPE, SIG_IGN); // the end of the program is an answer of write, not our end
    return sink{*child};
  }

  /// False when the program has ended.
  bool write(const std::string& line) {
    for (size_t done = 0; done < line.size();) {
      const auto n = ::write(child_.pipe_fd, line.data() + done, line.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      done += static_cast<size_t>(n);
    }
    return true;
  }

  /// Closes its stdin; its exit code.
  int close() {
    ::close(child_.pipe_fd);
    return wait_for_exit(child_.process.pid);
  }

private:
  explicit sink(spawned child) : child_{child} {}
  spawned child_;
};

result<int> pass_on(context& ctx, event_queue& events, const std::string& channel, uint64_t most) {
  const auto words = ctx.args.words;
  std::optional<sink> program;
  if (auto text = ctx.args.text("exec")) {
    auto made = sink::open(*text, {words.begin() + 1, words.end()});
    if (!made) return made.error();
    program.emplace(std::move(*made));
  }
  bool is_open = true;
  for (uint64_t seen = 0; is_open && seen < most;) {
    uint64_t lost = 0;
    for (const auto& event : events.take(lost)) {
      if (seen == most) break;
      ++seen;
      if (program)
        is_open = is_open && program->write(to_json_text(event) + "\n");
      else
        ctx.print.raw((ctx.print.is_for_programs() ? to_json_text(event)
                                                   : line_of(channel, json_of_value(event)))
                      + "\n");
    }
    if (lost > 0)
      ctx.say("note: " + std::to_string(lost) + " events were lost: output is too slow");
    ctx.print.flush();
  }
  if (!program) return 0;
  const int code = program->close();
  if (is_open && code == 0) return 0;
  return make_error(ec::process_failed,
                    "the program of --exec ended with code " + std::to_string(code));
}

result<int> listen(context& ctx) {
  if (ctx.args.words.size() > 1 && !ctx.args.has("exec"))
    return make_error(ec::bad_usage,
                      "flow listen takes one NAME; what is " + flow::quoted(ctx.args.words[1])
                          + "?",
                      "words after -- are for the program of --exec");
  uint64_t most = UINT64_MAX;
  if (auto text = ctx.args.text("limit")) {
    auto limit = count_of(*text, "--limit");
    if (!limit) return limit.error();
    most = *limit;
  }
  auto node = ctx.node();
  if (!node) return node.error();
  const auto channel = ctx.args.text_or("channel", "task");
  auto events = std::make_shared<event_queue>();
  json params = json::object();
  if (!ctx.args.words.empty()) params["name"] = ctx.args.words.front();
  auto subscription = (*node)->subscribe(channel, value_of_json_tree(params),
                                         [events](const value& event) { events->push(event); });
  if (!subscription) return subscription.error();
  ctx.say("listening" + (ctx.args.words.empty() ? "" : " to " + ctx.args.words.front())
          + ", channel " + channel + "; Ctrl-C ends it");
  return pass_on(ctx, *events, channel, most);
}

} // namespace

commands listen_command() {
  command cmd;
  cmd.path = "listen";
  cmd.summary = "print what happens to a processor, socket or queue, until interrupted";
  cmd.details = "With -o json each event is one line of JSON. --exec starts one program, without a "
                "shell, and writes each "
                "event as one line of JSON to its stdin. --limit N ends after N events.";
  cmd.words = "[NAME] [-- ARGUMENT...]";
  cmd.words_max = any_number;
  cmd.is_named = true;
  cmd.completes = "socket";
  cmd.examples = {{"flow listen shop.price", "its calls change their state"},
                  {"flow listen shop --channel log", "what its functions print"},
                  {"flow listen shop.price --channel result --exec ./store-result",
                   "each result goes to a program"},
                  {"flow listen --name pyfi.queue1.proc1 --channel task", "the older form"}};
  cmd.options = {{"-c,--channel", "CHANNEL", "what to hear", {"task", "result", "log", "event"}},
                 {"--exec", "PROGRAM", "gets each event on its stdin"}};
  cmd.legacy = {{"-a", "--exec"}, {"--adaptor", "--exec"}};
  cmd.run = listen;
  return {cmd};
}

} // namespace flow::cli
