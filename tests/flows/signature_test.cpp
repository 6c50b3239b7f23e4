#define CAF_SUITE flows.signature

#include "flows/signature.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;

namespace {

using kinds = parameter_kind;

parameter required(std::string name, kinds kind = kinds::positional_or_keyword) {
  return {std::move(name), kind, {}, {}};
}

parameter optional(std::string name, std::string text, kinds kind = kinds::positional_or_keyword) {
  return {std::move(name), kind, std::move(text), {}};
}

signature make(std::vector<parameter> parameters) {
  signature sig;
  sig.function = "f";
  sig.parameters = std::move(parameters);
  return sig;
}

arguments given(size_t positional, const std::vector<std::string>& keywords = {}) {
  std::vector<std::pair<std::string, value>> pairs;
  for (const auto& name : keywords)
    pairs.emplace_back(name, value{});
  return make_arguments(std::vector<value>(positional), pairs);
}

std::string refusal(const signature& sig, const arguments& args) {
  auto fits = check_arguments(sig, args);
  if (fits) return "accepted";
  CAF_CHECK(fits.error().code == ec::bad_arguments);
  return fits.error().text;
}

bool fits(const signature& sig, const arguments& args) {
  return check_arguments(sig, args).has_value();
}

// def f(a, /, b, c=1, *args, d, e=2, **rest)
const signature all_kinds
    = make({required("a", kinds::positional_only), required("b"), optional("c", "1"),
            required("args", kinds::var_positional), required("d", kinds::keyword_only),
            optional("e", "2", kinds::keyword_only), required("rest", kinds::var_keyword)});

} // namespace

CAF_TEST(a signature is shown as it is written in Python) {
  signature greet;
  greet.function = "greet";
  greet.parameters = {{"name", kinds::positional_or_keyword, {}, "str"},
                      {"times", kinds::positional_or_keyword, "1", "int"}};
  greet.returns = "str";
  CAF_CHECK_EQUAL(to_string(greet), "greet(name: str, times: int = 1) -> str");
  CAF_CHECK_EQUAL(to_string(all_kinds), "f(a, /, b, c=1, *args, d, e=2, **rest)");
  CAF_CHECK_EQUAL(to_string(make({})), "f()");
  CAF_CHECK_EQUAL(to_string(make({required("a", kinds::positional_only)})), "f(a, /)");
  CAF_CHECK_EQUAL(
      to_string(make({required("k", kinds::keyword_only), required("l", kinds::keyword_only)})),
      "f(*, k, l)");
  CAF_CHECK_EQUAL(
      to_string(make({required("a", kinds::positional_only), required("k", kinds::keyword_only)})),
      "f(a, /, *, k)");
}

CAF_TEST(arguments by position and by name fit) {
  auto sig = make({required("a"), required("b"), optional("c", "0")});
  CAF_CHECK(fits(sig, given(2)));
  CAF_CHECK(fits(sig, given(3)));
  CAF_CHECK(fits(sig, given(1, {"b"})));
  CAF_CHECK(fits(sig, given(0, {"c", "b", "a"})));
  CAF_CHECK(fits(make({}), given(0)));
}

CAF_TEST(every refusal begins with the signature) {
  auto sig = make({required("name"), optional("times", "1")});
  for (const auto& args : {given(0), given(3), given(1, {"name"}), given(1, {"other"})})
    CAF_CHECK(refusal(sig, args).find("f(name, times=1): ") == 0);
}

CAF_TEST(missing arguments are named together) {
  CAF_CHECK_EQUAL(refusal(make({required("a")}), given(0)), "f(a): missing the argument \"a\"");
  CAF_CHECK_EQUAL(refusal(make({required("a"), required("b"), required("c")}), given(0)),
                  "f(a, b, c): missing the arguments \"a\", \"b\" and \"c\"");
  CAF_CHECK_EQUAL(refusal(make({required("a"), required("k", kinds::keyword_only)}), given(1)),
                  "f(a, *, k): missing the argument \"k\"");
}

CAF_TEST(surplus arguments are counted) {
  CAF_CHECK_EQUAL(refusal(make({}), given(1)), "f(): takes no positional arguments, 1 was given");
  CAF_CHECK_EQUAL(refusal(make({required("a")}), given(3)),
                  "f(a): takes at most 1 positional argument, 3 were given");
  CAF_CHECK_EQUAL(
      refusal(make({required("a"), required("k", kinds::keyword_only)}), given(2, {"k"})),
      "f(a, *, k): takes at most 1 positional argument, 2 were given");
}

CAF_TEST(an unknown keyword is named with what was meant) {
  auto sig = make({required("name"), optional("times", "1")});
  CAF_CHECK_EQUAL(refusal(sig, given(1, {"tmies"})),
                  "f(name, times=1): no argument is named \"tmies\"");
  CAF_CHECK_EQUAL(check_arguments(sig, given(1, {"tmies"})).error().hint,
                  "did you mean \"times\"?");
}

CAF_TEST(an argument is given once) {
  auto sig = make({required("a"), optional("b", "0")});
  CAF_CHECK_EQUAL(refusal(sig, given(1, {"a"})), "f(a, b=0): the argument \"a\" is given twice");
  CAF_CHECK_EQUAL(refusal(sig, given(2, {"b"})), "f(a, b=0): the argument \"b\" is given twice");
  CAF_CHECK_EQUAL(refusal(sig, given(1, {"b", "b"})),
                  "f(a, b=0): the argument \"b\" is given twice");
  CAF_CHECK(refusal(make({required("rest", kinds::var_keyword)}), given(0, {"x", "x"}))
                .find("given twice")
            != std::string::npos);
}

CAF_TEST(all five kinds bind as in Python) {
  CAF_CHECK(fits(all_kinds, given(2, {"d"})));
  CAF_CHECK(fits(all_kinds, given(9, {"d", "e"})));
  CAF_CHECK(fits(all_kinds, given(1, {"b", "d", "anything"})));
  // The name of a positional-only parameter is free for **rest.
  CAF_CHECK(fits(all_kinds, given(2, {"d", "a"})));
  CAF_CHECK(refusal(all_kinds, given(0, {"a", "b", "d"})).find("missing the argument \"a\"")
            != std::string::npos);
  CAF_CHECK(refusal(all_kinds, given(2)).find("missing the argument \"d\"") != std::string::npos);
  CAF_CHECK(refusal(all_kinds, given(2, {"b", "d"})).find("\"b\" is given twice")
            != std::string::npos);
  // *args and **rest are no names.
  CAF_CHECK(fits(all_kinds, given(2, {"d", "args", "rest"})));
  CAF_CHECK(refusal(make({required("args", kinds::var_positional)}), given(0, {"args"}))
                .find("no argument is named")
            != std::string::npos);
  CAF_CHECK_EQUAL(refusal(make({required("a", kinds::positional_only)}), given(0, {"a"})),
                  "f(a, /): the argument \"a\" is given by position only");
  CAF_CHECK(fits(make({required("args", kinds::var_positional)}), given(1'000)));
}

CAF_TEST(what the engine provides cannot be given) {
  auto sig = make({required("a"), required("rest", kinds::var_keyword)});
  CAF_CHECK(fits(sig, given(1, {"plugs", "output"})));
  sig.takes_plugs = true;
  CAF_CHECK(refusal(sig, given(1, {"plugs"})).find("\"plugs\" is provided by the engine")
            != std::string::npos);
  CAF_CHECK(fits(sig, given(1, {"output"})));
  sig.takes_output = true;
  CAF_CHECK(refusal(sig, given(1, {"output"})).find("\"output\" is provided by the engine")
            != std::string::npos);
}

CAF_TEST(arguments that are no arguments are refused) {
  CAF_CHECK(!fits(make({}), arguments{"\xa0", "\xa0"}));
  CAF_CHECK(!fits(make({}), arguments{"\x80", "\x80"}));
  CAF_CHECK(!fits(make({required("a")}), arguments{"\x82\x01", "\xa0"}));
  CAF_CHECK(!fits(make({required("rest", kinds::var_keyword)}), arguments{"\x80", "\xa1\x01\x02"}));
}

CAF_TEST(a signature comes back from its catalog form) {
  auto sig = all_kinds;
  sig.returns = "dict[str, int]";
  sig.summary = "Does \"it\".";
  sig.takes_output = true;
  sig.parameters[1].annotation = "str | None";
  auto back = signature_of_value(to_value(sig));
  CAF_REQUIRE(back);
  CAF_CHECK(*back == sig);
  CAF_CHECK(value_of_cbor(to_value(sig).cbor).has_value());
  CAF_CHECK(signature_of_value(to_value(make({}))).value() == make({}));
}

CAF_TEST(a catalog form of a newer version is read and a broken one refused) {
  auto read = [](std::string_view json) { return signature_of_value(value_of_json(json).value()); };
  CAF_CHECK(
      read(
          R"({"function":"f","parameters":[{"name":"a","kind":"keyword_only","new":[1]}],"later":{}})")
          .has_value());
  for (
      auto broken :
      {R"([])", R"({})", R"({"function":1})", R"({"function":"f","parameters":[{"name":"a"}]})",
       R"({"function":"f","parameters":[{"name":"a","kind":"sideways"}]})",
       R"({"function":"f","parameters":[{"name":"","kind":"keyword_only"}]})",
       R"({"function":"f","parameters":[{"name":"a","kind":"keyword_only"},{"name":"a","kind":"keyword_only"}]})",
       R"({"function":"f","parameters":[{"name":"a","kind":"keyword_only"},{"name":"b","kind":"positional_only"}]})",
       R"({"function":"f","parameters":[{"name":"a","kind":"var_keyword"},{"name":"b","kind":"var_keyword"}]})",
       R"({"function":"f","parameters":[{"name":"a","kind":"positional_or_keyword","default":"1"},{"name":"b","kind":"positional_or_keyword"}]})"}) {
    auto sig = read(broken);
    CAF_REQUIRE(!sig);
    CAF_CHECK(sig.error().code == ec::bad_value);
  }
}
