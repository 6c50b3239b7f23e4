#include "cli/kinds.hpp"
#include "cli/legacy.hpp"

namespace flow::cli {
namespace {

/// An argument is named by its plug and parameter unless it has a name of its own.
void name_it(std::vector<std::string>& args, std::vector<std::string>&) {
  const auto plug = value_after(args, {"-p", "--plug"});
  const auto argument = value_after(args, {"-a", "--argument"});
  // A word that is neither an option nor the value of one is a name of its own.
  for (size_t i = 0; i < args.size(); ++i) {
    const bool is_name = args[i] == "-n" || args[i] == "--name" || args[i].starts_with("--name=");
    const bool is_word = !args[i].starts_with('-')
                         && (i == 0 || !args[i - 1].starts_with('-')
                             || args[i - 1].find('=') != std::string::npos);
    if (is_name || is_word) return;
  }
  if (plug && argument) args.insert(args.end(), {"--name", *plug + "." + *argument});
}

} // namespace

kind argument_kind() {
  kind made;
  made.name = "argument";
  made.plural = "arguments";
  made.shorts = {"arg", "args"};
  made.summary = "a parameter of a function that a plug feeds";
  made.fields = {
      {{"-p,--plug", "PLUG", "the plug that feeds it", {}, "plug"}, "plug", field_type::text, true},
      {{"-t,--task", "FUNCTION", "the function", {}, "task"}, "task", field_type::text, true},
      {{"-a,--argument", "NAME", "the parameter"}, "argument", field_type::text, true},
  };
  made.columns = {
      {"NAME", "name"},
      {"PLUG", "spec.plug"},
      {"TASK", "spec.task"},
      {"ARGUMENT", "spec.argument"},
      {"AGE", "created_ms", cell::age},
  };
  made.add_examples = {
      {"flow add argument --plug total --task total --argument lines", "named total.lines"},
      {"flow add argument -p PLUG -t TASK -a NAME", "the older form"},
  };
  made.rewrite = name_it;
  return made;
}

} // namespace flow::cli
