// What follows from a processor's code: its facts, and the sockets that its functions get by
// themselves.
#include "flows/catalog_draft.hpp"

#include <algorithm>
#include <set>

#include "flows/catalog_words.hpp"

namespace flow {

namespace {

/// As the language does when a module defines a name twice: the last one counts, where the first
/// one stood.
std::vector<signature> without_repeats(std::vector<signature> functions) {
  std::map<std::string, size_t> at;
  std::vector<signature> out;
  for (auto& function : functions) {
    auto [found, is_new] = at.try_emplace(function.function, out.size());
    if (is_new)
      out.push_back(std::move(function));
    else
      out[found->second] = std::move(function);
  }
  return out;
}

std::set<std::string> wanted_functions(const object& processor) {
  std::set<std::string> wanted;
  const auto& policy = processor.as<processor_spec>().sockets;
  if (policy.which == auto_sockets::none) return wanted;
  for (const auto& function : processor.code.functions)
    if (policy.which == auto_sockets::all
        || std::ranges::find(policy.functions, function.function) != policy.functions.end())
      wanted.insert(function.function);
  return wanted;
}

std::string socket_name(const object& processor, const std::string& function) {
  return processor.as<processor_spec>().module + "." + function;
}

} // namespace

result<object_ptr> catalog_draft::loading_processor(std::string_view processor,
                                                    uint64_t wanted_revision) const {
  auto it = resolve(object_kind::processor, processor);
  if (it && (*it)->code.wanted_revision != wanted_revision)
    return make_error(ec::wrong_state,
                      "the code of " + named(**it) + " was changed while it was loading");
  return it;
}

result<void> catalog_draft::found(std::string_view processor, const found_code& found) {
  auto it = loading_processor(processor, found.wanted_revision);
  if (!it) return it.error();
  auto next = **it;
  next.code.commit = found.commit;
  next.code.is_known = true;
  next.code.failure.clear();
  next.code.functions = without_repeats(found.functions);
  auto after = put(std::move(next));
  for (const auto& function : after->as<processor_spec>().sockets.functions)
    if (!after->code.find(function))
      note(named(*after) + ": its sockets name " + quoted(function)
           + ", which is not a function of its module");
  for (const auto& name : referrers(reference_role::socket_processor, after->name)) {
    auto socket = find(object_kind::socket, name);
    const auto& task = socket->as<socket_spec>().task;
    if (!is_auto(*socket) && !after->code.find(task))
      note(named(*socket) + ": module " + quoted(after->as<processor_spec>().module)
           + " has no function " + quoted(task));
  }
  return settle_auto_sockets(after);
}

result<void> catalog_draft::not_found(std::string_view processor, uint64_t wanted_revision,
                                      std::string_view failure) {
  auto it = loading_processor(processor, wanted_revision);
  if (!it) return it.error();
  auto next = **it;
  next.code.failure = failure.substr(0, limits::error_text_bytes_max);
  put(std::move(next));
  return {};
}

result<void> catalog_draft::settle_auto_sockets(const object_ptr& processor) {
  if (!processor->code.is_known) return {};
  auto wanted = wanted_functions(*processor);
  remove_stale_auto_sockets(*processor, wanted);
  for (const auto& function : wanted)
    if (auto ok = make_auto_socket(*processor, function); !ok) return ok;
  return {};
}

void catalog_draft::remove_stale_auto_sockets(const object& processor,
                                              const std::set<std::string>& wanted) {
  for (const auto& name : referrers(reference_role::socket_processor, processor.name)) {
    auto socket = find(object_kind::socket, name);
    const auto spec = socket->as<socket_spec>();
    if (!is_auto(*socket)
        || (wanted.contains(spec.task) && name == socket_name(processor, spec.task)))
      continue;
    if (is_referred_to(object_kind::socket, name)) {
      note(named(*socket) + " stays because plugs are on it; its function " + quoted(spec.task)
           + " is gone or not wanted any more");
      continue;
    }
    erase(*socket);
    release_queue(spec.queue);
  }
}

result<void> catalog_draft::make_auto_socket(const object& processor, const std::string& function) {
  auto name = socket_name(processor, function);
  if (auto existing = find(object_kind::socket, name)) {
    const auto& other = existing->as<socket_spec>().processor;
    if (other != processor.name)
      note("no socket was made for function " + quoted(function) + " of " + named(processor) + ": "
           + named(*existing) + " belongs to " + named(object_kind::processor, other));
    return {};
  }
  if (auto ok = check_name(name, "socket name"); !ok) {
    note("no socket was made for function " + quoted(function) + ": " + ok.error().text);
    return {};
  }
  object_labels labels{{std::string{auto_label}, "true"}};
  if (!find(object_kind::queue, name)) {
    auto queue = create(object_kind::queue, name, queue_spec{}, labels);
    if (!queue) return queue.error();
  }
  socket_spec spec;
  spec.processor = processor.name;
  spec.task = function;
  spec.queue = name;
  auto socket = create(object_kind::socket, name, std::move(spec), std::move(labels));
  if (!socket) return socket.error();
  return {};
}

} // namespace flow
