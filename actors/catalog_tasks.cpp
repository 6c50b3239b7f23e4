// Replaced functions: tried before they are wanted, then changed in one transaction.
#include "caf/all.hpp"

#include "actors/catalog_actor.hpp"
#include "flows/params.hpp"
#include "flows/text.hpp"

namespace flow::actors {

namespace {

struct chosen_task {
  object_ptr processor;
  std::string function;
};

/// By MODULE.FUNCTION; `processor` chooses among several with the same module.
result<chosen_task> task_of(const catalog& now, const std::string& name,
                            const std::string& processor) {
  std::vector<chosen_task> found;
  std::vector<std::string> known;
  for (const auto& task : now.tasks()) {
    known.push_back(task.name);
    if (task.name == name && (processor.empty() || task.processor->name == processor))
      found.push_back({task.processor, task.function});
  }
  if (found.empty())
    return make_error(ec::unknown_function, "no task " + quoted(name), did_you_mean(name, known));
  if (found.size() > 1)
    return make_error(ec::bad_reference,
                      "several processors have the task " + quoted(name) + ": "
                          + found[0].processor->name + ", " + found[1].processor->name,
                      "name the processor too");
  return std::move(found.front());
}

/// Its replacements as they are wanted; no `code` takes the function's own back.
std::map<std::string, std::string> replaced(const chosen_task& task,
                                            const std::optional<std::string>& code) {
  auto all = task.processor->as<processor_spec>().replacements;
  if (code)
    all[task.function] = *code;
  else
    all.erase(task.function);
  return all;
}

value change_of(const std::map<std::string, std::string>& replacements) {
  map_builder all;
  for (const auto& [function, source] : replacements)
    all.text(function, source);
  return map_builder{}.item("replacements", all.finish()).finish();
}

} // namespace

void catalog_life::replace_task(run_verb& verb) {
  client who{verb.session, verb.what.seq};
  params given{verb.what.params};
  auto task = given.required_text("name");
  auto processor = given.text("processor");
  std::optional<std::string> code;
  if (given.has("code")) code = given.text("code");
  if (auto fine = given.check(); !fine) return refuse(who, fine.error());
  auto chosen = task_of(*current, task, processor);
  if (!chosen) return refuse(who, chosen.error());
  change_author author{verb.user, shared->clock->wall_ms()};
  auto change_it = [=, this, name = chosen->processor->name] {
    auto plan = [=](const catalog& now) -> result<change_set> {
      auto is = task_of(now, task, name);
      if (!is) return is.error();
      return now.plan_update(object_kind::processor, name, change_of(replaced(*is, code)),
                             std::nullopt, author);
    };
    enqueue({plan, [=, this](const result<change_set>& done) {
               if (!done) return refuse(who, done.error());
               auto it = current->find(object_kind::processor, name);
               if (!it) return answer(who, value{});
               auto function = task.substr(task.rfind('.') + 1);
               auto version = it->code.replacement_versions.find(function);
               bool is_counted = version != it->code.replacement_versions.end();
               answer(who, map_builder{}
                               .text("name", task)
                               .text("processor", name)
                               .boolean("replaced",
                                        it->as<processor_spec>().replacements.contains(function))
                               .number("version", is_counted ? version->second : 0)
                               .finish());
             }});
  };
  if (!code) return change_it();
  // Workers of the code before would go on with one that does not parse, and only the status would
  // tell: so it is read first.
  auto spec = chosen->processor->as<processor_spec>();
  spec.replacements = replaced(*chosen, code);
  spec.commit = chosen->processor->code.commit;
  spec.branch.clear();
  spec.tag.clear();
  self->request(loader, caf::infinite, resolve_module{request_of(spec), true})
      .then(
          [this, who, change_it](const resolved_module& resolved) {
            if (!resolved.commit) return refuse(who, resolved.commit.error());
            change_it();
          },
          [this, who](const caf::error&) {
            refuse(who, make_error(ec::shutting_down, "the loader has ended"));
          });
}

} // namespace flow::actors
