#include <algorithm>
#include <cctype>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/context.hpp"
#include "cli/help.hpp"
#include "cli/resolve.hpp"
#include "cli/suggest.hpp"

namespace flow::cli {
namespace {

std::string upper(std::string text) {
  for (auto& c : text)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

bool is_code(const std::string& word) {
  return word.size() == 5 && (word[0] == 'F' || word[0] == 'f')
         && std::all_of(word.begin() + 1, word.end(),
                        [](unsigned char c) { return std::isdigit(c) != 0; });
}

result<std::string> code_page(const std::string& code) {
  for (const auto& each : all_error_codes()) {
    if (code_text(each.code) != code) continue;
    auto page = std::string{error_page(code)};
    if (page.empty())
      page = code + " " + std::string{each.name} + "\n\n" + std::string{each.sentence} + "\n";
    return page + "\nexit code " + std::to_string(exit_code(each.code))
           + (is_retryable(each.code) ? ", may be tried again\n" : "\n");
  }
  return make_error(ec::unknown_command, "there is no error code " + code,
                    "they are listed in docs/errors");
}

result<std::string> page_of(const std::vector<std::string>& words) {
  if (words.empty()) return help_of_all();
  if (is_code(words.front())) return code_page(upper(words.front()));
  std::vector<std::string> known = words_after("");
  for (const auto& [name, page] : help_topics()) {
    if (words.size() == 1 && name == words.front()) return page;
    known.push_back(name);
  }
  auto resolved = resolve(words);
  if (resolved && resolved->found) return help_of(*resolved->found, true);
  if (words.size() == 1 && !words_after(words.front()).empty()) return help_of_group(words.front());
  if (words.size() > 1 && !resolved) return resolved.error();
  return make_error(ec::unknown_command, "there is no help on " + flow::quoted(words.front()),
                    suggestion(words.front(), known, "see: flow help"));
}

result<int> help(context& ctx) {
  auto page = page_of(ctx.args.words);
  if (!page) return page.error();
  std::string topic;
  for (const auto& word : ctx.args.words)
    topic += (topic.empty() ? "" : " ") + word;
  if (ctx.print.is_for_programs())
    ctx.print.object({{"topic", topic}, {"text", *page}});
  else
    ctx.print.raw(*page);
  return 0;
}

} // namespace

commands help_commands() {
  command cmd;
  cmd.path = "help";
  cmd.summary = "help on a command, a topic or an error code";
  cmd.words = "[COMMAND | TOPIC | CODE]";
  cmd.words_max = any_number;
  cmd.examples = {{"flow help task run", "a command"},
                  {"flow help F0301", "what an error code means, and what to do"},
                  {"flow help exit-codes", "a topic"}};
  cmd.run = help;
  command reference;
  reference.path = "__reference";
  reference.summary = "the text of docs/cli.md";
  reference.is_hidden = true;
  reference.run = [](context& ctx) -> result<int> {
    ctx.print.raw(reference_page());
    return 0;
  };
  return {cmd, reference};
}

} // namespace flow::cli
