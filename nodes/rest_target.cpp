#include "nodes/rest_target.hpp"

#include <algorithm>
#include <optional>

#include "flows/text.hpp"

namespace flow::nodes {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      int high = hex_digit(text[i + 1]);
      int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high << 4 | low);
      i += 2;
    }
  }
  return out;
}

} // namespace

result<rest_target> parse_target(std::string_view target) {
  auto wrong = [target] {
    return make_error(ec::bad_usage,
                      "the request target " + flow::quoted(target) + " is malformed");
  };
  if (!target.starts_with('/')) return wrong();
  target = target.substr(0, target.find('#'));
  auto question = target.find('?');
  auto path = decoded(target.substr(0, question), false);
  if (!path || path->find('\0') != std::string::npos) return wrong();
  rest_target parsed{std::move(*path), {}};
  if (question == std::string_view::npos) return parsed;
  for (auto rest = target.substr(question + 1); !rest.empty();) {
    auto end = std::min(rest.find('&'), rest.size());
    auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    auto equals = std::min(pair.find('='), pair.size());
    auto name = decoded(pair.substr(0, equals), true);
    auto text = decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !text) return wrong();
    parsed.query.emplace_back(std::move(*name), std::move(*text));
  }
  return parsed;
}

} // namespace flow::nodes
