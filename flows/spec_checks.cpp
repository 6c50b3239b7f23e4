#include "flows/spec_checks.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "flows/catalog_words.hpp"

namespace flow::internal {

namespace {

constexpr std::array<std::string_view, 4> languages{"python", "node", "bash", "native"};
constexpr size_t commit_digits_min = 7;
constexpr size_t commit_digits_max = 40;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_blank_or_control(char c) {
  return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
}

result<void> bad(std::string_view key, std::string_view kind, const std::string& what,
                 std::string hint = {}) {
  return make_error(ec::bad_value, std::string{key} + " of a " + std::string{kind} + ": " + what,
                    std::move(hint));
}

result<void> required(std::string_view key, std::string_view kind, const std::string& content) {
  if (!content.empty()) return {};
  return bad(key, kind, "it is missing");
}

/// What goes to git as one word: it can be neither an option nor two words.
result<void> check_git_word(std::string_view key, const std::string& content) {
  if (content.starts_with('-'))
    return bad(key, "processor", quoted(content) + " begins with a dash");
  if (std::ranges::any_of(content, is_blank_or_control))
    return bad(key, "processor", quoted(content) + " has blanks or control characters");
  return {};
}

/// A path that cannot leave the directory it starts from.
result<void> check_inner_path(std::string_view key, const std::string& path) {
  if (path.starts_with('/'))
    return bad(key, "processor", quoted(path) + " is absolute",
               "give it relative to the repository");
  std::string_view rest{path};
  while (!rest.empty()) {
    auto slash = rest.find('/');
    if (rest.substr(0, slash) == "..")
      return bad(key, "processor", quoted(path) + " leads out of the repository");
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  }
  if (std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) < ' '; }))
    return bad(key, "processor", quoted(path) + " has control characters");
  return {};
}

bool is_dotted_identifier(std::string_view text) {
  bool at_start = true;
  for (auto c : text) {
    if (c == '.' && !at_start) {
      at_start = true;
      continue;
    }
    auto is_letter_of_any_script = is_letter(c) || static_cast<unsigned char>(c) >= 0x80;
    if (!is_letter_of_any_script && (at_start || !is_digit(c))) return false;
    at_start = false;
  }
  return !at_start;
}

result<void> check_code(const processor_spec& spec) {
  if (auto ok = required("repository", "processor", spec.repository); !ok) return ok;
  if (auto ok = required("module", "processor", spec.module); !ok) return ok;
  if (auto ok = check_git_word("repository", spec.repository); !ok) return ok;
  if (auto ok = check_git_word("branch", spec.branch); !ok) return ok;
  if (auto ok = check_git_word("tag", spec.tag); !ok) return ok;
  if ((!spec.branch.empty()) + (!spec.tag.empty()) + (!spec.commit.empty()) > 1)
    return bad("branch, tag and commit", "processor", "more than one of them is given",
               "a commit pins the code; a branch or a tag is resolved to a commit when the "
               "processor is added");
  auto digits = spec.commit.size();
  if (digits != 0
      && (digits < commit_digits_min || digits > commit_digits_max
          || !std::ranges::all_of(spec.commit, is_hex)))
    return bad("commit", "processor", "wanted 7 to 40 hex digits, not " + quoted(spec.commit));
  if (std::ranges::find(languages, spec.language) == languages.end())
    return bad("language", "processor",
               "wanted one of python, node, bash, native, not " + quoted(spec.language));
  if (spec.language == "python" && !is_dotted_identifier(spec.module))
    return bad("module", "processor",
               "wanted a module as it is imported, such as \"pyfi.processors.sample\", not "
                   + quoted(spec.module));
  if (auto ok = check_inner_path("module", spec.module); !ok) return ok;
  return check_inner_path("module_path", spec.module_path);
}

bool is_cron(std::string_view text) {
  size_t fields = 0;
  bool in_field = false;
  for (auto c : text) {
    if (c == ' ') {
      in_field = false;
      continue;
    }
    if (!is_letter(c) && !is_digit(c)
        && std::string_view{"*/,-?#"}.find(c) == std::string_view::npos)
      return false;
    if (!in_field) ++fields;
    in_field = true;
  }
  return fields == 5 || fields == 6;
}

} // namespace

result<void> check_spec(const network_spec&) {
  return {};
}

result<void> check_spec(const node_spec&) {
  return {};
}

result<void> check_spec(const scheduler_spec& spec) {
  std::set<std::string_view> seen;
  for (const auto& node : spec.nodes)
    if (!seen.insert(node).second)
      return bad("nodes", "scheduler", quoted(node) + " is given twice");
  return {};
}

result<void> check_spec(const queue_spec&) {
  return {};
}

result<void> check_spec(const processor_spec& spec) {
  if (auto ok = check_code(spec); !ok) return ok;
  if (spec.retry_delay_ms > spec.retry_delay_ms_max)
    return bad("retry_delay_ms", "processor",
               std::to_string(spec.retry_delay_ms) + " is more than retry_delay_ms_max, "
                   + std::to_string(spec.retry_delay_ms_max));
  for (const auto& [name, content] : spec.environment) {
    auto is_name = !name.empty() && !is_digit(name.front())
                   && std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); });
    if (!is_name)
      return bad("environment", "processor",
                 quoted(name) + " is not a name of letters, digits and underscores");
    if (content.find('\0') != std::string::npos)
      return bad("environment", "processor", quoted(name) + " has a null byte in its value");
  }
  std::set<std::string_view> seen;
  for (const auto& function : spec.sockets.functions) {
    if (function.empty()) return bad("sockets", "processor", "one of the functions has no name");
    if (!seen.insert(function).second)
      return bad("sockets", "processor", quoted(function) + " is given twice");
  }
  return {};
}

result<void> check_spec(const socket_spec& spec) {
  if (auto ok = required("processor", "socket", spec.processor); !ok) return ok;
  if (auto ok = required("task", "socket", spec.task); !ok) return ok;
  if (spec.interval_ms != 0 && !spec.cron.empty())
    return bad("interval_ms and cron", "socket", "both are given", "give one of them");
  if (!spec.cron.empty() && !is_cron(spec.cron))
    return bad("cron", "socket",
               "wanted 5 or 6 fields, such as \"0 4 * * 1\", not " + quoted(spec.cron));
  if (!spec.tz.empty() && spec.cron.empty())
    return bad("tz", "socket", "it is the time zone of cron, which is not given");
  if (!spec.join_key.empty() && spec.join != join_mode::key)
    return bad("join_key", "socket", "it is for join key", "give --join key");
  if (std::ranges::any_of(spec.tz, is_blank_or_control))
    return bad("tz", "socket",
               "wanted a time zone, such as \"Europe/Oslo\", not " + quoted(spec.tz));
  return {};
}

result<void> check_spec(const plug_spec& spec) {
  if (auto ok = required("source", "plug", spec.source); !ok) return ok;
  if (auto ok = required("target", "plug", spec.target); !ok) return ok;
  return required("on", "plug", spec.on);
}

result<void> check_spec(const argument_spec& spec) {
  if (auto ok = required("plug", "argument", spec.plug); !ok) return ok;
  return required("argument", "argument", spec.argument);
}

result<void> check_spec(const deployment_spec& spec) {
  if (auto ok = required("processor", "deployment", spec.processor); !ok) return ok;
  return required("node", "deployment", spec.node);
}

result<void> check_spec(const user_spec& spec) {
  std::set<std::string_view> seen;
  for (const auto& role : spec.roles)
    if (!seen.insert(role).second) return bad("roles", "user", quoted(role) + " is given twice");
  return {};
}

result<void> check_spec(const role_spec&) {
  return {};
}

} // namespace flow::internal
