#include "flows/params.hpp"

#include "flows/cbor.hpp"

namespace flow {

params::params(const value& given) {
  cbor::reader in{given.cbor};
  for (auto n = in.map(); n > 0 && !in.failed(); --n) {
    auto key = in.text();
    items_.emplace_back(key, in.raw());
  }
  if (in.failed())
    first_error_ = make_error(ec::bad_value, "the parameters are not a map with text keys");
}

std::string_view params::find(std::string_view key) const {
  for (const auto& [name, item] : items_)
    if (name == key && item != "\xf6") return item;
  return {};
}

void params::wrong(std::string_view key, std::string_view wanted) {
  if (first_error_.code == ec::none)
    first_error_
        = make_error(ec::bad_value, "\"" + std::string{key} + "\" must be " + std::string{wanted});
}

bool params::has(std::string_view key) const {
  return !find(key).empty();
}

std::string params::text(std::string_view key, std::string_view otherwise) {
  auto item = find(key);
  if (item.empty()) return std::string{otherwise};
  cbor::reader in{item};
  auto text = in.text();
  if (in.failed()) wrong(key, "a text");
  return std::string{text};
}

std::string params::required_text(std::string_view key) {
  auto found = text(key);
  if (found.empty()) wrong(key, "given");
  return found;
}

uint64_t params::unsigned_integer(std::string_view key, uint64_t otherwise) {
  auto item = find(key);
  if (item.empty()) return otherwise;
  cbor::reader in{item};
  auto n = in.unsigned_integer();
  if (in.failed()) wrong(key, "a whole number, 0 or more");
  return n;
}

bool params::boolean(std::string_view key, bool otherwise) {
  auto item = find(key);
  if (item.empty()) return otherwise;
  cbor::reader in{item};
  auto b = in.boolean();
  if (in.failed()) wrong(key, "true or false");
  return b;
}

std::vector<std::string> params::texts(std::string_view key) {
  std::vector<std::string> list;
  auto item = find(key);
  if (item.empty()) return list;
  cbor::reader in{item};
  if (in.peek() == cbor::kind::text) {
    list.emplace_back(in.text());
    return list;
  }
  for (auto n = in.array(); n > 0 && !in.failed(); --n)
    list.emplace_back(in.text());
  if (in.failed()) wrong(key, "a list of texts");
  return list;
}

std::vector<std::pair<std::string, std::string>> params::text_map(std::string_view key) {
  std::vector<std::pair<std::string, std::string>> map;
  auto item = find(key);
  if (item.empty()) return map;
  cbor::reader in{item};
  for (auto n = in.map(); n > 0 && !in.failed(); --n) {
    auto name = std::string{in.text()};
    map.emplace_back(std::move(name), in.text());
  }
  if (in.failed()) wrong(key, "a map of texts");
  return map;
}

std::optional<value> params::item(std::string_view key) const {
  auto found = find(key);
  if (found.empty()) return std::nullopt;
  return value{std::string{found}};
}

result<void> params::check() const {
  if (first_error_.code != ec::none) return first_error_;
  return {};
}

// -- builders -----------------------------------------------------------------

void map_builder::key(std::string_view name) {
  cbor::writer{items_}.text(name);
  ++count_;
}

map_builder& map_builder::text(std::string_view name, std::string_view v) {
  key(name);
  cbor::writer{items_}.text(v);
  return *this;
}

map_builder& map_builder::number(std::string_view name, uint64_t v) {
  key(name);
  cbor::writer{items_}.unsigned_integer(v);
  return *this;
}

map_builder& map_builder::floating(std::string_view name, double v) {
  key(name);
  cbor::writer{items_}.floating(v);
  return *this;
}

map_builder& map_builder::boolean(std::string_view name, bool v) {
  key(name);
  cbor::writer{items_}.boolean(v);
  return *this;
}

map_builder& map_builder::item(std::string_view name, std::string_view cbor) {
  key(name);
  items_ += cbor;
  return *this;
}

value map_builder::finish() const {
  value v;
  v.cbor.clear();
  cbor::writer{v.cbor}.map(count_).raw(items_);
  return v;
}

void list_builder::add(const value& v) {
  items_ += v.cbor;
  ++count_;
}

void list_builder::add_text(std::string_view text) {
  cbor::writer{items_}.text(text);
  ++count_;
}

value list_builder::finish() const {
  value v;
  v.cbor.clear();
  cbor::writer{v.cbor}.array(count_).raw(items_);
  return v;
}

} // namespace flow
