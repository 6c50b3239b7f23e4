#include "cli/parse.hpp"

#include <algorithm>
#include <ranges>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/suggest.hpp"

namespace flow::cli {
namespace {

/// CLI11 gives some values a meaning of its own ("[a,b]" is a list to it), so values travel as
/// marks and come back here.
constexpr char mark = '\x02';

std::string marked(size_t index) {
  return mark + std::to_string(index) + mark;
}

struct hidden_values {
  std::vector<std::string> tokens; ///< what CLI11 sees
  std::vector<std::string> values;

  std::string reveal(const std::string& token) const {
    if (token.size() < 3 || token.front() != mark) return token;
    return values.at(std::stoul(token.substr(1, token.size() - 2)));
  }
};

hidden_values hide_values(const std::vector<std::string>& args) {
  hidden_values hidden;
  bool only_words = false;
  for (const auto& arg : args) {
    auto hide = [&](const std::string& value) {
      hidden.values.push_back(value);
      return marked(hidden.values.size() - 1);
    };
    const bool is_option = !only_words && arg.size() > 1 && arg.front() == '-';
    if (arg == "--" && !only_words) {
      only_words = true;
      hidden.tokens.push_back(arg);
    } else if (!is_option) {
      hidden.tokens.push_back(hide(arg));
    } else if (auto equals = arg.find('='); equals != std::string::npos && arg.starts_with("--")) {
      hidden.tokens.push_back(arg.substr(0, equals + 1) + hide(arg.substr(equals + 1)));
    } else {
      hidden.tokens.push_back(arg);
    }
  }
  return hidden;
}

/// "-t,--type" without the names that are in `taken`.
std::string names_left(const option& opt, const std::vector<std::string>& taken) {
  std::string left;
  for (const auto& name : names_of(opt)) {
    if (std::ranges::find(taken, name) != taken.end()) continue;
    if (!left.empty()) left += ',';
    left += name;
  }
  return left;
}

std::string usage_hint(const command& cmd) {
  return "see: flow help " + cmd.path;
}

error unknown_option(const command& cmd, const std::string& token) {
  const auto given = token.substr(0, token.find('='));
  std::vector<std::string> known;
  for (const auto& opt : options_of(cmd))
    for (const auto& name : names_of(opt))
      if (name.starts_with("--")) known.push_back(name);
  auto hint = suggestion(given, known);
  if (hint.empty()) hint = usage_hint(cmd);
  return make_error(ec::bad_usage, "flow " + cmd.path + " has no option \"" + given + "\"", hint);
}

result<void> check_words(const command& cmd, const std::vector<std::string>& words) {
  if (words.size() < cmd.words_min)
    return make_error(ec::bad_usage, "flow " + cmd.path + " needs " + cmd.words, usage_hint(cmd));
  if (words.size() <= cmd.words_max) return {};
  const auto& surplus = words[cmd.words_max];
  return make_error(ec::bad_usage,
                    "flow " + cmd.path
                        + (cmd.words.empty() ? " takes no words" : " takes only " + cmd.words)
                        + "; what is \"" + surplus + "\"?",
                    usage_hint(cmd));
}

result<void> check_choices(const option& opt, const std::vector<std::string>& values) {
  if (opt.choices.empty()) return {};
  for (const auto& value : values) {
    if (std::ranges::find(opt.choices, value) != opt.choices.end()) continue;
    std::string all;
    for (const auto& choice : opt.choices)
      all += (all.empty() ? "" : ", ") + choice;
    return make_error(ec::bad_usage, "--" + key_of(opt) + " cannot be \"" + value + "\"",
                      suggestion(value, opt.choices, "one of: " + all));
  }
  return {};
}

} // namespace

const std::vector<option>& global_options() {
  static const std::vector<option> table{
      {"-o,--output",
       "FORMAT",
       "how answers are printed",
       {"table", "wide", "json", "jsonl", "yaml", "csv", "name"}},
      {"--columns", "A,B", "the columns of a table or csv, by title or by JSON path"},
      {"--sort-by", "[-]COLUMN", "order of a list; - is descending"},
      {"--filter", "EXPR", "only what fits, such as state=failed and queue~\"pyfi.*\""},
      {"--limit", "N", "at most this many items"},
      {"--cursor", "CURSOR", "go on where a list ended (its \"next\")"},
      {"--no-headers", "", "tables without their first line"},
      {"-q,--quiet", "", "names only, and no talk on stderr"},
      {"-v,--verbose", "", "say more on stderr"},
      {"--debug", "", "say where each setting comes from and what is asked of the node"},
      {"--color", "WHEN", "colours on a terminal", {"auto", "always", "never"}},
      {"--address", "HOST:PORT", "the node to talk to"},
      {"--token-file", "FILE", "file with the token to show the node"},
      {"--context", "NAME", "the context to use, see: flow context ls"},
      {"--timeout", "DURATION", "how long to wait for an answer"},
      {"-y,--yes", "", "do not ask"},
      {"--dry-run", "", "say what would be done, and do nothing"},
      {"--version", "", "the version of this program"},
      {"-h,--help", "", "help: -h is short, --help has examples"},
  };
  return table;
}

std::vector<option> options_of(const command& cmd) {
  std::vector<option> all = cmd.options;
  if (cmd.is_named)
    all.insert(all.begin(), {"-n,--name", "NAME", "the same as the first word", {}, cmd.completes});
  std::vector<std::string> taken;
  for (const auto& opt : all)
    for (const auto& name : names_of(opt))
      taken.push_back(name);
  for (auto opt : global_options()) {
    opt.names = names_left(opt, taken);
    if (opt.names.find("--") != std::string::npos) all.push_back(opt);
  }
  return all;
}

std::vector<std::string> rewrite_legacy(const command& cmd, std::vector<std::string> args,
                                        std::vector<std::string>& notes) {
  if (cmd.rewrite) cmd.rewrite(args, notes);
  for (auto& arg : args) {
    if (arg == "--") break;
    const auto name = arg.substr(0, arg.find('='));
    auto found = std::ranges::find(cmd.legacy, name, &legacy_spelling::from);
    if (found == cmd.legacy.end()) continue;
    notes.push_back(found->from + " is now " + found->to);
    arg.replace(0, name.size(), found->to);
  }
  return args;
}

result<invocation> parse(const command& cmd, const std::vector<std::string>& args) {
  const auto options = options_of(cmd);
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<std::pair<const option*, CLI::Option*>> bound;
  std::vector<std::vector<std::string>> values(options.size());
  for (size_t i = 0; i < options.size(); ++i) {
    CLI::Option* made = options[i].metavar.empty() ? app.add_flag(options[i].names)
                                                   : app.add_option(options[i].names, values[i]);
    if (!options[i].metavar.empty()) made->expected(1)->take_all()->allow_extra_args(false);
    bound.emplace_back(&options[i], made);
  }
  auto hidden = hide_values(args);
  try {
    auto tokens = hidden.tokens;
    std::ranges::reverse(tokens);
    app.parse(tokens);
  } catch (const CLI::ArgumentMismatch& why) {
    const std::string text = why.what(); // "--type: 1 required TEXT missing"
    return make_error(ec::bad_usage,
                      "flow " + cmd.path + ": " + text.substr(0, text.find(':')) + " needs a value",
                      usage_hint(cmd));
  } catch (const CLI::ParseError& why) {
    return make_error(ec::bad_usage, "flow " + cmd.path + ": " + why.what(), usage_hint(cmd));
  }
  invocation parsed;
  parsed.self = &cmd;
  for (const auto& token : app.remaining()) {
    if (token == "--") continue;
    if (token.front() != mark) return unknown_option(cmd, token);
    parsed.words.push_back(hidden.reveal(token));
  }
  for (size_t i = 0; i < options.size(); ++i) {
    if (bound[i].second->count() == 0) continue;
    auto& given = parsed.options[key_of(options[i])];
    if (options[i].metavar.empty()) given.assign(1, "");
    for (const auto& token : values[i])
      given.push_back(hidden.reveal(token));
    if (auto ok = check_choices(options[i], given); !ok) return ok.error();
  }
  // Help and version need no words.
  if (parsed.has("help") || parsed.has("version")) return parsed;
  if (cmd.is_named && parsed.has("name"))
    parsed.words.insert(parsed.words.begin(), parsed.all("name").begin(), parsed.all("name").end());
  if (auto ok = check_words(cmd, parsed.words); !ok) return ok.error();
  return parsed;
}

} // namespace flow::cli
