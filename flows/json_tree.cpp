// Values as trees of nlohmann::json, for code that builds or takes apart small ones.
#include <algorithm>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "flows/big_integer.hpp"
#include "flows/cbor.hpp"
#include "flows/item_builder.hpp"
#include "flows/limits.hpp"
#include "flows/utf8.hpp"
#include "flows/value.hpp"

namespace flow {

namespace {

using nlohmann::json;

json tree_of_item(cbor::reader& in, size_t depth);

json tree_of_map(cbor::reader& in, size_t depth) {
  auto object = json::object();
  bool wrapped = false;
  for (auto n = in.map(); n > 0 && !in.failed(); --n) {
    std::string key{in.text()};
    wrapped = wrapped || is_special_key(key);
    object[key] = tree_of_item(in, depth);
  }
  if (wrapped) return json::object({{object_key, std::move(object)}});
  return object;
}

json tree_of_item(cbor::reader& in, size_t depth) {
  switch (in.peek()) {
  case cbor::kind::unsigned_integer:
    return in.unsigned_integer();
  case cbor::kind::negative_integer: {
    auto before = in;
    if (auto n = in.integer(); !in.failed()) return n;
    in = before;
    [[fallthrough]];
  }
  case cbor::kind::big_integer:
    return json::object({{integer_key, integer_text(in)}});
  case cbor::kind::text:
    return std::string{in.text()};
  case cbor::kind::bytes: {
    auto bytes = in.bytes();
    return json::binary({bytes.begin(), bytes.end()});
  }
  case cbor::kind::boolean:
    return in.boolean();
  case cbor::kind::floating:
    return in.floating();
  case cbor::kind::array: {
    if (depth == limits::value_depth_max) break;
    auto array = json::array();
    for (auto n = in.array(); n > 0 && !in.failed(); --n)
      array.push_back(tree_of_item(in, depth + 1));
    return array;
  }
  case cbor::kind::map:
    if (depth == limits::value_depth_max) break;
    return tree_of_map(in, depth + 1);
  default:
    break;
  }
  in.skip();
  return nullptr;
}

void write_tree(cbor::writer& out, const json& tree, size_t depth);

void write_members(cbor::writer& out, const json& object, size_t depth) {
  if (depth == limits::value_depth_max) throw std::length_error{"a JSON tree too deep for a value"};
  out.map(object.size());
  for (const auto& [key, member] : object.items()) {
    out.text(utf8::repaired(key));
    write_tree(out, member, depth + 1);
  }
}

void write_object(cbor::writer& out, const json& object, size_t depth) {
  if (object.size() == 1 && is_special_key(object.begin().key())) {
    const auto& key = object.begin().key();
    const auto& content = object.begin().value();
    if (key == object_key && content.is_object()) {
      write_members(out, content, depth);
      return;
    }
    std::string text;
    if (content.is_string()) cbor::writer{text}.text(content.get_ref<const std::string&>());
    if (auto item = text.empty() ? text : special_value(key, text); !item.empty()) {
      out.raw(item);
      return;
    }
  }
  write_members(out, object, depth);
}

void write_tree(cbor::writer& out, const json& tree, size_t depth) {
  switch (tree.type()) {
  case json::value_t::boolean:
    out.boolean(tree.get<bool>());
    return;
  case json::value_t::number_integer:
    out.integer(tree.get<int64_t>());
    return;
  case json::value_t::number_unsigned:
    out.unsigned_integer(tree.get<uint64_t>());
    return;
  case json::value_t::number_float:
    out.floating(tree.get<double>());
    return;
  case json::value_t::string:
    out.text(utf8::repaired(tree.get_ref<const std::string&>()));
    return;
  case json::value_t::binary: {
    const auto& bytes = tree.get_binary();
    out.bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return;
  }
  case json::value_t::array:
    if (depth == limits::value_depth_max)
      throw std::length_error{"a JSON tree too deep for a value"};
    out.array(tree.size());
    for (const auto& item : tree)
      write_tree(out, item, depth + 1);
    return;
  case json::value_t::object:
    write_object(out, tree, depth);
    return;
  default:
    out.null();
  }
}

} // namespace

json json_of_value(const value& v) {
  cbor::reader in{v.cbor};
  return tree_of_item(in, 0);
}

value value_of_json_tree(const json& tree) {
  value v{{}};
  cbor::writer out{v.cbor};
  write_tree(out, tree, 0);
  return v;
}

} // namespace flow
