#include <nlohmann/json.hpp>

#include "cli/call_views.hpp"
#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/kinds.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

std::string nothing_of(const context& ctx, const kind& what) {
  if (ctx.args.has("filter")) return "no " + what.plural + " fit the filter";
  if (ctx.args.has("unfinished")) return "every call has ended";
  if (what.is_listed_by_calls) return "no calls yet; make one: flow task run SOCKET";
  return what.fields.empty() ? "no " + what.plural
                             : "no " + what.plural + "; add one: flow add " + what.name + " NAME";
}

result<int> list(context& ctx, const kind& what) {
  auto params = list_params(ctx);
  if (!params) return params.error();
  (*params)["kind"] = what.name;
  if (!ctx.args.words.empty()) (*params)["names"] = ctx.args.words;
  auto answer = ctx.ask(what.list_verb, *params);
  if (!answer) return answer.error();
  return print_list(ctx, what.name, what.columns, *answer, nothing_of(ctx, what));
}

result<int> list_calls(context& ctx, const kind& what) {
  for (auto [key, verb] : {std::pair{"tree", "call.tree"}, std::pair{"graph", "call.graph"},
                           std::pair{"flow", "call.flow"}}) {
    if (!ctx.args.has(key)) continue;
    if (ctx.args.words.size() != 1)
      return make_error(ec::bad_usage, std::string{"--"} + key + " needs one call",
                        "flow ls call ID --" + std::string{key});
    return print_call_tree(ctx, verb, ctx.args.words.front());
  }
  if (ctx.args.has("result")) {
    if (ctx.args.words.size() != 1)
      return make_error(ec::bad_usage, "--result needs one call", "flow ls call ID --result");
    return print_call_result(ctx, ctx.args.words.front());
  }
  if (!ctx.args.words.empty()) {
    json items = json::array();
    for (const auto& id : ctx.args.words) {
      auto call = ctx.ask("call.show", {{"id", id}});
      if (!call) return call.error();
      items.push_back(std::move(*call));
    }
    return print_list(ctx, what.name, what.columns, {{"items", items}, {"next", nullptr}}, "");
  }
  auto params = list_params(ctx);
  if (!params) return params.error();
  if (ctx.args.has("unfinished")) (*params)["unfinished"] = true;
  auto answer = ctx.ask("call.list", *params);
  if (!answer) return answer.error();
  return print_list(ctx, what.name, what.columns, *answer, nothing_of(ctx, what));
}

command ls_command(const kind& what, const std::string& path) {
  command cmd;
  cmd.path = path;
  cmd.summary = "list " + what.plural;
  cmd.words = "[NAME...]";
  cmd.words_max = any_number;
  cmd.is_named = true;
  cmd.completes = what.name;
  cmd.examples = {{"flow " + path, "all, as a table"},
                  {"flow " + path + " -o wide", "with all columns"},
                  {"flow " + path + " -o json --limit 10", "the first ten, for a program"}};
  cmd.run = [&what](context& ctx) { return list(ctx, what); };
  return cmd;
}

command ls_calls_command(const kind& what) {
  auto cmd = ls_command(what, "ls call");
  cmd.words = "[ID...]";
  cmd.examples
      = {{"flow ls calls", "the newest calls"},
         {"flow ls calls --filter 'state=failed and started>-1h'", "what failed in the last hour"},
         {"flow ls call 0192f3a1-7c44 --tree", "the calls that it made, drawn"},
         {"flow ls call 0192f3a1-7c44 --result", "what it returned"}};
  cmd.options = {{"-t,--tree", "", "draw the calls below this one"},
                 {"-g,--graph", "", "draw the calls of its root"},
                 {"--flow", "", "draw all calls of the workflow that it belongs to"},
                 {"-r,--result", "", "print its result"},
                 {"-u,--unfinished", "", "only calls that have not ended"}};
  cmd.legacy = {{"--id", "--name"}, {"--rows", "--limit"}};
  cmd.run = [&what](context& ctx) { return list_calls(ctx, what); };
  return cmd;
}

} // namespace

commands ls_commands() {
  commands made;
  for (const auto& what : all_kinds())
    made.push_back(what.is_listed_by_calls ? ls_calls_command(what)
                                           : ls_command(what, "ls " + what.name));
  made.push_back(ls_command(*find_kind("task"), "task ls"));
  return made;
}

} // namespace flow::cli
