#define CAF_SUITE flows.filter

#include <nlohmann/json.hpp>

#include "flows/filter.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"
#include "random_bytes.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace std::string_literals;
using nlohmann::json;

namespace {

constexpr uint64_t now_ms = 1'770'091'506'000; // 2026-02-03T04:05:06Z

const json call = json::parse(R"({
  "state": "failed", "queue": "pyfi.queue1", "attempt": 3, "duration": 12500, "ratio": 0.5, "large": 18446744073709551615, "small": -9223372036854775808,
  "started": "2026-02-03T03:30:00.000Z", "created": "2026-01-01T00:00:00Z", "parent": null, "early_ack": false, "node": "lab", "note": "it's \"odd\" \\ here",
  "number_text": "42", "labels": {"owner": "joe", "app.kubernetes.io/name": "shop", "tier": 2}, "roles": ["viewer", "editor"], "sizes": [1, 5], "empty": [], "word": "null", "version": "10s"
})");

bool holds(std::string_view text) {
  auto f = filter::parse(text);
  if (!f) CAF_FAIL(std::string{text} << ": " << to_string(f.error()));
  return f->matches(call, now_ms);
}

error refusal(std::string_view text, const std::vector<std::string>& fields = {}) {
  auto f = filter::parse(text, fields);
  if (!f) return f.error();
  CAF_CHECK(!"accepted");
  return make_error(ec::none, std::string{text});
}

} // namespace

CAF_TEST(the filter of the manual selects) {
  std::string text = "state=failed and queue~\"pyfi.*\" and started>-1h";
  CAF_CHECK(holds(text));
  auto f = filter::parse(text);
  CAF_CHECK(!f->matches(call, now_ms + 3'600'000));
  auto other = call;
  other["state"] = "finished";
  CAF_CHECK(!f->matches(other, now_ms));
}

CAF_TEST(comparisons hold and fail) {
  struct row {
    std::string_view text;
    bool expected;
  };
  for (auto [text, expected] : {
           row{"state=failed", true},
           {"state=dead", false},
           {"state==failed", true},
           {"state = 'failed'", true},
           {"state=\"failed\"", true},
           {"state=Failed", false},
           {"state!=failed", false},
           {"state!=dead", true},
           {"state>dead", true},
           {"state<failed", false},
           {"state<=failed", true},
           {"state>=failedx", false},
           {"attempt=3", true},
           {"attempt=3.0", true},
           {"attempt>2", true},
           {"attempt<-1", false},
           {"attempt>=4", false},
           {"attempt!=3", false},
           {"attempt='3'", false},
           {"ratio=0.5", true},
           {"ratio<1e0", true},
           {"large=18446744073709551615", true},
           {"large=18446744073709551614", false},
           {"large>18446744073709551614", true},
           {"small=-9223372036854775808", true},
           {"small<-9223372036854775807", true},
           {"number_text=42", true},
           {"number_text=42.0", false},
           {"number_text=\"42\"", true},
           {"attempt=three", false},
           {"early_ack=false", true},
           {"early_ack=true", false},
           {"early_ack!=true", true},
           {"early_ack=0", false},
           {"early_ack='false'", false},
           {"parent=null", true},
           {"missing=null", true},
           {"state=null", false},
           {"state!=null", true},
           {"missing!=x", true},
           {"missing=x", false},
           {"missing<1", false},
           {"missing>=1", false},
           {"missing>=null", true},
           {"word=null", false},
           {"word='null'", true},
           {"missing='null'", false},
       })
    if (holds(text) != expected) CAF_FAIL(text << " should be " << expected);
}

CAF_TEST(durations and times mean what the field makes of them) {
  struct row {
    std::string_view text;
    bool expected;
  };
  for (auto [text, expected] : {
           row{"duration>10s", true},
           {"duration<12.5s", false},
           {"duration=12500ms", true},
           {"duration<=1min", true},
           {"duration>1h", false},
           {"started>-1h", true},
           {"started>-30min", false},
           {"started<now", true},
           {"started<+5min", true},
           {"created<-30d", true},
           {"started>-1h30min", true},
           {"started=-1h", false},
           {"started!=-1h", true},
           {"started>2026-02-03", true},
           {"started<2026-02-03", false},
           {"started=2026-02-03T03:30:00Z", true},
           {"started=2026-02-03T04:30:00+01:00", true},
           {"started>'2026-02-03T03:29:59.999Z'", true},
           {"state>-1h", false},
           {"state<-1h", false},
           {"state<now", false},
           {"started>1h", true == (std::string{"2026-02-03T03:30:00.000Z"} > "1h")},
           {"version=10s", true},
           {"version='10s'", true},
           {"duration>-1h", false},
           {"missing>-1h", false},
       })
    if (holds(text) != expected) CAF_FAIL(text << " should be " << expected);
  json object{{"at", now_ms - 1'000}};
  CAF_CHECK(filter::parse("at>-2s")->matches(object, now_ms));
  CAF_CHECK(!filter::parse("at>-0.5s")->matches(object, now_ms));
}

CAF_TEST(expressions are searched for) {
  CAF_CHECK(holds("queue~pyfi"));
  CAF_CHECK(holds("queue~'^pyfi\\.queue[0-9]+$'"));
  CAF_CHECK(!holds("queue~'^queue'"));
  CAF_CHECK(!holds("queue!~pyfi"));
  CAF_CHECK(holds("queue!~'^queue'"));
  CAF_CHECK(holds("queue~'(?i)PYFI'"));
  CAF_CHECK(holds("attempt~'^3$'"));
  CAF_CHECK(!holds("missing~''"));
  CAF_CHECK(holds("missing!~x"));
  CAF_CHECK(!holds("labels~joe"));
  // Takes exponential time in engines that go back.
  json object{{"text", std::string(10'000, 'a')}};
  CAF_CHECK(!filter::parse("text~'^(a+)+$' and text~'(a|a)*b'")->matches(object, now_ms));
}

CAF_TEST(lists hold if any item does) {
  for (auto text :
       {"roles=viewer", "roles=editor", "roles~^view", "roles in (admin, editor)", "roles!=admin",
        "sizes>4", "sizes<2", "not roles=admin", "empty!=x", "roles not in (admin)"})
    if (!holds(text)) CAF_FAIL(text << " should hold");
  for (auto text : {"roles=admin", "roles!=viewer", "sizes>5", "empty=x", "empty=null",
                    "roles not in (admin, viewer)", "roles!~edit"})
    if (holds(text)) CAF_FAIL(text << " should not hold");
}

CAF_TEST(a set of values is in or not in) {
  CAF_CHECK(holds("state in (failed, dead)"));
  CAF_CHECK(holds("state in(failed)"));
  CAF_CHECK(!holds("state not in ('failed' ,dead)"));
  CAF_CHECK(holds("state not in (queued,running)"));
  CAF_CHECK(holds("attempt in (1, 2, 3)"));
  CAF_CHECK(holds("missing in (null, x)"));
  CAF_CHECK(holds("not state in (dead)"));
}

CAF_TEST(short names find times and what stands under spec and status) {
  const json rows = json::array({{{"name", "shop"},
                                  {"started_ms", now_ms - 60'000},
                                  {"spec", {{"cpus", 4}, {"state", "x"}}},
                                  {"status", {{"state", "running"}, {"queued", 3}}}}});
  for (auto [text, expected] :
       {std::pair{"started>-1h", true},
        {"started<-1h", false},
        {"cpus=4 and queued>2", true},
        {"state=x", true}, // what was asked for comes before what is observed
        {"status.state=running", true},
        {"status.cpus=4", false},
        {"ended=null", true}}) {
    auto f = filter::parse(text);
    CAF_REQUIRE(f.has_value());
    CAF_CHECK_EQUAL(f->matches(rows[0], now_ms), expected);
  }
  auto fields = filter::fields_of(rows);
  CAF_CHECK_EQUAL(fields, (std::vector<std::string>{"cpus", "name", "queued", "spec", "started",
                                                    "started_ms", "state", "status"}));
  CAF_CHECK(filter::parse("started>-1h and cpus=4", fields).has_value());
  CAF_CHECK_EQUAL(refusal("startd>-1h", fields).hint, "did you mean \"started\" or \"state\"?");
}

CAF_TEST(fields are paths) {
  CAF_CHECK(holds("labels.owner=joe"));
  CAF_CHECK(holds("labels.\"app.kubernetes.io/name\"=shop"));
  CAF_CHECK(holds("'labels'.'tier'>=2"));
  CAF_CHECK(holds("labels.nobody=null"));
  CAF_CHECK(holds("state.inner=null"));
  CAF_CHECK(holds("labels!=x"));
  CAF_CHECK(!holds("labels=joe"));
  json object{{"not", 1}, {"in", 2}, {"a b", 3}};
  CAF_CHECK(filter::parse("'not'=1 and 'in'=2 and 'a b'=3 and in=2")->matches(object, now_ms));
}

CAF_TEST(quotes hold every character) {
  CAF_CHECK(holds(R"(note="it's \"odd\" \\ here")"));
  CAF_CHECK(holds(R"(note='it\'s "odd" \\ here')"));
  CAF_CHECK(holds(R"(note~'"odd" \\\\ h')"));
  CAF_CHECK(holds("state!=\"a and b or (c)\""));
}

CAF_TEST(and binds more than or and not more than and) {
  struct row {
    std::string_view text;
    bool expected;
  };
  for (auto [text, expected] : {
           row{"attempt=3 or attempt=4 and state=dead", true},
           {"(attempt=3 or attempt=4) and state=dead", false},
           {"state=dead and attempt=3 or node=lab", true},
           {"not state=dead and attempt=3", true},
           {"not (state=failed and attempt=3)", false},
           {"not state=failed or node=lab", true},
           {"not (state=failed or node=lab)", false},
           {"not not state=failed", true},
           {"NOT state=dead AND node=lab OR attempt=9", true},
           {"((((state=failed))))", true},
           {"state=failed and(node=lab)", true},
           {"state=dead or\n\tnode=lab", true},
       })
    if (holds(text) != expected) CAF_FAIL(text << " should be " << expected);
}

CAF_TEST(conditions agree with their parts for any combination) {
  struct node {
    std::string text;
    bool holds;
  };
  test::random_engine random{test::seed_of("flows.filter")};
  std::vector<node> atoms{{"state=failed", true},
                          {"state=dead", false},
                          {"attempt>1", true},
                          {"attempt in (7,8)", false},
                          {"queue!~x", true}};
  auto make = [&](auto& self, int depth) -> node {
    if (depth == 0) return atoms[test::below(random, atoms.size())];
    auto a = self(self, depth - 1);
    if (test::below(random, 4) == 0) return {"not (" + a.text + ")", !a.holds};
    auto b = self(self, depth - 1);
    if (test::below(random, 2) == 0)
      return {"(" + a.text + ") and (" + b.text + ")", a.holds && b.holds};
    return {"(" + a.text + ") or (" + b.text + ")", a.holds || b.holds};
  };
  for (int round = 0; round < 500; ++round) {
    auto whole = make(make, 4);
    if (holds(whole.text) != whole.holds) CAF_FAIL(whole.text << " should be " << whole.holds);
  }
}

CAF_TEST(refusals name the column and what to write) {
  struct row {
    std::string_view text;
    std::string_view message;
  };
  for (auto [text, message] : {
           row{"", "filter: the text is empty"},
           {"  ", "filter: the text is empty"},
           {"state", "filter, line 1, column 6: expected a comparison after the field"},
           {"state failed", "filter, line 1, column 7: expected a comparison after the field"},
           {"state=", "filter, line 1, column 7: expected a value"},
           {"state= and x=1", "filter, line 1, column 12: a condition ends before this"},
           {"=failed", "filter, line 1, column 1: expected the name of a field"},
           {"a.=1", "filter, line 1, column 3: expected the name of a field"},
           {"a..b=1", "filter, line 1, column 3: expected the name of a field"},
           {"state=failed node=lab", "filter, line 1, column 14: a condition ends before this"},
           {"state=failed and", "filter, line 1, column 17: expected the name of a field"},
           {"state=failed && node=lab", "filter, line 1, column 14: unknown operator"},
           {"state=failed || node=lab", "filter, line 1, column 14: unknown operator"},
           {"state=~x", "filter, line 1, column 6: unknown operator"},
           {"state<>x", "filter, line 1, column 6: unknown operator"},
           {"(state=failed", "filter, line 1, column 1: a ( that is not closed"},
           {"state=failed)", "filter, line 1, column 13: a ) that was not opened"},
           {"(state=failed node=lab)", "filter, line 1, column 15: expected ), \"and\" or \"or\""},
           {"state='failed", "filter, line 1, column 7: this text has no closing quote"},
           {"state in failed", "filter, line 1, column 10: expected ( after \"in\""},
           {"state in ()", "filter, line 1, column 11: expected a value"},
           {"state in (a b)", "filter, line 1, column 13: expected , or )"},
           {"state not failed", "filter, line 1, column 11: expected \"in\" after \"not\""},
           {"größe=1 and x~'('",
            "filter, line 1, column 15: \"(\" is not a regular expression: missing ): ("},
           {"a=1 and\n b==", "filter, line 2, column 5: expected a value"},
           {"a=\xff", "filter: not UTF-8 at byte 2"},
       }) {
    auto why = refusal(text);
    CAF_CHECK(why.code == ec::bad_filter);
    CAF_CHECK_EQUAL(why.text, message);
  }
  CAF_CHECK_EQUAL(refusal("state=failed && node=lab").hint, "write \"and\"");
  CAF_CHECK(refusal("state failed").hint.find("state=failed") != std::string::npos);
}

CAF_TEST(an unknown field is refused with what was meant) {
  std::vector<std::string> fields{"state", "queue", "labels"};
  CAF_CHECK(filter::parse("state=x and labels.anything=1", fields).has_value());
  auto why = refusal("queue=a and stat=failed", fields);
  CAF_CHECK_EQUAL(why.text, "filter, line 1, column 13: no field is named \"stat\"");
  CAF_CHECK_EQUAL(why.hint, "did you mean \"state\"?");
  CAF_CHECK_EQUAL(refusal("xyzzy=1", fields).hint, "fields are state, queue, labels");
}

CAF_TEST(size and depth and cost of a filter are bounded) {
  CAF_CHECK(refusal("a=" + std::string(limits::filter_bytes_max, 'x')).text.find("more than")
            != std::string::npos);
  CAF_CHECK(refusal(std::string(1'000, '(') + "a=1").text.find("too deep") != std::string::npos);
  std::string nots;
  for (int i = 0; i < 1'000; ++i)
    nots += "not ";
  CAF_CHECK(refusal(nots + "a=1").text.find("too deep") != std::string::npos);
  CAF_CHECK(refusal("a~'((a{1,100}){1,100}){1,100}'").text.find("regular expression")
            != std::string::npos);
}

CAF_TEST(random edits of filters are conditions or errors) {
  std::vector<std::string> seeds{"state=failed and queue~\"pyfi.*\" and started>-1h",
                                 "not (a in (1, 'b') or labels.\"x.y\"!=null)"};
  constexpr std::string_view alphabet = "=!<>~()'\", .andornoti-1h\\\n&|";
  test::random_engine random{test::seed_of("flows.filter edits")};
  size_t accepted = 0;
  for (int round = 0; round < 30'000; ++round) {
    auto text = seeds[test::below(random, seeds.size())];
    for (auto edits = test::below(random, 4); edits > 0; --edits) {
      auto at = test::below(random, text.size());
      if (test::below(random, 2) == 0)
        text.erase(at, 1);
      else
        text.insert(at, 1, alphabet[test::below(random, alphabet.size())]);
    }
    std::vector<char> exact(text.begin(), text.end()); // no room behind it, for the sanitizer
    auto f = filter::parse({exact.data(), exact.size()});
    if (f) {
      ++accepted;
      f->matches(call, now_ms);
    } else {
      CAF_REQUIRE(f.error().code == ec::bad_filter);
    }
  }
  CAF_CHECK(accepted > 5'000);
}
