// What a command of `flow` is: one value in the registry, made in one file of cli/commands.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "flows/error.hpp"

namespace flow::cli {

class context;

/// "-t,--type" with what it takes. The first long name without its dashes ("type") is its key.
struct option {
  std::string names;
  std::string metavar; ///< empty: a flag
  std::string help;
  std::vector<std::string> choices{}; ///< empty: anything
  std::string completes{};            ///< kind whose live names complete the value
};

/// A spelling of the tool this one follows, rewritten before parsing with one note on stderr.
struct legacy_spelling {
  std::string from; ///< "-pn"
  std::string to;   ///< "--processor"
};

struct example {
  std::string line;
  std::string meaning;
};

using rewriting
    = std::function<void(std::vector<std::string>& args, std::vector<std::string>& notes)>;

struct command {
  std::string path;    ///< "proc pause"
  std::string summary; ///< one line, no full stop
  std::string details{};
  std::vector<example> examples{};
  std::string words{}; ///< what follows the path: "NAME..."; empty: nothing
  size_t words_min = 0;
  size_t words_max = 0;
  bool is_named = false;   ///< `-n NAME` is the same as the first word
  std::string completes{}; ///< kind whose live names complete the words
  std::vector<option> options{};
  std::vector<legacy_spelling> legacy{};
  rewriting rewrite{}; ///< for spellings that a table cannot say
  std::function<result<int>(context&)> run{};
  bool is_hidden = false;
};

inline constexpr size_t any_number = static_cast<size_t>(-1);

/// "type" of "-t,--type": the key of an option in an `invocation`.
std::string key_of(const option& opt);

/// The names of an option, with their dashes.
std::vector<std::string> names_of(const option& opt);

/// A command with what was typed after it.
struct invocation {
  const command* self = nullptr;
  std::vector<std::string> words;
  std::map<std::string, std::vector<std::string>> options; ///< by key; a flag has one empty value

  bool has(const std::string& key) const { return options.contains(key); }
  /// The last value given.
  std::optional<std::string> text(const std::string& key) const;
  const std::vector<std::string>& all(const std::string& key) const;
  std::string text_or(const std::string& key, std::string otherwise) const {
    return text(key).value_or(std::move(otherwise));
  }
};

} // namespace flow::cli
