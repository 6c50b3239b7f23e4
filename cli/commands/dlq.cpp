#include <nlohmann/json.hpp>

#include "cli/call_views.hpp"
#include "cli/commands.hpp"
#include "cli/context.hpp"

namespace flow::cli {
namespace {

const std::vector<column>& dead_letter_columns() {
  static const std::vector<column> columns{
      {"ID", "id", cell::id},
      {"NAME", "socket"},
      {"AGE", "queued_ms", cell::age},
      {"REASON", "reason|failure.message"},
      {"ATTEMPT", "attempt", cell::number, true},
      {"NODE", "node", cell::text, true},
  };
  return columns;
}

result<int> list(context& ctx) {
  auto params = list_params(ctx);
  if (!params) return params.error();
  auto answer = ctx.ask("dlq.list", *params);
  if (!answer) return answer.error();
  return print_list(ctx, "call", dead_letter_columns(), *answer, "no dead letters");
}

command bulk_command(const std::string& verb, const std::string& summary, const std::string& done) {
  command cmd;
  cmd.path = "dlq " + verb;
  cmd.summary = summary;
  cmd.words = "ID... | --filter EXPR";
  cmd.words_max = any_number;
  cmd.examples = {
      {"flow dlq " + verb + " 0192f3a1-7c44", "one"},
      {"flow dlq " + verb + " --filter 'socket=shop.price' -y", "all of a socket, without asking"},
      {"flow dlq " + verb + " --filter 'socket=shop.price' --dry-run", "look first"}};
  cmd.run = [=](context& ctx) { return change_calls(ctx, "dlq." + verb, "dlq.list", done); };
  return cmd;
}

} // namespace

commands dlq_commands() {
  command cmd;
  cmd.path = "dlq ls";
  cmd.summary
      = "list dead letters: calls past their retries, time or queue limits, with the reason";
  cmd.examples
      = {{"flow dlq ls", "all"}, {"flow dlq ls --filter 'socket=shop.price'", "of one socket"}};
  cmd.run = list;
  return {cmd, bulk_command("replay", "queue dead letters again", "replayed"),
          bulk_command("drop", "forget dead letters", "dropped")};
}

} // namespace flow::cli
