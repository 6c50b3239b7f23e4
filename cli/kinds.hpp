// The kinds of objects: their names, what can be said of them, and how they are shown. docs/api.md
// is the contract.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/table.hpp"

namespace flow::cli {

enum class field_type { text, number, factor, duration, bytes, flag, list, map, path };

/// One key of an object's `spec` and the option that sets it.
struct field {
  option opt;
  std::string key;
  field_type type = field_type::text;
  bool is_required = false; ///< when added
};

struct kind {
  std::string name;                ///< "queue"
  std::string plural;              ///< "queues"
  std::vector<std::string> shorts; ///< "q"
  std::string summary;
  std::vector<field> fields;     ///< empty: cannot be added by hand
  std::string not_added_because; ///< when `fields` is empty: what to do in place of adding one
  std::vector<column> columns;
  std::vector<example> add_examples;
  std::vector<legacy_spelling> legacy;
  rewriting rewrite;
  /// The name of an object that was given none; empty: a name is needed.
  std::function<std::string(const invocation&)> name_of{};
  std::string next_command{};      ///< what one does with a new one, before its name
  bool is_listed_by_calls = false; ///< calls have verbs of their own
  std::string list_verb = "object.list";
};

const std::vector<kind>& all_kinds();

/// By name, plural or short; null if there is none.
const kind* find_kind(const std::string& word);

/// Every word that names a kind, for suggestions.
std::vector<std::string> kind_words();

// One file each, in cli/kinds.
kind queue_kind();
kind processor_kind();
kind socket_kind();
kind plug_kind();
kind argument_kind();
kind task_kind();
kind call_kind();
kind node_kind();
kind worker_kind();
kind deployment_kind();
kind join_kind();

} // namespace flow::cli
