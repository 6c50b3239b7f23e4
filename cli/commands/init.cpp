#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/starters.hpp"
#include "flows/text.hpp"

namespace flow::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

result<void> write_new(const fs::path& path, std::string_view text) {
  std::error_code failure;
  if (fs::exists(path, failure))
    return make_error(ec::already_exists, quoted(path.string()) + " exists already",
                      "give a directory without it");
  std::ofstream file{path, std::ios::binary};
  file << text;
  if (!file.flush()) return make_error(ec::bad_value, quoted(path.string()) + " cannot be written");
  return {};
}

result<int> init(context& ctx) {
  const auto& language = ctx.args.words[0];
  const auto dir = fs::path{ctx.world.working_dir} / ctx.args.words[1];
  std::vector<const starter_file*> files;
  for (const auto& file : starter_files())
    if (file.language == language) files.push_back(&file);
  if (files.empty())
    return make_error(ec::bad_usage, "no starter for the language " + quoted(language),
                      did_you_mean(language, {"python", "node", "bash", "cpp"}));
  std::error_code failure;
  // First what could stand in the way, so that nothing is half made.
  for (const auto* file : files)
    if (fs::exists(dir / file->name, failure))
      return make_error(ec::already_exists, quoted((dir / file->name).string()) + " exists already",
                        "give a directory without it");
  auto names = json::array();
  for (const auto* file : files)
    names.push_back((fs::path{ctx.args.words[1]} / file->name).string());
  const json made{{"language", language}, {"files", std::move(names)}};
  if (ctx.is_dry_run()) {
    ctx.print.object(made, "a module of " + language + " would be made in " + ctx.args.words[1]);
    return 0;
  }
  fs::create_directories(dir, failure);
  if (failure)
    return make_error(ec::bad_value,
                      quoted(dir.string()) + " cannot be made: " + failure.message());
  for (const auto* file : files)
    if (auto written = write_new(dir / file->name, file->text); !written) return written.error();
  ctx.print.object(made, "a module of " + language + " is in " + ctx.args.words[1]);
  auto lang = language == "python" ? "" : " --lang " + (language == "cpp" ? "native" : language);
  ctx.next("git init, commit, then: flow add processor hello -g " + ctx.args.words[1] + " -m hello"
           + lang);
  return 0;
}

} // namespace

commands init_commands() {
  command cmd;
  cmd.path = "init";
  cmd.summary = "make a module to begin with";
  cmd.words = "LANGUAGE DIR";
  cmd.words_min = cmd.words_max = 2;
  cmd.examples = {{"flow init python shop", "plain functions in shop/hello.py"},
                  {"flow init node shop", "the same for Node.js; also bash and cpp"}};
  cmd.run = init;
  return {std::move(cmd)};
}

} // namespace flow::cli
