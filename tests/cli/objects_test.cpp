#define CAF_SUITE cli.objects

#include "cli/spec_params.hpp"
#include "scripted_server.hpp"

#include <filesystem>

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::cli::test::flow_run;
using flow::cli::test::json;

namespace {

const char* two_queues = R"({"items": [
  {"kind": "queue", "name": "orders", "id": "1", "created_ms": 1699999988000, "by": "admin",
   "spec": {"type": "direct", "overflow": "block"}, "status": {"queued": 12, "running": 3, "bytes": 2048, "paused": false, "sockets": ["shop.price"]}},
  {"kind": "queue", "name": "a-queue-with-a-name", "id": "2", "created_ms": 1699990000000, "by": "admin",
   "spec": {"type": "topic", "overflow": "reject"}, "status": {"queued": 0, "running": 0, "bytes": 0, "paused": true, "sockets": []}}],
  "next": null})";

} // namespace

CAF_TEST(a list is a table without borders) {
  flow_run flow;
  flow.node.answer("object.list", two_queues);
  CAF_CHECK_EQUAL(flow("ls queues"), 0);
  CAF_CHECK_EQUAL(flow.out,
                  "NAME                 TYPE    QUEUED  RUNNING  BYTES  PAUSED  SOCKETS     AGE\n"
                  "orders               direct      12        3   2.0K  no      shop.price  12s\n"
                  "a-queue-with-a-name  topic        0        0      0  yes     -           2h\n");
  CAF_CHECK_EQUAL(flow.err, "");
}

CAF_TEST(a list has every output format) {
  flow_run flow;
  flow.node.answer("object.list", two_queues);
  const auto sent = json::parse(two_queues);
  flow("ls queues -o json");
  const auto list = flow.out_json();
  CAF_CHECK_EQUAL(list["apiVersion"], "flow/v1");
  CAF_CHECK_EQUAL(list["kind"], "QueueList");
  CAF_CHECK_EQUAL(list["items"], sent["items"]);
  CAF_CHECK(list["next"].is_null());
  flow("ls queues -o jsonl");
  CAF_CHECK_EQUAL(json::parse(flow.out.substr(0, flow.out.find('\n'))), sent["items"][0]);
  flow("ls queues -o name");
  CAF_CHECK_EQUAL(flow.out, "orders\na-queue-with-a-name\n");
  flow("ls queues -q");
  CAF_CHECK_EQUAL(flow.out, "orders\na-queue-with-a-name\n");
  flow("ls queues -o csv --columns name,spec.type,queued");
  CAF_CHECK_EQUAL(flow.out,
                  "NAME,SPEC.TYPE,QUEUED\r\norders,direct,12\r\na-queue-with-a-name,topic,0\r\n");
  flow("ls queues --columns NAME,QUEUED --no-headers --sort-by queued");
  CAF_CHECK_EQUAL(flow.out, "a-queue-with-a-name   0\norders               12\n");
  CAF_CHECK(!flow.last_params().contains("sort"));
  flow("ls queues --columns NAME --sort-by -name --no-headers");
  CAF_CHECK_EQUAL(flow.out, "orders\na-queue-with-a-name\n");
  flow("ls queues -o yaml --columns NAME");
  CAF_CHECK(flow.out.starts_with(
      "apiVersion: flow/v1\nitems:\n  - by: admin\n    created_ms: 1699999988000\n"));
}

CAF_TEST(nothing to list is a sentence on stderr and an empty list in JSON) {
  flow_run flow;
  flow.node.answer("object.list", R"({"items": [], "next": null})");
  CAF_CHECK_EQUAL(flow("ls queues"), 0);
  CAF_CHECK_EQUAL(flow.out, "");
  CAF_CHECK_EQUAL(flow.err, "no queues; add one: flow add queue NAME\n");
  CAF_CHECK_EQUAL(flow("ls queues -o json"), 0);
  CAF_CHECK(flow.out_json()["items"].empty());
  CAF_CHECK_EQUAL(flow("ls queues -o jsonl"), 0);
  CAF_CHECK_EQUAL(flow.out, "");
}

CAF_TEST(filter limit and cursor reach the node and the rest is told) {
  flow_run flow;
  flow.node.answer("object.list", R"({"items": [{"name": "a"}], "next": "c2"})");
  CAF_CHECK_EQUAL(flow("ls queues --filter 'queued>3' --limit 1 --cursor c1"), 0);
  CAF_CHECK_EQUAL(
      flow.last_params(),
      (json{{"kind", "queue"}, {"filter", "queued>3"}, {"limit", 1}, {"cursor", "c1"}}));
  CAF_CHECK_EQUAL(flow.err, "next: more: the same with --cursor c2\n");
  CAF_CHECK_EQUAL(flow("ls queues --limit many"), 2);
  const auto asked = flow.node.requests.size();
  CAF_CHECK_EQUAL(flow("ls queues --limit 0"), 2);
  CAF_CHECK(flow.err.find("give a limit from 1 to 10000") != std::string::npos);
  CAF_CHECK_EQUAL(flow.node.requests.size(), asked);
}

CAF_TEST(a column that nothing has is an error with the nearest title) {
  flow_run flow;
  flow.node.answer("object.list", two_queues);
  for (auto option : {"--columns name,queud", "--sort-by queud", "--sort-by -queud"}) {
    CAF_CHECK_EQUAL(flow(std::string{"ls queues "} + option), 2);
    CAF_CHECK_EQUAL(flow.out, "");
    CAF_CHECK_EQUAL(
        flow.err, "error[F0101]: there is no column \"queud\"\n  hint: did you mean \"queued\"?\n");
  }
  CAF_CHECK_EQUAL(flow("ls queues --columns name,spec.type,by --sort-by -created_ms"), 0);
  flow.node.answer("object.list", R"({"items": [], "next": null})");
  CAF_CHECK_EQUAL(flow("ls queues --columns anything"), 0);
}

CAF_TEST(a piped table is never cut and that of a terminal is) {
  flow_run flow;
  flow.node.answer("object.list", two_queues);
  flow.is_terminal = true;
  flow.width = 66;
  flow.variables["NO_COLOR"] = "1";
  flow("ls queues");
  for (size_t at = 0; at < flow.out.size();) {
    const auto end = flow.out.find('\n', at);
    CAF_CHECK(flow::cli::display_width(flow.out.substr(at, end - at)) <= 66);
    at = end + 1;
  }
  CAF_CHECK(flow.out.find("…") != std::string::npos);
  CAF_CHECK(flow.out.find('\x1b') == std::string::npos);
}

CAF_TEST(adding says what was made and what comes next) {
  flow_run flow;
  flow.node.answer(
      "object.add",
      R"({"kind":"processor","name":"shop","created":true,"spec":{},"status":{"commit":"4c1f9aa0b0"},
                                    "next":["flow task run shop.price"]})");
  flow.working_dir = "/home/joe/shop";
  CAF_CHECK_EQUAL(
      flow("add processor shop -g . -m shop --env A=1 --env B=x=y --memory 64M --time-limit 5s "
           "--sockets price,total "
           "--requirements requests --label team=a --network --retry-backoff 1.5 --exist-ok"),
      0);
  CAF_CHECK_EQUAL(flow.out, "processor/shop added  (commit 4c1f9aa)\n");
  CAF_CHECK_EQUAL(flow.err, "next: flow task run shop.price\n");
  CAF_CHECK_EQUAL(
      flow.last_params(),
      json::parse(
          R"({"kind":"processor","name":"shop","exist_ok":true,"labels":{"team":"a"},"spec":{
    "repository":"/home/joe/shop","module":"shop","environment":{"A":"1","B":"x=y"},"memory_bytes":67108864,"time_limit_ms":5000,
    "sockets":["price","total"],"requirements":["requests"],"network":true,"retry_backoff":1.5}})"));
  CAF_CHECK_EQUAL(flow("add processor shop -g . -m shop -q"), 0);
  CAF_CHECK_EQUAL(flow.out, "shop\n");
  CAF_CHECK_EQUAL(flow.err, "");
}

CAF_TEST(a processor that was added broken says so and why) {
  flow_run flow;
  flow.node.answer(
      "object.add",
      R"({"kind":"processor","name":"bad","created":true,"spec":{},"status":{"state":"broken","commit":"4c1f9aa0b0",
                                    "text":"error[F0307]: no module \"nix\"\n  hint: look"}})");
  CAF_CHECK_EQUAL(flow("add processor bad -g . -m nix"), 0);
  CAF_CHECK_EQUAL(flow.out, "processor/bad added  (commit 4c1f9aa)\n");
  CAF_CHECK_EQUAL(flow.err, "but processor/bad is broken:\n"
                            "  error[F0307]: no module \"nix\"\n    hint: look\n"
                            "next: flow show processor bad\n");
}

CAF_TEST(each kind that is added says what comes next) {
  for (auto [line, next] :
       {std::pair{"add queue q",
                  "flow add socket NAME --processor PROCESSOR --task FUNCTION --queue q"},
        {"add socket s --processor p --task f", "flow task run s"},
        {"add plug p -s a -t b", "flow show plug p"},
        {"add argument -p p -t f -a x", "flow show argument p.x"},
        {"add deployment d --processor p --node lab --cpus 1", "flow show deployment d"}}) {
    flow_run flow;
    flow.node.answer("object.add", R"({"name":"n","created":true,"spec":{}})");
    CAF_CHECK_EQUAL(flow(line), 0);
    CAF_CHECK_EQUAL(flow.err, std::string{"next: "} + next + "\n");
  }
}

CAF_TEST(the object comes back as the node gave it) {
  flow_run flow;
  flow.node.answer(
      "object.add",
      R"({"kind":"queue","name":"q","spec":{"type":"direct"},"created":true,"next":["x"]})");
  CAF_CHECK_EQUAL(flow("add queue q -o json"), 0);
  CAF_CHECK_EQUAL(
      flow.out_json(),
      json::parse(
          R"({"kind":"queue","name":"q","spec":{"type":"direct"},"created":true,"next":["x"]})"));
}

CAF_TEST(an object that is there already is told with exist - ok) {
  flow_run flow;
  flow.node.answer("object.add", R"({"kind":"queue","name":"q","created":false})");
  CAF_CHECK_EQUAL(flow("add queue q --exist-ok"), 0);
  CAF_CHECK_EQUAL(flow.out, "queue/q is there already\n");
}

CAF_TEST(what is missing is named all at once) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow("add plug p"), 2);
  CAF_CHECK_EQUAL(flow.err, "error[F0101]: flow add plug also needs -s,--source SOCKET, "
                            "-t,--target SOCKET\n  hint: see: flow help add plug\n");
}

CAF_TEST(a dry run asks nothing of the node) {
  for (auto line :
       {"add queue q --dry-run", "update queue q --ttl 1s --dry-run", "proc stop p --dry-run",
        "proc scale p 3 --dry-run", "queue purge q --dry-run", "task run s --nodata --dry-run"}) {
    flow_run flow;
    CAF_CHECK_EQUAL(flow(line), 0);
    CAF_CHECK_EQUAL(flow.node.connections, 0u);
    CAF_CHECK((flow.out + flow.err).find("would") != std::string::npos);
  }
}

CAF_TEST(local directories become absolute and addresses stay) {
  const auto here = std::filesystem::temp_directory_path().string();
  std::filesystem::create_directories(here + "/flow-cli-repo");
  struct {
    std::string typed;
    std::string sent;
  } table[] = {{".", here},
               {"./", here},
               {"./sub/..", here},
               {"../x", (std::filesystem::path{here} / "../x").lexically_normal().string()},
               {"/srv/git/shop.git/", "/srv/git/shop.git"},
               {"flow-cli-repo", here + "/flow-cli-repo"},
               {"https://example.org/shop.git", "https://example.org/shop.git"},
               {"file:///srv/shop", "file:///srv/shop"},
               {"git@example.org:shop.git", "git@example.org:shop.git"}};
  for (const auto& [typed, sent] : table)
    CAF_CHECK_EQUAL(flow::cli::absolute_repository(typed, here), sent);
}

CAF_TEST(update sends only what changes and unset sends null) {
  flow_run flow;
  flow.node.answer("object.update", R"({"kind":"processor","name":"shop"})");
  CAF_CHECK_EQUAL(flow("update processor shop --retries 5 --unset time-limit --unset network"), 0);
  CAF_CHECK_EQUAL(flow.last_params()["spec"],
                  json::parse(R"({"retries":5,"time_limit_ms":null,"network":null})"));
  CAF_CHECK_EQUAL(flow.out, "processor/shop updated\n");
  CAF_CHECK_EQUAL(flow.err, "next: flow show processor shop\n");
  CAF_CHECK_EQUAL(flow("update processor shop"), 2);
  CAF_CHECK_EQUAL(flow("update processor shop --unset retrys"), 2);
  CAF_CHECK(flow.err.find("did you mean \"retries\"") != std::string::npos);
}

CAF_TEST(deleting says what has gone and cascading asks first) {
  flow_run flow;
  flow.node.answer("object.delete",
                   R"({"deleted":[{"kind":"socket","name":"s"},{"kind":"queue","name":"q"}]})");
  const json look{{"kind", "queue"}, {"names", {"q"}}, {"cascade", true}, {"dry_run", true}};
  CAF_CHECK_EQUAL(flow("delete queue q --cascade"), 2);
  CAF_CHECK(flow.err.find("delete socket/s, queue/q?") != std::string::npos);
  CAF_CHECK_EQUAL(flow.node.requests.size(), 1u);
  CAF_CHECK_EQUAL(flow.last_params(), look);
  CAF_CHECK_EQUAL(flow("delete queue q --cascade --dry-run"), 0);
  CAF_CHECK_EQUAL(flow.out, "socket/s would be deleted\nqueue/q would be deleted\n");
  CAF_CHECK_EQUAL(flow.last_params(), look);
  CAF_CHECK_EQUAL(flow("delete queue q --cascade -y"), 0);
  CAF_CHECK_EQUAL(flow.last_params(),
                  (json{{"kind", "queue"}, {"names", {"q"}}, {"cascade", true}}));
  CAF_CHECK_EQUAL(flow.out, "socket/s deleted\nqueue/q deleted\n");
  flow.is_terminal = true;
  flow.stdin_text = "n\n";
  const auto before = flow.node.requests.size();
  CAF_CHECK_EQUAL(flow("delete queue q --cascade"), 1);
  CAF_CHECK_EQUAL(flow.node.requests.size(), before + 1);
  CAF_CHECK_EQUAL(flow.last_params(), look);
  flow.stdin_text = "y\n";
  CAF_CHECK_EQUAL(flow("delete queue q --cascade"), 0);
  CAF_CHECK_EQUAL(flow.node.requests.size(), before + 3);
  CAF_CHECK(!flow.last_params().contains("dry_run"));
}

CAF_TEST(what was named goes without a question and what goes with it needs one) {
  flow_run flow;
  flow.node.answer("object.delete", R"({"deleted":[{"kind":"queue","name":"q"}]})");
  CAF_CHECK_EQUAL(flow("delete queue q"), 0);
  CAF_CHECK_EQUAL(flow.out, "queue/q deleted\n");
  CAF_CHECK_EQUAL(flow("delete queue q --force"), 2);
  flow.node.answer(
      "object.delete",
      R"({"deleted":[{"kind":"socket","name":"p.f"},{"kind":"processor","name":"p"}]})");
  CAF_CHECK_EQUAL(flow("delete processor p"), 2);
  CAF_CHECK(flow.err.find("delete socket/p.f, processor/p?") != std::string::npos);
  CAF_CHECK_EQUAL(flow("delete processor p -y"), 0);
  CAF_CHECK_EQUAL(flow.last_params(), (json{{"kind", "processor"}, {"names", {"p"}}}));
}

CAF_TEST(the status of a node is a few lines for people and all of it in JSON) {
  flow_run flow;
  flow.node.answer("node.status", R"({"name":"lab","version":"0.1.0","ready":true,"healthy":false,
    "unhealthy":["the store cannot be written: full"],"uptime_ms":192000,"cpus":4,"actor_restarts":0,"processors":2,
    "sockets":7,"calls":{"queued":3,"running":1,"waiting":0,"joining":0,"finished":5,"failed":1,"bytes":9},
    "journal":{"writable":false,"commits":16,"batches":16,"waiting":0},
    "store":{"sequence":16,"bytes_on_disk":56320,"commits":16,"syncs":17},
    "sandbox":{"cgroups":true,"missing":["seccomp"],"namespaces":true,"own_uid":false,"seccomp":false}})");
  CAF_CHECK_EQUAL(flow("status"), 0);
  CAF_CHECK_EQUAL(
      flow.out,
      "node lab is not healthy, up for 3m12s  (version 0.1.0, cpus 4)\n"
      "  problem: the store cannot be written: full\n"
      "calls    queued 3, running 1, waiting 0, joining 0; since the start: finished 5, failed 1\n"
      "objects  processors 2, sockets 7; actors restarted 0\n"
      "store    not writable, 55K on disk, commits 16, syncs 17\n"
      "sandbox  cgroups, namespaces; missing: seccomp\n");
  CAF_CHECK_EQUAL(flow("status -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["store"]["sequence"], 16);
  CAF_CHECK_EQUAL(flow("status -q"), 0);
  CAF_CHECK_EQUAL(flow.out, "lab\n");
}

CAF_TEST(show prints the fields and json the object) {
  flow_run flow;
  flow.node.answer(
      "object.show",
      R"({"kind":"queue","name":"orders","created_ms":1699999988000,"labels":{},"spec":{"type":"direct","ttl_ms":0},
                                     "status":{"queued":12,"sockets":["a","b"]}})");
  CAF_CHECK_EQUAL(flow("show queue orders"), 0);
  CAF_CHECK_EQUAL(flow.out, "created_ms  1699999988000  (12s ago)\n"
                            "kind        queue\n"
                            "labels      {}\n"
                            "name        orders\n"
                            "spec\n"
                            "  ttl_ms  0\n"
                            "  type    direct\n"
                            "status\n"
                            "  queued   12\n"
                            "  sockets  a, b\n");
  CAF_CHECK_EQUAL(flow("show queue orders -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["status"]["queued"], 12);
  CAF_CHECK_EQUAL(flow("show queue orders -o csv"), 0);
  CAF_CHECK(flow.out.find("name,orders\r\n") != std::string::npos);
}

CAF_TEST(control characters of names never reach the terminal) {
  flow_run flow;
  flow.node.answer("object.list", R"({"items":[{"name":"a\u001b[31mb\nc"}],"next":null})");
  flow("ls queues --columns name --no-headers");
  CAF_CHECK_EQUAL(flow.out, "a\xef\xbf\xbd[31mb⏎c\n");
}

CAF_TEST(kinds that are made by the engine say how) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow("add worker w"), 2);
  CAF_CHECK(flow.err.find("flow proc scale NAME CPUS") != std::string::npos);
  CAF_CHECK_EQUAL(flow("add task t"), 2);
  CAF_CHECK_EQUAL(flow("delete call c"), 2);
}

CAF_TEST(functions are shown by their signature and commits by their beginning) {
  flow_run flow;
  flow.node.answer("object.show",
                   R"({"functions":[{"function":"price","text":"price(item: str) -> float"}]})");
  CAF_CHECK_EQUAL(flow("show processor shop"), 0);
  CAF_CHECK_EQUAL(flow.out, "functions\n  price(item: str) -> float\n");
  flow.node.answer(
      "object.list",
      R"({"items":[{"name":"shop","status":{"commit":"4c1f9aa0b0c0d0e0"}}],"next":null})");
  CAF_CHECK_EQUAL(flow("ls processors --columns commit --no-headers"), 0);
  CAF_CHECK_EQUAL(flow.out, "4c1f9aa\n");
}

CAF_TEST(a node that names no next step leaves it to the command) {
  flow_run flow;
  flow.node.answer("object.add", R"({"kind":"socket","name":"s","created":true})");
  CAF_CHECK_EQUAL(flow("add socket s --processor p --task t"), 0);
  CAF_CHECK_EQUAL(flow.err, "next: flow task run s\n");
}
