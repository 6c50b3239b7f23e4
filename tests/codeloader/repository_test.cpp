#define CAF_SUITE codeloader.repository

#include "codeloader/repository.hpp"

#include <random>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <netinet/in.h>
#include <sys/socket.h>

#include "codeloader/commit_tree.hpp"
#include "codeloader/descriptor.hpp"
#include "flows/clock.hpp"
#include "tests/codeloader/git_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;
using namespace codeloader_test;

namespace {

const repository_policy lists{{"file:*", "http://127.0.0.1*", "ssh://127.0.0.1*"}, {}};

struct fixture {
  temp_dir dir;
  git_repository origin{dir / "origin"};
  std::string mirror = dir / "mirror";
  std::vector<std::string> steps;

  result<std::string> fetch(const revision& wanted, const std::string& url = {},
                            fetch_limits most = {}) {
    auto admitted = admit_repository(url.empty() ? origin.path() : url, lists);
    if (!admitted) return admitted.error();
    return fetch_commit(mirror, *admitted, wanted, most,
                        [this](const std::string& step) { steps.push_back(step); });
  }

  /// By value: CAF's checks keep references, and what `*fetch(...)` names is gone by then.
  std::string commit_of(const revision& wanted, const std::string& url = {}) {
    auto fetched = fetch(wanted, url);
    return fetched ? *fetched : to_string(fetched.error());
  }

  ec code_of(const revision& wanted, const std::string& url = {}, fetch_limits most = {}) {
    auto fetched = fetch(wanted, url, most);
    if (!fetched) CAF_MESSAGE(to_string(fetched.error()));
    return fetched ? ec::none : fetched.error().code;
  }
};

/// Takes connections on loopback and never says a word.
struct silent_server {
  descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int port = 0;
  silent_server() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size);
    ::listen(socket.get(), 8);
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(repository_tests, fixture)

CAF_TEST(a branch a tag a commit and its beginning name the same commit) {
  auto first = origin.add("a", "1");
  origin.git("tag light");
  origin.git("tag -a -m x heavy");
  origin.git("tag -a -m x nested heavy");
  origin.git("branch dev/one");
  auto second = origin.add("a", "2");
  CAF_CHECK_EQUAL(commit_of({}), second);
  CAF_CHECK_EQUAL(commit_of({"main", "", ""}), second);
  CAF_CHECK_EQUAL(commit_of({"dev/one", "", ""}), first);
  CAF_CHECK_EQUAL(commit_of({"", "light", ""}), first);
  CAF_CHECK_EQUAL(commit_of({"", "heavy", ""}), first);
  CAF_CHECK_EQUAL(commit_of({"", "nested", ""}), first);
  CAF_CHECK_EQUAL(commit_of({"", "", first}), first);
  CAF_CHECK_EQUAL(commit_of({"", "", first.substr(0, 7)}), first);
}

CAF_TEST(a commit is found in upper case too) {
  auto commit = origin.add("a", "1");
  auto upper = commit;
  for (auto& c : upper)
    c = static_cast<char>(std::toupper(c));
  CAF_CHECK_EQUAL(commit_of({"", "", upper}), commit);
}

CAF_TEST(a branch that moves is followed and the old commit stays) {
  auto first = origin.add("a", "1");
  CAF_CHECK_EQUAL(commit_of({"main", "", ""}), first);
  origin.git("commit -q --amend -m other --allow-empty");
  auto second = origin.git("rev-parse HEAD");
  CAF_REQUIRE_NOT_EQUAL(first, second);
  CAF_CHECK_EQUAL(commit_of({"main", "", ""}), second);
  CAF_CHECK_EQUAL(commit_of({"", "", first}), first);
  CAF_CHECK(open_commit(mirror, first));
  CAF_CHECK(open_commit(mirror, second));
}

CAF_TEST(a branch may become a directory of branches) {
  origin.add("a", "1");
  origin.git("branch x");
  CAF_CHECK(fetch({"x", "", ""}));
  origin.git("branch -D x");
  origin.git("checkout -q -b x/y");
  auto commit = origin.add("a", "2");
  CAF_CHECK_EQUAL(commit_of({"x/y", "", ""}), commit);
  CAF_CHECK_EQUAL(code_of({"x", "", ""}), ec::unknown_reference);
}

CAF_TEST(what the remote does not have is an unknown reference) {
  CAF_CHECK_EQUAL(code_of({}), ec::unknown_reference);
  origin.add("a", "1");
  CAF_CHECK_EQUAL(code_of({"nope", "", ""}), ec::unknown_reference);
  CAF_CHECK_EQUAL(code_of({"", "nope", ""}), ec::unknown_reference);
  CAF_CHECK_EQUAL(code_of({"", "", "0123456789abcdef0123456789abcdef01234567"}),
                  ec::unknown_reference);
  CAF_CHECK_EQUAL(code_of({"", "", "abcdef"}), ec::unknown_reference);
  CAF_CHECK_EQUAL(code_of({"", "", "not-hex-at-all"}), ec::unknown_reference);
  CAF_CHECK_EQUAL(code_of({"../../etc/passwd", "", ""}), ec::unknown_reference);
  CAF_CHECK_EQUAL(code_of({"main", "x", ""}), ec::bad_value);
  origin.git("tag ablob " + origin.blob("x"));
  CAF_CHECK_EQUAL(code_of({"", "ablob", ""}), ec::unknown_reference);
}

CAF_TEST(a repository that is gone or never was is unknown but its fetched commits remain) {
  CAF_CHECK_EQUAL(code_of({}, dir / "nowhere"), ec::unknown_repository);
  auto commit = origin.add("a", "1");
  CAF_CHECK(fetch({}));
  fs::remove_all(origin.path());
  CAF_CHECK_EQUAL(code_of({}), ec::unknown_repository);
  CAF_CHECK_EQUAL(commit_of({"", "", commit}), commit);
  CAF_CHECK_EQUAL(commit_of({"", "", commit.substr(0, 10)}), commit);
}

CAF_TEST(a repository of another user can be read) {
  auto commit = origin.add("a", "1");
  if (::getuid() == 0) output_of({"/usr/bin/chown", "-R", "12345:12345", origin.path()});
  CAF_CHECK_EQUAL(commit_of({}), commit);
}

CAF_TEST(a mirror survives a fetch that was killed and one that is damaged) {
  auto first = origin.add("a", "1");
  CAF_CHECK_EQUAL(commit_of({}), first);
  auto second = origin.add("a", "2");
  std::ofstream{mirror + "/fetching"};
  std::ofstream{mirror + "/refs/heads/main.lock"} << "x";
  std::ofstream{mirror + "/objects/pack/pack_git2_abc"} << "x";
  CAF_CHECK_EQUAL(commit_of({}), second);
  CAF_CHECK(!fs::exists(mirror + "/fetching"));
  CAF_CHECK(!fs::exists(mirror + "/refs/heads/main.lock"));
  CAF_CHECK(!fs::exists(mirror + "/objects/pack/pack_git2_abc"));
  fs::remove(mirror + "/HEAD");
  CAF_CHECK_EQUAL(commit_of({}), second);
}

CAF_TEST(an unchanged branch needs no download) {
  origin.add("a", "1");
  CAF_CHECK(fetch({}));
  CAF_CHECK(!steps.empty());
  steps.clear();
  CAF_CHECK(fetch({}));
  CAF_CHECK(steps.empty());
}

CAF_TEST(a repository over the limit is refused) {
  origin.git("config core.compression 0");
  origin.git("config pack.compression 0");
  std::mt19937_64 noise{7}; // does not compress
  std::string big;
  while (big.size() < 3'000'000)
    big += std::to_string(noise());
  origin.write("big", big);
  origin.commit();
  fetch_limits most;
  most.bytes = 1'000'000;
  CAF_CHECK_EQUAL(code_of({}, {}, most), ec::payload_too_large);
  CAF_CHECK_EQUAL(code_of({}), ec::none);
}

CAF_TEST(hooks and configuration of the repository do not run) {
  auto commit = origin.add("a", "1");
  auto marker = dir / "ran";
  for (const auto* hook :
       {"post-checkout", "pre-upload-pack", "post-update", "reference-transaction", "post-merge"}) {
    auto path = origin.path() + "/.git/hooks/" + hook;
    fs::create_directories(fs::path{path}.parent_path());
    std::ofstream{path} << "#!/bin/sh\ntouch '" << marker << "'\n";
    fs::permissions(path, fs::perms::owner_all);
  }
  origin.git("config core.fsmonitor", {"touch " + marker});
  origin.git("config uploadpack.packObjectsHook", {"touch " + marker});
  CAF_CHECK_EQUAL(commit_of({}), commit);
  CAF_CHECK(!fs::exists(marker));
}

CAF_TEST(an http server that never answers ends with the time limit) {
  silent_server server;
  fetch_limits most;
  most.time_ms = 200;
  auto began_ms = system_clock().steady_ms();
  auto url = "http://127.0.0.1:" + std::to_string(server.port) + "/x";
  CAF_CHECK_EQUAL(code_of({}, url, most), ec::timed_out);
  CAF_CHECK_LESS(system_clock().steady_ms() - began_ms, 10'000u);
}

CAF_TEST(an ssh server that never answers ends with the time limit) {
#ifdef __SANITIZE_ADDRESS__
  __lsan::ScopedDisabler libgit2_loses_32_bytes_of_a_failed_handshake;
#endif
  silent_server server;
  fetch_limits most;
  most.time_ms = 200;
  auto began_ms = system_clock().steady_ms();
  auto url = "ssh://git@127.0.0.1:" + std::to_string(server.port) + "/x";
  CAF_CHECK_EQUAL(code_of({}, url, most), ec::timed_out);
  CAF_CHECK_LESS(system_clock().steady_ms() - began_ms, 10'000u);
}

CAF_TEST(a port nobody listens on is an unknown repository) {
  int port = 0;
  { port = silent_server{}.port; }
  auto fetched = fetch({}, "http://127.0.0.1:" + std::to_string(port) + "/x");
  CAF_REQUIRE(!fetched);
  CAF_CHECK_EQUAL(fetched.error().code, ec::unknown_repository);
  CAF_CHECK_NOT_EQUAL(fetched.error().text.find("refused"), std::string::npos);
}

CAF_TEST(a public name that leads to a private address is refused when it is connected to) {
  silent_server server;
  admitted_repository admitted{
      *parse_repository_url("http://localhost:" + std::to_string(server.port) + "/x"), false};
  auto fetched = fetch_commit(mirror, admitted, {}, {}, {});
  CAF_REQUIRE(!fetched);
  CAF_CHECK_EQUAL(fetched.error().code, ec::repository_not_allowed);
}

CAF_TEST(the files of a commit can be read without a work tree) {
  origin.write("d/x.py", "print(1)\n");
  auto commit = origin.commit();
  CAF_REQUIRE(fetch({}));
  auto tree = open_commit(mirror, commit);
  CAF_REQUIRE(tree);
  auto top = (*tree)->entries((*tree)->root());
  CAF_REQUIRE(top);
  CAF_REQUIRE_EQUAL(top->size(), 1u);
  CAF_CHECK_EQUAL(top->at(0).name, "d");
  CAF_CHECK(top->at(0).kind == entry_kind::directory);
  auto below = (*tree)->entries(top->at(0).object);
  CAF_REQUIRE(below);
  auto size = (*tree)->size_bytes(below->at(0).object);
  auto content = (*tree)->content(below->at(0).object);
  CAF_REQUIRE(size && content);
  CAF_CHECK_EQUAL(*size, 9u);
  CAF_CHECK_EQUAL(*content, "print(1)\n");
  auto unknown = open_commit(mirror, "0123456789abcdef0123456789abcdef01234567");
  CAF_REQUIRE(!unknown);
  CAF_CHECK_EQUAL(unknown.error().code, ec::unknown_reference);
}

CAF_TEST_FIXTURE_SCOPE_END()
