#include <chrono>

#include <nlohmann/json.hpp>

#include "cli/call_views.hpp"
#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/interrupt.hpp"
#include "flows/limits.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

/// The ids that were typed, or those that the filter finds.
result<std::vector<call_id>> chosen_calls(context& ctx) {
  auto params = ids_or_filter(ctx);
  if (!params) return params.error();
  json ids = item_at(*params, "ids");
  if (params->contains("filter")) {
    (*params)["limit"] = limits::list_items_max;
    auto found = ctx.ask("call.list", *params);
    if (!found) return found.error();
    ids = json::array();
    for (const auto& call : item_at(*found, "items"))
      ids.push_back(item_at(call, "id"));
  }
  std::vector<call_id> whole;
  for (const auto& id : ids) {
    auto one = whole_id(ctx, id.get<std::string>());
    if (!one) return one.error();
    whole.push_back(*one);
  }
  return whole;
}

/// A single call prints what `task run` prints; several print one line each.
result<int> wait(context& ctx) {
  auto ids = chosen_calls(ctx);
  if (!ids) return ids.error();
  auto patience = ctx.timeout();
  if (!patience) return patience.error();
  auto node = ctx.node();
  if (!node) return node.error();
  const auto limit = patience->value_or(std::chrono::milliseconds{limits::time_limit_ms_max});
  size_t failed = 0;
  json items = json::array();
  for (const auto& id : *ids) {
    auto ended = (*node)->wait(id, limit);
    if (!ended) return ended.error();
    if (!is_ended(ended->state))
      return make_error(ended->why.code == ec::none ? ec::connection_lost : ended->why.code,
                        ended->why.message);
    if (ids->size() == 1) return print_outcome(ctx, "", *ended);
    failed += ended->ok() ? 0 : 1;
    items.push_back({{"id", to_string(id)}, {"state", std::string{to_string(ended->state)}}});
  }
  ctx.print.list("call", {{"ID", "id", cell::id}, {"STATE", "state", cell::state}},
                 {{"items", items}, {"next", nullptr}});
  if (items.empty()) ctx.say("no call fits the filter");
  return failed == 0 ? 0 : exit_code(ec::some_failed);
}

result<int> result_of(context& ctx) {
  return print_call_result(ctx, ctx.args.words.front());
}

result<int> logs(context& ctx) {
  auto answer = ctx.ask("call.logs", {{"id", ctx.args.words.front()}});
  if (!answer) return answer.error();
  if (ctx.print.is_for_programs()) {
    ctx.print.list("log", {}, *answer);
    return 0;
  }
  const auto& items = item_at(*answer, "items");
  for (const auto& item : items) {
    auto text = item_at(item, "text").is_string() ? item_at(item, "text").get<std::string>() : "";
    if (!text.empty() && text.back() != '\n') text += '\n';
    ctx.print.raw(text);
  }
  if (!items.empty()) return 0;
  auto call = ctx.ask("call.show", {{"id", ctx.args.words.front()}});
  const bool has_ended = !call || item_at(*call, "ended_ms").is_number();
  ctx.say(has_ended ? "the call has printed nothing"
                    : "nothing yet: what a call prints is kept when its attempt ends");
  if (!has_ended) ctx.next("flow listen --channel log");
  return 0;
}

result<int> why(context& ctx) {
  auto answer = ctx.ask("call.why", {{"id", ctx.args.words.front()}});
  if (!answer) return answer.error();
  const auto& sentence = item_at(*answer, "why");
  ctx.print.object(*answer,
                   sentence.is_string() ? one_line(sentence.get<std::string>()) : sentence.dump());
  return 0;
}

command one_call(const std::string& word, const std::string& summary,
                 std::function<result<int>(context&)> run) {
  command cmd;
  cmd.path = "call " + word;
  cmd.summary = summary;
  cmd.words = "ID";
  cmd.words_min = cmd.words_max = 1;
  cmd.completes = "call";
  cmd.examples = {{"flow call " + word + " 0192f3a1-7c44", summary}};
  cmd.run = std::move(run);
  return cmd;
}

command many_calls(const std::string& word, const std::string& summary,
                   std::function<result<int>(context&)> run) {
  auto cmd = one_call(word, summary, std::move(run));
  cmd.words = "ID... | --filter EXPR";
  cmd.words_min = 0;
  cmd.words_max = any_number;
  cmd.examples.push_back({"flow call " + word + " --filter 'socket=shop.price and queued>-1h'"
                              + (word == "wait" ? "" : " -y"),
                          "all that fit"});
  return cmd;
}

} // namespace

commands call_commands() {
  return {
      many_calls("wait", "wait for the end of calls, and print the result", wait),
      many_calls(
          "cancel", "cancel calls: at once while queued, by killing the worker while running",
          [](context& ctx) { return change_calls(ctx, "call.cancel", "call.list", "cancelled"); }),
      many_calls(
          "retry", "run failed or dead calls again, with the same arguments",
          [](context& ctx) { return change_calls(ctx, "call.retry", "call.list", "retried"); }),
      one_call("result", "print what a call returned", result_of),
      one_call("logs", "print what a call printed", logs),
      one_call("why", "say in a sentence why a call is in the state it is in", why),
  };
}

} // namespace flow::cli
