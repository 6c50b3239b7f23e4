#include <chrono>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/completion.hpp"
#include "cli/context.hpp"
#include "flows/limits.hpp"

namespace flow::cli {
namespace {

std::vector<std::string> context_names(context& ctx) {
  std::vector<std::string> names;
  if (auto conf = load_config(config_path(ctx.world.variable)))
    for (const auto& [name, one] : conf->contexts)
      names.push_back(name);
  return names;
}

/// An answer of the node, or nothing: completion never says why it has none.
std::vector<std::string> names_of_kind(context& ctx, const std::string& kind) {
  if (kind == "context") return context_names(ctx);
  auto answer = kind == "call" ? ctx.ask("call.list", {{"limit", 20}})
                               : ctx.ask("object.list", {{"kind", kind}});
  std::vector<std::string> names;
  if (answer)
    for (const auto& item : item_at(*answer, "items"))
      names.push_back(one_line(name_in_list(item)));
  return names;
}

result<int> print_candidates(context& ctx) {
  ctx.set_timeout(std::chrono::milliseconds{limits::cli_complete_ms_max});
  auto found
      = complete(ctx.args.words, [&](const std::string& kind) { return names_of_kind(ctx, kind); });
  for (const auto& each : found)
    ctx.print.raw(each.word + (each.meaning.empty() ? "" : "\t" + each.meaning) + "\n");
  return 0;
}

result<int> print_script(context& ctx) {
  const auto script = completion_script(ctx.args.words.front());
  if (script.empty())
    return make_error(ec::bad_usage,
                      "there is no completion for \"" + ctx.args.words.front() + "\"",
                      "one of: bash, zsh, fish");
  if (ctx.print.is_for_programs()) {
    ctx.print.object({{"text", script}});
    return 0;
  }
  ctx.print.raw(script);
  if (ctx.world.out_is_terminal)
    ctx.next("source <(flow completion " + ctx.args.words.front() + ")");
  return 0;
}

} // namespace

commands completion_commands() {
  command script;
  script.path = "completion";
  script.summary = "the completion script of a shell";
  script.words = "bash | zsh | fish";
  script.words_min = script.words_max = 1;
  script.examples = {
      {"source <(flow completion bash)", "commands, options, kinds, and the names that exist now"}};
  script.run = print_script;
  command words;
  words.path = "__complete";
  words.summary = "what may come next";
  words.words = "WORD...";
  words.words_max = any_number;
  words.is_hidden = true;
  words.run = print_candidates;
  return {script, words};
}

} // namespace flow::cli
