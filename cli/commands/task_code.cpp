#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

result<std::string> source_of(context& ctx, const std::string& file) {
  std::ifstream opened;
  if (file != "-") {
    opened.open(file, std::ios::binary);
    if (!opened)
      return make_error(ec::bad_value, "the file " + quoted(file) + " cannot be read",
                        "give the file that holds the function, or - for stdin");
  }
  auto& from = file == "-" ? ctx.world.in : opened;
  std::string text(limits::replacements_bytes_max + 1, '\0');
  from.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(from.gcount()));
  if (text.size() > limits::replacements_bytes_max)
    return make_error(ec::bad_value, "the file " + quoted(file) + " is larger than "
                                         + std::to_string(limits::replacements_bytes_max)
                                         + " bytes");
  return text;
}

result<int> change_code(context& ctx) {
  const auto& name = ctx.args.words.front();
  auto file = ctx.args.text("file");
  if (file.has_value() == ctx.args.has("remove"))
    return make_error(ec::bad_usage, "flow task code needs one of -f FILE and --remove",
                      "flow task show " + name + " shows the code that is there");
  json params{{"name", name}};
  if (auto processor = ctx.args.text("processor")) params["processor"] = *processor;
  if (file) {
    auto code = source_of(ctx, *file);
    if (!code) return code.error();
    params["code"] = *code;
  }
  if (ctx.is_dry_run()) {
    ctx.print.object(params,
                     "task/" + name + (file ? " would be replaced" : " would be its own again"));
    return 0;
  }
  auto answer = ctx.ask("task.code", params);
  if (!answer) return answer.error();
  const auto& version = item_at(*answer, "version");
  ctx.print.object(*answer,
                   "task/" + name + (file ? " is replaced" : " is its own again")
                       + (version.is_number() ? "  (version " + version.dump() + ")" : ""));
  ctx.next("flow task show " + name);
  return 0;
}

} // namespace

commands task_code_command() {
  command cmd;
  cmd.path = "task code";
  cmd.summary = "put code of one's own in the place of a function, or take it away";
  cmd.words = "MODULE.FUNCTION";
  cmd.words_min = cmd.words_max = 1;
  cmd.is_named = true;
  cmd.completes = "task";
  cmd.examples = {{"flow task code shop.price -f price.py", "the file defines a function price"},
                  {"flow task code shop.price --remove", "the function of the repository again"}};
  cmd.options = {{"-f,--file", "FILE", "source that defines the function; - is stdin"},
                 {"--remove", "", "run the function of the repository again"},
                 {"--processor", "NAME", "when several processors have the task", {}, "processor"}};
  cmd.run = change_code;
  return {std::move(cmd)};
}

} // namespace flow::cli
