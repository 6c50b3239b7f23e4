#include "cli/config.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "cli/suggest.hpp"

namespace flow::cli {
namespace {

namespace fs = std::filesystem;

std::string home_of(const variable_lookup& variable) {
  return variable("HOME").value_or("/");
}

std::string text_of(const toml::table& table, std::string_view key) {
  return table[key].value<std::string>().value_or("");
}

result<toml::table> read_table(const std::string& path) {
  std::error_code none;
  if (!fs::exists(path, none)) return toml::table{};
  auto parsed = toml::parse_file(path);
  if (parsed) return std::move(parsed).table();
  const auto& why = parsed.error();
  std::ostringstream text;
  text << path << ':' << why.source().begin.line << ':' << why.source().begin.column << ": "
       << why.description();
  return make_error(ec::bad_config, text.str(), "correct the file, or move it away");
}

/// A half-written configuration would lose the others, so the new one replaces the old in one step.
result<void> replace_file(const std::string& path, const std::string& text) {
  std::error_code why;
  fs::create_directories(fs::path{path}.parent_path(), why);
  std::string scratch = path + ".XXXXXX";
  const int fd = ::mkostemp(scratch.data(), O_CLOEXEC); // mode 0600
  auto failed = [&](std::string_view what) {
    auto text_of_error = std::generic_category().message(errno);
    ::unlink(scratch.c_str());
    return make_error(ec::bad_config, std::string{what} + " " + path + ": " + text_of_error,
                      "choose another directory with FLOW_CONFIG_DIR");
  };
  if (fd < 0) return failed("cannot create");
  size_t done = 0;
  while (done < text.size()) {
    const auto n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0) {
      ::close(fd);
      return failed("cannot write");
    }
    done += static_cast<size_t>(n);
  }
  const bool is_kept = ::fsync(fd) == 0;
  ::close(fd);
  if (!is_kept || ::rename(scratch.c_str(), path.c_str()) != 0) return failed("cannot write");
  return {};
}

setting choose(const std::optional<std::string>& flag, const std::string& flag_name,
               const std::optional<std::string>& variable, const std::string& variable_name,
               const std::string& in_context, const std::string& context,
               const std::string& otherwise) {
  if (flag) return {*flag, flag_name};
  if (variable && !variable->empty()) return {*variable, variable_name};
  if (!in_context.empty()) return {in_context, "context " + context};
  return {otherwise, "default"};
}

} // namespace

std::string config_dir(const variable_lookup& variable) {
  if (auto dir = variable("FLOW_CONFIG_DIR"); dir && !dir->empty()) return *dir;
  if (auto dir = variable("XDG_CONFIG_HOME"); dir && !dir->empty()) return *dir + "/flow";
  return home_of(variable) + "/.config/flow";
}

std::string config_path(const variable_lookup& variable) {
  return config_dir(variable) + "/config.toml";
}

std::string data_home(const variable_lookup& variable) {
  if (auto dir = variable("XDG_DATA_HOME"); dir && !dir->empty()) return *dir + "/flow";
  return home_of(variable) + "/.local/share/flow";
}

result<config> load_config(const std::string& path) {
  auto table = read_table(path);
  if (!table) return table.error();
  config conf;
  conf.current = text_of(*table, "current");
  if (const auto* contexts = (*table)["context"].as_table())
    for (const auto& [name, node] : *contexts)
      if (const auto* one = node.as_table())
        conf.contexts[std::string{name.str()}]
            = {text_of(*one, "address"), text_of(*one, "token_file"), text_of(*one, "output")};
  return conf;
}

result<void> save_config(const std::string& path, const config& conf) {
  auto table = read_table(path);
  if (!table) return table.error();
  if (conf.current.empty())
    table->erase("current");
  else
    table->insert_or_assign("current", conf.current);
  toml::table contexts;
  const auto* before = (*table)["context"].as_table();
  for (const auto& [name, one] : conf.contexts) {
    const auto* old = before ? (*before)[name].as_table() : nullptr;
    toml::table entry = old ? *old : toml::table{};
    auto put = [&](const char* key, const std::string& text) {
      if (text.empty())
        entry.erase(key);
      else
        entry.insert_or_assign(key, text);
    };
    put("address", one.address);
    put("token_file", one.token_file);
    put("output", one.output);
    contexts.insert_or_assign(name, std::move(entry));
  }
  table->insert_or_assign("context", std::move(contexts));
  std::ostringstream text;
  text << *table << '\n';
  return replace_file(path, text.str());
}

result<connection_settings> settle(const config& conf, const variable_lookup& flag,
                                   const variable_lookup& variable) {
  connection_settings settings;
  auto asked = choose(flag("context"), "--context", variable("FLOW_CONTEXT"), "FLOW_CONTEXT", "",
                      "", conf.current);
  server_context one;
  if (auto found = conf.contexts.find(asked.value); found != conf.contexts.end()) {
    one = found->second;
    settings.context = asked.value;
  } else if (!asked.value.empty() && asked.origin != "default") {
    std::vector<std::string> names;
    for (const auto& [name, each] : conf.contexts)
      names.push_back(name);
    return make_error(ec::bad_config,
                      "there is no context \"" + asked.value + "\" (from " + asked.origin + ")",
                      suggestion(asked.value, names, "see: flow context ls"));
  }
  settings.address = choose(flag("address"), "--address", variable("FLOW_ADDRESS"), "FLOW_ADDRESS",
                            one.address, settings.context, "127.0.0.1:7717");
  settings.token_file = choose(flag("token-file"), "--token-file", variable("FLOW_TOKEN_FILE"),
                               "FLOW_TOKEN_FILE", one.token_file, settings.context, "");
  settings.output = choose(flag("output"), "--output", variable("FLOW_OUTPUT"), "FLOW_OUTPUT",
                           one.output, settings.context, "table");
  return settings;
}

} // namespace flow::cli
