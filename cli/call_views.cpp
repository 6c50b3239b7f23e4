#include "cli/call_views.hpp"

#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/call_tree.hpp"
#include "cli/help.hpp"
#include "cli/quantities.hpp"
#include "cli/tree_text.hpp"
#include "flows/cbor.hpp"
#include "flows/limits.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;

ec code_of(const call_outcome& ended) {
  if (ended.why) return ended.why.code;
  switch (ended.state) {
  case call_state::timed_out:
    return ec::task_timed_out;
  case call_state::cancelled:
    return ec::task_cancelled;
  case call_state::dead:
    return ec::call_dead;
  default:
    return ec::task_failed;
  }
}

std::string state_word(call_state state) {
  std::string word{to_string(state)};
  for (auto& c : word)
    if (c == '_') c = ' ';
  return word;
}

std::string text_at(const json& tree, const std::string& path) {
  const auto& found = item_at(tree, path);
  return found.is_string() ? found.get<std::string>() : "";
}

std::string short_id(const call_id& id) {
  return to_string(id).substr(0, 13);
}

/// "  node lab  commit 4c1f9aa", as far as the node tells.
std::string where_it_ran(const json& call) {
  std::string text;
  if (auto node = text_at(call, "node"); !node.empty()) text += "  node " + one_line(node);
  if (auto commit = text_at(call, "commit"); !commit.empty())
    text += "  commit " + commit.substr(0, 7);
  return text;
}

/// The traceback without its title, and without its last line, which the headline has said.
std::vector<std::string> author_frames(const failure& why) {
  std::vector<std::string> frames;
  std::istringstream lines{why.traceback};
  for (std::string line; std::getline(lines, line);)
    if (!line.empty() && !line.starts_with("Traceback (")) frames.push_back(line);
  if (!frames.empty() && frames.back() == why.type + ": " + why.message) frames.pop_back();
  return frames;
}

void explain(context& ctx, const std::string& socket, const call_outcome& ended) {
  // Who fails is told more; a node that cannot tell it any more is no second failure.
  auto shown = ctx.ask("call.show", {{"id", to_string(ended.id)}});
  const json call = shown ? *shown : json::object();
  auto& err = ctx.world.err;
  const auto verb
      = ended.state == call_state::failed ? std::string{"failed"} : state_word(ended.state);
  auto name = socket.empty() ? text_at(call, "socket") : socket;
  err << "task " << verb << ": " << one_line(name) << "  call " << short_id(ended.id);
  if (ended.attempts > 0 && ended.state == call_state::failed)
    err << "  attempt " << ended.attempts << '/' << ended.attempts;
  err << where_it_ran(call) << '\n';
  const auto what
      = ended.why.type.empty() ? std::string{describe(code_of(ended)).sentence} : ended.why.type;
  err << "  " << one_line(what) << (ended.why.message.empty() ? "" : ": ")
      << one_line(ended.why.message);
  const auto& args = item_at(call, "args");
  const auto& kwargs = item_at(call, "kwargs");
  if (!args.empty() || !kwargs.empty())
    err << "   input: " << cut_to_width(one_line(json_line(kwargs.empty() ? args : kwargs)), 100);
  err << '\n';
  for (const auto& line : author_frames(ended.why))
    err << "  " << one_line(line) << '\n';
  err << "  retry: flow call retry " << short_id(ended.id) << "      logs: flow call logs "
      << short_id(ended.id) << '\n';
}

/// The bytes of one key of a map, so that what a call gave is printed in its own order.
value item_of(const value& map, std::string_view key) {
  cbor::reader in{map.cbor};
  for (uint64_t left = in.map(); left > 0 && !in.failed(); --left) {
    const auto name = in.text();
    const auto item = in.raw();
    if (name == key && !in.failed()) return value{std::string{item}};
  }
  return {};
}

std::string error_of_item(const json& item) {
  const auto& why = item_at(item, "error");
  return why.is_object()   ? text_at(why, "text|message")
         : why.is_string() ? why.get<std::string>()
                           : "refused";
}

ec code_in_item(const json& item) {
  const auto code = text_at(item, "error.code|code");
  for (const auto& each : all_error_codes())
    if (code == code_text(each.code)) return each.code;
  return ec::wrong_state;
}

} // namespace

json failure_tree(const call_outcome& ended) {
  const auto code = code_of(ended);
  json tree{{"code", code_text(code)},
            {"type", ended.why.type},
            {"message",
             ended.why.message.empty() ? std::string{describe(code).sentence} : ended.why.message},
            {"hint", "flow call retry " + to_string(ended.id)},
            {"retryable", is_retryable(code)},
            {"call", to_string(ended.id)},
            {"state", std::string{to_string(ended.state)}},
            {"attempts", ended.attempts},
            {"docs", docs_of(code)}};
  if (!ended.why.traceback.empty()) tree["traceback"] = ended.why.traceback;
  return tree;
}

int print_outcome(context& ctx, const std::string& socket, const call_outcome& ended) {
  if (ended.ok()) {
    ctx.print.value(ended.returned);
    return 0;
  }
  if (ctx.print.is_for_programs())
    ctx.world.err << json_line(failure_tree(ended)) << '\n';
  else
    explain(ctx, socket, ended);
  return exit_code(ec::task_failed);
}

result<int> print_call_tree(context& ctx, const std::string& verb, const std::string& id) {
  auto tree = ctx.ask(verb, {{"id", id}});
  if (!tree) return tree.error();
  if (ctx.print.is_for_programs()) {
    ctx.print.object(*tree);
    return 0;
  }
  const auto& options = ctx.print.options();
  ctx.print.raw(draw_call_tree(*tree, {options.width, false, options.has_colour}));
  return 0;
}

result<int> print_call_result(context& ctx, const std::string& id) {
  auto node = ctx.node();
  if (!node) return node.error();
  auto answer = (*node)->request("call.result", value_of_json_tree({{"id", id}}));
  if (!answer) return answer.error();
  const auto tree = json_of_value(*answer);
  const auto state = text_at(tree, "state");
  if (state == "finished") {
    ctx.print.value(item_of(*answer, "result"));
    return 0;
  }
  call_outcome ended;
  for (auto each :
       {call_state::failed, call_state::timed_out, call_state::cancelled, call_state::dead})
    if (state == to_string(each)) ended.state = each;
  if (ended.state == call_state::finished)
    return make_error(ec::wrong_state, "call " + id + " has not ended: it is " + state,
                      "flow call wait " + id);
  auto whole = whole_id(ctx, id);
  if (!whole) return whole.error();
  ended.id = *whole;
  ended.why.type = text_at(tree, "failure.type");
  ended.why.message = text_at(tree, "failure.message");
  ended.why.traceback = text_at(tree, "failure.traceback");
  const auto& attempts = item_at(tree, "attempt");
  if (attempts.is_number_unsigned()) ended.attempts = attempts.get<uint32_t>();
  return print_outcome(ctx, "", ended);
}

result<call_id> whole_id(context& ctx, const std::string& typed) {
  if (auto id = parse_call_id(typed)) return *id;
  auto shown = ctx.ask("call.show", {{"id", typed}});
  if (!shown) return shown.error();
  return parse_call_id(text_at(*shown, "id|call.id"));
}

result<json> ids_or_filter(const context& ctx) {
  const auto filter = ctx.args.text("filter");
  const auto path = "flow " + ctx.args.self->path;
  if (filter && !ctx.args.words.empty())
    return make_error(ec::bad_usage, path + " takes ids or --filter, not both");
  if (!filter && ctx.args.words.empty())
    return make_error(ec::bad_usage, path + " needs ids, or --filter EXPR",
                      "see: flow help " + ctx.args.self->path);
  if (filter) return as_result({{"filter", *filter}});
  return as_result({{"ids", ctx.args.words}});
}

result<int> change_calls(context& ctx, const std::string& verb, const std::string& list_verb,
                         const std::string& done) {
  auto params = ids_or_filter(ctx);
  if (!params) return params.error();
  if (params->contains("filter") || ctx.is_dry_run()) {
    auto hit = params->contains("filter") ? ctx.ask(
                   list_verb, {{"filter", (*params)["filter"]}, {"limit", limits::list_items_max}})
                                          : as_result({{"items", (*params)["ids"]}});
    if (!hit) return hit.error();
    const auto count = item_at(*hit, "items").size();
    if (ctx.is_dry_run()) {
      ctx.print.list("call", {{"ID", "id"}, {"NAME", "socket"}, {"STATE", "state", cell::state}},
                     *hit);
      ctx.say(counted(count, "call") + " would be " + done);
      return 0;
    }
    if (count == 0) {
      ctx.print.list("call", {}, json{{"items", json::array()}});
      ctx.say("no call fits the filter");
      return 0;
    }
    auto agreed = ctx.confirm(counted(count, "call") + " will be " + done + ". Go on?");
    if (!agreed) return agreed.error();
    if (!*agreed) return 1;
  }
  auto answer = ctx.ask(verb, *params);
  if (!answer) return answer.error();
  const auto& items = item_at(*answer, "items");
  size_t failed = 0;
  for (const auto& item : items)
    failed += item_at(item, "ok") == json(true) ? 0 : 1;
  if (items.size() == 1 && failed == 1)
    return make_error(code_in_item(items[0]),
                      "call " + text_at(items[0], "id") + ": " + error_of_item(items[0]));
  if (ctx.print.is_for_programs() || ctx.print.options().names_only) {
    ctx.print.list("call", {}, *answer);
  } else {
    for (const auto& item : items) {
      const bool is_ok = item_at(item, "ok") == json(true);
      (is_ok ? ctx.world.out : ctx.world.err)
          << text_at(item, "id") << ' ' << (is_ok ? done : error_of_item(item)) << '\n';
    }
  }
  return failed == 0 ? 0 : exit_code(ec::some_failed);
}

} // namespace flow::cli
