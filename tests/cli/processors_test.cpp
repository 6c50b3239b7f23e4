#define CAF_SUITE cli.processors

#include <filesystem>
#include <fstream>

#include "scripted_server.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::cli::test::flow_run;
using flow::cli::test::json;

CAF_TEST(every verb of a processor reaches the node and says the state) {
  for (std::string verb : {"start", "stop", "pause", "resume", "restart", "remove"}) {
    flow_run flow;
    flow.node.answer("proc." + verb, R"({"name":"shop","state":"draining"})");
    CAF_CHECK_EQUAL(flow("proc " + verb + " shop"), 0);
    CAF_CHECK_EQUAL(flow.node.requests.back().verb, "proc." + verb);
    CAF_CHECK_EQUAL(flow.last_params(), (json{{"name", "shop"}}));
    CAF_CHECK_EQUAL(flow.out, "processor/shop is draining\n");
    CAF_CHECK_EQUAL(flow("proc " + verb + " shop -o json"), 0);
    CAF_CHECK_EQUAL(flow.out_json()["state"], "draining");
  }
}

CAF_TEST(stopping may have a deadline and removing by force asks) {
  flow_run flow;
  flow.node.answer("proc.stop", R"({"name":"shop","state":"stopped"})");
  flow.node.answer("proc.remove", R"({"name":"shop","state":"removed"})");
  CAF_CHECK_EQUAL(flow("proc stop shop --deadline 1m30s"), 0);
  CAF_CHECK_EQUAL(flow.last_params()["deadline_ms"], 90'000);
  CAF_CHECK_EQUAL(flow.err, "next: flow proc start shop\n");
  CAF_CHECK_EQUAL(flow("proc remove shop --force"), 2);
  CAF_CHECK_EQUAL(flow("proc remove shop --force -y"), 0);
  CAF_CHECK_EQUAL(flow.last_params(), (json{{"name", "shop"}, {"force", true}}));
}

CAF_TEST(scaling takes a number) {
  flow_run flow;
  flow.node.answer("proc.scale", R"({"name":"shop","cpus":4})");
  CAF_CHECK_EQUAL(flow("proc scale shop 4"), 0);
  CAF_CHECK_EQUAL(flow.last_params(), (json{{"name", "shop"}, {"cpus", 4}}));
  CAF_CHECK_EQUAL(flow.out, "processor/shop scaled to 4 cpus\n");
  CAF_CHECK_EQUAL(flow("proc scale shop many"), 2);
  CAF_CHECK_EQUAL(flow("proc scale shop"), 2);
}

CAF_TEST(queues are paused resumed and after asking purged) {
  flow_run flow;
  for (std::string verb : {"pause", "resume", "purge"})
    flow.node.answer("queue." + verb, R"({"name":"orders","purged":3})");
  CAF_CHECK_EQUAL(flow("queue pause orders"), 0);
  CAF_CHECK_EQUAL(flow.out, "queue/orders paused  (3 calls)\n");
  CAF_CHECK_EQUAL(flow.err, "next: flow queue resume orders\n");
  CAF_CHECK_EQUAL(flow("queue resume orders"), 0);
  CAF_CHECK_EQUAL(flow("queue purge orders"), 2);
  CAF_CHECK_EQUAL(flow.node.requests.back().verb, "queue.resume");
  CAF_CHECK_EQUAL(flow("queue purge orders -y"), 0);
  CAF_CHECK_EQUAL(flow.err, "next: flow dlq ls\n");
  CAF_CHECK_EQUAL(flow("queue pause orders -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["name"], "orders");
}

CAF_TEST(status shows the node) {
  flow_run flow;
  flow.node.answer(
      "node.status",
      R"({"name":"lab","version":"0.1.0","ready":true,"uptime_ms":5000,"calls":{"queued":1,"running":2}})");
  CAF_CHECK_EQUAL(flow("status"), 0);
  CAF_CHECK(flow.out.starts_with("node lab is not healthy, up for 5.0s  (version 0.1.0, cpus "
                                 "-)\ncalls    queued 1, running 2"));
  CAF_CHECK_EQUAL(flow("status -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["calls"]["running"], 2);
}

namespace {

/// A directory that is gone afterwards.
struct scratch {
  std::string path = (std::filesystem::temp_directory_path() / "flow-cli-XXXXXX").string();
  scratch() {
    if (::mkdtemp(path.data()) == nullptr) CAF_FAIL("no directory");
  }
  ~scratch() { std::filesystem::remove_all(path); }
};

} // namespace

CAF_TEST(a function is replaced from a file or stdin and comes back) {
  scratch dir;
  std::ofstream{dir.path + "/price.py"} << "def price(): pass\n";
  flow_run flow;
  flow.node.answer("task.code",
                   R"({"name":"shop.price","processor":"p","replaced":true,"version":3})");
  CAF_CHECK_EQUAL(flow("task code shop.price -f " + dir.path + "/price.py"), 0);
  CAF_CHECK_EQUAL(flow.last_params(),
                  (json{{"name", "shop.price"}, {"code", "def price(): pass\n"}}));
  CAF_CHECK_EQUAL(flow.out, "task/shop.price is replaced  (version 3)\n");
  CAF_CHECK_EQUAL(flow.err, "next: flow task show shop.price\n");
  flow.stdin_text = "x = 1";
  CAF_CHECK_EQUAL(flow("task code shop.price -f - --processor p"), 0);
  CAF_CHECK_EQUAL(flow.last_params(),
                  (json{{"name", "shop.price"}, {"code", "x = 1"}, {"processor", "p"}}));
  CAF_CHECK_EQUAL(flow("task code shop.price --remove"), 0);
  CAF_CHECK_EQUAL(flow.last_params(), (json{{"name", "shop.price"}}));
  CAF_CHECK_EQUAL(flow.out, "task/shop.price is its own again  (version 3)\n");
  auto asked = flow.node.requests.size();
  CAF_CHECK_EQUAL(flow("task code shop.price"), 2);
  CAF_CHECK_EQUAL(flow("task code shop.price --remove -f x"), 2);
  CAF_CHECK_EQUAL(flow("task code shop.price -f /nothing/here"), 2);
  CAF_CHECK_EQUAL(flow("task code shop.price --remove --dry-run"), 0);
  CAF_CHECK_EQUAL(flow.node.requests.size(), asked);
}

CAF_TEST(init makes a module to begin with and overwrites nothing) {
  scratch dir;
  flow_run flow;
  flow.working_dir = dir.path;
  for (auto [language, file] : {std::pair{"python", "hello.py"},
                                {"node", "hello.js"},
                                {"bash", "hello.sh"},
                                {"cpp", "hello.functions.json"}}) {
    std::string made = language;
    CAF_CHECK_EQUAL(flow("init " + made + " new/" + made + " --dry-run"), 0);
    CAF_CHECK(!std::filesystem::exists(dir.path + "/new/" + made));
    CAF_CHECK_EQUAL(flow("init " + made + " new/" + made), 0);
    CAF_CHECK(std::filesystem::file_size(dir.path + "/new/" + made + "/" + file) > 100);
    CAF_CHECK_EQUAL(flow("init " + made + " new/" + made), 5);
    CAF_CHECK(flow.err.find("exists already") != std::string::npos);
  }
  CAF_CHECK_EQUAL(flow("init pyton x"), 2);
  CAF_CHECK(flow.err.find("python") != std::string::npos);
  CAF_CHECK_EQUAL(flow.node.connections, 0u);
}
