#include "flows/object_specs.hpp"

#include "flows/spec_checks.hpp"
#include "flows/spec_reader.hpp"
#include "flows/spec_writer.hpp"

namespace flow {

namespace {

using internal::spec_reader;
using internal::strictness;
using internal::written;

result<object_spec> read_spec(object_spec into, const value& given, strictness how) {
  auto kind = to_string(kind_of(into));
  auto items = internal::pairs_of(kind, given);
  if (!items) return items.error();
  auto read = std::visit(
      [&](auto& spec) -> result<void> {
        auto defaults = written(std::decay_t<decltype(spec)>{});
        spec_reader in{kind, *items, defaults, how};
        internal::visit_fields(in, spec);
        if (auto fits = in.finish(); !fits) return fits.error();
        if (how == strictness::asked) return internal::check_spec(spec);
        return {};
      },
      into);
  if (!read) return read.error();
  return into;
}

result<object_spec> empty_spec(object_kind kind) {
  switch (kind) {
  case object_kind::network:
    return network_spec{};
  case object_kind::node:
    return node_spec{};
  case object_kind::scheduler:
    return scheduler_spec{};
  case object_kind::queue:
    return queue_spec{};
  case object_kind::processor:
    return processor_spec{};
  case object_kind::socket:
    return socket_spec{};
  case object_kind::plug:
    return plug_spec{};
  case object_kind::argument:
    return argument_spec{};
  case object_kind::deployment:
    return deployment_spec{};
  case object_kind::user:
    return user_spec{};
  case object_kind::role:
    return role_spec{};
  default:
    break;
  }
  return make_error(ec::bad_usage,
                    "a " + std::string{to_string(kind)} + " is observed; it is not made by hand");
}

} // namespace

object_kind kind_of(const object_spec& spec) {
  // In the order of the variant's alternatives, which are the stored kinds from 1 on.
  static_assert(std::variant_size_v<object_spec> == static_cast<size_t>(object_kind::role));
  return static_cast<object_kind>(spec.index() + 1);
}

result<object_spec> parse_spec(object_kind kind, const value& given) {
  auto into = empty_spec(kind);
  if (!into) return into;
  return read_spec(std::move(*into), given, strictness::asked);
}

result<object_spec> changed_spec(const object_spec& before, const value& changes) {
  return read_spec(before, changes, strictness::asked);
}

result<object_spec> stored_spec(object_kind kind, const value& stored) {
  auto into = empty_spec(kind);
  if (!into) return make_error(ec::store_corrupt, "the catalog has a row of unknown kind");
  auto read = read_spec(std::move(*into), stored, strictness::stored);
  if (!read) return make_error(ec::store_corrupt, read.error().text);
  return read;
}

value to_value(const object_spec& spec) {
  auto out = std::visit([](const auto& s) { return written(s); }, spec);
  value map;
  map.cbor.clear();
  cbor::writer to{map.cbor};
  to.map(out.items.size());
  for (const auto& [key, item] : out.items)
    to.text(key).raw(item);
  return map;
}

std::vector<std::string> differing_keys(const object_spec& a, const object_spec& b) {
  std::vector<std::string> keys;
  if (a.index() != b.index()) return keys;
  auto left = std::visit([](const auto& s) { return written(s); }, a);
  auto right = std::visit([](const auto& s) { return written(s); }, b);
  for (size_t i = 0; i < left.items.size(); ++i)
    if (left.items[i].second != right.items[i].second) keys.emplace_back(left.items[i].first);
  return keys;
}

} // namespace flow
