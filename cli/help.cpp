#include "cli/help.hpp"

#include <algorithm>

#include "cli/kinds.hpp"
#include "cli/parse.hpp"
#include "cli/resolve.hpp"
#include "cli/table.hpp"

namespace flow::cli {
namespace {

struct group {
  std::string title;
  std::vector<std::string> first_words;
};

const std::vector<group>& groups() {
  static const std::vector<group> table{
      {"start", {"up", "down", "status", "init"}},
      {"objects", {"add", "ls", "show", "update", "delete"}},
      {"run", {"task"}},
      {"calls", {"call", "dlq"}},
      {"processors and queues", {"proc", "queue"}},
      {"events", {"listen"}},
      {"this program", {"context", "completion", "help", "version"}},
  };
  return table;
}

std::string first_word(const command& cmd) {
  return cmd.path.substr(0, cmd.path.find(' '));
}

std::string usage_of(const command& cmd) {
  return "flow " + cmd.path + (cmd.words.empty() ? "" : " " + cmd.words) + " [options]";
}

std::string left_of(const option& opt) {
  auto names = names_of(opt);
  std::string text;
  for (const auto& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text + (opt.metavar.empty() ? "" : " " + opt.metavar);
}

std::string right_of(const option& opt) {
  auto text = opt.help;
  for (size_t i = 0; i < opt.choices.size(); ++i)
    text += (i == 0 ? ": " : ", ") + opt.choices[i];
  return text;
}

/// Two columns; what is too wide on the left gets a line of its own.
std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows) {
  size_t width = 0;
  for (const auto& [left, right] : rows)
    if (left.size() <= 34) width = std::max(width, left.size());
  std::string text;
  for (const auto& [left, right] : rows) {
    text += "  " + left;
    text += left.size() > width ? "\n" + std::string(width + 2, ' ')
                                : std::string(width - left.size(), ' ');
    text += "  " + right + "\n";
  }
  return text;
}

std::string examples_text(const command& cmd) {
  std::string text;
  for (const auto& each : cmd.examples)
    text += "  " + each.line + "\n      " + each.meaning + "\n";
  return text;
}

std::string options_text(const std::vector<option>& options) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto& opt : options)
    rows.emplace_back(left_of(opt), right_of(opt));
  return two_columns(rows);
}

std::vector<option> own_options(const command& cmd) {
  auto own = options_of(cmd);
  std::erase_if(own, [&](const option& opt) {
    return std::ranges::any_of(global_options(), [&](const option& global) {
      return key_of(global) == key_of(opt) && global.help == opt.help;
    });
  });
  return own;
}

std::vector<const command*> commands_of(const std::string& word) {
  std::vector<const command*> found;
  for (const auto& cmd : registry())
    if (!cmd.is_hidden && first_word(cmd) == word) found.push_back(&cmd);
  return found;
}

/// "[--limit N]": in a table of Markdown a bar would end the cell.
std::string markdown_cell(std::string text) {
  size_t at = 0;
  while ((at = text.find('|', at)) != std::string::npos) {
    text.replace(at, 1, "\\|");
    at += 2;
  }
  return text;
}

std::string options_in_markdown(const std::vector<option>& options) {
  std::string text = "\n| option | meaning |\n| --- | --- |\n";
  for (const auto& opt : options)
    text += "| `" + markdown_cell(left_of(opt)) + "` | " + markdown_cell(right_of(opt)) + " |\n";
  return text;
}

std::string in_markdown(const command& cmd) {
  std::string text = "\n### flow " + cmd.path + "\n\n" + cmd.summary + ".";
  if (!cmd.details.empty()) text += " " + cmd.details;
  text += "\n\n```text\n" + usage_of(cmd) + "\n```\n";
  if (auto own = own_options(cmd); !own.empty()) text += options_in_markdown(own);
  if (!cmd.legacy.empty()) {
    text += "\nOlder spellings, still understood:";
    for (const auto& each : cmd.legacy)
      text += " `" + each.from + "` is `" + each.to + "`"
              + (&each == &cmd.legacy.back() ? "." : ",");
    text += "\n";
  }
  if (cmd.examples.empty()) return text;
  text += "\n```console\n";
  for (const auto& each : cmd.examples)
    text += "$ " + each.line + "    # " + each.meaning + "\n";
  return text + "```\n";
}

} // namespace

std::string help_of(const command& cmd, bool is_long) {
  std::string text;
  if (!is_long) {
    text = cmd.summary + "\n\nusage: " + usage_of(cmd) + "\n";
    if (auto own = own_options(cmd); !own.empty()) text += "\n" + options_text(own);
    return text + "\nmore, with examples: flow " + cmd.path + " --help\n";
  }
  text = "flow " + cmd.path + ": " + cmd.summary + "\n";
  if (!cmd.examples.empty()) text += "\nexamples\n" + examples_text(cmd);
  text += "\nusage: " + usage_of(cmd) + "\n";
  if (!cmd.details.empty()) text += "\n" + cmd.details + "\n";
  if (auto own = own_options(cmd); !own.empty()) text += "\noptions\n" + options_text(own);
  return text + "\noptions of every command\n" + options_text(global_options());
}

std::string help_of_group(const std::string& word) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto* cmd : commands_of(word))
    rows.emplace_back("flow " + cmd->path + (cmd->words.empty() ? "" : " " + cmd->words),
                      cmd->summary);
  return two_columns(rows) + "\nmore on one: flow help " + word + " ...\n";
}

std::string help_of_all() {
  std::string text = "flow: calls on functions that live in git, over many machines\n\nusage: flow "
                     "COMMAND [words] [options]\n";
  for (const auto& each : groups()) {
    text += "\n" + each.title + "\n";
    std::vector<std::pair<std::string, std::string>> rows;
    for (const auto& word : each.first_words) {
      auto all = commands_of(word);
      const bool is_one = all.size() == 1 && all.front()->path == word;
      std::string words;
      for (const auto& second : is_one ? std::vector<std::string>{} : words_after(word))
        words += (words.empty() ? "" : " ") + second;
      rows.emplace_back(word, is_one ? all.front()->summary : words);
    }
    text += two_columns(rows);
  }
  text += "\nflow help COMMAND, flow help TOPIC, or flow help F0301 for an error code; topics:";
  for (const auto& [name, page] : help_topics())
    text += " " + name;
  return text + "\n";
}

std::string reference_page() {
  std::string text = R"(# The command line: `flow`

This page is made from the program's own table of commands (`flow __reference`); a test keeps it so.

`flow COMMAND [words] [options]`; options may stand anywhere. Kinds may be written in the singular, the plural or short
(`queue`, `queues`, `q`); ids of calls may be any prefix that is unique. Data goes to stdout, talk to stderr; with `-o json`
stdout is always JSON, and an error is one JSON object on stderr. Settings come from flags, then the environment, then the
context, then defaults.

## Options of every command
)";
  text += options_in_markdown(global_options());
  for (const auto& each : groups()) {
    text += "\n## " + each.title + "\n";
    for (const auto& word : each.first_words)
      for (const auto* cmd : commands_of(word))
        text += in_markdown(*cmd);
  }
  text += "\n## Topics\n";
  for (const auto& [name, page] : help_topics())
    text += "\n### flow help " + name + "\n\n```text\n" + page + "```\n";
  return text;
}

std::string_view error_page(const std::string& code) {
  for (const auto& [name, text] : built_in_error_pages())
    if (name == code) return text;
  return {};
}

} // namespace flow::cli
