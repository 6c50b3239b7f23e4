#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/kinds.hpp"
#include "cli/spec_params.hpp"
#include "cli/tree_text.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

std::string added_line(const kind& what, const std::string& name, const json& object) {
  const bool is_new = item_at(object, "created") != json(false);
  auto line = what.name + "/" + name + (is_new ? " added" : " is there already");
  const auto& commit = item_at(object, "status.commit|spec.commit");
  if (what.name == "processor" && commit.is_string()
      && !commit.get_ref<const std::string&>().empty())
    line += "  (commit " + commit.get<std::string>().substr(0, 7) + ")";
  return line;
}

result<int> add(context& ctx, const kind& what) {
  if (auto ok = check_required(ctx, what); !ok) return ok.error();
  auto spec = spec_of(ctx, what);
  if (!spec) return spec.error();
  auto labels = pairs_of(ctx, "label");
  if (!labels) return labels.error();
  const auto name = ctx.args.words.empty() ? what.name_of(ctx.args) : ctx.args.words.front();
  json params{{"kind", what.name}, {"name", name}, {"spec", *spec}};
  if (!labels->empty()) params["labels"] = *labels;
  if (ctx.args.has("exist-ok")) params["exist_ok"] = true;
  if (ctx.is_dry_run()) {
    ctx.print.object(params, what.name + "/" + name + " would be added");
    return 0;
  }
  auto object = ctx.ask("object.add", params);
  if (!object) return object.error();
  ctx.print.object(*object, added_line(what, name, *object));
  if (item_at(*object, "status.state") == "broken") {
    ctx.say("but " + what.name + "/" + name + " is broken:");
    std::istringstream why{plain_text(item_at(*object, "status.text"))};
    for (std::string line; std::getline(why, line);)
      ctx.say("  " + one_line(line));
  }
  const auto& hints = item_at(*object, "next");
  if (hints.empty() && !what.next_command.empty())
    ctx.next("flow " + what.next_command + " " + name);
  if (hints.is_array())
    for (const auto& hint : hints)
      if (hint.is_string()) ctx.next(hint.get<std::string>());
  return 0;
}

} // namespace

commands add_commands() {
  commands made;
  for (const auto& what : all_kinds()) {
    if (what.fields.empty()) continue;
    command cmd;
    cmd.path = "add " + what.name;
    cmd.summary = "add " + what.summary;
    cmd.examples = what.add_examples;
    cmd.words = what.name_of ? "[NAME]" : "NAME";
    cmd.words_min = what.name_of ? 0 : 1;
    cmd.words_max = 1;
    cmd.is_named = true;
    cmd.options = field_options(what);
    cmd.options.push_back({"--label", "NAME=VALUE", "a label; may be repeated"});
    cmd.options.push_back({"--exist-ok", "", "no error when it exists already"});
    cmd.legacy = what.legacy;
    cmd.rewrite = what.rewrite;
    cmd.run = [&what](context& ctx) { return add(ctx, what); };
    made.push_back(std::move(cmd));
  }
  return made;
}

} // namespace flow::cli
