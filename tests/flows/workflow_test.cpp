// Workflows as values, in bytes and in text, and what is refused when they are built.
#define CAF_SUITE flows.workflow

#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "flows/workflow_check.hpp"
#include "flows/workflow_text.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;

namespace {

std::string why(const std::string& text) {
  auto parsed = parse_workflow(text);
  if (parsed) return "parsed";
  return code_text(parsed.error().code) + " " + parsed.error().text
         + (parsed.error().hint.empty() ? "" : " | " + parsed.error().hint);
}

std::string round_trip(const std::string& text) {
  auto parsed = parse_workflow(text);
  return parsed ? to_text(parsed->what) : why(text);
}

} // namespace

CAF_TEST(text is read with blanks comments and both kinds of literals) {
  const std::pair<std::string, std::string> table[] = {
      {"t", "t()"},
      {"hello.greet('World', greeting=\"Hi\")", R"(hello.greet("World", greeting="Hi"))"},
      {"t(1, [2, (3,)], {'a': None}, x=True)", R"(t(1, [2,[3]], {"a":null}, x=true))"},
      {"t(\"a, (b\", 'it\\'s')", R"(t("a, (b", "it's"))"},
      {"t('''a'b,)''')", "t(\"a'b,)\")"},
      {"\"pipeline\"(1)", "\"pipeline\"(1)"},
      {"'a b'", "\"a b\"()"},
      {"a-b:c@d+e.f(1)", "a-b:c@d+e.f(1)"},
      {"t.only()", "t().only()"},
      {"t(1).only()", "t(1).only()"},
      {"\"t.only\"()", "\"t.only\"()"},
      {"pipeline([a, b,],)", "pipeline([a(), b()])"},
      {"pipeline([ # first\n a,\n b # last )\n])", "pipeline([a(), b()])"},
      {"parallel([], on_error=\"skip\")", "parallel([], on_error=\"skip\")"},
      {"funnel([a], b, on_error='collect')", "funnel([a()], b(), on_error=\"collect\")"},
      {"funnel([a], on_error='collect')(b)", "funnel([a()], b(), on_error=\"collect\")"},
      {"segment(a, [1, [2, 3]], 2)", "segment(a(), [[1], [2,3]], 2)"},
      {"segment(a(k=1), [1], 2, on_error='skip')", "segment(a(k=1), [[1]], 1, on_error=\"skip\")"},
      {"parallel([a, parallel([b, parallel([c])]), d])", "parallel([a(), b(), c(), d()])"},
  };
  for (const auto& [text, wanted] : table) {
    CAF_CHECK_EQUAL(round_trip(text), wanted);
    CAF_CHECK_EQUAL(round_trip(wanted), wanted);
  }
}

CAF_TEST(what is applied to the whole becomes its arguments) {
  auto parsed = parse_workflow("pipeline([a, b])(1, 'x')");
  CAF_REQUIRE(parsed);
  CAF_CHECK_EQUAL(parsed->args.size(), 2u);
  CAF_CHECK(parse_workflow("funnel([a])(b)(1)")->args.size() == 1);
  CAF_CHECK(parse_workflow("a(1)(2)")->args.size() == 1);
}

CAF_TEST(errors name the place and what may have been meant) {
  const std::pair<std::string, std::string> table[] = {
      {"", "F0116 line 1, column 1: the text ends where a step (a socket, pipeline, parallel, "
           "funnel or segment) is expected"},
      {"pipeline([])", "F0116 line 1, column 1: a pipeline has at least one step"},
      {"parallel([a,\n pipeline([])])", "F0116 line 2, column 2: a pipeline has at least one step"},
      {"paralel([a, b])",
       "F0107 line 1, column 10: \"a\" is a bare word | did you mean \"parallel\"?"},
      {"pipeline(a)", "F0116 line 1, column 10: expected [ before the list of steps, not \"a\""},
      {"pipeline([a b])", "F0116 line 1, column 13: expected , or ] after a step, not \"b\""},
      {"pipeline([a], on_error='skip')",
       "F0116 line 1, column 24: a pipeline takes no options | it "
       "ends at the first step that fails"},
      {"parallel([a], on_eror='skip')", "F0116 line 1, column 23: there is no option \"on_eror\" | "
                                        "did you mean \"on_error\"?"},
      {"parallel([a], on_error='colect')", "F0116 line 1, column 24: there is no error policy "
                                           "\"colect\" | did you mean \"collect\"?"},
      {"funnel([a])", "F0116 line 1, column 12: a funnel needs a body: funnel([...], body) or "
                      "funnel([...])(body)"},
      {"parallel([a], b)", "F0116 line 1, column 15: expected ), not \"b\""},
      {"a(1", "F0116 line 1, column 4: the text ends where , or ) after an argument is expected"},
      {"a(\n  1 + 1)", "F0107 line 2, column 5: expressions are not evaluated; the value ends "
                       "before this"},
      {"a(x=1, 2)", "F0116 line 1, column 8: a positional argument stands before those with names"},
      {"a(x=1, x=2)", "F0116 line 1, column 8: the argument \"x\" is given twice"},
      {"a(1).delay()", "F0116 line 1, column 6: a step has no such method | what there is: "
                       "socket(...).only()"},
      {"a b", "F0116 line 1, column 3: more text after the end of the workflow"},
      {"pipeline([a])(x=1)", "F0116 line 1, column 14: a workflow is given positional arguments "
                             "only | keywords belong to a step: socket(name=value)"},
      {"segment(a, [1], 0)", "F0116 line 1, column 1: a chunk of a segment has at least one item"},
      {"segment(pipeline([a]), [1], 1)",
       "F0116 line 1, column 1: a segment calls a socket for each item, not a pipeline"},
      {"segment(a, 1, 1)", "F0116 line 1, column 1: the items of a segment are a list"},
      {"segment(a, [1])",
       "F0116 line 1, column 1: a segment takes a socket, a list of items, and how many make a "
       "chunk"},
      {"\xff", "F0116 line 1, column 1: this is not UTF-8"},
  };
  for (const auto& [text, wanted] : table)
    CAF_CHECK_EQUAL(why(text), wanted);
  CAF_CHECK(why("parallel([parallel([a], on_error='skip')])").find("is part of it") < 200);
}

CAF_TEST(limits hold when a workflow is built and when it is read) {
  std::vector<workflow> many(limits::workflow_steps_max - 1, workflow::call("t"));
  CAF_CHECK(workflow::parallel(many));
  CAF_CHECK(decode_workflow(encode(*workflow::parallel(many))));
  many.push_back(workflow::call("t"));
  CAF_CHECK_EQUAL(workflow::parallel(many).error().text, "a workflow has at most 100000 steps");
  auto deep = workflow::call("t");
  for (size_t i = 1; i < limits::workflow_depth_max; ++i)
    deep = workflow::pipeline({deep}).value();
  CAF_CHECK(decode_workflow(encode(deep)));
  CAF_CHECK(!workflow::pipeline({deep}));
  CAF_CHECK(parse_workflow(to_text(deep)));
  CAF_CHECK(!parse_workflow("pipeline([" + to_text(deep) + "])"));
  // Each doubles the one before: refused long before there is no memory for it.
  auto doubled = workflow::call("t");
  size_t rounds = 0;
  for (; rounds < 64; ++rounds) {
    auto next = workflow::parallel({workflow::pipeline({doubled, doubled}).value()});
    if (!next) break;
    auto again = workflow::pipeline({*next, *next});
    if (!again) break;
    doubled = *again;
  }
  CAF_CHECK(rounds < 20);
}

CAF_TEST(damaged bytes are refused and never crash) {
  auto bytes = encode(parse_workflow("funnel([a(1), segment(b, [1, 2], 1)], pipeline([c]))")->what);
  for (size_t i = 0; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      auto damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      if (auto read = decode_workflow(damaged)) CAF_CHECK(decode_workflow(encode(*read)));
    }
  CAF_CHECK(!decode_workflow(bytes + '\0'));
  std::string chunk_alone = "\x82\x01\x83\x05\x00\x81";
  CAF_CHECK(!decode_workflow(chunk_alone + "\x85\x00\x61t\x80\xa0\xf4"));
}

CAF_TEST(text is cut where it gets too long to show) {
  std::vector<workflow> many(50, workflow::call("tä"));
  auto text = to_text(workflow::parallel(many).value(), 21);
  CAF_CHECK(text.size() <= 24);
  CAF_CHECK(text.ends_with("..."));
}

CAF_TEST(steps that cannot take what they are given are told with their path) {
  parameter x;
  x.name = "x";
  signature one{"one", {x}, {}, {}, false, false};
  signature none{"none", {}, {}, {}, false, false};
  auto find = [&](const std::string& socket) -> result<const signature*> {
    if (socket == "one") return &one;
    if (socket == "none") return &none;
    if (socket == "unknown") return nullptr;
    return make_error(ec::unknown_socket, "no socket \"" + socket + "\"");
  };
  auto check = [&](const std::string& text) {
    auto what = parse_workflow(text);
    auto fine = check_workflow(what->what, what->args.size(), find);
    return fine ? std::string{"fine"} : fine.error().text;
  };
  CAF_CHECK_EQUAL(check("pipeline([none, one, unknown(1, 2)])"), "fine");
  CAF_CHECK_EQUAL(check("pipeline([one, one])(1)"), "fine");
  CAF_CHECK_EQUAL(check("pipeline([none, none.only()])"), "fine");
  CAF_CHECK_EQUAL(check("segment(one, [1, 2], 2)"), "fine");
  CAF_CHECK(check("pipeline([none, none])").starts_with("step pipeline[1]: none()"));
  CAF_CHECK(check("pipeline([one])").starts_with("step pipeline[0]: one(x)"));
  CAF_CHECK(check("funnel([none], parallel([one, none]))")
                .starts_with("step funnel.body.parallel[1]: none()"));
  CAF_CHECK_EQUAL(check("parallel([none, gone])"), "step parallel[1]: no socket \"gone\"");
  CAF_CHECK(check("one(1, 2)").starts_with("one(x)"));
}
