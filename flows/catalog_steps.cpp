// Adding and updating: read, complete, check, and settle what follows from it.
#include "flows/catalog_draft.hpp"

#include <algorithm>

#include "flows/catalog_words.hpp"
#include "flows/cbor.hpp"

namespace flow {

namespace {

result<void> check_labels(const object_labels& labels) {
  if (labels.size() > limits::labels_max)
    return make_error(ec::bad_value, std::to_string(labels.size()) + " labels are given, at most "
                                         + std::to_string(limits::labels_max) + " are allowed");
  for (const auto& [name, content] : labels) {
    if (auto ok = check_name(name, "label"); !ok) return ok;
    if (name == auto_label)
      return make_error(ec::bad_value,
                        "label \"auto\" marks what was made automatically; it cannot be set");
    if (content.size() > limits::name_bytes_max)
      return make_error(ec::bad_value, "label " + quoted(name) + ": its value has "
                                           + std::to_string(content.size()) + " bytes, at most "
                                           + std::to_string(limits::name_bytes_max)
                                           + " are allowed");
  }
  return {};
}

result<void> check_object_name(object_kind kind, std::string_view name) {
  if (auto ok = check_name(name, std::string{to_string(kind)} + " name"); !ok) return ok;
  if (kind == object_kind::socket && name.starts_with("task:"))
    return make_error(ec::bad_name,
                      "socket name " + quoted(name)
                          + " begins with \"task:\", which addresses any socket of a task");
  return {};
}

std::vector<std::string> keys_of(const value& map) {
  cbor::reader in{map.cbor};
  std::vector<std::string> keys;
  if (in.peek() != cbor::kind::map) return keys;
  auto count = in.map();
  for (uint64_t i = 0; i < count && !in.failed(); ++i) {
    keys.emplace_back(in.text());
    in.skip();
  }
  return keys;
}

object_labels labels_of_own() {
  return {{std::string{auto_label}, "true"}};
}

} // namespace

// -- adding -------------------------------------------------------------------

result<object_ptr> catalog_draft::add(object_kind kind, std::string_view name, const value& spec,
                                      const object_labels& labels, bool exist_ok) {
  auto parsed = parse_spec(kind, spec);
  if (!parsed) return parsed.error();
  std::string full_name{name};
  if (auto* argument = std::get_if<argument_spec>(&*parsed); argument && full_name.empty())
    full_name = argument->plug + "." + argument->argument;
  if (auto ok = check_object_name(kind, full_name); !ok) return ok.error();
  if (auto ok = check_labels(labels); !ok) return ok.error();
  auto existing = find(kind, full_name);
  auto is_taken_over = existing && is_auto(*existing);
  if (existing && !is_taken_over) {
    complete_names(full_name, *parsed);
    return keep_or_refuse(*existing, *parsed, labels, exist_ok);
  }
  if (auto ok = complete(full_name, *parsed); !ok) return ok.error();
  if (is_taken_over) return take_over(existing, std::move(*parsed), labels);
  auto made = create(kind, std::move(full_name), std::move(*parsed), labels);
  if (!made) return made;
  if (auto ok = check(**made); !ok) return ok.error();
  if (auto ok = settle(nullptr, *made); !ok) return ok.error();
  return find(kind, (*made)->name);
}

result<object_ptr> catalog_draft::keep_or_refuse(const object& existing, object_spec given,
                                                 const object_labels& labels, bool exist_ok) const {
  // A plug's argument may have come from an argument object; the plug as it was added is then still
  // the same.
  if (auto* plug = std::get_if<plug_spec>(&given);
      plug && plug->argument.empty()
      && !referrers(reference_role::argument_plug, existing.name).empty())
    plug->argument = existing.as<plug_spec>().argument;
  auto keys = differing_keys(existing.spec, given);
  if (!labels.empty() && labels != existing.labels) keys.emplace_back("labels");
  if (exist_ok && keys.empty()) return find(existing.kind(), existing.name);
  auto text = named(existing) + " exists already";
  if (exist_ok) text += ", with another " + internal::listed(keys);
  return make_error(ec::already_exists, std::move(text),
                    "`flow update " + std::string{to_string(existing.kind())} + " " + existing.name
                        + "` changes it");
}

result<object_ptr> catalog_draft::take_over(const object_ptr& existing, object_spec spec,
                                            const object_labels& labels) {
  auto next = *existing;
  next.spec = std::move(spec);
  next.labels = labels;
  auto after = put(std::move(next));
  if (auto ok = check(*after); !ok) return ok.error();
  if (auto ok = settle(existing, after); !ok) return ok.error();
  return after;
}

// -- updating -----------------------------------------------------------------

result<object_ptr> catalog_draft::update(object_kind kind, std::string_view name,
                                         const value& changes,
                                         const std::optional<object_labels>& labels) {
  auto existing = resolve(kind, name);
  if (!existing) return existing;
  const auto before = *existing;
  auto spec = changed_spec(before->spec, changes);
  if (!spec) return spec.error();
  if (auto ok = complete(before->name, *spec); !ok) return ok.error();
  auto next = *before;
  next.spec = std::move(*spec);
  if (labels) {
    if (auto ok = check_labels(*labels); !ok) return ok.error();
    next.labels = *labels;
  }
  if (next.spec != before->spec) next.labels.erase(std::string{auto_label});
  if (kind == object_kind::processor) want_code_again(*before, next, changes);
  auto after = put(std::move(next));
  if (after == before) return before;
  if (auto ok = check(*after); !ok) return ok.error();
  if (auto ok = settle(before, after); !ok) return ok.error();
  return find(kind, after->name);
}

namespace {

/// A version more for each function whose replacement came, changed or went.
void count_replacements(const std::map<std::string, std::string>& was,
                        const std::map<std::string, std::string>& is,
                        std::map<std::string, uint64_t>& versions) {
  for (const auto& [function, source] : is) {
    auto before = was.find(function);
    if (before == was.end() || before->second != source) ++versions[function];
  }
  for (const auto& [function, source] : was)
    if (!is.contains(function)) ++versions[function];
}

} // namespace

void catalog_draft::want_code_again(const object& before, object& after,
                                    const value& changes) const {
  const auto& was = before.as<processor_spec>();
  const auto& is = after.as<processor_spec>();
  auto named_keys = keys_of(changes);
  auto names = [&](std::string_view word) {
    return std::ranges::find(named_keys, word) != named_keys.end();
  };
  // A moving reference is followed when it is named, even by the same name.
  auto is_followed = is.commit.empty() && (names("branch") || names("tag"));
  auto is_elsewhere = was.repository != is.repository || was.branch != is.branch
                      || was.tag != is.tag || was.commit != is.commit || is_followed;
  auto is_other_code = was.module != is.module || was.module_path != is.module_path
                       || was.language != is.language || was.requirements != is.requirements;
  auto is_replaced = was.replacements != is.replacements;
  auto versions = before.code.replacement_versions;
  count_replacements(was.replacements, is.replacements, versions);
  if (!is_elsewhere && !is_other_code && !is_replaced) return;
  code_facts wanted;
  // What is known of the functions holds until those of the replacements are found.
  if (!is_elsewhere && !is_other_code) wanted = before.code;
  wanted.wanted_revision = next_revision();
  wanted.replacement_versions = std::move(versions);
  if (!is_elsewhere) wanted.commit = before.code.commit; // another module at the same pinned commit
  after.code = std::move(wanted);
}

// -- completing and settling --------------------------------------------------

void catalog_draft::complete_names(std::string_view name, object_spec& spec) const {
  if (auto* socket = std::get_if<socket_spec>(&spec)) {
    if (socket->queue.empty()) socket->queue = name;
    auto processor = find(object_kind::processor, socket->processor);
    if (!processor) return;
    auto prefix = processor->as<processor_spec>().module + ".";
    if (socket->task.starts_with(prefix)) socket->task.erase(0, prefix.size());
  } else if (auto* argument = std::get_if<argument_spec>(&spec)) {
    auto plug = find(object_kind::plug, argument->plug);
    if (!plug) return;
    auto target = find(object_kind::socket, plug->as<plug_spec>().target);
    if (target && is_task_of(argument->task, *target))
      argument->task = target->as<socket_spec>().task;
  }
}

result<void> catalog_draft::complete(std::string_view name, object_spec& spec) {
  complete_names(name, spec);
  auto* socket = std::get_if<socket_spec>(&spec);
  auto has_own_queue = socket && socket->queue == name;
  if (has_own_queue && find(object_kind::processor, socket->processor)
      && !find(object_kind::queue, name)) {
    auto made = create(object_kind::queue, std::string{name}, queue_spec{}, labels_of_own());
    if (!made) return made.error();
  }
  return check_references(name, spec);
}

result<void> catalog_draft::settle(const object_ptr& before, const object_ptr& after) {
  switch (after->kind()) {
  case object_kind::socket:
    if (before && before->as<socket_spec>().queue != after->as<socket_spec>().queue)
      release_queue(before->as<socket_spec>().queue);
    break;
  case object_kind::plug:
    if (before && before->as<plug_spec>().queue != after->as<plug_spec>().queue)
      release_queue(before->as<plug_spec>().queue);
    break;
  case object_kind::argument:
    if (auto ok = bind_argument(before, *after); !ok) return ok;
    break;
  case object_kind::processor:
    // Not at every update: a socket that the user has deleted stays away until the code is loaded.
    if (before && before->as<processor_spec>().sockets != after->as<processor_spec>().sockets)
      if (auto ok = settle_auto_sockets(after); !ok) return ok;
    break;
  case object_kind::node:
    note_overcommitment(*after);
    break;
  default:
    break;
  }
  return check_dependants(*after);
}

result<void> catalog_draft::bind_argument(const object_ptr& before, const object& after) {
  const auto& spec = after.as<argument_spec>();
  if (before && before->as<argument_spec>().plug != spec.plug) release_argument(*before);
  for (const auto& other : referrers(reference_role::argument_plug, spec.plug))
    if (other != after.name)
      return make_error(ec::in_use,
                        named(object_kind::plug, spec.plug)
                            + " feeds an argument already: " + named(object_kind::argument, other),
                        "`flow delete argument " + other + "` frees the plug");
  auto plug = *find(object_kind::plug, spec.plug);
  std::get<plug_spec>(plug.spec).argument = spec.argument;
  return check(*put(std::move(plug)));
}

void catalog_draft::release_argument(const object& argument) {
  const auto& spec = argument.as<argument_spec>();
  auto plug = find(object_kind::plug, spec.plug);
  if (!plug || plug->as<plug_spec>().argument != spec.argument) return;
  auto next = *plug;
  std::get<plug_spec>(next.spec).argument.clear();
  put(std::move(next));
}

void catalog_draft::release_queue(const std::string& queue) {
  auto it = find(object_kind::queue, queue);
  if (it && is_auto(*it) && !is_referred_to(object_kind::queue, queue)) erase(*it);
}

void catalog_draft::note_overcommitment(const object& node) {
  auto used = cpus_used(node.name);
  auto cpus = node.as<node_spec>().cpus;
  if (used > cpus)
    note("deployments on " + named(node) + " have " + std::to_string(used) + " cpus of its "
         + std::to_string(cpus) + "; no more are placed there");
}

} // namespace flow
