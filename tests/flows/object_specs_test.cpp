#define CAF_SUITE flows.object_specs

#include "flows/object_specs.hpp"

#include "tests/support/catalog_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using flow::test::json;

namespace {

error refusal(object_kind kind, std::string_view spec) {
  auto read = parse_spec(kind, json(spec));
  return read ? error{} : read.error();
}

template <class Spec>
Spec parsed(object_kind kind, std::string_view spec) {
  auto read = parse_spec(kind, json(spec));
  if (!read) CAF_FAIL(to_string(read.error()));
  return std::get<Spec>(*read);
}

bool says(const error& err, std::string_view part) {
  return (err.text + "\n" + err.hint).find(part) != std::string::npos;
}

const std::string code = R"("repository":"https://example.org/r.git","module":"a.b")";

error processor_refusal(const std::string& more) {
  return refusal(object_kind::processor, "{" + code + more + "}");
}

} // namespace

CAF_TEST(kinds are read from their singular plural and short words) {
  for (auto word : {"queue", "queues", "q"})
    CAF_CHECK(*parse_kind(word) == object_kind::queue);
  for (auto word : {"processor", "processors", "proc"})
    CAF_CHECK(*parse_kind(word) == object_kind::processor);
  for (auto word : {"socket", "sockets", "sock"})
    CAF_CHECK(*parse_kind(word) == object_kind::socket);
  CAF_CHECK(*parse_kind("dep") == object_kind::deployment);
  CAF_CHECK(*parse_kind("sched") == object_kind::scheduler);
  CAF_CHECK(*parse_kind("tasks") == object_kind::task);
  CAF_CHECK(*parse_kind("calls") == object_kind::call);
  auto wrong = parse_kind("quue");
  CAF_REQUIRE(!wrong);
  CAF_CHECK(wrong.error().code == ec::unknown_command);
  CAF_CHECK(says(wrong.error(), "queue"));
  CAF_CHECK(!parse_kind(""));
}

CAF_TEST(every stored kind has a word that reads back and comes after what it refers to) {
  for (auto kind : stored_kinds()) {
    CAF_CHECK(is_stored(kind));
    CAF_CHECK(*parse_kind(to_string(kind)) == kind);
    CAF_CHECK(*parse_kind(plural(kind)) == kind);
  }
  const auto& order = stored_kinds();
  CAF_CHECK_EQUAL(order.size(), std::variant_size_v<object_spec>);
  for (const auto& info : all_reference_roles()) {
    CAF_CHECK(std::ranges::find(order, info.to) < std::ranges::find(order, info.from));
    CAF_CHECK(&describe(info.role) == &info);
  }
  CAF_CHECK(!is_stored(object_kind::task));
  CAF_CHECK(refusal(object_kind::worker, "{}").code == ec::bad_usage);
}

CAF_TEST(an empty spec has the defaults) {
  auto queue = parsed<queue_spec>(object_kind::queue, "{}");
  CAF_CHECK(queue == queue_spec{});
  CAF_CHECK_EQUAL(queue.max_length, limits::queue_calls_max);
  auto processor = parsed<processor_spec>(object_kind::processor, "{" + code + "}");
  CAF_CHECK_EQUAL(processor.language, "python");
  CAF_CHECK_EQUAL(processor.cpus, 1u);
  CAF_CHECK_EQUAL(processor.memory_bytes, limits::sandbox_memory_bytes_default);
  CAF_CHECK(processor.desired == desired_state::running);
  CAF_CHECK(processor.sockets.which == auto_sockets::all);
  CAF_CHECK(parsed<queue_spec>(object_kind::queue, "null") == queue_spec{});
}

CAF_TEST(all keys are read) {
  auto queue = parsed<queue_spec>(object_kind::queue,
                                  R"({"type":"fanout","ttl_ms":5,"max_length":6,"max_bytes":7,
    "overflow":"drop-oldest","expires_ms":8,"paused":true})");
  CAF_CHECK(queue
            == (queue_spec{queue_type::fanout, 5, 6, 7, overflow_policy::drop_oldest, 8, true}));
  CAF_CHECK(parsed<queue_spec>(object_kind::queue, R"({"overflow":"drop_oldest"})").overflow
            == overflow_policy::drop_oldest);
  auto p = parsed<processor_spec>(
      object_kind::processor, "{" + code + R"(,"tag":"v1","module_path":"src","language":"python",
    "cpus":3,"requirements":["a","b==1"],"retries":4,"retry_delay_ms":5,"retry_backoff":1.5,"retry_delay_ms_max":6,
    "time_limit_ms":7,"environment":{"A":"1","B":""},"network":true,"memory_bytes":33554432,"description":"d",
    "desired":"paused","sockets":["f","g"]})");
  CAF_CHECK_EQUAL(p.tag, "v1");
  CAF_CHECK_EQUAL(p.module_path, "src");
  CAF_CHECK_EQUAL(p.cpus, 3u);
  CAF_CHECK_EQUAL(p.requirements, "a\nb==1");
  CAF_CHECK_EQUAL(p.retries, 4u);
  CAF_CHECK_EQUAL(p.retry_delay_ms, 5u);
  CAF_CHECK_EQUAL(p.retry_backoff, 1.5);
  CAF_CHECK_EQUAL(p.retry_delay_ms_max, 6u);
  CAF_CHECK_EQUAL(p.time_limit_ms, 7u);
  CAF_CHECK_EQUAL(p.environment.at("A"), "1");
  CAF_CHECK(p.network);
  CAF_CHECK_EQUAL(p.memory_bytes, 33554432u);
  CAF_CHECK(p.desired == desired_state::paused);
  CAF_CHECK(p.sockets == (socket_policy{auto_sockets::listed, {"f", "g"}}));
  CAF_CHECK_EQUAL(
      parsed<processor_spec>(object_kind::processor, "{" + code + R"(,"retry_backoff":3})")
          .retry_backoff,
      3.0);
  auto joined = parsed<socket_spec>(
      object_kind::socket,
      R"({"processor":"p","task":"t","join":"key","join_key":"order.id","join_timeout_ms":5})");
  CAF_CHECK(joined.join == join_mode::key);
  CAF_CHECK_EQUAL(joined.join_key, "order.id");
  CAF_CHECK_EQUAL(joined.join_timeout_ms, 5u);
  CAF_CHECK(parsed<scheduler_spec>(object_kind::scheduler, R"({"strategy":"efficient"})").strategy
            == placement_strategy::efficient);
}

CAF_TEST(an unknown key is refused with the nearest one) {
  auto err = refusal(object_kind::queue, R"({"max_lenght":3})");
  CAF_CHECK(err.code == ec::unknown_key);
  CAF_CHECK(says(err, "max_lenght"));
  CAF_CHECK(says(err, "max_length"));
  CAF_CHECK(refusal(object_kind::socket, R"({"processor":"p","task":"t","concurrency":5})").code
            == ec::unknown_key);
  CAF_CHECK(says(refusal(object_kind::role, R"({"zzzzzzzz":1})"), "privileges"));
}

CAF_TEST(a value of the wrong type is refused with the key and what is wanted) {
  struct wrong {
    object_kind kind;
    std::string spec;
    std::string key;
    std::string wanted;
  };
  for (const auto& [kind, spec, key, wanted] : std::vector<wrong>{
           {object_kind::queue, R"({"max_length":"3"})", "max_length", "whole number"},
           {object_kind::queue, R"({"max_length":3.0})", "max_length", "whole number"},
           {object_kind::queue, R"({"max_length":-3})", "max_length", "negative"},
           {object_kind::queue, R"({"max_length":0})", "max_length", "from 1"},
           {object_kind::queue, R"({"max_length":99999999999999999999999})", "max_length",
            "64 bits"},
           {object_kind::queue, R"({"type":"derect"})", "type", "one of direct, topic, fanout"},
           {object_kind::queue, R"({"type":1})", "type", "one of direct"},
           {object_kind::node, R"({"cpus":0})", "cpus", "from 1"},
           {object_kind::node, R"({"cpus":4294967297})", "cpus", "from 1"},
           {object_kind::scheduler, R"({"nodes":"n"})", "nodes", "list of texts"},
           {object_kind::scheduler, R"({"nodes":[1]})", "nodes", "list of texts"},
           {object_kind::plug, R"({"source":"a","target":"b","cycle":1})", "cycle",
            "true or false"},
           {object_kind::processor, "{" + code + R"(,"retry_backoff":0.5})", "retry_backoff",
            "from 1 to"},
           {object_kind::processor, "{" + code + R"(,"retry_backoff":{"$float":"nan"}})",
            "retry_backoff", "from 1 to"},
           {object_kind::processor, "{" + code + R"(,"environment":{"A":1}})", "environment",
            "map from text to text"},
           {object_kind::processor, "{" + code + R"(,"sockets":"all"})", "sockets",
            "auto, none, or a list"},
           {object_kind::processor, "{" + code + R"(,"requirements":5})", "requirements", "text"},
           {object_kind::processor, "{" + code + R"(,"memory_bytes":1024})", "memory_bytes",
            "from 16777216"},
           {object_kind::processor, "{" + code + R"(,"description":"a\u0000b"})", "description",
            "null bytes"},
       }) {
    auto err = refusal(kind, spec);
    CAF_CHECK(err.code == ec::bad_value);
    CAF_CHECK(says(err, key));
    CAF_CHECK(says(err, wanted));
  }
  CAF_CHECK(refusal(object_kind::queue, "[]").code == ec::bad_value);
  CAF_CHECK(refusal(object_kind::queue, "3").code == ec::bad_value);
  auto long_text = std::string(limits::description_bytes_max + 1, 'x');
  CAF_CHECK(processor_refusal(R"(,"description":")" + long_text + "\"").code == ec::bad_value);
}

CAF_TEST(a spec with a key twice or with thousands of keys is refused) {
  value twice{std::string{"\xa2\x66ttl_ms\x01\x66ttl_ms\x02", 17}};
  CAF_CHECK(parse_spec(object_kind::queue, twice).error().code == ec::bad_value);
  std::string many = "{";
  for (int i = 0; i < 5'000; ++i)
    many += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
  CAF_CHECK(refusal(object_kind::queue, many + "}").code == ec::bad_value);
}

CAF_TEST(what a spec needs by itself is checked) {
  CAF_CHECK(says(refusal(object_kind::processor, R"({"module":"m"})"), "repository"));
  CAF_CHECK(says(refusal(object_kind::processor, R"({"repository":"r"})"), "module"));
  CAF_CHECK(says(refusal(object_kind::socket, R"({"task":"t"})"), "processor"));
  CAF_CHECK(says(refusal(object_kind::socket, R"({"processor":"p"})"), "task"));
  CAF_CHECK(says(refusal(object_kind::plug, R"({"target":"t"})"), "source"));
  CAF_CHECK(says(refusal(object_kind::plug, R"({"source":"t"})"), "target"));
  CAF_CHECK(says(refusal(object_kind::argument, R"({"plug":"p"})"), "argument"));
  CAF_CHECK(says(refusal(object_kind::deployment, R"({"processor":"p"})"), "node"));
  CAF_CHECK(processor_refusal(R"(,"branch":"main","commit":"abcdef0")").code == ec::bad_value);
  CAF_CHECK(processor_refusal(R"(,"commit":"abcdef")").code == ec::bad_value);
  CAF_CHECK(processor_refusal(R"(,"commit":"abcdefg")").code == ec::bad_value);
  CAF_CHECK(processor_refusal(R"(,"commit":"abcdef0")").code == ec::none);
  CAF_CHECK(processor_refusal(R"(,"branch":"--upload-pack=x")").code == ec::bad_value);
  CAF_CHECK(processor_refusal(R"(,"module_path":"../x")").code == ec::bad_value);
  CAF_CHECK(processor_refusal(R"(,"module_path":"a/../../x")").code == ec::bad_value);
  CAF_CHECK(processor_refusal(R"(,"module_path":"/x")").code == ec::bad_value);
  CAF_CHECK(processor_refusal(R"(,"module_path":"a..b/c")").code == ec::none);
  CAF_CHECK(processor_refusal(R"(,"language":"cobol")").code == ec::bad_value);
  CAF_CHECK(processor_refusal(R"(,"environment":{"A=B":"1"})").code == ec::bad_value);
  CAF_CHECK(processor_refusal(R"(,"retry_delay_ms":10,"retry_delay_ms_max":5)").code
            == ec::bad_value);
  CAF_CHECK(processor_refusal(R"(,"sockets":["f","f"])").code == ec::bad_value);
  for (auto module : {"a..b", ".a", "a.", "a b", "1a", "a-b", "a/b"})
    CAF_CHECK(refusal(object_kind::processor,
                      R"({"repository":"r","module":")" + std::string{module} + "\"}")
                  .code
              == ec::bad_value);
}

CAF_TEST(a socket has an interval or a cron line but not both) {
  auto socket = [](const std::string& more) {
    return refusal(object_kind::socket, R"({"processor":"p","task":"t")" + more + "}").code;
  };
  CAF_CHECK(socket(R"(,"interval_ms":1000)") == ec::none);
  CAF_CHECK(socket(R"(,"cron":"0 4 * * MON","tz":"Europe/Oslo")") == ec::none);
  CAF_CHECK(socket(R"(,"cron":"*/5 0 4 1-2,7 * *")") == ec::none);
  CAF_CHECK(socket(R"(,"cron":"0 4 * *")") == ec::bad_value);
  CAF_CHECK(socket(R"(,"cron":"0 4 * * ; rm")") == ec::bad_value);
  CAF_CHECK(socket(R"(,"interval_ms":1,"cron":"0 4 * * *")") == ec::bad_value);
  CAF_CHECK(socket(R"(,"tz":"Europe/Oslo")") == ec::bad_value);
  CAF_CHECK(socket(R"(,"join_key":"id")") == ec::bad_value);
  CAF_CHECK(socket(R"(,"join":"latest")") == ec::bad_value);
}

CAF_TEST(changes replace only their keys and null puts the default back) {
  object_spec before = queue_spec{queue_type::topic, 5, 6, 7, overflow_policy::reject, 8};
  auto after = changed_spec(before, json(R"({"ttl_ms":9,"type":null})"));
  CAF_REQUIRE(after);
  CAF_CHECK(std::get<queue_spec>(*after)
            == (queue_spec{queue_type::direct, 9, 6, 7, overflow_policy::reject, 8}));
  CAF_CHECK(differing_keys(before, *after) == (std::vector<std::string>{"type", "ttl_ms"}));
  CAF_CHECK(changed_spec(before, json(R"({"tll_ms":9})")).error().code == ec::unknown_key);
  object_spec socket = socket_spec{"p", "t", "q", 0, "", "", join_mode::automatic, "", 0};
  CAF_CHECK(changed_spec(socket, json(R"({"processor":null})")).error().code == ec::bad_value);
}

CAF_TEST(what is written is read back from disk also with keys of a later version) {
  for (auto kind : stored_kinds()) {
    auto spec
        = kind == object_kind::processor
              ? parse_spec(kind, json("{" + code + R"(,"sockets":["x"]})"))
          : kind == object_kind::socket ? parse_spec(kind, json(R"({"processor":"p","task":"t"})"))
          : kind == object_kind::plug   ? parse_spec(kind, json(R"({"source":"a","target":"b"})"))
          : kind == object_kind::argument ? parse_spec(kind, json(R"({"plug":"a","argument":"b"})"))
          : kind == object_kind::deployment
              ? parse_spec(kind, json(R"({"processor":"a","node":"b"})"))
              : parse_spec(kind, json("{}"));
    CAF_REQUIRE(spec);
    CAF_CHECK(kind_of(*spec) == kind);
    CAF_CHECK(*stored_spec(kind, to_value(*spec)) == *spec);
    CAF_CHECK(*parse_spec(kind, to_value(*spec)) == *spec);
  }
  auto later = stored_spec(object_kind::queue, json(R"({"ttl_ms":3,"colour":"blue"})"));
  CAF_REQUIRE(later);
  CAF_CHECK_EQUAL(std::get<queue_spec>(*later).ttl_ms, 3u);
  CAF_CHECK(stored_spec(object_kind::queue, json(R"({"ttl_ms":"x"})")).error().code
            == ec::store_corrupt);
}
