#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/kinds.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

std::string all_of(const kind& what, const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names)
    text += (text.empty() ? "" : ", ") + what.name + "/" + name;
  return text;
}

result<int> remove(context& ctx, const kind& what) {
  const auto names = all_of(what, ctx.args.words);
  json params{{"kind", what.name}, {"names", ctx.args.words}};
  for (auto key : {"cascade", "force"})
    if (ctx.args.has(key)) params[key] = true;
  if (ctx.is_dry_run()) {
    ctx.print.object(params, names + " would be deleted");
    return 0;
  }
  if (ctx.args.has("cascade") || ctx.args.has("force")) {
    auto agreed = ctx.confirm(
        "delete " + names + (ctx.args.has("cascade") ? " and all that need it?" : " by force?"));
    if (!agreed) return agreed.error();
    if (!*agreed) return 1;
  }
  auto answer = ctx.ask("object.delete", params);
  if (!answer) return answer.error();
  if (ctx.print.is_for_programs()) {
    ctx.print.object(*answer);
    return 0;
  }
  for (const auto& each : item_at(*answer, "deleted")) {
    const auto name
        = item_at(each, "name").is_string() ? item_at(each, "name").get<std::string>() : "";
    const auto& of = item_at(each, "kind");
    ctx.print.object(each, (of.is_string() ? of.get<std::string>() : what.name) + "/" + name
                               + " deleted");
  }
  return 0;
}

} // namespace

commands delete_commands() {
  commands made;
  for (const auto& what : all_kinds()) {
    if (what.fields.empty()) continue;
    command cmd;
    cmd.path = "delete " + what.name;
    cmd.summary = "delete " + what.plural;
    cmd.details = "Deleting what others need is refused with the list of them, unless --cascade "
                  "deletes these too.";
    cmd.examples = {{"flow delete " + what.name + " NAME", "delete one"},
                    {"flow delete " + what.name + " NAME --cascade --dry-run", "look first"}};
    cmd.words = "NAME...";
    cmd.words_min = 1;
    cmd.words_max = any_number;
    cmd.is_named = true;
    cmd.completes = what.name;
    cmd.options = {{"--cascade", "", "also what needs it"},
                   {"--force", "", "also with calls in it: they become dead letters"}};
    cmd.run = [&what](context& ctx) { return remove(ctx, what); };
    made.push_back(std::move(cmd));
  }
  return made;
}

} // namespace flow::cli
