#include "cli/completion.hpp"

#include <algorithm>

#include "cli/help.hpp"
#include "cli/kinds.hpp"
#include "cli/parse.hpp"
#include "cli/resolve.hpp"

namespace flow::cli {
namespace {

void keep_fitting(std::vector<candidate>& all, const std::string& typed) {
  std::erase_if(all, [&](const candidate& each) { return !each.word.starts_with(typed); });
}

const option* option_named(const std::vector<option>& options, const std::string& name) {
  for (const auto& opt : options)
    for (const auto& known : names_of(opt))
      if (known == name) return &opt;
  return nullptr;
}

std::vector<candidate> values_of(const option& opt, const live_names& names) {
  std::vector<candidate> all;
  for (const auto& choice : opt.choices)
    all.push_back({choice, ""});
  if (!opt.completes.empty())
    for (auto& name : names(opt.completes))
      all.push_back({std::move(name), ""});
  return all;
}

std::vector<candidate> option_names(const std::vector<option>& options) {
  std::vector<candidate> all;
  for (const auto& opt : options)
    for (const auto& name : names_of(opt))
      if (name.starts_with("--")) all.push_back({name, opt.help});
  return all;
}

/// The word after those that are there already: of a group, its commands.
std::vector<candidate> next_words(const std::string& group) {
  std::vector<candidate> all;
  for (const auto& word : words_after(group)) {
    const auto* cmd = find_command(group.empty() ? word : group + " " + word);
    all.push_back({word, cmd ? cmd->summary : ""});
  }
  return all;
}

std::vector<candidate> all_for(const std::vector<std::string>& before, const std::string& typed,
                               const live_names& names) {
  auto resolved = resolve(before);
  const auto* cmd = resolved ? resolved->found : nullptr;
  const auto options = cmd ? options_of(*cmd) : global_options();
  if (!before.empty() && before.back().starts_with('-'))
    if (const auto* opt = option_named(options, before.back()); opt && !opt->metavar.empty())
      return values_of(*opt, names);
  if (typed.starts_with('-')) return option_names(options);
  if (!cmd) {
    std::string group;
    for (const auto& word : before)
      if (!word.starts_with('-') && !words_after(word).empty()) group = word;
    return next_words(group);
  }
  if (cmd->path == "help") {
    auto all = next_words("");
    for (const auto& [topic, page] : help_topics())
      all.push_back({topic, "a topic"});
    return all;
  }
  std::vector<candidate> all;
  if (!cmd->completes.empty() && cmd->words_max > 0 && !cmd->path.starts_with("add "))
    for (auto& name : names(cmd->completes))
      all.push_back({std::move(name), ""});
  return all;
}

} // namespace

std::vector<candidate> complete(const std::vector<std::string>& words, const live_names& names) {
  const auto typed = words.empty() ? std::string{} : words.back();
  const std::vector<std::string> before{words.begin(),
                                        words.empty() ? words.end() : words.end() - 1};
  auto all = all_for(before, typed, names);
  keep_fitting(all, typed);
  return all;
}

std::string completion_script(const std::string& shell) {
  if (shell == "bash")
    return R"(# flow completion for bash: source <(flow completion bash)
_flow() {
  local IFS=$'\n'
  COMPREPLY=($(flow __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _flow flow
)";
  if (shell == "zsh")
    return R"(#compdef flow
# flow completion for zsh: source <(flow completion zsh)
_flow() {
  local -a lines
  local word meaning
  while IFS=$'\t' read -r word meaning; do
    lines+=("${word//:/\\:}:${meaning}")
  done < <(flow __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( ${#lines} )); then _describe 'flow' lines; else _files; fi
}
compdef _flow flow
)";
  if (shell == "fish")
    return R"(# flow completion for fish: flow completion fish | source
complete -c flow -f -a '(flow __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
)";
  return {};
}

} // namespace flow::cli
