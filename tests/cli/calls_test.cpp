#define CAF_SUITE cli.calls

#include "cli/printer.hpp"
#include "scripted_server.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::cli::test::flow_run;
using flow::cli::test::id_of;
using flow::cli::test::json;
using flow::cli::test::submitted;

namespace {

const char* three_calls = R"({"items": [
  {"id":"018bcfe5-6800-7000-8000-00000a000007","socket":"shop.price","state":"finished","queued_ms":1699999990000,"run_us":2400,"node":"lab"},
  {"id":"018bcfe5-6800-7000-8000-00000b000007","socket":"shop.price","state":"failed","queued_ms":1699999900000,"run_us":950,"node":"lab"},
  {"id":"018bcfe5-6801-7000-8000-00000c000007","socket":"shop.total","state":"queued","queued_ms":1700000000000,"run_us":0,"node":""}],
  "next": null})";

const char* tree
    = R"({"call":{"id":"018bcfe5-6800-7000-8000-00000a000007","socket":"shop.total","state":"finished","result":16.0,"run_us":3000,"node":"lab","args":[[7.0,9.0]]},
  "children":[
   {"call":{"id":"018bcfe5-6801-7000-8000-00000a000007","socket":"shop.price","state":"finished","result":7.0,"run_us":2000,"node":"lab","args":["tea",2]},
    "children":[{"call":{"id":"018bcfe5-6803-7000-8000-00000a000007","socket":"shop.log","state":"queued","args":[],"kwargs":{"n":1}},"children":[]}]},
   {"call":{"id":"018bcfe5-6802-7000-8000-00000a000007","socket":"shop.price","state":"failed","failure":{"type":"KeyError"},"run_us":900,"node":"lab","args":["cup"]},"children":[]}]})";

const char* id = "018bcfe5-6800-7000-8000-00000a000007";

} // namespace

CAF_TEST(ids in a list are as long as it takes to tell them apart) {
  flow_run flow;
  flow.node.answer("call.list", three_calls);
  CAF_CHECK_EQUAL(flow("ls calls"), 0);
  CAF_CHECK_EQUAL(flow.out,
                  "ID                              NAME        STATE     AGE    TIME  NODE\n"
                  "018bcfe5-6800-7000-8000-00000a  shop.price  finished  10s   2.4ms  lab\n"
                  "018bcfe5-6800-7000-8000-00000b  shop.price  failed    100s  950us  lab\n"
                  "018bcfe5-6801-7000-8000-00000c  shop.total  queued    0s        -  -\n");
  CAF_CHECK_EQUAL(cli::id_prefix_length({"018bcfe5-6800-7000", "018bcfe5-6801-7000"}), 13u);
  CAF_CHECK_EQUAL(cli::id_prefix_length({"018bcfe5-6800-7000-a", "018bcfe5-6800-7000-b"}), 20u);
  CAF_CHECK_EQUAL(cli::id_prefix_length({}), 13u);
}

CAF_TEST(a tree of calls is drawn with box characters) {
  flow_run flow;
  flow.node.answer("call.tree", tree);
  CAF_CHECK_EQUAL(flow("ls call 018bcfe5-6800 --tree"), 0);
  CAF_CHECK_EQUAL(flow.last_params()["id"], "018bcfe5-6800");
  CAF_CHECK_EQUAL(flow.out,
                  "shop.total([7.0,9.0])     16.0              3.0ms  lab  018bcfe5-6800\n"
                  "├── shop.price(\"tea\", 2)  7.0               2.0ms  lab  018bcfe5-6801\n"
                  "│   └── shop.log(n=1)     queued                -       018bcfe5-6803\n"
                  "└── shop.price(\"cup\")     failed: KeyError  900us  lab  018bcfe5-6802\n");
  CAF_CHECK_EQUAL(flow("ls call 018bcfe5-6800 --tree -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json(), json::parse(tree));
  CAF_CHECK_EQUAL(flow("ls call --tree"), 2);
}

CAF_TEST(a result keeps the order of its keys and its digits) {
  flow_run flow;
  flow.node.answer("call.result",
                   R"({"state":"finished","result":{"z":1,"a":18446744073709551616}})");
  for (auto line : {"call result 018bcfe5-6800", "ls call 018bcfe5-6800 --result",
                    "call result 018bcfe5-6800 -o json"}) {
    CAF_CHECK_EQUAL(flow(line), 0);
    CAF_CHECK_EQUAL(flow.out, "{\"z\":1,\"a\":18446744073709551616}\n");
  }
}

CAF_TEST(the result of a call that has not ended or has failed is an error) {
  flow_run flow;
  flow.node.answer("call.result", R"({"state":"running","result":null})");
  CAF_CHECK_EQUAL(flow("call result 018bcfe5-6800"), 5);
  CAF_CHECK(flow.err.find("hint: flow call wait 018bcfe5-6800") != std::string::npos);
  flow.node.answer(
      "call.result",
      R"({"state":"failed","result":null,"failure":{"code":201,"type":"KeyError","message":"'x'","traceback":""},"attempt":2})");
  flow.node.answer("call.show",
                   R"({"id":"018bcfe5-6800-7000-8000-00000a000007","socket":"shop.price"})");
  CAF_CHECK_EQUAL(flow("call result 018bcfe5-6800"), 1);
  CAF_CHECK(flow.err.starts_with(
      "task failed: shop.price  call 018bcfe5-6800  attempt 2/2\n  KeyError: 'x'\n"));
}

CAF_TEST(wait takes a prefix and prints the result) {
  flow_run flow;
  flow.node.answer("call.show", R"({"id":"018bcfe5-6800-7000-8000-00000a000007"})");
  flow.node.on_call = [](const submitted&) -> result<call_outcome> {
    call_outcome outcome;
    outcome.returned = *value_of_json("\"done\"");
    return outcome;
  };
  CAF_CHECK_EQUAL(flow("call wait 018bcfe5-6800"), 0);
  CAF_CHECK_EQUAL(flow.out, "done\n");
  CAF_CHECK_EQUAL(flow.last_params()["id"], id);
  CAF_CHECK_EQUAL(flow("call wait " + std::string{id} + " " + id), 0);
  CAF_CHECK_EQUAL(flow.out,
                  "ID             STATE\n018bcfe5-6800  finished\n018bcfe5-6800  finished\n");
  flow.node.never_ends = true;
  CAF_CHECK_EQUAL(flow("call wait " + std::string{id} + " --timeout 2s"), 6);
  CAF_CHECK_EQUAL(flow.last_params()["timeout_ms"], 2000);
}

CAF_TEST(wait by filter waits for all that it finds) {
  flow_run flow;
  flow.node.answer("call.list", three_calls);
  flow.node.on_call = [](const submitted&) -> result<call_outcome> {
    call_outcome outcome;
    outcome.state = call_state::cancelled;
    return outcome;
  };
  CAF_CHECK_EQUAL(flow("call wait --filter socket=shop.price -o json"), 8);
  CAF_CHECK_EQUAL(flow.out_json()["items"].size(), 3u);
  CAF_CHECK_EQUAL(flow("call wait x --filter state=queued"), 2);
  CAF_CHECK_EQUAL(flow("call wait"), 2);
}

CAF_TEST(cancel and retry name each call and count what failed) {
  for (auto [verb, done] : {std::pair{"cancel", "cancelled"}, std::pair{"retry", "retried"}}) {
    flow_run flow;
    flow.node.answer(
        std::string{"call."} + verb,
        R"({"items":[{"id":"a1","ok":true},{"id":"b2","ok":false,"error":"has ended"}]})");
    CAF_CHECK_EQUAL(flow(std::string{"call "} + verb + " a1 b2"), 8);
    CAF_CHECK_EQUAL(flow.last_params(), (json{{"ids", {"a1", "b2"}}}));
    CAF_CHECK_EQUAL(flow.out, std::string{"a1 "} + done + "\n");
    CAF_CHECK_EQUAL(flow.err, "b2 has ended\n");
    CAF_CHECK_EQUAL(flow(std::string{"call "} + verb + " a1 b2 -o json"), 8);
    CAF_CHECK_EQUAL(flow.out_json()["items"].size(), 2u);
  }
}

CAF_TEST(a single call that cannot be cancelled is the error itself) {
  flow_run flow;
  flow.node.answer(
      "call.cancel",
      R"({"items":[{"id":"a1","ok":false,"error":{"code":"F0303","text":"no call has this id"}}]})");
  CAF_CHECK_EQUAL(flow("call cancel a1"), 3);
  CAF_CHECK(flow.err.find("no call has this id") != std::string::npos);
}

CAF_TEST(changing many calls says how many and asks) {
  flow_run flow;
  flow.node.answer("call.list", three_calls);
  flow.node.answer("call.cancel", R"({"items":[{"id":"a1","ok":true}]})");
  CAF_CHECK_EQUAL(flow("call cancel --filter state=queued"), 2);
  CAF_CHECK(flow.err.find("3 calls will be cancelled. Go on?") != std::string::npos);
  CAF_CHECK_EQUAL(flow("call cancel --filter state=queued --dry-run"), 0);
  CAF_CHECK(flow.err.find("3 calls would be cancelled") != std::string::npos);
  for (const auto& each : flow.node.requests)
    CAF_CHECK_EQUAL(each.verb, "call.list");
  CAF_CHECK_EQUAL(flow("call cancel --filter state=queued -y"), 0);
  CAF_CHECK_EQUAL(flow.node.requests.back().verb, "call.cancel");
  CAF_CHECK_EQUAL(flow.last_params()["filter"], "state=queued");
  flow.node.answer("call.list", R"({"items":[],"next":null})");
  CAF_CHECK_EQUAL(flow("call cancel --filter state=queued"), 0);
  CAF_CHECK_EQUAL(flow.err, "no call fits the filter\n");
}

CAF_TEST(logs are what was printed and why is a sentence) {
  flow_run flow;
  flow.node.answer(
      "call.logs",
      R"({"items":[{"stream":"out","attempt":1,"text":"one\n"},{"stream":"err","attempt":1,"text":"two"}]})");
  CAF_CHECK_EQUAL(flow("call logs a1"), 0);
  CAF_CHECK_EQUAL(flow.out, "one\ntwo\n");
  CAF_CHECK_EQUAL(flow("call logs a1 -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["kind"], "LogList");
  flow.node.answer("call.why",
                   R"({"id":"a1","state":"queued","why":"no worker of processor shop is ready"})");
  CAF_CHECK_EQUAL(flow("call why a1"), 0);
  CAF_CHECK_EQUAL(flow.out, "no worker of processor shop is ready\n");
  CAF_CHECK_EQUAL(flow("call why a1 -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["state"], "queued");
}

CAF_TEST(a call that runs has printed nothing yet) {
  flow_run flow;
  flow.node.answer("call.logs", R"({"items":[],"next":null})");
  flow.node.answer("call.show", R"({"id":"a1","state":"running","ended_ms":null})");
  CAF_CHECK_EQUAL(flow("call logs a1"), 0);
  CAF_CHECK(flow.err.starts_with("nothing yet: "));
  flow.node.answer("call.show", R"({"id":"a1","state":"finished","ended_ms":1700000000000})");
  CAF_CHECK_EQUAL(flow("call logs a1"), 0);
  CAF_CHECK_EQUAL(flow.err, "the call has printed nothing\n");
}

CAF_TEST(one call is not called several) {
  flow_run flow;
  flow.node.answer("call.list", R"({"items":[{"id":"a1"}],"next":null})");
  CAF_CHECK_EQUAL(flow("call cancel --filter state=queued"), 2);
  CAF_CHECK(flow.err.find("1 call will be cancelled. Go on?") != std::string::npos);
}

CAF_TEST(the events of a call are lines for people) {
  flow_run flow;
  flow.node.answer("call.show", R"({"id":"a1","events":[
    {"name":"queued","time_ms":1700000000000,"node":"lab","note":null},
    {"name":"failed","time_ms":1700000000005,"node":"lab","note":"KeyError: 'cup'"}]})");
  CAF_CHECK_EQUAL(flow("show call a1"), 0);
  CAF_CHECK(flow.out.starts_with("events\n  2023-11-14T22:13:20.000Z  queued\n"
                                 "  2023-11-14T22:13:20.005Z  failed  KeyError: 'cup'\n"));
}

CAF_TEST(dead letters are listed with their reason replayed and dropped) {
  flow_run flow;
  flow.node.answer(
      "dlq.list",
      R"({"items":[{"id":"018bcfe5-6800-7000","socket":"shop.price","queued_ms":1699999990000,"reason":"expired after 1h"}],"next":null})");
  CAF_CHECK_EQUAL(flow("dlq ls"), 0);
  CAF_CHECK_EQUAL(
      flow.out,
      "ID             NAME        AGE  REASON\n018bcfe5-6800  shop.price  10s  expired after 1h\n");
  flow.node.answer("dlq.replay", R"({"items":[{"id":"a1","ok":true}]})");
  flow.node.answer("dlq.drop", R"({"items":[{"id":"a1","ok":true}]})");
  CAF_CHECK_EQUAL(flow("dlq replay a1"), 0);
  CAF_CHECK_EQUAL(flow.out, "a1 replayed\n");
  CAF_CHECK_EQUAL(flow("dlq drop --filter socket=shop.price -y"), 0);
  CAF_CHECK_EQUAL(flow.node.requests[flow.node.requests.size() - 2].verb, "dlq.list");
  CAF_CHECK_EQUAL(flow.out, "a1 dropped\n");
  flow.node.answer("dlq.list", R"({"items":[],"next":null})");
  CAF_CHECK_EQUAL(flow("dlq ls"), 0);
  CAF_CHECK_EQUAL(flow.err, "no dead letters\n");
}

CAF_TEST(several ids are shown as a list) {
  flow_run flow;
  flow.node.answer("call.show", R"({"id":"018bcfe5-6800-7000","socket":"s","state":"queued"})");
  CAF_CHECK_EQUAL(flow("ls call a b -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["items"].size(), 2u);
  CAF_CHECK_EQUAL(flow("show call 018b"), 0);
  CAF_CHECK_EQUAL(flow.last_params(), (json{{"id", "018b"}}));
}
