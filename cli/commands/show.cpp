#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/kinds.hpp"

namespace flow::cli {
namespace {

result<int> show(context& ctx, const kind& what) {
  const auto& name = ctx.args.words.front();
  auto object = what.is_listed_by_calls
                    ? ctx.ask("call.show", {{"id", name}})
                    : ctx.ask("object.show", {{"kind", what.name}, {"name", name}});
  if (!object) return object.error();
  ctx.print.object(*object);
  return 0;
}

command show_command(const kind& what, const std::string& path) {
  command cmd;
  cmd.path = path;
  cmd.summary = "everything known of a " + what.name;
  cmd.examples
      = {{"flow " + path + (what.is_listed_by_calls ? " 0192f3a1-7c44" : " NAME"),
          "its fields, one a line"},
         {"flow " + path + (what.is_listed_by_calls ? " 0192f3a1-7c44" : " NAME") + " -o json",
          "as JSON"}};
  cmd.words = what.is_listed_by_calls ? "ID" : "NAME";
  cmd.words_min = cmd.words_max = 1;
  cmd.is_named = true;
  cmd.completes = what.name;
  if (what.is_listed_by_calls) cmd.legacy = {{"--id", "--name"}};
  cmd.run = [&what](context& ctx) { return show(ctx, what); };
  return cmd;
}

} // namespace

commands show_commands() {
  commands made;
  for (const auto& what : all_kinds())
    made.push_back(show_command(what, "show " + what.name));
  made.push_back(show_command(*find_kind("task"), "task show"));
  return made;
}

} // namespace flow::cli
