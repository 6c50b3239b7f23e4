#include "cli/resolve.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "cli/kinds.hpp"
#include "cli/parse.hpp"
#include "cli/suggest.hpp"

namespace flow::cli {
namespace {

/// Other words for the first word of a command.
const std::map<std::string, std::string>& first_word_aliases() {
  static const std::map<std::string, std::string> table{
      {"set", "update"},     {"rm", "delete"},       {"list", "ls"},
      {"processor", "proc"}, {"processors", "proc"}, {"calls", "call"},
      {"queues", "queue"},   {"tasks", "task"},      {"ctx", "context"},
  };
  return table;
}

bool takes_kind(const std::string& first) {
  static const std::set<std::string> verbs{"add", "ls", "show", "update", "delete"};
  return verbs.contains(first);
}

/// Whether an option anywhere in the tree takes a value, so that the value is not mistaken for a
/// word.
bool takes_value(const std::string& token) {
  static const std::set<std::string> names = [] {
    std::set<std::string> all;
    for (const auto& opt : global_options())
      if (!opt.metavar.empty())
        for (const auto& name : names_of(opt))
          all.insert(name);
    for (const auto& cmd : registry())
      for (const auto& opt : cmd.options)
        if (!opt.metavar.empty())
          for (const auto& name : names_of(opt))
            if (name.starts_with("--")) all.insert(name);
    return all;
  }();
  return names.contains(token);
}

/// The index of the next word at or after `from`, or args.size().
size_t next_word(const std::vector<std::string>& args, size_t from) {
  for (size_t i = from; i < args.size(); ++i) {
    const auto& arg = args[i];
    if (arg == "--") return args.size();
    if (arg.size() < 2 || arg.front() != '-') return i;
    if (takes_value(arg)) ++i;
  }
  return args.size();
}

std::string canonical_second(const std::string& first, const std::string& word) {
  if (takes_kind(first)) {
    if (const auto* known = find_kind(word)) return known->name;
    return word;
  }
  static const std::map<std::string, std::string> aliases{{"list", "ls"}, {"delete", "rm"}};
  auto found = aliases.find(word);
  return found != aliases.end() && find_command(first + " " + found->second) ? found->second : word;
}

error no_second_word(const std::string& first) {
  std::string all;
  for (const auto& word : words_after(first))
    all += (all.empty() ? "" : ", ") + word;
  return make_error(ec::bad_usage,
                    "flow " + first + (takes_kind(first) ? " what?" : " needs one more word"),
                    "one of: " + all);
}

error bad_second_word(const std::string& first, const std::string& word) {
  auto known = takes_kind(first) ? kind_words() : words_after(first);
  std::string all;
  for (const auto& each : words_after(first))
    all += (all.empty() ? "" : ", ") + each;
  const auto text = takes_kind(first) ? "there is no kind \"" + word + "\""
                                      : "flow " + first + " has no command \"" + word + "\"";
  return make_error(ec::bad_usage, text, suggestion(word, known, "one of: " + all));
}

} // namespace

const command* find_command(const std::string& path) {
  const auto& all = registry();
  auto found = std::ranges::lower_bound(all, path, {}, &command::path);
  return found != all.end() && found->path == path ? &*found : nullptr;
}

std::vector<std::string> words_after(const std::string& group) {
  std::set<std::string> words;
  const auto prefix = group.empty() ? "" : group + " ";
  for (const auto& cmd : registry()) {
    if (cmd.is_hidden || !cmd.path.starts_with(prefix)) continue;
    words.insert(cmd.path.substr(prefix.size(), cmd.path.find(' ', prefix.size()) - prefix.size()));
  }
  return {words.begin(), words.end()};
}

result<resolution> resolve(const std::vector<std::string>& args) {
  resolution resolved;
  const size_t at = next_word(args, 0);
  resolved.remaining = args;
  if (at == args.size()) return resolved;
  std::string first = args[at];
  const auto alias = first_word_aliases().find(first);
  auto firsts = words_after("");
  if (alias != first_word_aliases().end() && std::ranges::find(firsts, first) == firsts.end())
    first = alias->second;
  resolved.remaining.erase(resolved.remaining.begin() + static_cast<ptrdiff_t>(at));
  if (const auto* found = find_command(first)) {
    resolved.found = found;
    return resolved;
  }
  if (std::ranges::find(firsts, first) == firsts.end()) {
    for (const auto& [word, meaning] : first_word_aliases())
      firsts.push_back(word);
    return make_error(ec::bad_usage, "there is no command \"" + first + "\"",
                      suggestion(first, firsts, "see: flow help"));
  }
  resolved.group = first;
  const size_t next = next_word(resolved.remaining, at);
  const bool wants_help
      = std::ranges::any_of(args, [](const auto& arg) { return arg == "-h" || arg == "--help"; });
  if (next == resolved.remaining.size()) {
    if (wants_help) return resolved;
    return no_second_word(first);
  }
  const auto second = canonical_second(first, resolved.remaining[next]);
  resolved.found = find_command(first + " " + second);
  if (!resolved.found) {
    const auto* known = takes_kind(first) ? find_kind(second) : nullptr;
    if (known && first == "add")
      return make_error(ec::bad_usage, "a " + known->name + " cannot be added by hand",
                        known->not_added_because);
    if (known)
      return make_error(ec::bad_usage, "flow " + first + " does not apply to a " + known->name,
                        "see: flow help " + first);
    return bad_second_word(first, resolved.remaining[next]);
  }
  resolved.remaining.erase(resolved.remaining.begin() + static_cast<ptrdiff_t>(next));
  return resolved;
}

} // namespace flow::cli
