#include "flows/workflow_text.hpp"

#include <algorithm>
#include <optional>

#include "flows/internal/workflow_words.hpp"
#include "flows/limits.hpp"
#include "flows/literal_string.hpp"
#include "flows/text.hpp"
#include "flows/utf8.hpp"

namespace flow {

namespace {

using namespace internal;

constexpr std::string_view policy_option = "on_error";
class workflow_parser {
public:
  explicit workflow_parser(std::string_view text) : text_{text} {}

  result<workflow_call> parse() {
    if (text_.size() > limits::payload_bytes_max)
      return make_error(ec::payload_too_large,
                        "the text of the workflow has " + std::to_string(text_.size()) + " bytes");
    if (auto at = utf8::first_error(text_); at != std::string_view::npos)
      return fail_at(at, "this is not UTF-8");
    auto step = parse_step(limits::workflow_depth_max);
    if (!step) return step.error();
    workflow_call whole{std::move(*step), {}};
    skip_blanks();
    if (peek() == '(') {
      auto start = at_;
      auto args = parse_arguments({});
      if (!args) return args.error();
      if (!args->second.empty())
        return fail_at(start, "a workflow is given positional arguments only",
                       "keywords belong to a step: socket(name=value)");
      whole.args = std::move(args->first);
    }
    skip_blanks();
    if (at_ != text_.size()) return fail("more text after the end of the workflow");
    return whole;
  }

private:
  using call_arguments = std::pair<std::vector<value>, std::vector<std::pair<std::string, value>>>;

  // -- characters -------------------------------------------------------------

  error fail(const std::string& why, std::string hint = {}) const {
    return fail_at(at_, why, std::move(hint));
  }
  error fail_at(size_t at, const std::string& why, std::string hint = {}) const {
    return make_error(ec::bad_workflow, position_in(text_, at) + ": " + why, std::move(hint));
  }
  error expected(const std::string& what) const {
    if (at_ == text_.size()) return fail("the text ends where " + what + " is expected");
    auto end = at_;
    utf8::next(text_, end);
    return fail("expected " + what + ", not " + quoted(text_.substr(at_, end - at_)));
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool accept(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void skip_blanks() {
    for (;;) {
      if (accept(" ") || accept("\t") || accept("\n") || accept("\r")) continue;
      if (peek() != '#') return;
      at_ = std::min(text_.find('\n', at_), text_.size());
    }
  }

  // -- steps ------------------------------------------------------------------

  result<workflow> parse_step(size_t depth_left) {
    skip_blanks();
    if (depth_left == 0) return fail("steps are nested too deep");
    if (is_string_ahead(text_, at_)) {
      auto start = at_;
      auto name = read_literal_string(text_, at_);
      if (!name) return fail(name.error().text);
      if (name->is_bytes) return fail_at(start, "the name of a socket is text");
      return parse_call(start, name->content);
    }
    auto start = at_;
    while (is_name_character(peek()))
      ++at_;
    auto name = text_.substr(start, at_ - start);
    if (name.empty()) return expected("a step (a socket, pipeline, parallel, funnel or segment)");
    if (!is_combinator(name)) return parse_call(start, std::string{name});
    skip_blanks();
    if (!accept("(")) return expected("( after " + std::string{name});
    if (name == "segment") return parse_segment(start, depth_left);
    return parse_members(start, name, depth_left);
  }

  /// What follows "pipeline(", "parallel(" or "funnel(".
  result<workflow> parse_members(size_t start, std::string_view kind, size_t depth_left) {
    auto steps = parse_steps(depth_left - 1);
    if (!steps) return steps.error();
    std::optional<workflow> body;
    std::optional<error_policy> on_error;
    for (;;) {
      skip_blanks();
      if (accept(")")) break;
      if (!accept(",")) return expected(", or )");
      skip_blanks();
      if (accept(")")) break;
      if (auto option = keyword_ahead(); !option.empty()) {
        if (kind == "pipeline")
          return fail("a pipeline takes no options", "it ends at the first step that fails");
        if (auto taken = parse_policy(option, on_error); !taken) return taken.error();
      } else if (kind == "funnel" && !body) {
        if (auto taken = parse_body(body, depth_left); !taken) return taken.error();
      } else {
        return expected(")");
      }
    }
    auto policy = on_error.value_or(error_policy::fail_fast);
    if (kind == "pipeline") return placed(start, workflow::pipeline(*steps));
    if (kind == "parallel") return placed(start, workflow::parallel(*steps, policy));
    if (!body) {
      skip_blanks();
      if (!accept("("))
        return fail("a funnel needs a body: funnel([...], body) or funnel([...])(body)");
      if (auto taken = parse_body(body, depth_left); !taken) return taken.error();
      skip_blanks();
      if (!accept(")")) return expected(") after the body of the funnel");
    }
    return placed(start, workflow::funnel(*steps, *body, policy));
  }

  result<void> parse_body(std::optional<workflow>& body, size_t depth_left) {
    auto step = parse_step(depth_left - 1);
    if (!step) return step.error();
    body = std::move(*step);
    return {};
  }

  result<std::vector<workflow>> parse_steps(size_t depth_left) {
    skip_blanks();
    if (!accept("[")) return expected("[ before the list of steps");
    std::vector<workflow> steps;
    for (;;) {
      skip_blanks();
      if (accept("]")) return steps;
      if (steps.size() == limits::workflow_steps_max)
        return fail("a workflow has at most " + std::to_string(limits::workflow_steps_max)
                    + " steps");
      auto step = parse_step(depth_left);
      if (!step) return step.error();
      steps.push_back(std::move(*step));
      skip_blanks();
      if (accept("]")) return steps;
      if (!accept(",")) return expected(", or ] after a step");
    }
  }

  /// What follows "segment(": a socket, the list of items, how many make a chunk.
  result<workflow> parse_segment(size_t start, size_t depth_left) {
    auto task = parse_step(depth_left - 1);
    if (!task) return task.error();
    auto rest = parse_arguments_after_comma();
    if (!rest) return rest.error();
    auto& [given, options] = *rest;
    if (given.size() != 2)
      return fail_at(start, "a segment takes a socket, a list of items, and how many make a chunk");
    auto items = positional_values({given[0].cbor, "\xa0"});
    if (!items) return fail_at(start, "the items of a segment are a list");
    cbor_count count{given[1]};
    if (!count.is_valid) return fail_at(start, "how many items make a chunk is a number from 1");
    std::optional<error_policy> on_error;
    for (const auto& [name, word] : options)
      if (auto taken = take_policy(start, name, to_plain_text(word), on_error); !taken)
        return taken.error();
    return placed(start, workflow::segment(*task, *items, count.n,
                                           on_error.value_or(error_policy::fail_fast)));
  }

  struct cbor_count {
    explicit cbor_count(const value& v) {
      auto text = to_json_text(v);
      is_valid = !text.empty() && text.size() < 10
                 && text.find_first_not_of("0123456789") == std::string::npos;
      if (is_valid) n = std::stoul(text);
    }
    size_t n = 0;
    bool is_valid = false;
  };

  result<workflow> placed(size_t start, result<workflow> built) const {
    if (built) return built;
    return fail_at(start, built.error().text, built.error().hint);
  }

  /// A socket with its arguments, if there are any, and `.only()`.
  result<workflow> parse_call(size_t start, std::string name) {
    bool is_only = text_[start] == name[0] && name.size() > only_suffix.size()
                   && name.ends_with(only_suffix) && text_.substr(at_).starts_with("()");
    if (is_only) { // of a socket without arguments
      name.resize(name.size() - only_suffix.size());
      at_ += 2;
    }
    if (name.size() > limits::name_bytes_max)
      return fail_at(start, "the name of the socket is too long");
    arguments args;
    skip_blanks();
    if (!is_only && peek() == '(') {
      auto given = parse_arguments(name);
      if (!given) return given.error();
      args = make_arguments(given->first, given->second);
      skip_blanks();
    }
    auto made = workflow::call(std::move(name), std::move(args));
    if (accept(".")) {
      if (!accept("only()"))
        return fail("a step has no such method", "what there is: socket(...).only()");
      is_only = true;
    }
    return is_only ? made.only() : made;
  }

  // -- arguments --------------------------------------------------------------

  /// From the opening parenthesis to the closing one. `callee` helps to say what was meant.
  result<call_arguments> parse_arguments(std::string_view callee) {
    ++at_;
    call_arguments args;
    for (;;) {
      skip_blanks();
      if (accept(")")) return args;
      if (auto taken = parse_argument(args, callee); !taken) return taken.error();
      skip_blanks();
      if (accept(")")) return args;
      if (!accept(",")) return expected(", or ) after an argument");
    }
  }

  result<call_arguments> parse_arguments_after_comma() {
    skip_blanks();
    if (peek() != ',') return expected(", and the items of the segment");
    return parse_arguments({}); // which skips one character, whatever it is
  }

  result<void> parse_argument(call_arguments& args, std::string_view callee) {
    auto start = at_;
    auto name = keyword_ahead();
    auto item = parse_literal(callee);
    if (!item) return item.error();
    if (name.empty()) {
      if (!args.second.empty())
        return fail_at(start, "a positional argument stands before those with names");
      args.first.push_back(std::move(*item));
      return {};
    }
    for (const auto& [known, unused] : args.second)
      if (known == name) return fail_at(start, "the argument " + quoted(name) + " is given twice");
    args.second.emplace_back(std::move(name), std::move(*item));
    return {};
  }

  /// The name of "name=", which is taken; empty, and nothing taken, if there is none.
  std::string keyword_ahead() {
    auto end = at_;
    while (end < text_.size() && is_word_character(text_[end]))
      ++end;
    auto name = text_.substr(at_, end - at_);
    while (end < text_.size() && (text_[end] == ' ' || text_[end] == '\t'))
      ++end;
    if (name.empty() || end >= text_.size() || text_[end] != '=') return {};
    at_ = end + 1;
    return std::string{name};
  }

  result<void> parse_policy(const std::string& option, std::optional<error_policy>& to) {
    skip_blanks();
    auto start = at_;
    auto word = parse_literal({});
    if (!word) return word.error();
    return take_policy(start, option, to_plain_text(*word), to);
  }

  result<void> take_policy(size_t start, const std::string& option, const std::string& word,
                           std::optional<error_policy>& to) const {
    if (option != policy_option)
      return fail_at(start, "there is no option " + quoted(option),
                     did_you_mean(option, {std::string{policy_option}}));
    std::vector<std::string> words;
    for (auto policy : {error_policy::fail_fast, error_policy::collect, error_policy::skip}) {
      words.emplace_back(to_string(policy));
      if (words.back() == word) to = policy;
    }
    if (to) return {};
    auto hint = did_you_mean(word, words);
    return fail_at(start, "there is no error policy " + quoted(word),
                   hint.empty() ? "there are: fail_fast, collect, skip" : hint);
  }

  /// One value, up to the comma or bracket behind it.
  result<value> parse_literal(std::string_view callee) {
    skip_blanks();
    auto end = end_of_value();
    auto item = value_of_literal(text_.substr(at_, end - at_));
    if (item) {
      at_ = end;
      return item;
    }
    // Read once more with blanks before it, so that line and column are those of the whole text.
    std::string blank;
    for (size_t i = 0; i < at_; utf8::next(text_, i))
      blank += text_[i] == '\n' ? '\n' : ' ';
    auto why = value_of_literal(blank.append(text_.substr(at_, end - at_))).error();
    if (auto meant = did_you_mean(callee, combinators()); !meant.empty()) why.hint = meant;
    return why;
  }

  size_t end_of_value() const {
    size_t depth = 0;
    auto i = at_;
    while (i < text_.size()) {
      auto c = text_[i];
      if (c == '"' || c == '\'') {
        i = end_of_string(i);
        continue;
      }
      if (c == '#') {
        i = std::min(text_.find('\n', i), text_.size());
        continue;
      }
      if (c == '[' || c == '(' || c == '{') ++depth;
      if (c == ']' || c == ')' || c == '}') {
        if (depth == 0) return i;
        --depth;
      }
      if (c == ',' && depth == 0) return i;
      ++i;
    }
    return i;
  }

  size_t end_of_string(size_t i) const {
    auto quote = text_.substr(i, 1);
    auto thrice = std::string(3, quote[0]);
    auto closing = text_.substr(i).starts_with(thrice) ? std::string_view{thrice} : quote;
    i += closing.size();
    while (i < text_.size() && !text_.substr(i).starts_with(closing))
      i += text_[i] == '\\' ? 2 : 1;
    return std::min(i + closing.size(), text_.size());
  }

  std::string_view text_;
  size_t at_ = 0;
};

} // namespace

result<workflow_call> parse_workflow(std::string_view text) {
  return workflow_parser{text}.parse();
}

} // namespace flow
