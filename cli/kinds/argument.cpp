#include "cli/kinds.hpp"

namespace flow::cli {
namespace {

/// An argument is named by its plug and parameter unless it has a name of its own.
std::string name_of_parts(const invocation& args) {
  return args.text_or("plug", "") + "." + args.text_or("argument", "");
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
  made.name_of = name_of_parts;
  made.next_command = "show argument";
  return made;
}

} // namespace flow::cli
