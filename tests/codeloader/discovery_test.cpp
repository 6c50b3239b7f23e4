#define CAF_SUITE codeloader.discovery

#include "codeloader/discovery.hpp"

#include "tests/codeloader/git_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;
using namespace codeloader_test;

namespace {

struct fixture {
  temp_dir dir;

  void write(const std::string& name, const std::string& content) const {
    auto path = fs::path{dir / "checkout"} / name;
    fs::create_directories(path.parent_path());
    std::ofstream{path} << content;
  }

  result<discovered_module> discover(const std::string& module,
                                     const std::string& module_path = {}) const {
    fs::create_directories(dir / "checkout");
    return discover_module({CODELOADER_RUNTIME_DIR,
                            "/usr/bin/python3",
                            dir / "checkout",
                            module,
                            module_path,
                            "python",
                            {},
                            {}});
  }

  std::vector<signature> functions(const std::string& source) const {
    write("m.py", source);
    auto found = discover("m");
    if (!found) CAF_FAIL(to_string(found.error()));
    return found->functions;
  }

  discovered_module success(const std::string& module, const std::string& module_path = {}) const {
    auto found = discover(module, module_path);
    if (!found) CAF_FAIL(to_string(found.error()));
    return *found;
  }

  error failure(const std::string& module, const std::string& module_path = {}) const {
    auto found = discover(module, module_path);
    if (found) CAF_FAIL("found " << found->file);
    CAF_MESSAGE(to_string(found.error()));
    return found.error();
  }
};

discovery_request request_of(const fixture& f, const std::string& language,
                             const std::string& module = "m") {
  discovery_request wanted;
  wanted.runtime_dir = CODELOADER_RUNTIME_DIR;
  wanted.python = "/usr/bin/python3";
  wanted.node = "/usr/bin/node";
  wanted.checkout_dir = f.dir / "checkout";
  wanted.module = module;
  wanted.language = language;
  return wanted;
}

/// "f(a, b: int = 1) g(*rest)"
std::string shown(const result<discovered_module>& found) {
  if (!found) return to_string(found.error());
  std::string text;
  for (const auto& each : found->functions)
    text += (text.empty() ? "" : " ") + to_string(each);
  return text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(discovery_tests, fixture)

CAF_TEST(a signature has kinds defaults annotations returns and the first line of the docstring) {
  auto found = functions("def greet(a, /, name: str, times: int = 1 + 1, *rest: bytes, loud: "
                         "'bool' = False, **more) -> dict[str, int]:\n"
                         "    '''  Says hello.\n\n    More text.'''\n"
                         "async def later(): pass\n");
  CAF_REQUIRE_EQUAL(found.size(), 2u);
  using k = parameter_kind;
  const std::vector<parameter> wanted{
      {"a", k::positional_only, std::nullopt, ""},
      {"name", k::positional_or_keyword, std::nullopt, "str"},
      {"times", k::positional_or_keyword, "1 + 1", "int"},
      {"rest", k::var_positional, std::nullopt, "bytes"},
      {"loud", k::keyword_only, "False", "'bool'"},
      {"more", k::var_keyword, std::nullopt, ""},
  };
  CAF_CHECK_EQUAL(found[0].function, "greet");
  CAF_CHECK(found[0].parameters == wanted);
  CAF_CHECK_EQUAL(found[0].returns, "dict[str, int]");
  CAF_CHECK_EQUAL(found[0].summary, "Says hello.");
  CAF_CHECK_EQUAL(found[1].function, "later");
  CAF_CHECK(found[1].parameters.empty());
}

CAF_TEST(only public functions at the top are listed and the last definition counts) {
  auto found = functions("import os\n"
                         "def one(x): pass\n"
                         "def _private(): pass\n"
                         "class C:\n  def method(self): pass\n"
                         "def two():\n  def inner(): pass\n"
                         "if True:\n  def conditional(): pass\n"
                         "value = lambda: 1\n"
                         "def one(y): pass\n");
  CAF_REQUIRE_EQUAL(found.size(), 2u);
  CAF_CHECK_EQUAL(found[0].function, "two");
  CAF_CHECK_EQUAL(found[1].function, "one");
  CAF_CHECK_EQUAL(found[1].parameters.at(0).name, "y");
}

CAF_TEST(plugs and output are told apart from what a caller gives) {
  auto found = functions("def a(x, plugs, output): pass\ndef b(x, *, output=None): pass\ndef "
                         "c(*plugs, **output): pass\n");
  CAF_REQUIRE_EQUAL(found.size(), 3u);
  CAF_CHECK(found[0].takes_plugs && found[0].takes_output);
  CAF_CHECK_EQUAL(found[0].parameters.size(), 1u);
  CAF_CHECK(!found[1].takes_plugs && found[1].takes_output);
  CAF_CHECK(!found[2].takes_plugs && !found[2].takes_output);
  CAF_CHECK_EQUAL(found[2].parameters.size(), 2u);
}

CAF_TEST(defaults over several lines other letters and broken characters survive) {
  auto found = functions(
      "# -*- coding: utf-8 -*-\ndef f(a='äö', b=[\n  1,\n  2,\n]):\n  'half \\ud800 character'\n");
  CAF_REQUIRE_EQUAL(found.size(), 1u);
  CAF_CHECK_EQUAL(*found[0].parameters.at(0).default_text, "'äö'");
  CAF_CHECK_EQUAL(*found[0].parameters.at(1).default_text, "[1, 2]");
  CAF_CHECK_EQUAL(found[0].summary, "half ? character");
  CAF_CHECK_EQUAL(functions("").size(), 0u);
}

CAF_TEST(nothing of the module is run) {
  auto marker = dir / "checkout/ran";
  auto found = functions("import os, sys\nopen('" + marker
                         + "', 'w')\nos._exit(3)\nraise SystemExit\n"
                           "def f(x=os._exit(4)): pass\n@os._exit(5)\ndef g(): pass\n");
  CAF_CHECK_EQUAL(found.size(), 2u);
  CAF_CHECK(!fs::exists(marker));
}

CAF_TEST(a module is found at the root below src in its directory and as a package) {
  write("a/b.py", "def f(): pass\n");
  write("src/c/__init__.py", "def g(): pass\n");
  write("code/python/d.py", "def h(): pass\n");
  write("both.py", "def module(): pass\n");
  write("both/__init__.py", "def package(): pass\n");
  auto root = dir / "checkout";
  CAF_CHECK_EQUAL(success("a.b").import_root, root);
  CAF_CHECK_EQUAL(success("a.b").file, "a/b.py");
  CAF_CHECK_EQUAL(success("c").import_root, root + "/src");
  CAF_CHECK_EQUAL(success("d", "code/python").import_root, root + "/code/python");
  CAF_CHECK_EQUAL(success("d", "code/python/").import_root, root + "/code/python");
  CAF_CHECK_EQUAL(success("a.b", "code/python").import_root, root);
  auto both = success("both");
  CAF_CHECK_EQUAL(both.functions.at(0).function, "package");
}

CAF_TEST(an unknown module lists near names) {
  write("pyfi/processors/sample.py", "");
  write("src/other/__init__.py", "");
  auto missing = failure("pyfi.processors.sampel");
  CAF_CHECK_EQUAL(missing.code, ec::unknown_module);
  CAF_CHECK(has(missing.hint, "pyfi.processors.sample"));
  CAF_CHECK(has(failure("sample").hint, "pyfi.processors.sample"));
  CAF_CHECK(has(failure("nothing_like_it").hint, "other"));
  for (const auto* name : {"", ".", "..", "a..b", "../secret", "/etc/passwd",
                           "pyfi/processors/sample", "pyfi.processors.sample.py", "a b"})
    CAF_CHECK_EQUAL(failure(name).code, ec::unknown_module);
}

CAF_TEST(a module path that leads out is refused) {
  write("m.py", "");
  for (const auto* path : {"..", "../x", "a/../../x", "/etc"})
    CAF_CHECK_EQUAL(failure("m", path).code, ec::path_escapes);
}

CAF_TEST(source that does not parse is named with its line and its text) {
  write("p/m.py", "x = 1\n\ndef broken(:\n  pass\n");
  auto bad = failure("p.m");
  CAF_CHECK_EQUAL(bad.code, ec::bad_module);
  CAF_CHECK(has(bad.text, "p/m.py:3"));
  CAF_CHECK(has(bad.text, "def broken(:"));
  write("nul.py", std::string("x = 1\0", 6));
  CAF_CHECK_EQUAL(failure("nul").code, ec::bad_module);
  write("latin.py", "x = '\xe4'\n");
  CAF_CHECK_EQUAL(failure("latin").code, ec::bad_module);
  write("coding.py", "# coding: nonsense\n");
  CAF_CHECK_EQUAL(failure("coding").code, ec::bad_module);
}

CAF_TEST(source that is made to break the parser breaks only the parser) {
  write("deep.py", "x = " + std::string(100'000, '(') + std::string(100'000, ')') + "\n");
  CAF_CHECK_EQUAL(failure("deep").code, ec::bad_module);
  write("minus.py", "def f(x=" + std::string(60'000, '-') + "1): pass\n");
  CAF_CHECK_EQUAL(failure("minus").code, ec::bad_module);
  std::string attribute = "x";
  for (int i = 0; i < 60'000; ++i)
    attribute += ".y";
  write("dots.py", "def f(a=(\n" + attribute + ")): pass\n");
  CAF_CHECK_EQUAL(failure("dots").code, ec::bad_module);
  write("huge.py", std::string(9u << 20, '#'));
  CAF_CHECK_EQUAL(failure("huge").code, ec::bad_module);
}

CAF_TEST(functions of Node are what a module exports) {
  write("m.js", R"(
'use strict';
// The price of one.
function price(item, qty = 2 * 3, ...rest) { return 1; }
const hidden = () => 1;
/**
 * Sends it on.
 */
exports.route = async (value, plugs, output) => value;
module.exports.price = price;
exports.taken = ({ a, b }, [c]) => 0;
exports.number = 5;
throw new Error('nothing is run');
)");
  auto found = discover_module(request_of(*this, "node"));
  CAF_CHECK_EQUAL(shown(found), "route(value) price(item, qty=2 * 3, *rest) "
                                "taken(argument0, argument1, /)");
  CAF_REQUIRE(found.has_value());
  CAF_CHECK(found->functions[0].takes_plugs && found->functions[0].takes_output);
  CAF_CHECK_EQUAL(found->functions[0].summary, "Sends it on.");
  CAF_CHECK_EQUAL(found->functions[1].summary, "The price of one.");
  write("lib/n.mjs", "import fs from 'fs';\nconst f = () => 1;\nexport { f as g };\n"
                     "export const h = (x) => x;\nexport async function k() {}\n");
  CAF_CHECK_EQUAL(shown(discover_module(request_of(*this, "node", "lib.n"))), "g() h(x) k()");
  write("o.js", "module.exports = { f(a) {}, 'g': (b) => b, [c]: 1 };\n");
  CAF_CHECK_EQUAL(shown(discover_module(request_of(*this, "node", "o"))), "f(a) g(b)");
  write("bad.js", "const a = 1;\nexports.f = (;\n");
  auto bad = discover_module(request_of(*this, "node", "bad"));
  CAF_REQUIRE(!bad);
  CAF_CHECK_EQUAL(bad.error().code, ec::bad_module);
  CAF_CHECK(has(bad.error().text, "bad.js:2: "));
  auto none = discover_module(request_of(*this, "node", "none"));
  CAF_REQUIRE(!none);
  CAF_CHECK_EQUAL(none.error().code, ec::unknown_module);
  CAF_CHECK(has(none.error().hint, "bad, m, o"));
}

CAF_TEST(functions of bash are found by their heads and declared by comments) {
  write("m.sh", R"(#!/bin/bash
# The price of one.
# price(item: str, qty: int = 2) -> int
price() {
  echo "$1"
}
function tax {
  inner() { :; }
}
_private() { :; }
cat <<END
not_this() {
END
if true; then
  nested() { :; }
fi
touch /tmp/nothing_is_run
)");
  auto found = discover_module(request_of(*this, "bash"));
  CAF_CHECK_EQUAL(shown(found), "price(item: str, qty: int = 2) -> int tax(*args)");
  CAF_REQUIRE(found.has_value());
  CAF_CHECK_EQUAL(found->functions[0].summary, "The price of one.");
  CAF_CHECK_EQUAL(found->file, "m.sh");
  write("bad.sh", "f() {\n  if true; fi\n}\n");
  auto bad = discover_module(request_of(*this, "bash", "bad"));
  CAF_REQUIRE(!bad);
  CAF_CHECK_EQUAL(bad.error().code, ec::bad_module);
  CAF_CHECK(has(bad.error().text, "bad.sh:2: "));
}

CAF_TEST(functions of a native program are those of its manifest) {
  write("m.functions.json", R"json({"program":"bin/m",
    "functions":{"add(a: int, b: int = 1) -> int":"The sum.","f()":""}})json");
  auto found = discover_module(request_of(*this, "native"));
  CAF_CHECK_EQUAL(shown(found), "add(a: int, b: int = 1) -> int f()");
  CAF_REQUIRE(found.has_value());
  CAF_CHECK_EQUAL(found->program, "bin/m");
  for (auto [manifest, problem] :
       {std::pair{"{", "m.functions.json:1: "},
        {"[]", "no map of functions"},
        {R"({"program":"/bin/sh","functions":{}})", "not a path inside"},
        {R"({"program":"a/../../b","functions":{}})", "not a path inside"},
        {R"({"program":"m","build":"sh","functions":{}})", "not cmake or make"},
        {R"({"program":"m","functions":{"f(": ""}})", "not the declaration"},
        {R"json({"program":"m","functions":{"f(): import os\ndef g()": ""}})json",
         "not the declaration"}}) {
    write("m.functions.json", manifest);
    auto bad = discover_module(request_of(*this, "native"));
    CAF_REQUIRE(!bad);
    CAF_CHECK_EQUAL(bad.error().code, ec::bad_module);
    if (!has(bad.error().text, problem)) CAF_ERROR(bad.error().text);
  }
}

CAF_TEST(the signature of a replacement counts in every language that has them) {
  write("m.py", "def f(a): pass\ndef g(): pass\n");
  write("m.js", "exports.f = (a) => a; exports.g = () => 0;\n");
  write("m.sh", "f() { :; }\ng() { :; }\n");
  write("m.functions.json", R"json({"program":"m","functions":{"f(a)":""}})json");
  for (auto [language, source] : {std::pair{"python", "def f(b, c=1): pass"},
                                  {"node", "const f = (b, c = 1) => b;"},
                                  {"bash", "# f(b, c=1)\nf() { :; }"}}) {
    auto wanted = request_of(*this, language);
    wanted.replacements = {{"f", source}};
    auto found = shown(discover_module(wanted));
    if (!found.starts_with("f(b, c=1) g(")) CAF_ERROR(language << ": " << found);
    for (auto [function, bad] : {std::pair{"f", "def ("}, {"f", "x = 1"}, {"nothing", source}}) {
      wanted.replacements = {{function, bad}};
      auto refused = discover_module(wanted);
      CAF_REQUIRE(!refused);
      CAF_CHECK_EQUAL(refused.error().code, ec::bad_module);
    }
  }
  auto native = request_of(*this, "native");
  native.replacements = {{"f", "x"}};
  CAF_CHECK(!discover_module(native));
}

CAF_TEST(a language that this node does not have is told) {
  auto wanted = request_of(*this, "node");
  wanted.node = "/nothing/here";
  auto refused = discover_module(wanted);
  CAF_REQUIRE(!refused);
  CAF_CHECK(has(refused.error().hint, "nodejs"));
  CAF_CHECK(!discover_module(request_of(*this, "cobol")));
}

CAF_TEST_FIXTURE_SCOPE_END()
