#include <algorithm>

#include "cli/kinds.hpp"
#include "cli/legacy.hpp"

namespace flow::cli {
namespace {

/// `-n PROCESSOR -d NAME` of old is `NAME --processor PROCESSOR`.
void swap_names(std::vector<std::string>& args, std::vector<std::string>& notes) {
  if (auto host = take_value(args, {"-h"})) {
    notes.push_back("-h HOST is now --node HOST");
    args.insert(args.end(), {"--node", *host});
  }
  auto deploy = std::ranges::find_if(
      args, [](const auto& arg) { return arg == "-d" || arg == "--deploy"; });
  if (deploy == args.end()) return;
  for (auto& arg : args)
    if (arg == "-n" || arg == "--name") arg = "--processor";
  notes.push_back("-n PROCESSOR " + *deploy + " NAME is now NAME --processor PROCESSOR");
  *deploy = "--name";
}

} // namespace

kind deployment_kind() {
  kind made;
  made.name = "deployment";
  made.plural = "deployments";
  made.shorts = {"dep", "deps"};
  made.summary = "a processor on a node, with cpus";
  made.fields = {
      {{"--processor", "PROCESSOR", "what runs", {}, "processor"},
       "processor",
       field_type::text,
       true},
      {{"--node", "NODE", "where it runs", {}, "node"}, "node", field_type::text, true},
      {{"-c,--cpus", "N", "calls that run there at once"}, "cpus", field_type::number},
  };
  made.columns = {
      {"NAME", "name"},
      {"PROCESSOR", "spec.processor"},
      {"NODE", "spec.node"},
      {"CPUS", "spec.cpus", cell::number},
      {"STATE", "status.state", cell::state},
      {"AGE", "created_ms", cell::age},
  };
  made.add_examples = {{"flow add deployment shop.lab --processor shop --node lab --cpus 2",
                        "two cpus of the node lab"}};
  made.legacy = {{"-nd", "--node"}, {"-cs", "--cpus"}};
  made.rewrite = swap_names;
  made.next_command = "show deployment";
  return made;
}

} // namespace flow::cli
