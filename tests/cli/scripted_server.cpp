#include "scripted_server.hpp"

#include <filesystem>

#include <stdlib.h>

#include "cli/process.hpp"

namespace flow::cli::test {
namespace {

class scripted_server final : public server {
public:
  explicit scripted_server(script& what) : script_{what} {}

  ~scripted_server() override { tell_held_back(); }

  result<value> request(const std::string& verb, const value& params) override {
    auto tree = json_of_value(params);
    script_.requests.push_back({verb, tree});
    auto found = script_.verbs.find(verb);
    if (found == script_.verbs.end())
      return make_error(ec::bad_usage, "no verb " + verb + " in the script");
    return found->second(tree);
  }

  void submit(const std::string& socket, arguments args, const wire::submit_options& options,
              std::function<void(result<call_id>)> accepted,
              std::function<void(const call_outcome&)> ended) override {
    script_.calls.push_back({socket, to_json_text(value{args.positional}),
                             to_json_text(value{args.keyword}), options, ended != nullptr});
    const auto id = id_of(script_.calls.size() - 1);
    auto outcome = script_.on_call ? script_.on_call(script_.calls.back()) : echo(args);
    if (!outcome) return accepted(outcome.error());
    accepted(id);
    if (!ended || script_.never_ends) return;
    outcome->id = id;
    held_back_.push_back([ended, end = *outcome] { ended(end); });
    if (held_back_.size() >= script_.end_later) tell_held_back();
  }

  result<call_outcome> wait(const call_id& id, std::chrono::milliseconds timeout) override {
    script_.requests.push_back({"wait", {{"id", to_string(id)}, {"timeout_ms", timeout.count()}}});
    if (script_.never_ends)
      return make_error(ec::timed_out, "call " + to_string(id) + " has not ended");
    auto outcome = script_.on_call({});
    if (outcome) outcome->id = id;
    return outcome;
  }

  result<std::shared_ptr<void>> subscribe(const std::string& channel, const value& params,
                                          std::function<void(const value&)> on_event) override {
    auto tree = json_of_value(params);
    tree["channel"] = channel;
    script_.subscriptions.push_back(tree);
    for (const auto& event : script_.events)
      on_event(event);
    return std::shared_ptr<void>{std::make_shared<int>(0)};
  }

private:
  static result<call_outcome> echo(const arguments& args) {
    call_outcome outcome;
    auto all = positional_values(args);
    if (all && !all->empty()) outcome.returned = all->front();
    outcome.attempts = 1;
    return outcome;
  }

  void tell_held_back() {
    while (!held_back_.empty()) {
      auto tell = std::move(held_back_.back());
      held_back_.pop_back();
      tell();
    }
  }

  script& script_;
  std::vector<std::function<void()>> held_back_;
};

std::string fresh_dir() {
  std::string dir = std::filesystem::temp_directory_path().string() + "/flow-cli-test-XXXXXX";
  return ::mkdtemp(dir.data()) ? dir : std::string{};
}

} // namespace

call_id id_of(uint64_t n) {
  return make_call_id(1'700'000'000'000 + n, partition_id{7}, n);
}

void script::answer(const std::string& verb, const std::string& json_text) {
  verbs[verb] = [json_text](const json&) { return value_of_json(json_text); };
}

void script::refuse(const std::string& verb, error why) {
  verbs[verb] = [why](const json&) -> result<value> { return why; };
}

flow_run::flow_run() : config_dir{fresh_dir()} {}

flow_run::~flow_run() {
  std::error_code ignored;
  std::filesystem::remove_all(config_dir, ignored);
}

int flow_run::operator()(const std::string& line) {
  auto words = split_words(line);
  return with(words ? *words : std::vector<std::string>{});
}

int flow_run::with(const std::vector<std::string>& args) {
  std::ostringstream to_out;
  std::ostringstream to_err;
  std::istringstream from_in{stdin_text};
  surroundings world{
      .out = to_out,
      .err = to_err,
      .in = from_in,
      .out_is_terminal = is_terminal,
      .err_is_terminal = is_terminal,
      .in_is_terminal = is_terminal && !stdin_is_piped,
      .in_is_piped = stdin_is_piped,
      .terminal_width = is_terminal ? width : 0,
      .variable = [this](const std::string& name) -> std::optional<std::string> {
        if (name == "HOME") return config_dir;
        if (name == "FLOW_CONFIG_DIR" && !variables.contains(name)) return config_dir;
        auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional{found->second};
      },
      .connect = [this](const connection_options& options) -> result<std::unique_ptr<server>> {
        ++node.connections;
        node.connection = options;
        if (node.no_connection) return *node.no_connection;
        return std::unique_ptr<server>{std::make_unique<scripted_server>(node)};
      },
      .time = time,
      .program_dir = program_dir,
      .working_dir = working_dir,
  };
  const int code = run(args, world);
  out = to_out.str();
  err = to_err.str();
  return code;
}

} // namespace flow::cli::test
