// The worker of bash modules: speaks the worker protocol and runs each call as one bash process,
// with the arguments as its argument list. No text becomes shell source.
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "flows/value.hpp"
#include "millrace/worker.hpp"

namespace {

using millrace::failure;
using millrace::outcome;
using millrace::request;
using millrace::value;

constexpr int record_fd = 9;

std::string json_of(const value& v) {
  std::string cbor;
  millrace::cbor::append(cbor, v);
  return flow::to_json_text(flow::value{std::move(cbor)});
}

/// What one process told and how it ended.
struct bash_run {
  int status = 0;
  std::vector<std::array<std::string, 3>> records;

  const std::string* last(std::string_view kind) const {
    for (auto it = records.rbegin(); it != records.rend(); ++it)
      if ((*it)[0] == kind) return &(*it)[2];
    return nullptr;
  }

  std::string how_it_ended() const {
    if (WIFSIGNALED(status))
      return "was killed by signal " + std::to_string(WTERMSIG(status)) + " ("
             + ::strsignal(WTERMSIG(status)) + ")";
    return "ended with status " + std::to_string(WEXITSTATUS(status));
  }
};

class bash_module {
public:
  explicit bash_module(std::string driver) : driver_{std::move(driver)} {}

  std::optional<failure> import(const millrace::settings& given) {
    settings_ = given;
    if (auto broken = write_replacements()) return broken;
    auto run = start({});
    if (run.status == 0) return std::nullopt;
    return failure{"", "ExitStatus", "reading the file " + run.how_it_ended(), {}};
  }

  outcome call(const request& what) {
    outcome done;
    std::vector<std::string> arguments{what.function};
    if (done.failed = arguments_of(what, arguments); done.failed) return done;
    ::setenv("MILLRACE_CALL", millrace::detail::id_text(what.id).c_str(), 1);
    ::setenv("MILLRACE_ATTEMPT", std::to_string(what.attempt).c_str(), 1);
    auto run = start(arguments);
    done.failed = failure_of(run, what);
    if (!done.failed) done.failed = values_of(run, done);
    return done;
  }

private:
  /// One file for all; private to this sandbox.
  std::optional<failure> write_replacements() {
    if (settings_.replacements.empty()) return std::nullopt;
    replacements_ = "/tmp/.replacements.sh";
    std::ofstream file{replacements_};
    for (const auto& [function, source] : settings_.replacements)
      file << source.as<std::string>() << "\n";
    if (file.flush()) return std::nullopt;
    return failure{"", "OSError", "the replacements cannot be written to /tmp", {}};
  }

  /// Text as it is, unless its parameter is declared as json, and everything else as JSON; in the
  /// order of the declaration.
  std::optional<failure> arguments_of(const request& what, std::vector<std::string>& out) const {
    auto refuse = [&](const std::string& why) {
      return failure{"bad_arguments", "bad_arguments", what.function + ": " + why, {}};
    };
    std::vector<const value*> all;
    for (const auto& each : what.positional)
      all.push_back(&each);
    for (const auto& [name, v] : what.keyword) {
      auto at = position_of(what.function, name);
      if (!at) return refuse("no parameter " + name + " is declared");
      if (*at < what.positional.size()) return refuse("argument " + name + " is given twice");
      if (all.size() <= *at) all.resize(*at + 1);
      all[*at] = &v;
    }
    auto declared = parameters_of(what.function);
    for (size_t at = 0; at < all.size(); ++at) {
      const auto* v = all[at];
      if (!v) return refuse("an argument before the last one given is missing");
      bool is_json = at < declared.size() && declared[at].at(1) == "json";
      const auto* text = is_json ? nullptr : v->if_is<std::string>();
      if (text && text->find('\0') != std::string::npos)
        return refuse("an argument of a program cannot hold the character NUL");
      out.push_back(text ? *text : json_of(*v));
    }
    return std::nullopt;
  }

  /// Name and annotation of each.
  std::vector<std::vector<std::string>> parameters_of(const std::string& function) const {
    for (const auto& [known, names] : settings_.parameters)
      if (known == function) return names.as<std::vector<std::vector<std::string>>>();
    return {};
  }

  std::optional<size_t> position_of(const std::string& function, const std::string& name) const {
    auto all = parameters_of(function);
    for (size_t at = 0; at < all.size(); ++at)
      if (all[at].at(0) == name) return at;
    return std::nullopt;
  }

  bash_run start(const std::vector<std::string>& arguments) const {
    bash_run out;
    int records = ::memfd_create("records", MFD_CLOEXEC);
    std::vector<std::string> words{"/bin/bash", driver_, settings_.file, replacements_};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (auto& each : words)
      argv.push_back(each.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, records, record_fd);
    pid_t pid = 0;
    int problem = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) {
      out.status = W_EXITCODE(126, 0);
      out.records.push_back(
          {"fail", "OSError", std::string{"bash does not start: "} + std::strerror(problem)});
    } else {
      while (::waitpid(pid, &out.status, 0) < 0 && errno == EINTR) {}
      out.records = records_of(records);
    }
    ::close(records);
    return out;
  }

  std::vector<std::array<std::string, 3>> records_of(int file) const {
    auto size = static_cast<uint64_t>(std::max<off_t>(::lseek(file, 0, SEEK_END), 0));
    if (size > 2 * settings_.payload_bytes_max) return {{"too_large", "", ""}};
    std::string text(size, '\0');
    if (::pread(file, text.data(), size, 0) != static_cast<ssize_t>(size)) return {};
    std::vector<std::array<std::string, 3>> out;
    for (size_t at = 0; at < text.size();) {
      auto& record = out.emplace_back();
      for (auto& part : record) {
        auto end = std::min(text.find('\0', at), text.size());
        part = text.substr(at, end - at);
        at = std::min(end + 1, text.size());
      }
    }
    return out;
  }

  std::optional<failure> failure_of(const bash_run& run, const request& what) const {
    if (run.last("unknown"))
      return failure{
          "unknown_function", "unknown_function", "the file has no function " + what.function, {}};
    if (run.last("too_large"))
      return failure{"output_too_large",
                     "output_too_large",
                     "result, plugs and output together are larger than "
                         + std::to_string(settings_.payload_bytes_max) + " bytes",
                     {}};
    if (run.status == 0) return std::nullopt;
    failure why{"task_failed", "ExitStatus", what.function + " " + run.how_it_ended(), {}};
    for (const auto& [kind, name, text] : run.records) {
      if (kind == "fail") {
        why.type = name;
        why.message = text;
      } else if (kind == "trace") {
        why.traceback = text;
      }
    }
    return why;
  }

  /// What was told becomes result, plugs and output; or the first thing that is no value.
  static std::optional<failure> values_of(const bash_run& run, outcome& done) {
    for (const auto& [kind, name, text] : run.records) {
      auto to = std::string_view{kind};
      bool is_json = to.ends_with("_json");
      if (is_json) to.remove_suffix(5);
      value v{text};
      if (is_json) {
        auto parsed = flow::value_of_json(text);
        if (!parsed)
          return failure{"not_a_value",
                         "not_a_value",
                         "flow_" + kind + (name.empty() ? "" : " " + name) + ": "
                             + parsed.error().text,
                         {}};
        v = millrace::cbor::reader{parsed->cbor}.item();
      }
      if (to == "result")
        done.returned = std::move(v);
      else if (to == "plug")
        set(done.plugs, name, std::move(v));
      else if (to == "output")
        set(done.output, name, std::move(v));
    }
    return std::nullopt;
  }

  static void set(std::optional<value::map>& pairs, const std::string& name, value v) {
    if (!pairs) pairs.emplace();
    for (auto& [known, held] : *pairs)
      if (known == name) {
        held = std::move(v);
        return;
      }
    pairs->emplace_back(name, std::move(v));
  }

  std::string driver_;
  std::string replacements_;
  millrace::settings settings_;
};

} // namespace

int main(int, char** argv) {
  auto driver = std::filesystem::path{argv[0]}.parent_path() / "driver.sh";
  bash_module module{driver.string()};
  millrace::handler all;
  all.import = [&](const millrace::settings& given) { return module.import(given); };
  all.call = [&](const request& what) { return module.call(what); };
  return millrace::detail::session{std::move(all)}.run("bash");
}
