// What an object needs of the others.
#include "flows/catalog_draft.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include "flows/catalog_words.hpp"

namespace flow {

namespace {

/// Socket -> the neighbour that it was reached from.
using reached = std::map<std::string, std::string>;

std::vector<std::string> parameter_names(const signature& sig) {
  std::vector<std::string> names;
  for (const auto& parameter : sig.parameters)
    if (parameter.kind != parameter_kind::var_positional
        && parameter.kind != parameter_kind::var_keyword)
      names.push_back(parameter.name);
  return names;
}

bool takes_any_keyword(const signature& sig) {
  return std::ranges::find(sig.parameters, parameter_kind::var_keyword, &parameter::kind)
         != sig.parameters.end();
}

} // namespace

result<void> catalog_draft::check_references(std::string_view name, const object_spec& spec) const {
  object it;
  it.name = name;
  it.spec = spec;
  for (const auto& [role, wanted] : references_of(it)) {
    const auto& info = describe(role);
    if (find(info.to, wanted)) continue;
    std::vector<std::string> known;
    base_.each(info.to, [&known](const object_ptr& other) {
      known.push_back(other->name);
      return true;
    });
    auto command = info.to == object_kind::node ? "`flow ls nodes` lists the nodes"
                                                : "`flow add " + std::string{to_string(info.to)}
                                                      + " " + std::string{wanted} + "` makes it";
    auto guess = did_you_mean(wanted, known);
    return make_error(ec::bad_reference,
                      named(it) + ": its " + std::string{info.key} + ", " + named(info.to, wanted)
                          + ", does not exist",
                      guess.empty() ? command : guess + " " + command);
  }
  return {};
}

result<void> catalog_draft::check(const object& it) const {
  switch (it.kind()) {
  case object_kind::socket:
    return check_socket(it, it.as<socket_spec>());
  case object_kind::plug:
    if (auto ok = check_plug(it, it.as<plug_spec>()); !ok) return ok;
    return check_cycle(it, it.as<plug_spec>());
  case object_kind::argument:
    return check_argument(it, it.as<argument_spec>());
  case object_kind::deployment:
    return check_deployment(it, it.as<deployment_spec>());
  case object_kind::processor:
    return check_policy(it, it.as<processor_spec>());
  default:
    return {};
  }
}

result<void> catalog_draft::check_dependants(const object& it) const {
  if (it.kind() == object_kind::plug) {
    for (const auto& name : referrers(reference_role::argument_plug, it.name)) {
      auto argument = find(object_kind::argument, name);
      if (auto ok = check_argument(*argument, argument->as<argument_spec>()); !ok) return ok;
      if (it.as<plug_spec>().argument != argument->as<argument_spec>().argument)
        return make_error(ec::in_use,
                          named(it) + " feeds the argument that " + named(*argument) + " names",
                          "`flow delete argument " + name + "` first, or update that");
    }
  } else if (it.kind() == object_kind::socket) {
    for (const auto& name : referrers(reference_role::plug_target, it.name)) {
      auto plug = find(object_kind::plug, name);
      if (auto ok = check_plug(*plug, plug->as<plug_spec>()); !ok) return ok;
      if (auto ok = check_dependants(*plug); !ok) return ok;
    }
  }
  return {};
}

// -- sockets and processors ---------------------------------------------------

result<void> catalog_draft::check_socket(const object& it, const socket_spec& spec) const {
  auto processor = find(object_kind::processor, spec.processor);
  const auto& module = processor->as<processor_spec>().module;
  const auto& code = processor->code;
  if (!code.is_known) {
    if (processor->as<processor_spec>().language != "python"
        || spec.task.find('.') == std::string::npos)
      return {};
    return make_error(ec::bad_reference,
                      named(it) + ": its task, " + quoted(spec.task) + ", is not in module "
                          + quoted(module) + " of " + named(*processor),
                      "give the function's name alone");
  }
  if (code.find(spec.task)) return {};
  std::vector<std::string> known;
  for (const auto& function : code.functions)
    known.push_back(function.function);
  auto all
      = known.empty() ? std::string{"it has none"} : "its functions are " + internal::listed(known);
  return make_error(ec::unknown_function,
                    named(it) + ": module " + quoted(module) + " of " + named(*processor)
                        + " has no function " + quoted(spec.task),
                    internal::did_you_mean_or(spec.task, known, std::move(all)));
}

result<void> catalog_draft::check_policy(const object& it, const processor_spec& spec) const {
  if (!it.code.is_known) return {};
  for (const auto& function : spec.sockets.functions) {
    if (it.code.find(function)) continue;
    std::vector<std::string> known;
    for (const auto& sig : it.code.functions)
      known.push_back(sig.function);
    return make_error(ec::unknown_function,
                      named(it) + ": its sockets name " + quoted(function)
                          + ", which is not a function of module " + quoted(spec.module),
                      did_you_mean(function, known));
  }
  return {};
}

// -- plugs and arguments ------------------------------------------------------

const signature* catalog_draft::signature_behind(const std::string& socket) const {
  auto it = find(object_kind::socket, socket);
  if (!it) return nullptr;
  auto processor = find(object_kind::processor, it->as<socket_spec>().processor);
  return processor && processor->code.is_known ? processor->code.find(it->as<socket_spec>().task)
                                               : nullptr;
}

result<void> catalog_draft::check_plug(const object& it, const plug_spec& spec) const {
  if (auto ok = check_name(spec.on, "output name"); !ok) return ok;
  if (spec.argument.empty()) return {};
  const auto* sig = signature_behind(spec.target);
  if (!sig || takes_any_keyword(*sig)) return {};
  auto names = parameter_names(*sig);
  if (std::ranges::find(names, spec.argument) != names.end()) return {};
  return make_error(ec::bad_reference,
                    named(it) + ": its target " + quoted(spec.target) + " has no parameter "
                        + quoted(spec.argument) + "; it is " + to_string(*sig),
                    names.empty()
                        ? "leave the argument out"
                        : internal::did_you_mean_or(
                            spec.argument, names, "its parameters are " + internal::listed(names)));
}

bool catalog_draft::is_task_of(std::string_view task, const object& socket) const {
  const auto& spec = socket.as<socket_spec>();
  if (task.empty() || task == spec.task || task == socket.name) return true;
  auto processor = find(object_kind::processor, spec.processor);
  return processor && task == processor->as<processor_spec>().module + "." + spec.task;
}

result<void> catalog_draft::check_argument(const object& it, const argument_spec& spec) const {
  auto plug = find(object_kind::plug, spec.plug);
  auto target = find(object_kind::socket, plug->as<plug_spec>().target);
  if (is_task_of(spec.task, *target)) return {};
  return make_error(ec::bad_reference, named(it) + ": " + named(*plug) + " leads to task "
                                           + quoted(target->as<socket_spec>().task) + " of "
                                           + named(*target) + ", not to " + quoted(spec.task));
}

std::vector<std::string> catalog_draft::neighbours(const std::string& socket, bool forward,
                                                   std::string_view but_plug) const {
  std::vector<std::string> out;
  for (const auto& name :
       referrers(forward ? reference_role::plug_source : reference_role::plug_target, socket)) {
    if (name == but_plug) continue;
    auto plug = find(object_kind::plug, name);
    const auto& spec = plug->as<plug_spec>();
    if (!spec.cycle) out.push_back(forward ? spec.target : spec.source);
  }
  return out;
}

result<void> catalog_draft::check_cycle(const object& it, const plug_spec& spec) const {
  if (spec.cycle) return {};
  // From both ends in turn: a chain that grows at either end is then checked in constant time.
  reached ahead{{spec.target, {}}};
  reached behind{{spec.source, {}}};
  std::deque<std::string> ahead_todo{spec.target};
  std::deque<std::string> behind_todo{spec.source};
  std::string meeting = spec.source == spec.target ? spec.source : std::string{};
  auto advance
      = [&](std::deque<std::string>& todo, reached& mine, const reached& other, bool forward) {
          auto from = std::move(todo.front());
          todo.pop_front();
          for (auto& next : neighbours(from, forward, it.name)) {
            if (!mine.try_emplace(next, from).second) continue;
            if (meeting.empty() && other.contains(next)) meeting = next;
            todo.push_back(std::move(next));
          }
        };
  while (meeting.empty() && !ahead_todo.empty() && !behind_todo.empty()) {
    advance(ahead_todo, ahead, behind, true);
    if (meeting.empty()) advance(behind_todo, behind, ahead, false);
  }
  if (meeting.empty()) return {};
  std::vector<std::string> circle;
  for (auto at = meeting; !at.empty(); at = ahead.at(at))
    circle.push_back(at);
  std::ranges::reverse(circle);
  for (auto at = behind.at(meeting); !at.empty(); at = behind.at(at))
    circle.push_back(at);
  std::string path = quoted(spec.source);
  for (const auto& socket : circle)
    path += " -> " + quoted(socket);
  return make_error(ec::bad_reference, named(it) + " would close a circle: " + path,
                    "`--cycle` allows it, when the functions see to it that it ends");
}

// -- deployments --------------------------------------------------------------

uint64_t catalog_draft::cpus_used(std::string_view node) const {
  uint64_t used = 0;
  for (const auto& name : referrers(reference_role::deployment_node, node))
    used += find(object_kind::deployment, name)->as<deployment_spec>().cpus;
  return used;
}

result<void> catalog_draft::check_deployment(const object& it, const deployment_spec& spec) const {
  auto node = find(object_kind::node, spec.node);
  auto cpus = node->as<node_spec>().cpus;
  auto used = cpus_used(spec.node);
  if (used <= cpus) return {};
  return make_error(ec::wrong_state,
                    named(it) + ": " + named(*node) + " has " + std::to_string(cpus)
                        + " cpus, of which " + std::to_string(used - spec.cpus) + " are in use; "
                        + std::to_string(spec.cpus) + " more do not fit",
                    "`flow ls deployments` lists what uses them");
}

} // namespace flow
