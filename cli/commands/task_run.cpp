#include <condition_variable>
#include <mutex>
#include <ostream>

#include <nlohmann/json.hpp>

#include "cli/call_tree.hpp"
#include "cli/call_views.hpp"
#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/interrupt.hpp"
#include "cli/run_input.hpp"
#include "cli/run_lines.hpp"

namespace flow::cli {
namespace {

/// What the connection's thread tells of one call; shared, for it may tell after the command has
/// given up.
struct awaited_call {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<result<call_id>> accepted;
  std::optional<call_outcome> ended;
};

std::shared_ptr<awaited_call> submit(server& node, const std::string& socket, arguments args,
                                     const wire::submit_options& options, bool wants_end) {
  auto call = std::make_shared<awaited_call>();
  auto accepted = [call](result<call_id> id) {
    std::lock_guard lock{call->mutex};
    if (id) say_on_interrupt("\nthe call goes on: flow call wait " + to_string(*id) + "\n");
    call->accepted = std::move(id);
    call->changed.notify_all();
  };
  std::function<void(const call_outcome&)> ended;
  if (wants_end)
    ended = [call](const call_outcome& outcome) {
      std::lock_guard lock{call->mutex};
      call->ended = outcome;
      call->changed.notify_all();
    };
  node.submit(socket, std::move(args), options, std::move(accepted), std::move(ended));
  return call;
}

error still_running(const awaited_call& call, const std::string& socket,
                    const std::string& patience) {
  if (!call.accepted)
    return make_error(ec::timed_out, socket + " was not accepted within " + patience,
                      "see: flow status");
  const auto id = to_string(**call.accepted);
  return make_error(ec::timed_out,
                    "call " + id + " of " + socket + " has not ended within " + patience
                        + "; it goes on",
                    "flow call wait " + id);
}

/// What is given to the first step; the workflow itself goes into the options.
result<arguments> workflow_arguments(context& ctx, wire::submit_options& options) {
  auto asked = run_workflow(ctx);
  if (!asked) return asked.error();
  options.flow = encode(asked->what);
  return make_arguments(asked->args);
}

result<int> run_one(context& ctx, const std::string& socket) {
  auto options = run_options(ctx);
  if (!options) return options.error();
  auto args = ctx.args.has("flow") ? workflow_arguments(ctx, *options) : run_arguments(ctx);
  if (!args) return args.error();
  auto patience = ctx.timeout();
  if (!patience) return patience.error();
  if (ctx.is_dry_run()) {
    if (ctx.print.is_for_programs())
      ctx.print.object({{"socket", socket},
                        {"args", json_of_value(value{args->positional})},
                        {"kwargs", json_of_value(value{args->keyword})}});
    ctx.say("would call " + socket + " with " + to_json_text(value{args->positional}) + " "
            + to_json_text(value{args->keyword}));
    return 0;
  }
  auto node = ctx.node();
  if (!node) return node.error();
  const bool is_detached = ctx.args.has("detach");
  auto call = submit(**node, socket, std::move(*args), *options, !is_detached);
  std::unique_lock lock{call->mutex};
  auto is_done
      = [&] { return (call->accepted && (is_detached || !*call->accepted)) || call->ended; };
  if (!*patience) {
    call->changed.wait(lock, is_done);
  } else if (!call->changed.wait_for(lock, **patience, is_done)) {
    return still_running(*call, socket, ctx.args.text_or("timeout", ""));
  }
  if (call->accepted && !*call->accepted) return call->accepted->error();
  say_on_interrupt("");
  if (is_detached) {
    const auto id = to_string(**call->accepted);
    ctx.print.object({{"id", id}}, id);
    return 0;
  }
  const auto ended = *call->ended;
  lock.unlock();
  if (!is_ended(ended.state))
    return make_error(ended.why.code, ended.why.message, "flow call wait " + to_string(ended.id));
  const int code = print_outcome(ctx, socket, ended);
  if (!ctx.args.has("tree")) return code;
  // Nothing but the result goes to stdout.
  ctx.print.flush();
  auto tree = ctx.ask("call.tree", {{"id", to_string(ended.id)}});
  if (tree) ctx.world.err << draw_call_tree(*tree, {ctx.world.terminal_width, false, false});
  return code;
}

result<int> run_task(context& ctx) {
  auto words = ctx.args.words;
  const auto named = ctx.args.all("socket");
  words.insert(words.end(), named.begin(), named.end());
  if (ctx.args.has("flow")) {
    if (!words.empty() || ctx.args.has("jsonl"))
      return make_error(ec::bad_usage, "--flow says what is called; it goes with no "
                                           + std::string{words.empty() ? "--jsonl" : "SOCKET"});
    return run_one(ctx, "workflow");
  }
  if (words.size() != 1)
    return make_error(
        ec::bad_usage,
        words.empty() ? "flow task run needs a SOCKET"
                      : "flow task run calls one socket, not " + std::to_string(words.size()),
        words.empty() ? "see: flow ls sockets" : "data is given with --data, --args or --arg");
  if (!ctx.args.has("jsonl")) {
    if (ctx.args.has("key-prefix"))
      return make_error(ec::bad_usage, "--key-prefix goes with --jsonl", "for one call: --key");
    return run_one(ctx, words.front());
  }
  for (auto key : {"data", "args", "nodata", "key", "tree"})
    if (ctx.args.has(key))
      return make_error(ec::bad_usage,
                        std::string{"--jsonl takes its data from stdin; --"} + key
                            + " does not go with it",
                        "see: flow help jsonl");
  return run_lines(ctx, words.front());
}

} // namespace

commands task_run_command() {
  command cmd;
  cmd.path = "task run";
  cmd.summary = "call a socket, and print what it returns";
  cmd.details = "Waits for the end; nothing but the result goes to stdout. See also: flow help "
                "input, flow help jsonl.";
  cmd.words = "SOCKET";
  cmd.words_max = 1;
  cmd.is_named = true;
  cmd.completes = "socket";
  cmd.examples = {
      {"flow task run shop.price --arg item=tea --arg qty=2", "with keywords"},
      {"flow task run hello.greet --data '\"World\"'",
       "with one positional argument, JSON or a Python literal"},
      {"flow task run --socket S --data \"['some data']\"", "the older form"},
      {"echo \"HI THERE!\" | flow task run -s A | flow task run -s B",
       "piped text is the argument, raw text the result"},
      {"flow task run shop.price --jsonl < orders.jsonl > prices.jsonl",
       "one call a line, results in order"},
      {"flow task run --flow 'pipeline([shop.price(\"tea\"), shop.tax])'",
       "a workflow: each step is given the result of the one before"},
      {"flow task run shop.report --detach", "prints the id; later: flow call result ID"},
  };
  cmd.options = {
      {"-s,--socket", "SOCKET", "the same as the word", {}, "socket"},
      {"--flow", "EXPR",
       "run a workflow of pipeline, parallel, funnel and segment; @FILE reads a file"},
      {"-d,--data", "VALUE",
       "one positional argument: JSON or a Python literal; @FILE reads a file, - reads stdin"},
      {"--args", "LIST", "all positional arguments, as a list"},
      {"--arg", "NAME=VALUE", "a keyword argument; may be repeated"},
      {"-a,--argument", "NAME",
       "deliver the data as this one argument of a socket that waits for several"},
      {"--nodata", "", "no arguments, even when stdin is piped"},
      {"--jsonl", "", "one call for each line of stdin"},
      {"--detach", "", "print the id and do not wait"},
      {"--key", "KEY", "idempotency key: the same key gives the same call"},
      {"--key-prefix", "P", "with --jsonl: line i, counted from 0, has the key P followed by i"},
      {"--priority", "0-9", "9 goes first; without: 4"},
      {"--in", "DURATION", "not before this time has passed"},
      {"--expires", "DURATION", "a dead letter if it was not begun by then"},
      {"--timeout", "DURATION", "wait no longer; the call goes on"},
      {"--tree", "", "then draw the calls that it made, on stderr"},
  };
  cmd.legacy = {{"-nd", "--nodata"}};
  cmd.run = run_task;
  return {cmd};
}

} // namespace flow::cli
