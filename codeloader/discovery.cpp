#include "codeloader/discovery.hpp"

#include <filesystem>

#include <nlohmann/json.hpp>

#include "codeloader/sandbox.hpp"
#include "flows/limits.hpp"

namespace flow::codeloader {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool stays_below(const fs::path& path) {
  if (path.is_absolute()) return false;
  for (const auto& part : path)
    if (part == "..") return false;
  return true;
}

/// What the parser may use: less than a worker, because nothing in it waits or keeps state.
sandbox_limits parser_limits(const std::string& language) {
  sandbox_limits most;
  most.memory_bytes = limits::discovery_memory_bytes;
  if (language == "node") most.address_bytes = limits::node_address_bytes_min;
  most.processes = language == "node" ? limits::node_threads : 4;
  most.files = 64;
  most.network = false;
  return most;
}

/// Throws json::exception when the text is not what discover.py writes.
signature signature_of(const json& described) {
  signature sig;
  sig.function = described.at("function").get<std::string>();
  sig.returns = described.at("returns").get<std::string>();
  sig.summary = described.at("summary").get<std::string>();
  sig.takes_plugs = described.at("takes_plugs").get<bool>();
  sig.takes_output = described.at("takes_output").get<bool>();
  for (const auto& each : described.at("parameters")) {
    parameter p;
    p.name = each.at("name").get<std::string>();
    p.annotation = each.at("annotation").get<std::string>();
    p.kind = static_cast<parameter_kind>(each.at("kind").get<unsigned>() % 5);
    if (each.contains("default")) p.default_text = each.at("default").get<std::string>();
    sig.parameters.push_back(std::move(p));
  }
  return sig;
}

/// The program that reads modules of a language.
struct reader_program {
  std::vector<std::string> argv;
  std::vector<std::string> scripts; ///< what it needs to see of the runtimes
};

result<reader_program> reader_of(const discovery_request& request) {
  auto runtime
      = [&](const char* below) { return (fs::path{request.runtime_dir} / below).string(); };
  auto python = [&](const char* script) {
    return reader_program{{request.python, "-I", "-S", "-B", runtime(script)},
                          {runtime("python/discover.py"), runtime(script)}};
  };
  if (request.language == "python") return python("python/discover.py");
  if (request.language == "bash") return python("bash/discover.py");
  if (request.language == "native") return python("native/discover.py");
  if (request.language != "node")
    return make_error(ec::bad_value,
                      "the language \"" + request.language + "\" is not one that this node loads",
                      "use python, node, bash or native");
  std::error_code failure;
  if (!fs::exists(request.node, failure))
    return make_error(ec::bad_value, "this node has no Node.js: there is no " + request.node,
                      "install the package nodejs on it");
  return reader_program{{request.node, "--expose-internals", runtime("node/discover.js")},
                        {runtime("node")}};
}

result<discovered_module> module_of(const json& answer, const discovery_request& request) {
  if (answer.contains("error")) {
    const auto& problem = answer.at("error");
    auto code = problem.at("code").get<std::string>() == "unknown_module" ? ec::unknown_module
                                                                          : ec::bad_module;
    return make_error(code, problem.at("text").get<std::string>(),
                      problem.at("hint").get<std::string>());
  }
  auto root = answer.at("import_root").get<std::string>();
  if (!stays_below(root))
    return make_error(ec::path_escapes, "the import root \"" + root + "\" is not in the checkout");
  discovered_module found;
  found.import_root
      = root.empty() ? request.checkout_dir : (fs::path{request.checkout_dir} / root).string();
  found.file = answer.at("file").get<std::string>();
  for (const auto& each : answer.at("functions"))
    found.functions.push_back(signature_of(each));
  found.program = answer.value("program", "");
  found.build = answer.value("build", "");
  found.source = answer.value("source", "");
  if (!stays_below(found.program) || !stays_below(found.source))
    return make_error(ec::path_escapes, "the program of " + found.file + " is not in the checkout");
  return found;
}

} // namespace

result<discovered_module> discover_module(const discovery_request& request) {
  if (!stays_below(request.module_path))
    return make_error(ec::path_escapes,
                      "the module path \"" + request.module_path + "\" leads out of the repository",
                      "give a directory relative to the repository's root");
  json question{{"checkout", request.checkout_dir},
                {"module", request.module},
                {"module_path", request.module_path},
                {"replacements", request.replacements}};
  auto reader = reader_of(request);
  if (!reader) return reader.error();
  sandbox_command command;
  command.argv = reader->argv;
  command.binds = {{request.checkout_dir, "", false}};
  for (const auto& script : reader->scripts)
    command.binds.push_back({script, "", false});
  command.limits = parser_limits(request.language);
  command.time_ms_max = limits::discovery_ms_max;
  command.output_bytes_max = limits::discovery_answer_bytes_max;
  command.input = question.dump(-1, ' ', true, json::error_handler_t::replace);
  auto ended = run_sandboxed(command);
  if (!ended) return ended.error();
  if (!ended->succeeded())
    return make_error(ec::bad_module,
                      "module \"" + request.module + "\" could not be parsed: the parser "
                          + ended->how_it_ended()
                          + (ended->err.empty() ? "" : "\n" + ended->err.substr(0, 2'000)));
  if (ended->truncated)
    return make_error(ec::bad_module,
                      "module \"" + request.module + "\" has too many functions to be listed");
  try {
    return module_of(json::parse(ended->out), request);
  } catch (const json::exception& problem) {
    return make_error(ec::internal, "the parser's answer for module \"" + request.module
                                        + "\" cannot be read: " + problem.what());
  }
}

} // namespace flow::codeloader
