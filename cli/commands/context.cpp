#include <algorithm>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/suggest.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

json tree_of(const config& conf, const std::string& name, const server_context& one) {
  return {{"name", name},
          {"current", name == conf.current},
          {"address", one.address},
          {"token_file", one.token_file},
          {"output", one.output}};
}

error unknown_context(const config& conf, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [known, one] : conf.contexts)
    names.push_back(known);
  return make_error(ec::unknown_object, "there is no context " + flow::quoted(name),
                    suggestion(name, names, "see: flow context ls"));
}

result<int> list(context& ctx) {
  auto conf = load_config(config_path(ctx.world.variable));
  if (!conf) return conf.error();
  json items = json::array();
  for (const auto& [name, one] : conf->contexts)
    items.push_back(tree_of(*conf, name, one));
  return print_list(ctx, "context",
                    {{"NAME", "name"},
                     {"CURRENT", "current"},
                     {"ADDRESS", "address"},
                     {"TOKEN FILE", "token_file"},
                     {"OUTPUT", "output", cell::text, true}},
                    {{"items", items}, {"next", nullptr}},
                    "no contexts; add one: flow context set NAME --address HOST:PORT");
}

result<int> use(context& ctx) {
  const auto path = config_path(ctx.world.variable);
  const auto& name = ctx.args.words.front();
  auto conf = load_config(path);
  if (!conf) return conf.error();
  auto found = conf->contexts.find(name);
  if (found == conf->contexts.end()) return unknown_context(*conf, name);
  conf->current = name;
  if (auto saved = save_config(path, *conf); !saved) return saved.error();
  ctx.print.object(tree_of(*conf, name, found->second),
                   "context " + name + " is now the current one");
  ctx.next("flow status");
  return 0;
}

result<int> set(context& ctx) {
  const auto path = config_path(ctx.world.variable);
  const auto& name = ctx.args.words.front();
  if (auto ok = check_name(name, "context name"); !ok) return ok.error();
  auto conf = load_config(path);
  if (!conf) return conf.error();
  auto& one = conf->contexts[name];
  if (auto text = ctx.args.text("address")) one.address = *text;
  if (auto text = ctx.args.text("token-file")) one.token_file = *text;
  if (auto text = ctx.args.text("default-output")) one.output = *text;
  if (one.address.empty()) return make_error(ec::bad_usage, "a context needs --address HOST:PORT");
  if (conf->current.empty()) conf->current = name;
  if (auto saved = save_config(path, *conf); !saved) return saved.error();
  ctx.print.object(tree_of(*conf, name, one), "context " + name + " set");
  if (conf->current != name) ctx.next("flow context use " + name);
  return 0;
}

/// What holds here, and which flag, variable or context it comes from.
result<int> show(context& ctx) {
  const auto& now = ctx.settings;
  json origins{{"address", now.address.origin},
               {"token_file", now.token_file.origin},
               {"output", now.output.origin}};
  json tree{{"name", now.context},
            {"address", now.address.value},
            {"token_file", now.token_file.value},
            {"output", now.output.value},
            {"origin", origins},
            {"file", config_path(ctx.world.variable)}};
  if (!ctx.args.words.empty()) {
    auto conf = load_config(config_path(ctx.world.variable));
    if (!conf) return conf.error();
    auto found = conf->contexts.find(ctx.args.words.front());
    if (found == conf->contexts.end()) return unknown_context(*conf, ctx.args.words.front());
    tree = tree_of(*conf, found->first, found->second);
  }
  ctx.print.object(tree);
  return 0;
}

result<int> remove(context& ctx) {
  const auto path = config_path(ctx.world.variable);
  auto conf = load_config(path);
  if (!conf) return conf.error();
  for (const auto& name : ctx.args.words) {
    if (conf->contexts.erase(name) == 0) return unknown_context(*conf, name);
    if (conf->current == name) conf->current.clear();
  }
  if (auto saved = save_config(path, *conf); !saved) return saved.error();
  for (const auto& name : ctx.args.words)
    ctx.print.object({{"name", name}, {"removed", true}}, "context " + name + " removed");
  return 0;
}

} // namespace

commands context_commands() {
  commands made;
  auto add = [&](const std::string& word, const std::string& summary, size_t words_min,
                 size_t words_max, result<int> (*run)(context&)) {
    command cmd;
    cmd.path = "context " + word;
    cmd.summary = summary;
    cmd.words = words_max == 0   ? ""
                : words_min == 0 ? "[NAME]"
                : words_max == 1 ? "NAME"
                                 : "NAME...";
    cmd.words_min = words_min;
    cmd.words_max = words_max;
    cmd.completes = "context";
    cmd.run = run;
    cmd.examples
        = {{"flow context " + word + (words_min == 0 ? "" : " dev")
                + (word == "set" ? " --address 127.0.0.1:7717 --token-file ~/dev.token" : ""),
            summary}};
    made.push_back(std::move(cmd));
  };
  add("ls", "list the contexts of config.toml", 0, 0, list);
  add("use", "make a context the current one", 1, 1, use);
  add("set", "add a context, or change it", 1, 1, set);
  add("show", "the settings that hold here, and where each comes from", 0, 1, show);
  add("rm", "remove contexts", 1, any_number, remove);
  for (auto& cmd : made)
    if (cmd.path == "context set")
      cmd.options.push_back({"--default-output",
                             "FORMAT",
                             "its default for --output",
                             {"table", "wide", "json", "jsonl", "yaml", "csv", "name"}});
  return made;
}

} // namespace flow::cli
