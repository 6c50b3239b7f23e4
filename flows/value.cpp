#include "flows/value.hpp"

#include <algorithm>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"
#include "flows/utf8.hpp"

namespace flow {

namespace {

// Below this many keys comparing all pairs is cheaper than sorting.
constexpr size_t few_keys_max = 8;

bool has_duplicate(std::vector<std::string_view>& keys) {
  if (keys.size() <= few_keys_max) {
    for (size_t i = 1; i < keys.size(); ++i)
      if (std::find(keys.begin(), keys.begin() + static_cast<ptrdiff_t>(i), keys[i])
          != keys.begin() + static_cast<ptrdiff_t>(i))
        return true;
    return false;
  }
  std::ranges::sort(keys);
  return std::ranges::adjacent_find(keys) != keys.end();
}

/// Walks one item; the first thing wrong is kept with its place.
class checker {
public:
  explicit checker(std::string_view bytes) : in_{bytes} {}

  result<void> check() {
    bool fine = check_item(0);
    if (fine && in_.at_end()) return {};
    if (fine) fine = refuse(in_.offset(), "there are more bytes behind the value");
    return make_error(ec::bad_value, "not a value: " + why_ + " at byte " + std::to_string(at_));
  }

private:
  bool refuse(size_t at, std::string_view why) {
    at_ = at;
    why_ = why;
    return false;
  }

  bool check_text(size_t at) {
    auto text = in_.text();
    if (in_.failed()) return refuse(at, "a text longer than the value");
    auto error_at = utf8::first_error(text);
    return error_at == std::string_view::npos
           || refuse(in_.offset() - text.size() + error_at, "a text that is not UTF-8");
  }

  bool check_item(size_t depth) {
    auto at = in_.offset();
    switch (in_.peek()) {
    case cbor::kind::text:
      return check_text(at);
    case cbor::kind::array: {
      if (depth == limits::value_depth_max) return refuse(at, "nested too deep");
      auto count = in_.array();
      if (in_.failed()) return refuse(at, "an array longer than the value");
      for (uint64_t i = 0; i < count; ++i)
        if (!check_item(depth + 1)) return false;
      return true;
    }
    case cbor::kind::map:
      return depth < limits::value_depth_max ? check_map(at, depth + 1)
                                             : refuse(at, "nested too deep");
    case cbor::kind::big_integer: {
      bool negative = false;
      auto magnitude = in_.big_integer(negative);
      if (in_.failed()) return refuse(at, "a malformed integer");
      return magnitude.size() <= limits::integer_bytes_max || refuse(at, "an integer too large");
    }
    case cbor::kind::none:
      return refuse(at, in_.at_end() ? "the bytes end too early"
                                     : "an item that is cut off or not of the subset");
    default:
      in_.skip();
      return !in_.failed() || refuse(at, "bytes longer than the value");
    }
  }

  bool check_map(size_t at, size_t depth) {
    auto count = in_.map();
    if (in_.failed()) return refuse(at, "a map longer than the value");
    // Grows with what is there, not with what is announced.
    std::vector<std::string_view> keys;
    for (uint64_t i = 0; i < count; ++i) {
      auto key_at = in_.offset();
      if (in_.peek() != cbor::kind::text) return refuse(key_at, "a key of a map that is not text");
      auto ahead = in_;
      keys.push_back(ahead.text());
      if (!check_text(key_at) || !check_item(depth)) return false;
    }
    return !has_duplicate(keys) || refuse(at, "a map with two equal keys");
  }

  cbor::reader in_;
  size_t at_ = 0;
  std::string why_;
};

/// Whether `bytes` are one item of this kind, which is all that `arguments` ask beyond being
/// values.
bool is_kind(std::string_view bytes, cbor::kind wanted) {
  return cbor::reader{bytes}.peek() == wanted;
}

} // namespace

result<value> value_of_cbor(std::string cbor) {
  if (auto fits = checker{cbor}.check(); !fits) return fits.error();
  return value{std::move(cbor)};
}

result<arguments> arguments_of_cbor(std::string positional, std::string keyword) {
  for (auto [name, bytes, wanted] :
       {std::tuple{"positional arguments", &positional, cbor::kind::array},
        std::tuple{"keyword arguments", &keyword, cbor::kind::map}}) {
    auto fits = checker{*bytes}.check();
    if (!fits) return make_error(ec::bad_value, std::string{name} + ": " + fits.error().text);
    if (!is_kind(*bytes, wanted))
      return make_error(ec::bad_value, std::string{name} + " are no "
                                           + (wanted == cbor::kind::array ? "array" : "map"));
  }
  return arguments{std::move(positional), std::move(keyword)};
}

arguments make_arguments(const std::vector<value>& positional,
                         const std::vector<std::pair<std::string, value>>& keyword) {
  arguments args{{}, {}};
  cbor::writer items{args.positional};
  items.array(positional.size());
  for (const auto& item : positional)
    items.raw(item.cbor);
  cbor::writer pairs{args.keyword};
  pairs.map(keyword.size());
  for (const auto& [name, item] : keyword)
    pairs.text(name).raw(item.cbor);
  return args;
}

result<std::vector<value>> positional_values(const arguments& args) {
  cbor::reader in{args.positional};
  std::vector<value> values;
  for (auto n = in.array(); n > 0 && !in.failed(); --n)
    values.push_back({std::string{in.raw()}});
  auto end = in.finish("positional arguments");
  if (!end) return make_error(ec::bad_value, end.error().text);
  return values;
}

result<std::vector<std::pair<std::string, value>>> keyword_values(const arguments& args) {
  cbor::reader in{args.keyword};
  std::vector<std::pair<std::string, value>> values;
  for (auto n = in.map(); n > 0 && !in.failed(); --n) {
    std::string name{in.text()};
    values.emplace_back(std::move(name), value{std::string{in.raw()}});
  }
  auto end = in.finish("keyword arguments");
  if (!end) return make_error(ec::bad_value, end.error().text);
  return values;
}

arguments prepend(const value& first, const arguments& args) {
  arguments longer{{}, args.keyword};
  cbor::reader in{args.positional};
  auto count = in.array();
  cbor::writer out{longer.positional};
  out.array(count + 1).raw(first.cbor).raw(std::string_view{args.positional}.substr(in.offset()));
  return longer;
}

} // namespace flow
