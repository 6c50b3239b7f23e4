#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

result<int> change(context& ctx, const std::string& verb, const std::string& done,
                   const std::string& next) {
  const auto& name = ctx.args.words.front();
  if (ctx.is_dry_run()) {
    ctx.print.object({{"name", name}}, "queue/" + name + " would be " + done);
    return 0;
  }
  if (verb == "purge") {
    auto agreed = ctx.confirm("make all calls that wait in queue/" + name + " dead letters?");
    if (!agreed) return agreed.error();
    if (!*agreed) return 1;
  }
  auto answer = ctx.ask("queue." + verb, {{"name", name}});
  if (!answer) return answer.error();
  const auto& purged = item_at(*answer, "purged");
  ctx.print.object(*answer, "queue/" + name + " " + done
                                + (purged.is_number() ? "  (" + purged.dump() + " calls)" : ""));
  ctx.next(next + (next.ends_with("ls") ? "" : " " + name));
  return 0;
}

} // namespace

commands queue_commands() {
  commands made;
  auto add = [&](const std::string& verb, const std::string& summary, const std::string& done,
                 const std::string& next) {
    command cmd;
    cmd.path = "queue " + verb;
    cmd.summary = summary;
    cmd.words = "NAME";
    cmd.words_min = cmd.words_max = 1;
    cmd.is_named = true;
    cmd.completes = "queue";
    cmd.examples = {{"flow queue " + verb + " orders", summary}};
    cmd.run = [=](context& ctx) { return change(ctx, verb, done, next); };
    made.push_back(std::move(cmd));
  };
  add("pause", "hand out no more of its calls", "paused", "flow queue resume");
  add("resume", "hand out its calls again", "resumed", "flow show queue");
  add("purge", "turn all calls that wait in it into dead letters", "purged", "flow dlq ls");
  return made;
}

} // namespace flow::cli
