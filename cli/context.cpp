#include "cli/context.hpp"

#include <charconv>
#include <fstream>
#include <istream>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/quantities.hpp"
#include "cli/tree_text.hpp"
#include "flows/limits.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

print_options print_options_of(const invocation& args, const connection_settings& settings,
                               const surroundings& world) {
  print_options made;
  if (auto how = format_of(settings.output.value)) made.how = *how;
  std::istringstream columns{args.text_or("columns", "")};
  for (std::string name; std::getline(columns, name, ',');)
    if (!name.empty()) made.columns.push_back(name);
  made.sort_by = args.text_or("sort-by", "");
  made.has_headers = !args.has("no-headers");
  made.names_only = args.has("quiet");
  made.width = world.out_is_terminal ? world.terminal_width : 0;
  const auto when = args.text_or("color", world.variable("FLOW_COLOR").value_or("auto"));
  const bool is_unwanted
      = !world.variable("NO_COLOR").value_or("").empty() || world.variable("TERM") == "dumb";
  const bool is_forced = world.variable("CLICOLOR_FORCE").value_or("0") != "0";
  made.has_colour
      = when == "always"
        || (when == "auto"
            && ((world.out_is_terminal && !is_unwanted) || (is_forced && !is_unwanted)));
  return made;
}

result<std::string> read_token(const connection_settings& settings, const surroundings& world) {
  const auto& path = settings.token_file.value;
  if (path.empty()) return world.variable("FLOW_TOKEN").value_or("");
  std::ifstream file{path};
  std::string token;
  if (!file || !std::getline(file, token))
    return make_error(ec::not_logged_in,
                      "the token file " + path + " cannot be read (from "
                          + settings.token_file.origin + ")",
                      "a node writes it to DIR/admin.token when it starts on a new data directory");
  while (!token.empty() && (token.back() == '\r' || token.back() == ' '))
    token.pop_back();
  return token;
}

} // namespace

context::context(surroundings& outside, invocation given, connection_settings settled)
    : args{std::move(given)},
      settings{std::move(settled)},
      world{outside},
      print{outside.out, print_options_of(args, settings, outside), outside.time.wall_ms()} {}

result<std::optional<std::chrono::milliseconds>> context::timeout() const {
  if (patience_) return patience_;
  auto text = args.text("timeout");
  if (!text) return std::optional<std::chrono::milliseconds>{};
  auto ms = duration_ms_of(*text, "--timeout");
  if (!ms) return ms.error();
  return std::optional{std::chrono::milliseconds{*ms}};
}

result<server*> context::node() {
  if (node_) return node_.get();
  auto token = read_token(settings, world);
  if (!token) return token.error();
  auto patience = timeout();
  if (!patience) return patience.error();
  connection_options options{
      settings.address.value, *token,
      patience->value_or(std::chrono::milliseconds{limits::request_timeout_ms_default})};
  debug("connecting to " + options.address + " (from " + settings.address.origin + ")");
  auto made = world.connect(options);
  if (!made) {
    auto why = made.error();
    if (why.code == ec::no_server) {
      why.text = "no server at " + options.address + " (from " + settings.address.origin + ")";
      why.hint = "start one with \"flow up\", or choose another: flow context use NAME";
    }
    return why;
  }
  node_ = std::move(*made);
  return node_.get();
}

result<json> context::ask(const std::string& verb, const json& params) {
  auto connected = node();
  if (!connected) return connected.error();
  debug("asking " + verb);
  auto answer = (*connected)->request(verb, value_of_json_tree(params));
  if (!answer) return answer.error();
  return as_result(json_of_value(*answer));
}

void context::say(const std::string& text) {
  if (!is_quiet()) world.err << text << '\n';
}

void context::next(const std::string& text) {
  if (!print.is_for_programs()) say("next: " + text);
}

void context::debug(const std::string& text) {
  if (args.has("debug")) world.err << "debug: " << text << '\n';
}

result<bool> context::confirm(const std::string& question) {
  if (args.has("yes")) return true;
  if (!world.in_is_terminal || !world.err_is_terminal)
    return make_error(ec::bad_usage, question + " Nobody can be asked here",
                      "add -y to agree, or --dry-run to look first");
  world.err << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(world.in, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

result<json> list_params(const context& ctx) {
  json params = json::object();
  for (auto key : {"filter", "cursor"})
    if (auto text = ctx.args.text(key)) params[key] = *text;
  if (auto text = ctx.args.text("limit")) {
    auto limit = count_of(*text, "--limit", limits::list_items_max);
    if (!limit) return limit.error();
    if (*limit == 0)
      return make_error(ec::bad_value, "--limit is 0: a page holds at least one item",
                        "give a limit from 1 to " + std::to_string(limits::list_items_max));
    params["limit"] = *limit;
  }
  return as_result(std::move(params));
}

result<int> print_list(context& ctx, const std::string& kind_name,
                       const std::vector<column>& columns, const json& answer,
                       const std::string& nothing) {
  const auto& items = item_at(answer, "items");
  if (auto known = ctx.print.check_columns(columns, items); !known) return known.error();
  ctx.print.list(kind_name, columns, answer);
  const auto& next = item_at(answer, "next");
  if (items.empty()) ctx.say(nothing);
  if (!next.is_null() && !ctx.print.is_for_programs())
    ctx.next("more: the same with --cursor "
             + (next.is_string() ? next.get<std::string>() : next.dump()));
  return 0;
}

} // namespace flow::cli
