#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/quantities.hpp"
#include "cli/tree_text.hpp"
#include "flows/limits.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

struct verb {
  std::string word;
  std::string summary;
  std::string next; ///< what one would do then
};

result<json> params_of(const context& ctx) {
  json params{{"name", ctx.args.words.front()}};
  if (auto text = ctx.args.text("deadline")) {
    auto ms = duration_ms_of(*text, "--deadline");
    if (!ms) return ms.error();
    params["deadline_ms"] = *ms;
  }
  if (ctx.args.has("force")) params["force"] = true;
  return as_result(std::move(params));
}

result<int> change(context& ctx, const verb& what) {
  auto params = params_of(ctx);
  if (!params) return params.error();
  const auto& name = ctx.args.words.front();
  if (ctx.is_dry_run()) {
    ctx.print.object(*params, "processor/" + name + " would be asked to " + what.word);
    return 0;
  }
  if (ctx.args.has("force")) {
    auto agreed = ctx.confirm(what.word + " processor/" + name
                              + " by force? Its queued calls become dead letters.");
    if (!agreed) return agreed.error();
    if (!*agreed) return 1;
  }
  auto answer = ctx.ask("proc." + what.word, *params);
  if (!answer) return answer.error();
  const auto& state = item_at(*answer, "state");
  ctx.print.object(*answer, "processor/" + name
                                + (state.is_string() ? " is " + state.get<std::string>()
                                                     : " told to " + what.word));
  if (!what.next.empty()) ctx.next(what.next + " " + name);
  return 0;
}

result<int> scale(context& ctx) {
  auto cpus = count_of(ctx.args.words[1], "N", limits::cpus_max);
  if (!cpus) return cpus.error();
  const auto& name = ctx.args.words.front();
  const json params{{"name", name}, {"cpus", *cpus}};
  if (ctx.is_dry_run()) {
    ctx.print.object(params, "processor/" + name + " would get " + ctx.args.words[1] + " cpus");
    return 0;
  }
  auto answer = ctx.ask("proc.scale", params);
  if (!answer) return answer.error();
  ctx.print.object(*answer, "processor/" + name + " scaled to " + std::to_string(*cpus) + " cpus");
  ctx.next("flow show processor " + name);
  return 0;
}

command proc_command(const verb& what) {
  command cmd;
  cmd.path = "proc " + what.word;
  cmd.summary = what.summary;
  cmd.words = "NAME";
  cmd.words_min = cmd.words_max = 1;
  cmd.is_named = true;
  cmd.completes = "processor";
  cmd.examples = {{"flow proc " + what.word + " shop", what.summary}};
  if (what.word == "stop" || what.word == "restart" || what.word == "remove")
    cmd.options.push_back({"--deadline", "DURATION", "how long running calls may take to end"});
  if (what.word == "remove")
    cmd.options.push_back({"--force", "", "also with calls queued: they become dead letters"});
  if (what.word == "remove") cmd.legacy = {{"--id", "--name"}};
  cmd.run = [what](context& ctx) { return change(ctx, what); };
  return cmd;
}

} // namespace

commands proc_commands() {
  commands made;
  for (const auto& what : std::vector<verb>{
           {"start", "start a stopped processor", "flow show processor"},
           {"stop", "let running calls end, then stop; queued calls wait", "flow proc start"},
           {"pause", "take no more calls; running ones end", "flow proc resume"},
           {"resume", "take calls again", "flow show processor"},
           {"restart", "stop, and start with fresh workers", "flow show processor"},
           {"remove", "stop and forget; refused while calls are queued", ""},
       })
    made.push_back(proc_command(what));
  command cmd = proc_command({"scale", "set how many calls run at once", ""});
  cmd.words = "NAME N";
  cmd.words_min = cmd.words_max = 2;
  cmd.examples = {{"flow proc scale shop 4", "four calls at once"}};
  cmd.run = scale;
  made.push_back(std::move(cmd));
  return made;
}

} // namespace flow::cli
