#define CAF_SUITE cli.up

#include "cli/dev_node.hpp"
#include "scripted_server.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::cli;
using flow::cli::test::flow_run;

namespace {

namespace fs = std::filesystem;

/// A flow_run whose flow-node is a shell script.
struct up_fixture {
  flow_run flow;

  up_fixture() {
    flow.program_dir = flow.config_dir + "/bin";
    flow.working_dir = flow.config_dir;
    flow.variables["TMPDIR"] = flow.config_dir;
    fs::create_directories(flow.program_dir);
  }

  ~up_fixture() { flow("down --force -q"); }

  void node_is(const std::string& body) {
    const auto path = flow.program_dir + "/flow-node";
    std::ofstream{path} << "#!/bin/sh\n" << body << "\n";
    fs::permissions(path, fs::perms::owner_all);
  }

  std::string text_of(const std::string& path) const {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

  std::optional<dev_node> running() const {
    return find_dev_node(flow.config_dir + "/.local/share/flow");
  }
};

const char* good_node = R"(
all="$*"
while [ $# -gt 0 ]; do
  case "$1" in --data) data=$2;; --api) api=$2;; esac
  shift
done
echo "$api" > "$data/api"
echo "$all" > "$data/options"
echo secret > "$data/admin.token"
echo "starting" >&2
echo "flow-node is ready at $api"
exec sleep 600)";

} // namespace

CAF_TEST_FIXTURE_SCOPE(up_tests, up_fixture)

CAF_TEST(up starts a node points the context to it and down ends it) {
  node_is(good_node);
  CAF_REQUIRE_EQUAL(flow("up --port 0 -o json"), 0);
  const auto told = flow.out_json();
  const auto data = flow.config_dir + "/.local/share/flow/dev";
  CAF_CHECK_EQUAL(told["data"], data);
  CAF_CHECK_EQUAL(told["token_file"], data + "/admin.token");
  CAF_CHECK_EQUAL(text_of(data + "/api"), told["address"].get<std::string>() + "\n");
  CAF_CHECK_EQUAL(text_of(data + "/node.log"), "starting\n");
  CAF_CHECK(text_of(data + "/options").find("--allow-repo file:///* ") != std::string::npos);
  flow.node.answer("node.status", "{}");
  CAF_CHECK_EQUAL(flow("status"), 0);
  CAF_CHECK_EQUAL(flow.node.connection.address, told["address"].get<std::string>());
  CAF_CHECK_EQUAL(flow.node.connection.token, "secret");
  const auto node = running();
  CAF_REQUIRE(node);
  CAF_CHECK_EQUAL(node->process.pid, told["pid"].get<int>());
  CAF_CHECK_EQUAL(flow("up"), 0);
  CAF_CHECK(flow.out.find("runs already") != std::string::npos);
  CAF_CHECK_EQUAL(running()->process.pid, node->process.pid);
  CAF_CHECK_EQUAL(flow("down"), 0);
  CAF_CHECK(flow.out.find("has ended") != std::string::npos);
  CAF_CHECK(!is_alive(node->process));
  CAF_CHECK(fs::exists(data + "/admin.token"));
  CAF_CHECK(!running());
  CAF_CHECK_EQUAL(flow("down"), 0);
  CAF_CHECK_EQUAL(flow.err, "no node of flow up is running\n");
}

CAF_TEST(the data of an ephemeral node goes with it) {
  node_is(good_node);
  CAF_REQUIRE_EQUAL(flow("up --ephemeral --port 0 -o json"), 0);
  const auto data = flow.out_json()["data"].get<std::string>();
  CAF_CHECK(data.starts_with(flow.config_dir + "/flow-"));
  CAF_CHECK(fs::exists(data + "/admin.token"));
  CAF_CHECK_EQUAL(flow("down"), 0);
  CAF_CHECK(!fs::exists(data));
}

CAF_TEST(a node that ends before it is ready is an error with its last lines) {
  node_is("echo 'error[F0505]: the data directory is in use' >&2; exit 5");
  CAF_CHECK_EQUAL(flow("up --port 0"), 9);
  CAF_CHECK(flow.err.find("ended with code 5") != std::string::npos);
  CAF_CHECK(flow.err.find("the data directory is in use") != std::string::npos);
  CAF_CHECK(!running());
}

CAF_TEST(a node that is never ready is ended) {
  node_is("echo not yet; exec sleep 600");
  CAF_CHECK_EQUAL(flow("up --port 0 --timeout 50ms"), 6);
  CAF_CHECK(flow.err.find("was not ready within 50ms") != std::string::npos);
  CAF_CHECK(!running());
}

CAF_TEST(without the program beside flow it says where it looked) {
  CAF_CHECK_EQUAL(flow("up --port 0"), 9);
  CAF_CHECK(flow.err.find(flow.program_dir + "/flow-node") != std::string::npos);
}

CAF_TEST(in the foreground it stays until the node ends and forgets it) {
  node_is("echo ready; exit 0");
  CAF_CHECK_EQUAL(flow("up --foreground --port 0"), 0);
  CAF_CHECK(!running());
  node_is("echo ready; exit 7");
  CAF_CHECK_EQUAL(flow("up --foreground --port 0"), 9);
}

CAF_TEST(a process that took over the number of a node is not taken for it) {
  const auto self = identify(::getpid());
  CAF_CHECK(is_alive(self));
  CAF_CHECK(!is_alive({self.pid, self.started + 1}));
  dev_node node;
  node.process = {self.pid, self.started + 1};
  CAF_REQUIRE(note_dev_node(flow.config_dir + "/.local/share/flow", node));
  CAF_CHECK(!running());
}

CAF_TEST(words of a program are split with quotes and nothing else) {
  CAF_CHECK_EQUAL(*split_words("a 'b c' \"d e\" f'g'h '' $X;*"),
                  (std::vector<std::string>{"a", "b c", "d e", "fgh", "", "$X;*"}));
  CAF_CHECK(split_words("").value().empty());
  CAF_CHECK(!split_words("a 'b"));
}

CAF_TEST_FIXTURE_SCOPE_END()
