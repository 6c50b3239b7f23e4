// Internal to flows/object_specs.cpp: a visitor of spec fields that encodes them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flows/cbor.hpp"
#include "flows/spec_fields.hpp"

namespace flow::internal {

/// Encodes each key by itself, so that specs can also be compared and defaulted key by key.
class spec_writer {
public:
  std::vector<std::pair<std::string_view, std::string>> items;

  void text(std::string_view key, const std::string& from, size_t = 0) { out(key).text(from); }
  void lines(std::string_view key, const std::string& from, size_t) { out(key).text(from); }
  void flag(std::string_view key, bool from) { out(key).boolean(from); }
  void factor(std::string_view key, double from, double, double) { out(key).floating(from); }

  template <class Number>
  void number(std::string_view key, Number from, uint64_t, uint64_t) {
    out(key).unsigned_integer(from);
  }

  template <class Enum, size_t N>
  void word(std::string_view key, Enum from, const std::array<choice<Enum>, N>& words) {
    auto found = std::ranges::find(words, from, &choice<Enum>::means);
    out(key).text(found != words.end() ? found->word : words.front().word);
  }

  void texts(std::string_view key, const std::vector<std::string>& from) {
    auto to = out(key);
    to.array(from.size());
    for (const auto& item : from)
      to.text(item);
  }

  void text_map(std::string_view key, const std::map<std::string, std::string>& from, size_t) {
    auto to = out(key);
    to.map(from.size());
    for (const auto& [name, content] : from)
      to.text(name).text(content);
  }

  void policy(std::string_view key, const socket_policy& from) {
    if (from.which == auto_sockets::listed)
      texts(key, from.functions);
    else
      out(key).text(from.which == auto_sockets::all ? "auto" : "none");
  }

private:
  cbor::writer out(std::string_view key) {
    items.emplace_back(key, std::string{});
    return cbor::writer{items.back().second};
  }
};

template <class Spec>
spec_writer written(const Spec& spec) {
  spec_writer out;
  auto copy = spec; // one list of fields serves readers too, so it takes a mutable spec
  visit_fields(out, copy);
  return out;
}

} // namespace flow::internal
