// Internal to flows/object_specs.cpp: a visitor of spec fields that reads them from what people
// gave, or from disk.
#pragma once

#include <algorithm>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flows/catalog_words.hpp"
#include "flows/cbor.hpp"
#include "flows/spec_fields.hpp"
#include "flows/spec_writer.hpp"

namespace flow::internal {

/// Keys and encoded items.
using pairs = std::vector<std::pair<std::string_view, std::string_view>>;

/// The pairs of a map; `bad_value` for anything else, or a key that comes twice. Null is an empty
/// map.
result<pairs> pairs_of(std::string_view kind, const value& map);

/// How an item is called in an error: short ones are shown, long ones named.
std::string named_item(std::string_view item);

enum class strictness : uint8_t { asked, stored };

/// Puts given items into a spec; the first that does not fit becomes the error.
class spec_reader {
public:
  spec_reader(std::string_view kind, const pairs& given, const spec_writer& defaults,
              strictness how)
      : kind_{kind}, given_{given}, defaults_{defaults.items}, how_{how} {}

  void text(std::string_view key, std::string& to, size_t bytes_max = limits::spec_text_bytes_max) {
    if (auto item = take(key)) read_text(key, *item, to, bytes_max);
  }

  void lines(std::string_view key, std::string& to, size_t bytes_max) {
    auto item = take(key);
    if (!item) return;
    if (cbor::reader{*item}.peek() != cbor::kind::array)
      return read_text(key, *item, to, bytes_max);
    auto all = read_texts(*item);
    if (!all) return refuse(key, "a text, or a list of texts", *item);
    std::string joined;
    for (const auto& line : *all)
      joined += (joined.empty() ? "" : "\n") + line;
    if (joined.size() > bytes_max)
      return refuse(key, "at most " + std::to_string(bytes_max) + " bytes", *item);
    to = std::move(joined);
  }

  void flag(std::string_view key, bool& to) {
    auto item = take(key);
    if (!item) return;
    auto read = cbor::reader{*item};
    auto content = read.boolean();
    if (read.failed()) return refuse(key, "true or false", *item);
    to = content;
  }

  template <class Number>
  void number(std::string_view key, Number& to, uint64_t least, uint64_t most) {
    auto item = take(key);
    if (!item) return;
    auto read = cbor::reader{*item};
    auto content = read.unsigned_integer();
    auto fits = content <= std::numeric_limits<Number>::max()
                && (how_ == strictness::stored || (content >= least && content <= most));
    if (read.failed() || !fits)
      return refuse(key,
                    "a whole number from " + std::to_string(least) + " to " + std::to_string(most),
                    *item);
    to = static_cast<Number>(content);
  }

  void factor(std::string_view key, double& to, double least, double most) {
    auto item = take(key);
    if (!item) return;
    auto read = cbor::reader{*item};
    auto content = read.floating();
    auto fits = content >= least && content <= most; // false for NaN
    if (read.failed() || (how_ == strictness::asked && !fits)) {
      char wanted[64];
      std::snprintf(wanted, sizeof wanted, "a number from %g to %g", least, most);
      return refuse(key, wanted, *item);
    }
    to = content;
  }

  template <class Enum, size_t N>
  void word(std::string_view key, Enum& to, const std::array<choice<Enum>, N>& words) {
    auto item = take(key);
    if (!item) return;
    auto read = cbor::reader{*item};
    auto given = std::string{read.text()};
    std::ranges::replace(given, '_', '-');
    auto same = [&](const choice<Enum>& c) {
      return std::ranges::equal(c.word, given, {}, lower, lower);
    };
    auto found = std::ranges::find_if(words, same);
    if (!read.failed() && found != words.end()) {
      to = found->means;
      return;
    }
    std::string wanted = "one of";
    for (const auto& c : words)
      wanted += (&c == &words.front() ? " " : ", ") + std::string{c.word};
    refuse(key, wanted, *item);
  }

  void texts(std::string_view key, std::vector<std::string>& to) {
    auto item = take(key);
    if (!item) return;
    auto all = read_texts(*item);
    if (!all) return refuse(key, "a list of texts", *item);
    to = std::move(*all);
  }

  void text_map(std::string_view key, std::map<std::string, std::string>& to, size_t bytes_max) {
    auto item = take(key);
    if (!item) return;
    auto read = cbor::reader{*item};
    std::map<std::string, std::string> all;
    size_t bytes = 0;
    auto count = read.map();
    for (uint64_t i = 0; i < count && !read.failed(); ++i) {
      std::string name{read.text()};
      std::string content{read.text()};
      bytes += name.size() + content.size();
      all.insert_or_assign(std::move(name), std::move(content));
    }
    if (read.failed()) return refuse(key, "a map from text to text", *item);
    if (bytes > bytes_max || count > limits::spec_items_max)
      return refuse(key, "at most " + std::to_string(bytes_max) + " bytes of names and values",
                    *item);
    to = std::move(all);
  }

  void policy(std::string_view key, socket_policy& to) {
    auto item = take(key);
    if (!item) return;
    auto read = cbor::reader{*item};
    if (read.peek() == cbor::kind::text) {
      auto word = read.text();
      if (word == "auto" || word == "none") {
        to = {word == "auto" ? auto_sockets::all : auto_sockets::none, {}};
        return;
      }
    } else if (auto all = read_texts(*item)) {
      to = {auto_sockets::listed, std::move(*all)};
      return;
    }
    refuse(key, "auto, none, or a list of functions", *item);
  }

  /// After all fields were visited.
  result<void> finish() const {
    if (refused_) return *refused_;
    if (how_ == strictness::stored) return {};
    for (const auto& [key, item] : given_) {
      if (std::ranges::find(known_, key) != known_.end()) continue;
      return make_error(ec::unknown_key, "a " + std::string{kind_} + " has no key " + quoted(key),
                        did_you_mean_or(key, known_, "the keys are " + listed(known_)));
    }
    return {};
  }

private:
  static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  }

  /// The item for `key`: as given, the default's for null, nothing when absent.
  std::optional<std::string_view> take(std::string_view key) {
    known_.emplace_back(key);
    auto found = std::ranges::find(given_, key, &pairs::value_type::first);
    if (found == given_.end() || refused_) return std::nullopt;
    if (cbor::reader{found->second}.peek() != cbor::kind::null) return found->second;
    return std::string_view{
        std::ranges::find(defaults_, key, [](const auto& d) { return d.first; })->second};
  }

  void read_text(std::string_view key, std::string_view item, std::string& to, size_t bytes_max) {
    auto read = cbor::reader{item};
    auto content = read.text();
    if (read.failed()) return refuse(key, "a text", item);
    if (content.size() > bytes_max)
      return refuse(key, "a text of at most " + std::to_string(bytes_max) + " bytes", item);
    if (content.find('\0') != std::string_view::npos)
      return refuse(key, "a text without null bytes", item);
    to = content;
  }

  void refuse(std::string_view key, const std::string& wanted, std::string_view item) {
    auto code = how_ == strictness::stored ? ec::store_corrupt : ec::bad_value;
    refused_ = make_error(code, std::string{key} + " of a " + std::string{kind_} + ": wanted "
                                    + wanted + ", not " + named_item(item));
  }

  static std::optional<std::vector<std::string>> read_texts(std::string_view item) {
    cbor::reader read{item};
    auto count = read.array();
    std::vector<std::string> all;
    for (uint64_t i = 0; i < count && !read.failed(); ++i)
      all.emplace_back(read.text());
    if (read.failed() || count > limits::spec_items_max) return std::nullopt;
    return all;
  }

  std::string_view kind_;
  const pairs& given_;
  const std::vector<std::pair<std::string_view, std::string>>& defaults_;
  strictness how_;
  std::vector<std::string> known_;
  std::optional<error> refused_;
};

} // namespace flow::internal
