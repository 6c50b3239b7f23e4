#include "flows/spec_reader.hpp"

namespace flow::internal {

namespace {

constexpr uint64_t spec_keys_max = 1'000; // far above any spec; keeps the search for repeats short

} // namespace

std::string named_item(std::string_view item) {
  cbor::reader in{item};
  switch (in.peek()) {
  case cbor::kind::unsigned_integer:
    return std::to_string(in.unsigned_integer());
  case cbor::kind::negative_integer:
    return "a negative number";
  case cbor::kind::big_integer:
    return "a number of more than 64 bits";
  case cbor::kind::bytes:
    return "bytes";
  case cbor::kind::text:
    return quoted(in.text());
  case cbor::kind::array:
    return "a list";
  case cbor::kind::map:
    return "a map";
  case cbor::kind::boolean:
    return in.boolean() ? "true" : "false";
  case cbor::kind::null:
    return "null";
  case cbor::kind::floating: {
    char shown[32];
    std::snprintf(shown, sizeof shown, "%g", in.floating());
    return shown;
  }
  case cbor::kind::none:
    break;
  }
  return "nothing";
}

result<pairs> pairs_of(std::string_view kind, const value& map) {
  cbor::reader in{map.cbor};
  if (in.peek() == cbor::kind::null) return pairs{};
  if (in.peek() != cbor::kind::map)
    return make_error(ec::bad_value, "the spec of a " + std::string{kind} + ": wanted a map, not "
                                         + named_item(map.cbor));
  pairs all;
  auto count = in.map();
  if (count > spec_keys_max)
    return make_error(ec::bad_value, "the spec of a " + std::string{kind} + " has "
                                         + std::to_string(count) + " keys");
  for (uint64_t i = 0; i < count && !in.failed(); ++i) {
    auto key = in.text();
    auto item = in.raw();
    if (std::ranges::find(all, key, &pairs::value_type::first) != all.end())
      return make_error(ec::bad_value, "the spec of a " + std::string{kind} + " has the key "
                                           + quoted(key) + " twice");
    all.emplace_back(key, item);
  }
  if (!in.finish("spec"))
    return make_error(ec::bad_value, "the spec of a " + std::string{kind} + " is not a value");
  return all;
}

} // namespace flow::internal
