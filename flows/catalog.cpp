#include "flows/catalog.hpp"

#include <algorithm>

#include "flows/catalog_draft.hpp"
#include "flows/catalog_words.hpp"
#include "flows/cbor.hpp"

namespace flow {

namespace {

constexpr uint8_t head_version = 1;
constexpr uint64_t head_fields = 3;
constexpr size_t id_prefix_min = 4;
constexpr std::string_view task_prefix = "task:";

size_t slot(object_kind kind) {
  return static_cast<size_t>(kind);
}

ec unknown(object_kind kind) {
  return kind == object_kind::socket ? ec::unknown_socket : ec::unknown_object;
}

} // namespace

std::string encode_head(const catalog_head& head) {
  std::string bytes(1, static_cast<char>(head_version));
  cbor::writer out{bytes};
  out.array(head_fields).unsigned_integer(head.revision);
  out.unsigned_integer(head.next_partition).unsigned_integer(head.next_number);
  return bytes;
}

result<catalog_head> decode_head(std::string_view bytes) {
  if (bytes.empty()) return make_error(ec::store_corrupt, "the catalog's head is empty");
  auto version = static_cast<uint8_t>(bytes.front());
  if (version > head_version)
    return make_error(ec::store_newer, "the catalog's head has version " + std::to_string(version)
                                           + "; this program reads "
                                           + std::to_string(head_version));
  cbor::reader in{bytes.substr(1)};
  auto fields = in.array();
  if (version != head_version || fields < head_fields) in.fail();
  catalog_head head;
  head.revision = in.unsigned_integer();
  head.next_partition = in.unsigned_integer();
  head.next_number = in.unsigned_integer();
  for (auto i = head_fields; i < fields; ++i)
    in.skip();
  if (auto whole = in.finish("the catalog's head"); !whole)
    return make_error(ec::store_corrupt, whole.error().text);
  return head;
}

// -- state --------------------------------------------------------------------

void catalog::put(object_ptr it) {
  auto& names = objects_[slot(it->kind())];
  auto [at, is_new] = names.try_emplace(it->name, it);
  if (!is_new) {
    references_.remove(*at->second);
    at->second = it;
  }
  references_.add(*it);
}

void catalog::erase(object_kind kind, const std::string& name) {
  auto& names = objects_[slot(kind)];
  auto found = names.find(name);
  if (found == names.end()) return;
  references_.remove(*found->second);
  names.erase(found);
}

result<void> catalog::restore(object it) {
  if (find(it.kind(), it.name))
    return make_error(ec::store_corrupt, named(it) + " is in the catalog twice");
  auto& next = it.kind() == object_kind::socket ? head_.next_partition : head_.next_number;
  next = std::max(next, it.number + 1);
  head_.revision = std::max(head_.revision, it.revision);
  put(std::make_shared<const object>(std::move(it)));
  return {};
}

void catalog::restore(const catalog_head& head) {
  head_.revision = std::max(head_.revision, head.revision);
  head_.next_partition = std::max(head_.next_partition, head.next_partition);
  head_.next_number = std::max(head_.next_number, head.next_number);
}

result<void> catalog::apply(const change_set& changes) {
  if (changes.empty()) return {};
  if (changes.head.revision != head_.revision + 1)
    return make_error(ec::wrong_state, "the change was planned for revision "
                                           + std::to_string(changes.head.revision - 1)
                                           + " of the catalog, which is at "
                                           + std::to_string(head_.revision));
  for (const auto& change : changes.changes) {
    if (change.after)
      put(change.after);
    else
      erase(change.kind, change.name);
  }
  head_ = changes.head;
  return {};
}

bool catalog::operator==(const catalog& other) const {
  if (!(head_ == other.head_)) return false;
  auto same
      = [](const auto& a, const auto& b) { return a.first == b.first && *a.second == *b.second; };
  for (size_t i = 0; i < kind_slots; ++i)
    if (!std::ranges::equal(objects_[i], other.objects_[i], same)) return false;
  return true;
}

// -- reading ------------------------------------------------------------------

size_t catalog::size() const {
  size_t all = 0;
  for (const auto& names : objects_)
    all += names.size();
  return all;
}

object_ptr catalog::find(object_kind kind, std::string_view name) const {
  if (!is_stored(kind)) return nullptr;
  const auto& names = objects_[slot(kind)];
  auto found = names.find(name);
  return found != names.end() ? found->second : nullptr;
}

void catalog::each(object_kind kind, const std::function<bool(const object_ptr&)>& visit) const {
  if (!is_stored(kind)) return;
  for (const auto& [name, it] : objects_[slot(kind)])
    if (!visit(it)) return;
}

std::vector<object_ptr> catalog::list(object_kind kind) const {
  std::vector<object_ptr> all;
  each(kind, [&](const object_ptr& it) {
    all.push_back(it);
    return true;
  });
  return all;
}

result<object_ptr> catalog::resolve(object_kind kind, std::string_view name_or_id) const {
  if (auto found = find(kind, name_or_id)) return found;
  std::vector<object_ptr> by_id;
  std::vector<std::string> known;
  each(kind, [&](const object_ptr& it) {
    if (name_or_id.size() >= id_prefix_min && object_id(*it).starts_with(name_or_id))
      by_id.push_back(it);
    known.push_back(it->name);
    return true;
  });
  if (by_id.size() == 1) return by_id.front();
  if (by_id.size() > 1) {
    std::vector<std::string> names;
    for (const auto& it : by_id)
      names.push_back(it->name);
    return make_error(ec::bad_reference, "the ids of several " + std::string{plural(kind)}
                                             + " begin with " + quoted(name_or_id) + ": "
                                             + internal::listed(names));
  }
  return make_error(
      unknown(kind), "no " + named(kind, name_or_id),
      internal::did_you_mean_or(name_or_id, known,
                                "`flow ls " + std::string{plural(kind)} + "` lists what there is"));
}

std::vector<object_ptr> catalog::referrers(reference_role role, std::string_view name) const {
  std::vector<object_ptr> all;
  auto kind = describe(role).from;
  for (const auto& referrer : references_.of(role, name))
    all.push_back(find(kind, referrer));
  return all;
}

std::vector<object_ptr> catalog::sockets_of_processor(std::string_view processor) const {
  return referrers(reference_role::socket_processor, processor);
}

std::vector<object_ptr> catalog::sockets_of_queue(std::string_view queue) const {
  return referrers(reference_role::socket_queue, queue);
}

std::vector<object_ptr> catalog::plugs_from(std::string_view socket) const {
  return referrers(reference_role::plug_source, socket);
}

std::vector<object_ptr> catalog::plugs_into(std::string_view socket) const {
  return referrers(reference_role::plug_target, socket);
}

std::vector<object_ptr> catalog::deployments_of_processor(std::string_view processor) const {
  return referrers(reference_role::deployment_processor, processor);
}

std::vector<object_ptr> catalog::deployments_on_node(std::string_view node) const {
  return referrers(reference_role::deployment_node, node);
}

const signature* catalog::signature_of_socket(const object& socket) const {
  if (socket.kind() != object_kind::socket) return nullptr;
  const auto& spec = socket.as<socket_spec>();
  auto processor = find(object_kind::processor, spec.processor);
  return processor && processor->code.is_known ? processor->code.find(spec.task) : nullptr;
}

std::vector<task_view> catalog::tasks() const {
  std::vector<task_view> all;
  for (const auto& [name, processor] : objects_[slot(object_kind::processor)]) {
    if (!processor->code.is_known) continue;
    const auto& module = processor->as<processor_spec>().module;
    for (const auto& known : processor->code.functions)
      all.push_back({module + "." + known.function, known.function, processor, &known});
  }
  std::ranges::stable_sort(all, {}, &task_view::name);
  return all;
}

result<std::vector<object_ptr>> catalog::resolve_task(std::string_view address) const {
  auto task = address.starts_with(task_prefix) ? address.substr(task_prefix.size()) : address;
  std::vector<object_ptr> sockets;
  auto dot = task.rfind('.');
  if (dot != std::string_view::npos) {
    for (const auto& [name, processor] : objects_[slot(object_kind::processor)]) {
      if (processor->as<processor_spec>().module != task.substr(0, dot)) continue;
      for (auto& socket : sockets_of_processor(name))
        if (socket->as<socket_spec>().task == task.substr(dot + 1))
          sockets.push_back(std::move(socket));
    }
  }
  std::ranges::sort(sockets, {},
                    [](const object_ptr& it) -> const std::string& { return it->name; });
  if (!sockets.empty()) return sockets;
  std::vector<std::string> known;
  for (const auto& view : tasks()) {
    if (view.name == task)
      return make_error(ec::unknown_socket, "task " + quoted(task) + " has no socket",
                        "`flow add socket " + view.name + " --processor " + view.processor->name
                            + " --task " + view.function + "`");
    known.push_back(view.name);
  }
  return make_error(
      ec::unknown_function, "no task " + quoted(task),
      internal::did_you_mean_or(task, known, "a task is addressed as task:MODULE.FUNCTION"));
}

// -- planning -----------------------------------------------------------------

result<change_set> catalog::plan_add(object_kind kind, std::string_view name, const value& spec,
                                     const object_labels& labels, const change_author& author,
                                     bool exist_ok) const {
  catalog_draft draft{*this, author};
  if (auto step = draft.add(kind, name, spec, labels, exist_ok); !step) return step.error();
  return draft.finish();
}

result<change_set> catalog::plan_update(object_kind kind, std::string_view name,
                                        const value& changes,
                                        const std::optional<object_labels>& labels,
                                        const change_author& author) const {
  catalog_draft draft{*this, author};
  if (auto step = draft.update(kind, name, changes, labels); !step) return step.error();
  return draft.finish();
}

result<change_set> catalog::plan_delete(object_kind kind, const std::vector<std::string>& names,
                                        bool cascade, const change_author& author) const {
  catalog_draft draft{*this, author};
  if (auto step = draft.remove(kind, names, cascade); !step) return step.error();
  return draft.finish();
}

result<change_set> catalog::plan_found(std::string_view processor, const found_code& found,
                                       const change_author& author) const {
  catalog_draft draft{*this, author};
  if (auto step = draft.found(processor, found); !step) return step.error();
  return draft.finish();
}

result<change_set> catalog::plan_not_found(std::string_view processor, uint64_t wanted_revision,
                                           std::string_view failure,
                                           const change_author& author) const {
  catalog_draft draft{*this, author};
  if (auto step = draft.not_found(processor, wanted_revision, failure); !step) return step.error();
  return draft.finish();
}

} // namespace flow
