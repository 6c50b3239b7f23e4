#include "nodes/options.hpp"

#include <array>
#include <thread>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "flows/limits.hpp"

namespace flow::nodes {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0'
             ? std::string{name.data()}
             : "local";
}

result<std::map<std::string, std::string>> split_labels(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const auto& text : texts) {
    auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return make_error(ec::bad_usage, "--label \"" + text + "\" is not of the form KEY=VALUE");
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

} // namespace

result<node_options> parse_options(int argc, const char* const* argv) {
  node_options options;
  std::vector<std::string> labels;
  CLI::App app{"The daemon of one machine: keeps calls, runs them in sandboxes, serves the API.",
               "flow-node"};
  app.add_option("--name", options.name, "name of this node")->default_str(host_name());
  app.add_option("--data", options.data_directory,
                 "directory of everything that lasts; made when missing")
      ->required();
  app.add_option("--api", options.api_address, "HOST:PORT of REST, command line and client library")
      ->capture_default_str();
  app.add_flag("--insecure", options.insecure,
               "allow an address that other machines reach, without TLS");
  app.add_option("--cpus", options.cpus, "cpus to offer; 0: all of the machine")
      ->check(CLI::Range(0u, 65'536u));
  app.add_option("--label", labels, "KEY=VALUE, may be repeated");
  app.add_option("--allow-repo", options.allow_repositories,
                 "pattern of repositories that may be used, may be repeated");
  app.add_option("--deny-repo", options.deny_repositories,
                 "pattern of repositories that may not be used; wins");
  app.add_option("--store", options.store, "where calls are kept")
      ->check(CLI::IsMember({"rocksdb"}))
      ->capture_default_str();
  app.add_option("--drain-ms", options.drain_ms, "time for running calls when the daemon ends")
      ->check(CLI::Range(uint64_t{0}, limits::time_limit_ms_max))
      ->capture_default_str();
  app.add_flag("--accept-loss", options.accept_loss,
               "open a store that has lost acknowledged work");
  app.set_config("--config", "", "file with these options");
  app.allow_config_extras(
      CLI::config_extras_mode::error); // a misspelt key is an error, never ignored
  app.set_version_flag("--version", MILLRACE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.help = true;
    options.text = app.help();
    return options;
  } catch (const CLI::CallForVersion&) {
    options.help = true;
    options.text = "flow-node " MILLRACE_VERSION "\n";
    return options;
  } catch (const CLI::ConfigError& e) {
    return make_error(ec::bad_config, e.what(), "see: flow-node --help");
  } catch (const CLI::ParseError& e) {
    return make_error(ec::bad_usage, e.what(), "see: flow-node --help");
  }
  auto parsed = split_labels(labels);
  if (!parsed) return parsed.error();
  options.labels = std::move(*parsed);
  if (options.name.empty()) options.name = host_name();
  if (options.cpus == 0) options.cpus = std::max(1u, std::thread::hardware_concurrency());
  return options;
}

} // namespace flow::nodes
