#include "actors/wiring.hpp"

#include <algorithm>
#include <set>

namespace flow::actors {

namespace {

using names = std::set<std::string, std::less<>>;

/// `sockets` and all that lead to them, or that they lead to.
template <class Next>
names closure(names sockets, Next next) {
  std::vector<std::string> open{sockets.begin(), sockets.end()};
  while (!open.empty()) {
    auto at = std::move(open.back());
    open.pop_back();
    for (auto& name : next(at))
      if (sockets.insert(name).second) open.push_back(name);
  }
  return sockets;
}

/// For each argument that a join waits for, whose calls can bring it about.
std::vector<std::vector<partition_id>> sources_of(const catalog& objects, const object& socket,
                                                  const std::vector<parameter>& join) {
  std::vector<std::vector<partition_id>> sources;
  for (const auto& p : join) {
    names feeding;
    for (const auto& it : objects.plugs_into(socket.name))
      if (it->as<plug_spec>().argument == p.name) feeding.insert(it->as<plug_spec>().source);
    auto all = closure(std::move(feeding), [&](const std::string& name) {
      std::vector<std::string> before;
      for (const auto& it : objects.plugs_into(name))
        before.push_back(it->as<plug_spec>().source);
      return before;
    });
    auto& partitions = sources.emplace_back();
    for (const auto& name : all)
      if (auto it = objects.find(object_kind::socket, name))
        partitions.push_back(partition_id{static_cast<uint32_t>(it->number)});
    std::ranges::sort(partitions);
  }
  return sources;
}

/// Sockets behind these that wait for arguments: what can bring them about is another now.
names joins_behind(const catalog& objects, const names& sockets) {
  auto all = closure(sockets, [&](const std::string& name) {
    std::vector<std::string> after;
    for (const auto& it : objects.plugs_from(name))
      after.push_back(it->as<plug_spec>().target);
    return after;
  });
  std::erase_if(all, [&](const std::string& name) {
    return std::ranges::all_of(objects.plugs_into(name), [](const object_ptr& it) {
      return it->as<plug_spec>().argument.empty();
    });
  });
  return all;
}

std::vector<parameter> join_of(const catalog& objects, const object& socket) {
  std::set<std::string, std::less<>> fed;
  for (const auto& it : objects.plugs_into(socket.name))
    if (const auto& argument = it->as<plug_spec>().argument; !argument.empty())
      fed.insert(argument);
  const auto* known = fed.empty() ? nullptr : objects.signature_of_socket(socket);
  std::vector<parameter> join;
  if (!known) {
    for (const auto& argument : fed)
      join.push_back({argument, parameter_kind::positional_or_keyword, {}, {}});
    return join;
  }
  // One that can only be given by position needs those before it, if only with their defaults.
  auto is_before_fed = [&](const parameter& p) {
    return p.kind == parameter_kind::positional_only
           && std::any_of(&p, known->parameters.data() + known->parameters.size(),
                          [&](const parameter& later) {
                            return later.kind == parameter_kind::positional_only
                                   && fed.contains(later.name);
                          });
  };
  for (const auto& p : known->parameters) {
    bool is_var = p.kind == parameter_kind::var_positional || p.kind == parameter_kind::var_keyword;
    bool is_fed = fed.contains(p.name);
    if (is_var || (p.default_text && !is_fed && !is_before_fed(p))) continue;
    auto wanted = p;
    if (is_fed) wanted.default_text.reset(); // an argument that a plug delivers is waited for
    join.push_back(std::move(wanted));
  }
  return join;
}

} // namespace

partition_policy policy_of(const catalog& objects, const object& socket, const std::string& node) {
  const auto& spec = socket.as<socket_spec>();
  partition_policy policy;
  policy.socket = socket.name;
  policy.function = spec.task;
  policy.processor = spec.processor;
  policy.node = node;
  if (auto it = objects.find(object_kind::processor, spec.processor)) {
    const auto& p = it->as<processor_spec>();
    policy.commit = it->code.commit;
    policy.retries = p.retries;
    policy.retry_delay_ms = p.retry_delay_ms;
    policy.retry_backoff = p.retry_backoff;
    policy.retry_delay_ms_max = p.retry_delay_ms_max;
  }
  if (auto it = objects.find(object_kind::queue, spec.queue)) {
    const auto& q = it->as<queue_spec>();
    policy.calls_max = q.max_length;
    policy.bytes_max = q.max_bytes;
    policy.ttl_ms = q.ttl_ms;
    policy.is_paused = q.paused;
  }
  for (const auto& it : objects.plugs_from(socket.name)) {
    const auto& p = it->as<plug_spec>();
    auto target = objects.find(object_kind::socket, p.target);
    if (!target) continue;
    policy.edges.push_back(
        {it->name, p.on, partition_id{static_cast<uint32_t>(target->number)}, p.argument});
  }
  policy.join = join_of(objects, socket);
  policy.join_sources = sources_of(objects, socket, policy.join);
  policy.join_by = spec.join;
  policy.join_key = spec.join_key;
  policy.join_timeout_ms = spec.join_timeout_ms;
  return policy;
}

retention_rule retention_of(const catalog& objects, const object& socket) {
  auto processor = objects.find(object_kind::processor, socket.as<socket_spec>().processor);
  if (!processor) return {};
  const auto& spec = processor->as<processor_spec>();
  return {spec.history_age_ms, spec.history_bytes};
}

uint32_t slots_of(const catalog& objects, const object& processor, const std::string& node) {
  auto deployments = objects.deployments_of_processor(processor.name);
  if (deployments.empty()) return processor.as<processor_spec>().cpus;
  uint32_t slots = 0;
  for (const auto& it : deployments)
    if (it->as<deployment_spec>().node == node) slots += it->as<deployment_spec>().cpus;
  return slots;
}

std::vector<std::string> sockets_touched(const catalog& objects,
                                         const std::vector<object_change>& changes) {
  names touched;
  names rewired;
  auto add_all = [&](const std::vector<object_ptr>& sockets) {
    for (const auto& it : sockets)
      touched.insert(it->name);
  };
  for (const auto& change : changes) {
    switch (change.kind) {
    case object_kind::socket:
      touched.insert(change.name);
      break;
    case object_kind::processor:
      add_all(objects.sockets_of_processor(change.name));
      break;
    case object_kind::queue:
      add_all(objects.sockets_of_queue(change.name));
      break;
    case object_kind::plug:
      for (const auto& it : {change.before, change.after}) {
        if (!it) continue;
        touched.insert(it->as<plug_spec>().source);
        touched.insert(it->as<plug_spec>().target);
        rewired.insert(it->as<plug_spec>().target);
      }
      break;
    default:
      break;
    }
  }
  touched.merge(joins_behind(objects, rewired));
  std::erase_if(touched,
                [&](const std::string& name) { return !objects.find(object_kind::socket, name); });
  return {touched.begin(), touched.end()};
}

} // namespace flow::actors
