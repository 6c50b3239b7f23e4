#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/kinds.hpp"
#include "cli/spec_params.hpp"
#include "cli/suggest.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

/// `--unset retries` puts the default back: the key becomes null.
result<void> unset_fields(const context& ctx, const kind& what, json& spec) {
  for (const auto& name : ctx.args.all("unset")) {
    std::vector<std::string> known;
    bool is_known = false;
    for (const auto& each : what.fields) {
      known.push_back(key_of(each.opt));
      if (name != key_of(each.opt) && name != each.key) continue;
      spec[each.key] = nullptr;
      is_known = true;
    }
    if (!is_known)
      return make_error(ec::bad_usage, "a " + what.name + " has no field \"" + name + "\"",
                        suggestion(name, known, "see: flow help update " + what.name));
  }
  return {};
}

result<int> update(context& ctx, const kind& what) {
  auto spec = spec_of(ctx, what);
  if (!spec) return spec.error();
  if (auto ok = unset_fields(ctx, what, *spec); !ok) return ok.error();
  if (spec->empty())
    return make_error(ec::bad_usage, "nothing to change was given",
                      "see: flow help update " + what.name);
  const auto& name = ctx.args.words.front();
  const json params{{"kind", what.name}, {"name", name}, {"spec", *spec}};
  if (ctx.is_dry_run()) {
    ctx.print.object(params, what.name + "/" + name + " would be updated");
    return 0;
  }
  auto object = ctx.ask("object.update", params);
  if (!object) return object.error();
  ctx.print.object(*object, what.name + "/" + name + " updated");
  ctx.next("flow show " + what.name + " " + name);
  return 0;
}

} // namespace

commands update_commands() {
  commands made;
  for (const auto& what : all_kinds()) {
    if (what.fields.empty()) continue;
    command cmd;
    cmd.path = "update " + what.name;
    cmd.summary = "change fields of a " + what.name;
    cmd.examples = {{"flow update " + what.name + " NAME --unset FIELD", "put a default back"}};
    cmd.words = "NAME";
    cmd.words_min = cmd.words_max = 1;
    cmd.is_named = true;
    cmd.completes = what.name;
    cmd.options = field_options(what);
    cmd.options.push_back({"--unset", "FIELD", "put the default back; may be repeated"});
    cmd.legacy = what.legacy;
    if (what.name == "processor" || what.name == "socket") cmd.rewrite = what.rewrite;
    cmd.run = [&what](context& ctx) { return update(ctx, what); };
    made.push_back(std::move(cmd));
  }
  return made;
}

} // namespace flow::cli
