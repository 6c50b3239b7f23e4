#include "cli/run_input.hpp"

#include <fstream>
#include <istream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "cli/quantities.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"
#include "flows/utf8.hpp"

namespace flow::cli {
namespace {

/// Reads no more than a payload may hold, so that a wrong pipe cannot fill the memory.
result<std::string> read_all(std::istream& in, const std::string& what) {
  std::string text;
  char buffer[64 * 1024];
  while (in.read(buffer, sizeof buffer), in.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(in.gcount()));
    if (text.size() > limits::payload_bytes_max)
      return make_error(ec::payload_too_large,
                        what + " is larger than " + bytes_text(limits::payload_bytes_max));
  }
  return text;
}

result<std::string> text_of_data(context& ctx, const std::string& given,
                                 const std::string& option) {
  if (given == "-") return read_all(ctx.world.in, "stdin");
  if (!given.starts_with('@')) return given;
  std::ifstream file{given.substr(1), std::ios::binary};
  if (!file)
    return make_error(ec::bad_usage,
                      option + ": the file " + flow::quoted(given.substr(1)) + " cannot be read");
  return read_all(file, given.substr(1));
}

result<value> literal_of(context& ctx, const std::string& option) {
  const auto given = ctx.args.text_or(option, "");
  auto text = text_of_data(ctx, given, "--" + option);
  if (!text) return text.error();
  auto parsed = value_of_literal(*text);
  if (parsed) return *parsed;
  auto why = parsed.error();
  const bool is_file = given.starts_with('@');
  why.text = (is_file ? given.substr(1) : "--" + option) + ": " + why.text;
  if (is_file || given == "-")
    why.hint
        = "it must hold one JSON value or Python literal; plain text is piped, without --" + option;
  else if (why.hint.empty())
    why.hint
        = "JSON or a Python literal; text needs quotes of its own: --" + option + " '\"text\"'";
  return why;
}

result<value> piped_text(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (auto at = utf8::first_error(text); at != std::string::npos)
    return make_error(ec::bad_value,
                      "stdin is not text: byte " + std::to_string(at) + " is not UTF-8",
                      "bytes are given as JSON: --data '{\"$bytes\": \"BASE64\"}'");
  return value_of_json_tree(text);
}

result<std::vector<value>> positional_of(context& ctx) {
  const auto& args = ctx.args;
  if (args.has("data") && args.has("args"))
    return make_error(ec::bad_usage, "--data and --args both say what the positional arguments are",
                      "give one of them");
  if (args.has("nodata") && (args.has("data") || args.has("args")))
    return make_error(ec::bad_usage, "--nodata contradicts --data and --args");
  if (args.has("data")) {
    auto one = literal_of(ctx, "data");
    if (!one) return one.error();
    return std::vector{*one};
  }
  if (args.has("args")) {
    auto list = literal_of(ctx, "args");
    if (!list) return list.error();
    arguments all;
    all.positional = list->cbor;
    auto items = positional_values(all);
    if (!items)
      return make_error(ec::bad_value, "--args wants a list, such as [1, \"two\"]",
                        "for a single argument: --data");
    return *items;
  }
  if (args.has("nodata") || args.has("arg") || !ctx.world.in_is_piped) return std::vector<value>{};
  auto text = read_all(ctx.world.in, "stdin");
  if (!text) return text.error();
  if (text->empty()) return std::vector<value>{}; // nothing was piped, as under cron
  auto one = piped_text(std::move(*text));
  if (!one) return one.error();
  return std::vector{*one};
}

} // namespace

result<std::vector<std::pair<std::string, value>>> run_keywords(const context& ctx) {
  std::vector<std::pair<std::string, value>> keywords;
  for (const auto& text : ctx.args.all("arg")) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      return make_error(ec::bad_usage, "--arg wants NAME=VALUE, not " + flow::quoted(text));
    const auto name = text.substr(0, equals);
    for (const auto& [known, each] : keywords)
      if (known == name) return make_error(ec::bad_usage, "--arg " + name + " is given twice");
    auto parsed = value_of_json(text.substr(equals + 1));
    keywords.emplace_back(name, parsed ? *parsed : value_of_json_tree(text.substr(equals + 1)));
  }
  return keywords;
}

result<arguments> run_arguments(context& ctx) {
  auto keywords = run_keywords(ctx);
  if (!keywords) return keywords.error();
  auto positional = positional_of(ctx);
  if (!positional) return positional.error();
  return make_arguments(*positional, *keywords);
}

result<workflow_call> run_workflow(context& ctx) {
  auto text = text_of_data(ctx, ctx.args.text_or("flow", ""), "--flow");
  if (!text) return text.error();
  auto asked = parse_workflow(*text);
  if (!asked) {
    auto why = asked.error();
    why.text = "--flow: " + why.text;
    return why;
  }
  if (!ctx.args.all("arg").empty())
    return make_error(ec::bad_usage, "--arg does not go with --flow",
                      "keywords belong to a step: socket(name=value)");
  if (asked->args.empty()) {
    auto args = positional_of(ctx);
    if (!args) return args.error();
    asked->args = std::move(*args);
  } else if (ctx.args.has("data") || ctx.args.has("args")) {
    return make_error(ec::bad_usage, "the text of --flow says its arguments already",
                      "leave out --data and --args, or what follows the workflow in parentheses");
  }
  return asked;
}

result<wire::submit_options> run_options(const context& ctx) {
  wire::submit_options options;
  const auto& args = ctx.args;
  options.key = args.text_or("key", "");
  options.argument = args.text_or("argument", "");
  if (auto text = args.text("priority")) {
    auto priority = count_of(*text, "--priority", limits::priority_max);
    if (!priority) return priority.error();
    options.priority = static_cast<uint8_t>(*priority);
  }
  for (auto [key, target] :
       {std::pair{"in", &options.delay_ms}, std::pair{"expires", &options.expires_ms}}) {
    auto text = args.text(key);
    if (!text) continue;
    auto ms = duration_ms_of(*text, std::string{"--"} + key);
    if (!ms) return ms.error();
    *target = *ms;
  }
  return options;
}

} // namespace flow::cli
