#include "cli/run.hpp"

#include <algorithm>
#include <exception>
#include <ostream>

#include <nlohmann/json.hpp>

#include "cli/help.hpp"
#include "cli/parse.hpp"
#include "cli/resolve.hpp"
#include "cli/tree_text.hpp"
#include "flows/value.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

/// What --output says, found before anything is parsed: also a wrong command line is answered in
/// it.
std::string wanted_output(const std::vector<std::string>& args, const surroundings& world) {
  std::string found = world.variable("FLOW_OUTPUT").value_or("");
  for (size_t i = 0; i < args.size() && args[i] != "--"; ++i) {
    if ((args[i] == "-o" || args[i] == "--output") && i + 1 < args.size()) found = args[i + 1];
    if (args[i].starts_with("--output=")) found = args[i].substr(9);
    if (args[i].starts_with("-o") && args[i].size() > 2) found = args[i].substr(2);
  }
  return found;
}

int fail(const error& why, const std::string& output, surroundings& world) {
  if (output == "json" || output == "jsonl" || output == "yaml") {
    const json tree{
        {"code", code_text(why.code)},
        {"message", why.text.empty() ? std::string{describe(why.code).sentence} : why.text},
        {"hint", why.hint},
        {"retryable", is_retryable(why.code)},
        {"docs", docs_of(why.code)}};
    world.err << json_line(tree) << '\n';
  } else {
    world.err << to_string(why) << '\n';
  }
  return exit_code(why.code);
}

bool has_any(const std::vector<std::string>& args, std::initializer_list<std::string_view> wanted) {
  const auto end = std::ranges::find(args, "--");
  return std::any_of(args.begin(), end, [&](const auto& arg) {
    return std::ranges::find(wanted, arg) != wanted.end();
  });
}

result<int> run_command(const resolution& resolved, const std::string& output,
                        surroundings& world) {
  const auto& cmd = *resolved.found;
  std::vector<std::string> notes;
  const auto args = rewrite_legacy(cmd, resolved.remaining, notes);
  auto parsed = parse(cmd, args);
  if (!parsed) return parsed.error();
  if (parsed->has("help")) {
    world.out << help_of(cmd, has_any(args, {"--help"}));
    return 0;
  }
  if (!parsed->has("quiet") && output != "json" && output != "jsonl" && output != "yaml")
    for (const auto& note : notes)
      world.err << "note: " << note << '\n';
  auto conf = load_config(config_path(world.variable));
  // A broken file must not keep one from looking at it, or from help.
  if (!conf && !cmd.path.starts_with("help")) return conf.error();
  auto settings = settle(
      conf ? *conf : config{}, [&](const std::string& key) { return parsed->text(key); },
      world.variable);
  if (!settings
      && (cmd.path.starts_with("context") || cmd.path.starts_with("help") || cmd.path == "version"))
    settings = settle(
        config{}, [](const auto&) { return std::nullopt; },
        [](const auto&) { return std::nullopt; });
  if (!settings) return settings.error();
  if (auto how = format_of(settings->output.value); !how) return how.error();
  context ctx{world, std::move(*parsed), std::move(*settings)};
  return cmd.run(ctx);
}

result<int> run_words(const std::vector<std::string>& args, const std::string& output,
                      surroundings& world) {
  auto resolved = resolve(args);
  if (!resolved) return resolved.error();
  if (resolved->found) return run_command(*resolved, output, world);
  if (has_any(args, {"--version"})) return run_words({"version"}, output, world);
  if (!resolved->group.empty()) {
    world.out << help_of_group(resolved->group);
    return 0;
  }
  for (const auto& arg : args)
    if (arg != "-h" && arg != "--help")
      return make_error(ec::bad_usage, "flow has nothing to do with only \"" + arg + "\"",
                        "see: flow help");
  world.out << help_of_all();
  return 0;
}

} // namespace

int run(const std::vector<std::string>& args, surroundings& world) {
  const auto output = wanted_output(args, world);
  try {
    auto done = run_words(args, output, world);
    world.out.flush();
    if (!done) return fail(done.error(), output, world);
    // A full disk or a closed pipe must not look like success.
    return world.out.good() ? *done : exit_code(ec::internal);
  } catch (const std::exception& why) {
    return fail(make_error(ec::internal, std::string{"flow failed unexpectedly: "} + why.what(),
                           "please report it, with the command line"),
                output, world);
  }
}

} // namespace flow::cli
