#define CAF_SUITE cli.context

#include "cli/config.hpp"
#include "scripted_server.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::cli;
using flow::cli::test::flow_run;
using flow::cli::test::json;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

} // namespace

CAF_TEST(contexts are set used listed and removed) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow("context ls"), 0);
  CAF_CHECK_EQUAL(flow.out, "");
  CAF_CHECK_EQUAL(flow("context set dev --address 127.0.0.1:7717 --token-file /t"), 0);
  CAF_CHECK_EQUAL(flow.out, "context dev set\n");
  CAF_CHECK_EQUAL(flow("context set lab --address lab:7717"), 0);
  CAF_CHECK_EQUAL(flow.err, "next: flow context use lab\n");
  CAF_CHECK_EQUAL(flow("context use lab"), 0);
  CAF_CHECK_EQUAL(flow("context ls"), 0);
  CAF_CHECK_EQUAL(flow.out, "NAME  CURRENT  ADDRESS         TOKEN FILE\n"
                            "dev   no       127.0.0.1:7717  /t\n"
                            "lab   yes      lab:7717        -\n");
  CAF_CHECK_EQUAL(flow("context ls -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["kind"], "ContextList");
  CAF_CHECK_EQUAL(flow("context use leb"), 3);
  CAF_CHECK(flow.err.find("did you mean \"lab\"?") != std::string::npos);
  CAF_CHECK_EQUAL(flow("context rm lab"), 0);
  CAF_CHECK_EQUAL(flow("context show dev -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["token_file"], "/t");
  CAF_CHECK_EQUAL(flow("context rm lab"), 3);
  CAF_CHECK_EQUAL(flow("context set x"), 2);
}

CAF_TEST(a flag wins over the environment that over the context that over the default) {
  flow_run flow;
  flow.node.answer("node.status", "{}");
  auto address_after = [&](const std::string& line) {
    CAF_CHECK_EQUAL(flow(line), 0);
    return flow.node.connection.address;
  };
  CAF_CHECK_EQUAL(address_after("status"), "127.0.0.1:7717");
  flow("context set dev --address dev:1");
  flow("context set lab --address lab:1");
  CAF_CHECK_EQUAL(address_after("status"), "dev:1");
  CAF_CHECK_EQUAL(address_after("status --context lab"), "lab:1");
  flow.variables["FLOW_CONTEXT"] = "lab";
  CAF_CHECK_EQUAL(address_after("status"), "lab:1");
  flow.variables["FLOW_ADDRESS"] = "env:1";
  CAF_CHECK_EQUAL(address_after("status"), "env:1");
  CAF_CHECK_EQUAL(address_after("status --address flag:1"), "flag:1");
  flow("context show --address flag:1 -o json");
  CAF_CHECK_EQUAL(flow.out_json()["origin"]["address"], "--address");
  flow("context show -o json");
  CAF_CHECK_EQUAL(flow.out_json()["origin"]["address"], "FLOW_ADDRESS");
  flow.variables["FLOW_CONTEXT"] = "lub";
  CAF_CHECK_EQUAL(flow("status"), 2);
  CAF_CHECK(flow.err.find("no context \"lub\" (from FLOW_CONTEXT)") != std::string::npos);
}

CAF_TEST(the token is read from its file and never shown) {
  flow_run flow;
  flow.node.answer("node.status", "{}");
  std::ofstream{flow.config_dir + "/token"} << "s3cret\n";
  CAF_CHECK_EQUAL(flow("status --debug --token-file " + flow.config_dir + "/token"), 0);
  CAF_CHECK_EQUAL(flow.node.connection.token, "s3cret");
  CAF_CHECK((flow.out + flow.err).find("s3cret") == std::string::npos);
  CAF_CHECK_EQUAL(flow("status --token-file /no/such"), 4);
  flow.variables["FLOW_TOKEN"] = "t2";
  CAF_CHECK_EQUAL(flow("status"), 0);
  CAF_CHECK_EQUAL(flow.node.connection.token, "t2");
}

CAF_TEST(patience is that of the connection) {
  flow_run flow;
  flow.node.answer("node.status", "{}");
  flow("status --timeout 3s");
  CAF_CHECK_EQUAL(flow.node.connection.request_timeout.count(), 3000);
}

CAF_TEST(the default output comes from the context or the environment) {
  flow_run flow;
  flow.node.answer("node.status", R"({"name":"n"})");
  flow("context set dev --address a:1 --default-output json");
  CAF_CHECK_EQUAL(flow("status"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["name"], "n");
  flow.variables["FLOW_OUTPUT"] = "yaml";
  flow("status");
  CAF_CHECK_EQUAL(flow.out, "name: \"n\"\n");
  flow.variables["FLOW_OUTPUT"] = "xml";
  CAF_CHECK_EQUAL(flow("status"), 2);
}

CAF_TEST(saving keeps what else is in the file for its owner alone) {
  flow_run flow;
  const auto path = flow.config_dir + "/config.toml";
  std::ofstream{path} << "current = \"dev\"\n[context.dev]\naddress = \"a:1\"\nprotected = "
                         "true\n[alias]\nfails = \"ls calls\"\n";
  CAF_CHECK_EQUAL(flow("context set dev --address b:2"), 0);
  const auto text = text_of(path);
  CAF_CHECK(text.find("fails = ") != std::string::npos);
  CAF_CHECK(text.find("protected = true") != std::string::npos);
  CAF_CHECK(text.find("b:2") != std::string::npos);
  using std::filesystem::perms;
  CAF_CHECK((std::filesystem::status(path).permissions() & (perms::group_all | perms::others_all))
            == perms::none);
  CAF_CHECK_EQUAL(load_config(path)->current, "dev");
}

CAF_TEST(a broken file is named with line and column and help still works) {
  flow_run flow;
  std::ofstream{flow.config_dir + "/config.toml"} << "current = \"dev\"\ncurrent = \"x\"\n";
  CAF_CHECK_EQUAL(flow("status"), 2);
  CAF_CHECK(flow.err.starts_with("error[F0114]: " + flow.config_dir + "/config.toml:2:"));
  CAF_CHECK_EQUAL(flow("help exit-codes"), 0);
}

CAF_TEST(directories follow the environment) {
  std::map<std::string, std::string> variables{{"HOME", "/home/joe"}};
  auto lookup = [&](const std::string& name) -> std::optional<std::string> {
    auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional{found->second};
  };
  CAF_CHECK_EQUAL(config_path(lookup), "/home/joe/.config/flow/config.toml");
  CAF_CHECK_EQUAL(data_home(lookup), "/home/joe/.local/share/flow");
  variables["XDG_CONFIG_HOME"] = "/c";
  variables["XDG_DATA_HOME"] = "/d";
  CAF_CHECK_EQUAL(config_path(lookup), "/c/flow/config.toml");
  CAF_CHECK_EQUAL(data_home(lookup), "/d/flow");
  variables["FLOW_CONFIG_DIR"] = "/f";
  CAF_CHECK_EQUAL(config_path(lookup), "/f/config.toml");
}

CAF_TEST(no connection is made by commands that need none) {
  for (auto line : {"version", "help", "context ls", "completion bash", "help F0301", "ls --help",
                    "add queue --help"}) {
    flow_run flow;
    CAF_CHECK_EQUAL(flow(line), 0);
    CAF_CHECK_EQUAL(flow.node.connections, 0u);
  }
}
