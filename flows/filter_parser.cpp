// The grammar of filter.hpp, by recursive descent.
#include <algorithm>
#include <charconv>
#include <optional>

#include "flows/filter.hpp"
#include "flows/filter_node.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"
#include "flows/utf8.hpp"

namespace flow {

namespace {

constexpr std::string_view operators_hint
    = "a comparison is a field, one of = != < <= > >= ~ !~ in, and a value: state=failed";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_word_end(char c) {
  return is_blank(c) || std::string_view{"()=<>!~,\"'&|"}.find(c) != std::string_view::npos;
}

std::optional<long double> number_of(std::string_view text) {
  auto begin = text.data();
  auto end = begin + text.size();
  auto is_whole
      = [end](std::from_chars_result read) { return read.ec == std::errc{} && read.ptr == end; };
  if (int64_t n = 0; is_whole(std::from_chars(begin, end, n))) return n;
  if (uint64_t n = 0; is_whole(std::from_chars(begin, end, n))) return n;
  // The library reads "inf" and "nan" too, which are words here.
  if (text.find_first_not_of("+-.0123456789eE") != std::string_view::npos) return {};
  if (double n = 0; is_whole(std::from_chars(begin, end, n))) return n;
  return {};
}

filter_operand quoted_operand(std::string text) {
  filter_operand operand;
  operand.is_quoted = true;
  if (auto time = parse_time_ms(text)) operand.time_ms = *time;
  operand.text = std::move(text);
  return operand;
}

filter_operand bare_operand(std::string_view word) {
  auto operand = quoted_operand(std::string{word});
  operand.is_quoted = false;
  operand.is_null = word == "null";
  if (word == "true" || word == "false") operand.boolean = word == "true";
  operand.number = number_of(word);
  if (word == "now") operand.from_now_ms = 0;
  if (operand.number) return operand;
  if (auto duration = parse_duration_ms(word)) operand.duration_ms = *duration;
  if (!word.starts_with('-') && !word.starts_with('+')) return operand;
  auto distance = parse_duration_ms(word.substr(1));
  if (distance && *distance <= static_cast<uint64_t>(INT64_MAX))
    operand.from_now_ms = static_cast<int64_t>(*distance) * (word.front() == '-' ? -1 : 1);
  return operand;
}

class filter_parser {
public:
  filter_parser(std::string_view text, const std::vector<std::string>& fields)
      : text_{text}, fields_{fields} {}

  result<filter_node> parse() {
    auto root = parse_any(0);
    if (!root) return root;
    skip_blanks();
    if (at_ == text_.size()) return root;
    if (peek() == ')') return fail("a ) that was not opened");
    if (peek() == '&') return fail("unknown operator", "write \"and\"");
    if (peek() == '|') return fail("unknown operator", "write \"or\"");
    return fail("a condition ends before this", "join conditions with \"and\" or \"or\"");
  }

private:
  error fail(const std::string& why, std::string hint = {}) const {
    return fail_at(at_, why, std::move(hint));
  }
  error fail_at(size_t at, const std::string& why, std::string hint = {}) const {
    return make_error(ec::bad_filter, "filter, " + position_in(text_, at) + ": " + why,
                      std::move(hint));
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_]))
      ++at_;
  }

  bool accept(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  std::string_view word_ahead() const {
    auto end = at_;
    while (end < text_.size() && !is_word_end(text_[end]))
      ++end;
    return text_.substr(at_, end - at_);
  }

  bool accept_keyword(std::string_view keyword) {
    skip_blanks();
    auto word = word_ahead();
    auto is_same = [](char a, char b) { return (a | 0x20) == b; };
    if (!std::ranges::equal(word, keyword, is_same)) return false;
    at_ += word.size();
    return true;
  }

  // -- conditions -------------------------------------------------------------

  result<filter_node> parse_any(size_t depth) {
    return parse_joined("or", filter_node::kind::any, [&] { return parse_all(depth); });
  }

  result<filter_node> parse_all(size_t depth) {
    return parse_joined("and", filter_node::kind::all, [&] { return parse_condition(depth); });
  }

  template <class Parse>
  result<filter_node> parse_joined(std::string_view keyword, filter_node::kind what,
                                   Parse parse_one) {
    auto first = parse_one();
    if (!first || !accept_keyword(keyword)) return first;
    filter_node joined;
    joined.what = what;
    joined.children.push_back(std::move(*first));
    do {
      auto next = parse_one();
      if (!next) return next;
      joined.children.push_back(std::move(*next));
    } while (accept_keyword(keyword));
    return joined;
  }

  result<filter_node> parse_condition(size_t depth) {
    skip_blanks();
    if (depth == limits::filter_depth_max) return fail("nested too deep");
    if (accept_keyword("not")) {
      auto inner = parse_condition(depth + 1);
      if (!inner) return inner;
      return negation(std::move(*inner));
    }
    if (peek() != '(') return parse_comparison();
    auto opened_at = at_++;
    auto inner = parse_any(depth + 1);
    if (!inner) return inner;
    skip_blanks();
    if (at_ == text_.size()) return fail_at(opened_at, "a ( that is not closed");
    if (!accept(")")) return fail("expected ), \"and\" or \"or\"");
    return inner;
  }

  static filter_node negation(filter_node inner) {
    filter_node outer;
    outer.what = filter_node::kind::negation;
    outer.children.push_back(std::move(inner));
    return outer;
  }

  result<filter_node> parse_comparison() {
    filter_node node;
    auto path = parse_path();
    if (!path) return path.error();
    node.path = std::move(*path);
    skip_blanks();
    bool is_negated = accept_keyword("not");
    if (accept_keyword("in")) {
      node.how = filter_operator::in;
      if (auto list = parse_list(node); !list) return list.error();
    } else {
      if (is_negated)
        return fail("expected \"in\" after \"not\"",
                    "not stands before a condition: not state=failed");
      auto sign = parse_operator(node);
      if (!sign) return sign.error();
      is_negated = *sign;
      auto value_at = at_;
      auto operand = parse_operand();
      if (!operand) return operand.error();
      node.operands.push_back(std::move(*operand));
      if (node.how == filter_operator::found) {
        auto compiled = pattern::compile(node.operands.front().text);
        if (!compiled) return fail_at(value_at, compiled.error().text);
        node.expression = std::move(*compiled);
      }
    }
    return is_negated ? negation(std::move(node)) : node;
  }

  /// Sets `how`; true when the operator is the opposite of it.
  result<bool> parse_operator(filter_node& node) {
    struct entry {
      std::string_view sign;
      filter_operator how;
      bool is_negated;
    };
    using op = filter_operator;
    static constexpr entry signs[] = {
        {"!=", op::equal, true},          {"!~", op::found, true},   {"<=", op::less_equal, false},
        {">=", op::greater_equal, false}, {"==", op::equal, false},  {"=", op::equal, false},
        {"<", op::less, false},           {">", op::greater, false}, {"~", op::found, false},
    };
    skip_blanks();
    auto rest = text_.substr(at_);
    if (rest.starts_with("=~"))
      return fail("unknown operator", "write ~ to match a regular expression");
    if (rest.starts_with("<>")) return fail("unknown operator", "write != for \"is different\"");
    for (const auto& known : signs)
      if (accept(known.sign)) {
        node.how = known.how;
        return known.is_negated;
      }
    return fail("expected a comparison after the field", std::string{operators_hint});
  }

  // -- fields and values ------------------------------------------------------

  result<std::vector<std::string>> parse_path() {
    std::vector<std::string> path;
    auto start = at_;
    do {
      auto name_at = at_;
      std::string name;
      if (peek() == '"' || peek() == '\'') {
        auto text = parse_quoted();
        if (!text) return text.error();
        name = std::move(*text);
      } else {
        auto word = word_ahead();
        name = word.substr(0, word.find('.'));
        at_ += name.size();
      }
      if (name.empty())
        return fail_at(name_at, "expected the name of a field", std::string{operators_hint});
      path.push_back(std::move(name));
    } while (accept("."));
    if (!fields_.empty() && std::ranges::find(fields_, path.front()) == fields_.end())
      return fail_at(start, "no field is named " + quoted(path.front()), field_hint(path.front()));
    return path;
  }

  std::string field_hint(std::string_view name) const {
    if (auto hint = did_you_mean(name, fields_); !hint.empty()) return hint;
    std::string hint = "fields are ";
    for (const auto& field : fields_)
      hint += (&field == &fields_.front() ? "" : ", ") + field;
    return hint;
  }

  result<filter_operand> parse_operand() {
    skip_blanks();
    if (peek() == '"' || peek() == '\'') {
      auto text = parse_quoted();
      if (!text) return text.error();
      return quoted_operand(std::move(*text));
    }
    auto word = word_ahead();
    if (word.empty())
      return fail("expected a value", "values with blanks or signs in them stand in quotes");
    at_ += word.size();
    return bare_operand(word);
  }

  result<void> parse_list(filter_node& node) {
    skip_blanks();
    if (!accept("(")) return fail("expected ( after \"in\"", "write: state in (failed, dead)");
    for (;;) {
      auto operand = parse_operand();
      if (!operand) return operand.error();
      node.operands.push_back(std::move(*operand));
      skip_blanks();
      if (accept(")")) return {};
      if (!accept(",")) return fail("expected , or )");
    }
  }

  // A backslash takes the meaning of a quote or a backslash; before anything else it stays, as
  // expressions want it.
  result<std::string> parse_quoted() {
    auto start = at_;
    char quote = text_[at_++];
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote) {
      bool is_escape = text_[at_] == '\\' && at_ + 1 < text_.size()
                       && (text_[at_ + 1] == quote || text_[at_ + 1] == '\\');
      if (is_escape) ++at_;
      out += text_[at_++];
    }
    if (at_ == text_.size()) return fail_at(start, "this text has no closing quote");
    ++at_;
    return out;
  }

  std::string_view text_;
  const std::vector<std::string>& fields_;
  size_t at_ = 0;
};

} // namespace

result<filter> filter::parse(std::string_view text, const std::vector<std::string>& fields) {
  auto refuse
      = [](std::string why) { return make_error(ec::bad_filter, "filter: " + std::move(why)); };
  if (std::ranges::all_of(text, is_blank)) return refuse("the text is empty");
  if (text.size() > limits::filter_bytes_max)
    return refuse("more than " + std::to_string(limits::filter_bytes_max) + " bytes");
  if (auto at = utf8::first_error(text); at != std::string_view::npos)
    return refuse("not UTF-8 at byte " + std::to_string(at));
  auto root = filter_parser{text, fields}.parse();
  if (!root) return root.error();
  return filter{std::make_shared<const filter_node>(std::move(*root))};
}

} // namespace flow
