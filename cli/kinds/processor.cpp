#include <algorithm>
#include <cctype>

#include "cli/kinds.hpp"
#include "cli/legacy.hpp"

namespace flow::cli {
namespace {

/// `-c 5` was the concurrency in one guide and `-c 4c1f9aa` the commit in another: the value tells.
void split_c(std::vector<std::string>& args, std::vector<std::string>& notes) {
  if (auto host = take_value(args, {"-h"}))
    notes.push_back(
        "-h " + *host
        + " is left out: nodes are chosen by their free cpus; to choose one: flow add deployment");
  for (size_t i = 0; i + 1 < args.size(); ++i) {
    if (args[i] == "--") return;
    if (args[i] != "-c") continue;
    const auto& value = args[i + 1];
    const bool is_hex
        = std::ranges::all_of(value, [](unsigned char c) { return std::isxdigit(c) != 0; });
    const std::string meaning = is_hex && value.size() >= 7 ? "--commit" : "--cpus";
    notes.push_back("-c " + value + " is now " + meaning + " " + value);
    args[i] = meaning;
  }
}

std::vector<field> code_fields() {
  return {
      {{"-g,--git,--repository", "REPO", "git repository: http, https, ssh, or a local directory"},
       "repository",
       field_type::path,
       true},
      {{"-m,--module", "MODULE", "the module, as it is imported"},
       "module",
       field_type::text,
       true},
      {{"--branch", "NAME", "branch whose newest commit is pinned now"}, "branch"},
      {{"--tag", "NAME", "tag to pin"}, "tag"},
      {{"--commit", "SHA", "commit to pin"}, "commit"},
      {{"--module-path", "DIR", "directory in the repository that comes first on the import path"},
       "module_path"},
      {{"--lang", "LANGUAGE", "python, node, bash or native (python)"}, "language"},
      {{"--requirements", "LINE", "a requirement beside the repository's own; may be repeated"},
       "requirements",
       field_type::list},
      {{"--sockets", "WHICH", "sockets to make: auto (one a function), none, or names with commas"},
       "sockets"},
  };
}

std::vector<field> running_fields() {
  return {
      {{"--cpus,--concurrency", "N", "calls that run at once, over all nodes"},
       "cpus",
       field_type::number},
      {{"-r,--retries", "N", "attempts after the first"}, "retries", field_type::number},
      {{"--retry-delay", "DURATION", "before the second attempt"},
       "retry_delay_ms",
       field_type::duration},
      {{"--retry-backoff", "FACTOR", "each delay is the last one times this"},
       "retry_backoff",
       field_type::factor},
      {{"--retry-delay-max", "DURATION", "no delay is longer"},
       "retry_delay_ms_max",
       field_type::duration},
      {{"--time-limit,--timeout", "DURATION", "an attempt that runs longer is killed"},
       "time_limit_ms",
       field_type::duration},
      {{"--env", "NAME=VALUE", "an environment variable of the workers; may be repeated"},
       "environment",
       field_type::map},
      {{"--image", "NAME", "container image to run in, where the node has an OCI runtime"},
       "image"},
      {{"--network", "", "workers may use the network"}, "network", field_type::flag},
      {{"--memory", "BYTES", "memory of one worker at most"}, "memory_bytes", field_type::bytes},
      {{"--history-age", "DURATION", "ended calls are kept this long, dead letters four times"},
       "history_age_ms",
       field_type::duration},
      {{"--history-bytes", "BYTES", "of ended calls that one socket keeps at most"},
       "history_bytes",
       field_type::bytes},
      {{"--description", "TEXT", "for people"}, "description"},
  };
}

} // namespace

kind processor_kind() {
  kind made;
  made.name = "processor";
  made.plural = "processors";
  made.shorts = {"proc", "procs"};
  made.summary = "a module in a git repository, at a pinned commit";
  made.fields = code_fields();
  for (auto& each : running_fields())
    made.fields.push_back(std::move(each));
  made.columns = {
      {"NAME", "name"},
      {"STATE", "status.state", cell::state},
      {"MODULE", "spec.module"},
      {"COMMIT", "status.commit|spec.commit", cell::commit},
      {"CPUS", "spec.cpus", cell::number},
      {"WORKERS", "status.workers_ready", cell::number},
      {"RUNNING", "status.running", cell::number},
      {"AGE", "created_ms", cell::age},
      {"RESTARTS", "status.restarts", cell::number, true},
      {"REPOSITORY", "spec.repository", cell::text, true},
      {"TEXT", "status.text", cell::text, true},
      {"BY", "by", cell::text, true},
  };
  made.add_examples = {
      {"flow add processor shop -g . -m shop",
       "the module shop of the repository here; a socket for each function"},
      {"flow add processor shop -g https://example.org/shop.git --tag v2 -m shop --cpus 4 "
       "--retries 3",
       "at a tag"},
      {"flow add processor -n proc1 -g URL -m pyfi.processors.sample -h localhost -c 5",
       "the older form"},
  };
  made.legacy = {{"-br", "--branch"},
                 {"-mp", "--module-path"},
                 {"-cs", "--cpus"},
                 {"-rq", "--requirements"},
                 {"-modulepath", "--module-path"},
                 {"-w", "--cpus"},
                 {"--workers", "--cpus"},
                 {"--gitrepo", "--git"},
                 {"--modulepath", "--module-path"}};
  made.rewrite = split_c;
  made.next_command = "show processor";
  return made;
}

} // namespace flow::cli
