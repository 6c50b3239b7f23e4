#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/kinds.hpp"
#include "flows/limits.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

std::string name_of(const json& item) {
  return item_at(item, "kind").get<std::string>() + "/" + item_at(item, "name").get<std::string>();
}

std::string names_in(const json& plan) {
  const auto& items = item_at(plan, "deleted");
  std::string text;
  for (size_t i = 0; i < items.size() && i < limits::names_shown_max; ++i)
    text += (i == 0 ? "" : ", ") + name_of(items[i]);
  if (items.size() > limits::names_shown_max)
    text += " and " + std::to_string(items.size() - limits::names_shown_max) + " more";
  return text;
}

/// What the node would delete.
result<json> planned(context& ctx, json params) {
  params["dry_run"] = true;
  return ctx.ask("object.delete", params);
}

int print_deleted(context& ctx, const json& answer, const std::string& done) {
  if (ctx.print.is_for_programs()) {
    ctx.print.object(answer);
    return 0;
  }
  for (const auto& each : item_at(answer, "deleted"))
    ctx.print.object(each, name_of(each) + " " + done);
  return 0;
}

result<int> remove(context& ctx, const kind& what) {
  json params{{"kind", what.name}, {"names", ctx.args.words}};
  for (auto key : {"cascade", "force"})
    if (ctx.args.has(key)) params[key] = true;
  if (ctx.is_dry_run() || !ctx.args.has("yes")) {
    auto plan = planned(ctx, params);
    if (!plan) return plan.error();
    if (ctx.is_dry_run()) return print_deleted(ctx, *plan, "would be deleted");
    // What was named is agreed to by naming it; what goes with it is not.
    if (ctx.args.has("force") || item_at(*plan, "deleted").size() > ctx.args.words.size()) {
      auto agreed
          = ctx.confirm("delete " + names_in(*plan) + (ctx.args.has("force") ? " by force?" : "?"));
      if (!agreed) return agreed.error();
      if (!*agreed) return 1;
    }
  }
  auto answer = ctx.ask("object.delete", params);
  if (!answer) return answer.error();
  return print_deleted(ctx, *answer, "deleted");
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
