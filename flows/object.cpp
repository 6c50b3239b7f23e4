#include "flows/object.hpp"

#include <algorithm>

#include "flows/catalog_words.hpp"
#include "flows/cbor.hpp"
#include "flows/ids.hpp"

namespace flow {

namespace {

constexpr uint8_t object_version = 1;
constexpr uint64_t object_fields = 10;
constexpr uint64_t code_fields = 5;
constexpr uint64_t code_fields_now = 6; // with the versions of replacements

void write_labels(cbor::writer& out, const object_labels& labels) {
  out.map(labels.size());
  for (const auto& [name, content] : labels)
    out.text(name).text(content);
}

object_labels read_labels(cbor::reader& in) {
  object_labels labels;
  auto count = in.map();
  for (uint64_t i = 0; i < count && !in.failed(); ++i) {
    std::string name{in.text()};
    labels.insert_or_assign(std::move(name), std::string{in.text()});
  }
  return labels;
}

void write_code(cbor::writer& out, const code_facts& code) {
  out.array(code_fields_now)
      .unsigned_integer(code.wanted_revision)
      .text(code.commit)
      .boolean(code.is_known);
  out.text(code.failure).array(code.functions.size());
  for (const auto& function : code.functions)
    out.raw(to_value(function).cbor);
  out.map(code.replacement_versions.size());
  for (const auto& [function, version] : code.replacement_versions)
    out.text(function).unsigned_integer(version);
}

result<code_facts> read_code(cbor::reader& in) {
  code_facts code;
  auto fields = in.array();
  if (fields < code_fields) in.fail();
  code.wanted_revision = in.unsigned_integer();
  code.commit = in.text();
  code.is_known = in.boolean();
  code.failure = in.text();
  auto functions = in.array();
  for (uint64_t i = 0; i < functions && !in.failed(); ++i) {
    auto function = signature_of_value(value{std::string{in.raw()}});
    if (!function) return function.error();
    code.functions.push_back(std::move(*function));
  }
  auto replaced = fields > code_fields ? in.map() : 0;
  for (uint64_t i = 0; i < replaced && !in.failed(); ++i) {
    std::string function{in.text()};
    code.replacement_versions[std::move(function)] = in.unsigned_integer();
  }
  for (auto i = code_fields_now; i < fields; ++i)
    in.skip();
  return code;
}

error corrupt(std::string_view what, size_t bytes) {
  return make_error(ec::store_corrupt,
                    "a catalog row of " + std::to_string(bytes) + " bytes: " + std::string{what});
}

} // namespace

const signature* code_facts::find(std::string_view function) const {
  auto found = std::ranges::find(functions, function, &signature::function);
  return found != functions.end() ? &*found : nullptr;
}

bool is_auto(const object& it) {
  auto found = it.labels.find(std::string{auto_label});
  return found != it.labels.end() && found->second == "true";
}

std::string object_id(const object& it) {
  auto low_bits = static_cast<uint32_t>(it.number & (limits::partitions_max - 1));
  auto entropy = stable_hash(it.name, it.number << 8 | static_cast<uint64_t>(it.kind()));
  return to_string(make_call_id(it.created_ms, partition_id{low_bits}, entropy));
}

std::string named(object_kind kind, std::string_view name) {
  return std::string{to_string(kind)} + " " + quoted(name);
}

std::string named(const object& it) {
  return named(it.kind(), it.name);
}

value to_value(const object& it, std::span<const std::pair<std::string_view, value>> more) {
  value map;
  map.cbor.clear();
  cbor::writer out{map.cbor};
  out.map(8 + more.size());
  out.text("kind").text(to_string(it.kind()));
  out.text("name").text(it.name);
  out.text("id").text(object_id(it));
  out.text("labels");
  write_labels(out, it.labels);
  out.text("created_ms").unsigned_integer(it.created_ms);
  out.text("updated_ms").unsigned_integer(it.updated_ms);
  out.text("by").text(it.by);
  out.text("spec").raw(to_value(it.spec).cbor);
  for (const auto& [key, content] : more)
    out.text(key).raw(content.cbor);
  return map;
}

std::string encode_object(const object& it) {
  std::string bytes(1, static_cast<char>(object_version));
  cbor::writer out{bytes};
  out.array(object_fields).unsigned_integer(static_cast<uint64_t>(it.kind())).text(it.name);
  out.unsigned_integer(it.number).raw(to_value(it.spec).cbor);
  write_labels(out, it.labels);
  out.unsigned_integer(it.created_ms)
      .unsigned_integer(it.updated_ms)
      .text(it.by)
      .unsigned_integer(it.revision);
  if (it.kind() == object_kind::processor)
    write_code(out, it.code);
  else
    out.null();
  return bytes;
}

result<object> decode_object(std::string_view bytes) {
  if (bytes.empty()) return corrupt("it is empty", 0);
  auto version = static_cast<uint8_t>(bytes.front());
  if (version > object_version)
    return make_error(ec::store_newer, "a catalog row has version " + std::to_string(version)
                                           + "; this program reads "
                                           + std::to_string(object_version));
  if (version != object_version) return corrupt("its version is unknown", bytes.size());
  cbor::reader in{bytes.substr(1)};
  auto fields = in.array();
  if (fields < object_fields) in.fail();
  object it;
  auto kind = in.unsigned_integer();
  it.name = in.text();
  it.number = in.unsigned_integer();
  value spec{std::string{in.raw()}};
  it.labels = read_labels(in);
  it.created_ms = in.unsigned_integer();
  it.updated_ms = in.unsigned_integer();
  it.by = in.text();
  it.revision = in.unsigned_integer();
  if (in.failed() || kind == 0 || kind > 0xff)
    return corrupt("its fields cannot be read", bytes.size());
  if (in.peek() == cbor::kind::null) {
    in.null();
  } else {
    auto code = read_code(in);
    if (!code) return corrupt(code.error().text, bytes.size());
    it.code = std::move(*code);
  }
  for (auto i = object_fields; i < fields; ++i)
    in.skip();
  if (auto whole = in.finish("catalog row"); !whole)
    return corrupt(whole.error().text, bytes.size());
  auto read = stored_spec(static_cast<object_kind>(kind), spec);
  if (!read) return read.error();
  it.spec = std::move(*read);
  return it;
}

} // namespace flow
