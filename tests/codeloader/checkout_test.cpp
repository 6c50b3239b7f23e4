#define CAF_SUITE codeloader.checkout

#include "codeloader/checkout.hpp"

#include <sys/stat.h>

#include "codeloader/repository.hpp"
#include "tests/codeloader/git_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;
using namespace codeloader_test;

namespace {

struct fixture {
  temp_dir dir;
  git_repository origin{dir / "origin"};
  std::string mirror = dir / "mirror";

  std::string place(const std::string& commit) const { return dir / ("checkouts/" + commit); }

  result<void> check_out(const std::string& commit, const checkout_limits& most = {}) {
    auto admitted = admit_repository(origin.path(), {{"file:*"}, {}});
    if (!admitted) return admitted.error();
    auto fetched = fetch_commit(mirror, *admitted, {"", "", commit}, {}, {});
    if (!fetched) return fetched.error();
    auto tree = open_commit(mirror, *fetched);
    if (!tree) return tree.error();
    return write_checkout(**tree, place(commit), most);
  }

  ec code_of(const std::string& commit, const checkout_limits& most = {}) {
    auto done = check_out(commit, most);
    if (!done) CAF_MESSAGE(to_string(done.error()));
    CAF_CHECK_EQUAL(bool{done}, fs::exists(place(commit)));
    CAF_CHECK(!fs::exists(place(commit) + ".half"));
    return done ? ec::none : done.error().code;
  }

  std::string link_commit(const std::string& name, const std::string& target) {
    fs::create_directories(fs::path{origin.path() + "/" + name}.parent_path());
    fs::remove(origin.path() + "/" + name);
    fs::create_symlink(target, origin.path() + "/" + name);
    auto commit = origin.commit();
    fs::remove(origin.path() + "/" + name);
    return commit;
  }
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  ::lstat(path.c_str(), &status);
  return status.st_mode & 07777;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(checkout_tests, fixture)

CAF_TEST(a checkout has the files of its commit and nobody can write to it) {
  origin.write("package/__init__.py", "");
  origin.write("package/sample.py", "x = 1\n");
  origin.write("run.sh", "#!/bin/sh\n");
  fs::permissions(origin.path() + "/run.sh", fs::perms::owner_all);
  fs::create_symlink("package/sample.py", origin.path() + "/link");
  auto commit = origin.commit();
  CAF_REQUIRE_EQUAL(code_of(commit), ec::none);
  auto root = place(commit);
  CAF_CHECK_EQUAL(text_of_file(root + "/package/sample.py"), "x = 1\n");
  CAF_CHECK_EQUAL(text_of_file(root + "/link"), "x = 1\n");
  CAF_CHECK_EQUAL(mode_of(root), 0555u);
  CAF_CHECK_EQUAL(mode_of(root + "/package"), 0555u);
  CAF_CHECK_EQUAL(mode_of(root + "/package/sample.py"), 0444u);
  CAF_CHECK_EQUAL(mode_of(root + "/run.sh"), 0555u);
  CAF_CHECK(!fs::exists(root + "/.git"));
}

CAF_TEST(two commits live side by side and a second checkout changes nothing) {
  auto first = origin.add("a.py", "1");
  auto second = origin.add("a.py", "2");
  CAF_CHECK_EQUAL(code_of(first), ec::none);
  CAF_CHECK_EQUAL(code_of(second), ec::none);
  CAF_CHECK_EQUAL(text_of_file(place(first) + "/a.py"), "1");
  CAF_CHECK_EQUAL(text_of_file(place(second) + "/a.py"), "2");
  auto written = fs::last_write_time(place(first));
  CAF_CHECK_EQUAL(code_of(first), ec::none);
  CAF_CHECK(fs::last_write_time(place(first)) == written);
}

CAF_TEST(links that stay inside are kept) {
  origin.write("d/e/f", "deep");
  fs::create_symlink("d/e", origin.path() + "/to_directory");
  fs::create_symlink("to_directory/f", origin.path() + "/through_a_link");
  fs::create_symlink("../../d/e/f", origin.path() + "/d/e/up_and_down");
  fs::create_symlink("missing/anything", origin.path() + "/dangling");
  fs::create_symlink(".", origin.path() + "/self");
  auto commit = origin.commit();
  CAF_REQUIRE_EQUAL(code_of(commit), ec::none);
  CAF_CHECK_EQUAL(text_of_file(place(commit) + "/through_a_link"), "deep");
  CAF_CHECK_EQUAL(text_of_file(place(commit) + "/d/e/up_and_down"), "deep");
}

CAF_TEST(links that lead out are refused) {
  for (const auto* target : {"/etc/passwd", "/", "..", "../x", "../../etc/passwd", "d/../../x",
                             "./..", "missing/../../x", "d/../../origin/d"}) {
    origin.write("d/file", "x");
    CAF_CHECK_EQUAL(code_of(link_commit("evil", target)), ec::path_escapes);
  }
  CAF_CHECK_EQUAL(code_of(link_commit("d/evil", "../../x")), ec::path_escapes);
  CAF_CHECK_EQUAL(code_of(link_commit("d/ok", "../d/file")), ec::none);
}

CAF_TEST(a link that leads out only by way of another link is refused) {
  origin.write("a/b/file", "x");
  fs::create_symlink(".", origin.path() + "/here");
  CAF_CHECK_EQUAL(code_of(link_commit("evil", "here/../x")), ec::path_escapes);
  fs::remove(origin.path() + "/here");
  fs::create_symlink("../..", origin.path() + "/a/b/top");
  CAF_CHECK_EQUAL(code_of(link_commit("ok", "a/b/top/a/b/file")), ec::none);
  CAF_CHECK_EQUAL(code_of(link_commit("evil", "a/b/top/../x")), ec::path_escapes);
}

CAF_TEST(links that go in circles are refused) {
  CAF_CHECK_EQUAL(code_of(link_commit("loop", "loop")), ec::path_escapes);
  fs::create_symlink("b", origin.path() + "/a");
  CAF_CHECK_EQUAL(code_of(link_commit("b", "a")), ec::path_escapes);
}

CAF_TEST(names that no file may have are refused) {
  auto blob = origin.blob("x");
  origin.add("base", "x");
  for (const auto* name : {"..", ".", ".git", ".GIT", ".Git", "git~1", "GIT~1"}) {
    auto commit = origin.commit_literal_tree(raw_entry("100644", name, blob));
    CAF_CHECK_EQUAL(code_of(commit), ec::path_escapes);
    auto inner = origin.git("rev-parse evil^{tree}");
    CAF_CHECK_EQUAL(code_of(origin.commit_literal_tree(raw_entry("40000", "d", inner))),
                    ec::path_escapes);
    CAF_CHECK_EQUAL(code_of(origin.commit_literal_tree(
                        raw_entry("40000", name, origin.git("rev-parse main^{tree}")))),
                    ec::path_escapes);
  }
  for (const auto* name : {"../../evil", "/tmp/evil", "a/b", "../x"})
    CAF_CHECK_EQUAL(code_of(origin.commit_literal_tree(raw_entry("100644", name, blob))),
                    ec::path_escapes);
  CAF_CHECK(!fs::exists(dir / "evil"));
  CAF_CHECK(!fs::exists("/tmp/evil"));
}

CAF_TEST(a name that is a link and a directory at once writes nothing outside) {
  auto outside = dir / "outside";
  fs::create_directories(outside);
  auto file = origin.blob("pwned");
  auto target = origin.blob(outside);
  origin.commit_literal_tree(raw_entry("100644", "file", file));
  auto inner = origin.git("rev-parse evil^{tree}");
  CAF_CHECK_EQUAL(code_of(origin.commit_literal_tree(raw_entry("120000", "x", target)
                                                     + raw_entry("40000", "x", inner))),
                  ec::path_escapes);
  CAF_CHECK_EQUAL(code_of(origin.commit_literal_tree(raw_entry("40000", "x", inner)
                                                     + raw_entry("120000", "x", target))),
                  ec::path_escapes);
  CAF_CHECK_EQUAL(code_of(origin.commit_literal_tree(raw_entry("100644", "x", file)
                                                     + raw_entry("100644", "x", file))),
                  ec::path_escapes);
  CAF_CHECK(fs::is_empty(outside));
}

CAF_TEST(modes that git does not have become no devices and no privileges) {
  auto blob = origin.blob("x");
  auto commit = origin.commit_literal_tree(raw_entry("104755", "setuid", blob)
                                           + raw_entry("20644", "zdevice", blob));
  if (code_of(commit) == ec::none) {
    CAF_CHECK_EQUAL(mode_of(place(commit) + "/setuid") & 07000, 0u);
    CAF_CHECK(fs::is_regular_file(fs::symlink_status(place(commit) + "/zdevice")));
  }
}

CAF_TEST(submodules are not followed) {
  auto commit = origin.add("plain", "x");
  auto with_submodule
      = origin.commit_raw_tree("160000 commit " + commit + "\tsub" + std::string(1, '\0'));
  CAF_REQUIRE_EQUAL(code_of(with_submodule), ec::none);
  CAF_CHECK(fs::is_empty(place(with_submodule) + "/sub"));
}

CAF_TEST(attributes of the repository change no file) {
  origin.write("a.txt", "one\ntwo\n$Id$\n");
  origin.commit();
  origin.write(".gitattributes", "* text eol=crlf ident filter=evil\n");
  auto commit = origin.commit();
  CAF_REQUIRE_EQUAL(code_of(commit), ec::none);
  CAF_CHECK_EQUAL(text_of_file(place(commit) + "/a.txt"), "one\ntwo\n$Id$\n");
}

CAF_TEST(too many files too large files and too deep directories are refused) {
  for (int i = 0; i < 50; ++i)
    origin.write("d/" + std::to_string(i), "0123456789");
  auto commit = origin.commit();
  checkout_limits most;
  most.files = 50; // the directory counts
  CAF_CHECK_EQUAL(code_of(commit, most), ec::payload_too_large);
  most.files = 51;
  most.bytes = 499;
  CAF_CHECK_EQUAL(code_of(commit, most), ec::payload_too_large);
  most.bytes = 500;
  most.file_bytes = 9;
  CAF_CHECK_EQUAL(code_of(commit, most), ec::payload_too_large);
  most.file_bytes = 10;
  CAF_CHECK_EQUAL(code_of(commit, most), ec::none);
  std::string deep;
  for (int i = 0; i < 200; ++i)
    deep += "d/";
  CAF_CHECK_EQUAL(code_of(origin.add(deep + "file", "x")), ec::payload_too_large);
}

CAF_TEST(a tree that repeats itself ends at the limit and not at the end of the disk) {
  origin.commit_literal_tree(raw_entry("100644", "f", origin.blob("x")));
  for (int level = 0; level < 9; ++level) {
    auto below = origin.git("rev-parse evil^{tree}");
    std::string tree;
    for (char c = 'a'; c <= 'j'; ++c)
      tree += raw_entry("40000", std::string(1, c), below);
    origin.commit_literal_tree(tree);
  }
  checkout_limits most;
  most.files = 1'000;
  CAF_CHECK_EQUAL(code_of(origin.git("rev-parse evil"), most), ec::payload_too_large);
}

CAF_TEST(what a crash left half made is replaced) {
  auto commit = origin.add("a.py", "1");
  auto half = place(commit) + ".half";
  fs::create_directories(half + "/old");
  std::ofstream{half + "/old/file"} << "x";
  fs::permissions(half + "/old", fs::perms::owner_read | fs::perms::owner_exec);
  CAF_CHECK_EQUAL(code_of(commit), ec::none);
  CAF_CHECK(!fs::exists(place(commit) + "/old"));
}

CAF_TEST(devices pipes and sockets in a directory are found) {
  auto place = dir / "tree";
  fs::create_directories(place + "/d");
  CAF_CHECK(check_checkout(place));
  CAF_REQUIRE_EQUAL(::mkfifo((place + "/d/pipe").c_str(), 0600), 0);
  auto checked = check_checkout(place);
  CAF_REQUIRE(!checked);
  CAF_CHECK_EQUAL(checked.error().code, ec::path_escapes);
}

CAF_TEST_FIXTURE_SCOPE_END()
