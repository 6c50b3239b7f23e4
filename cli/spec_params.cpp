#include "cli/spec_params.hpp"

#include <filesystem>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/quantities.hpp"
#include "cli/tree_text.hpp"

namespace flow::cli {
namespace {

using json = nlohmann::json;
namespace fs = std::filesystem;

result<json> factor_of(const std::string& text, const std::string& name) {
  std::istringstream in{text};
  double n = 0;
  if (in >> n && in.eof()) return as_result(n);
  return make_error(ec::bad_value, name + " wants a number, not \"" + text + "\"");
}

template <class T>
result<json> as_json(const result<T>& parsed) {
  if (!parsed) return parsed.error();
  return as_result(*parsed);
}

/// "auto", "none", or names with commas, which are a list.
json sockets_of(const std::string& text) {
  if (text == "auto" || text == "none") return text;
  json names = json::array();
  std::istringstream in{text};
  for (std::string name; std::getline(in, name, ',');)
    if (!name.empty()) names.push_back(name);
  return names;
}

result<json> field_value(const context& ctx, const field& each) {
  const auto key = key_of(each.opt);
  const auto name = "--" + key;
  const auto text = ctx.args.text_or(key, "");
  switch (each.type) {
  case field_type::number:
    return as_json(count_of(text, name));
  case field_type::factor:
    return factor_of(text, name);
  case field_type::duration:
    return as_json(duration_ms_of(text, name));
  case field_type::bytes:
    return as_json(bytes_of(text, name));
  case field_type::flag:
    return as_result(true);
  case field_type::list:
    return as_result(ctx.args.all(key));
  case field_type::map:
    return pairs_of(ctx, key);
  case field_type::path:
    return as_result(absolute_repository(text, ctx.world.working_dir));
  case field_type::text:
    break;
  }
  return as_result(each.key == "sockets" ? sockets_of(text) : json(text));
}

} // namespace

std::string absolute_repository(const std::string& typed, const std::string& working_dir) {
  if (typed.empty() || typed.find("://") != std::string::npos) return typed;
  std::error_code none;
  const auto path = fs::path{working_dir} / typed;
  const bool is_meant_here = typed.front() == '.' || typed.front() == '/';
  if (!is_meant_here && !fs::is_directory(path, none))
    return typed; // host:path, or nonsense that the node refuses
  auto normal = path.lexically_normal().string();
  while (normal.size() > 1 && normal.back() == '/')
    normal.pop_back();
  return normal;
}

std::vector<option> field_options(const kind& what) {
  std::vector<option> options;
  for (const auto& each : what.fields)
    options.push_back(each.opt);
  return options;
}

result<json> pairs_of(const context& ctx, const std::string& key) {
  json pairs = json::object();
  for (const auto& text : ctx.args.all(key)) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      return make_error(ec::bad_usage, "--" + key + " wants NAME=VALUE, not \"" + text + "\"");
    pairs[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return as_result(std::move(pairs));
}

result<json> spec_of(const context& ctx, const kind& what) {
  json spec = json::object();
  for (const auto& each : what.fields) {
    if (!ctx.args.has(key_of(each.opt))) continue;
    auto made = field_value(ctx, each);
    if (!made) return made.error();
    spec[each.key] = std::move(*made);
  }
  return as_result(std::move(spec));
}

result<void> check_required(const context& ctx, const kind& what) {
  std::string missing;
  for (const auto& each : what.fields)
    if (each.is_required && !ctx.args.has(key_of(each.opt)))
      missing += (missing.empty() ? "" : ", ")
                 + each.opt.names.substr(0, each.opt.names.find(',', each.opt.names.find("--")))
                 + " " + each.opt.metavar;
  if (missing.empty()) return {};
  return make_error(ec::bad_usage, "flow " + ctx.args.self->path + " also needs " + missing,
                    "see: flow help " + ctx.args.self->path);
}

} // namespace flow::cli
