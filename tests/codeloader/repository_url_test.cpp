#define CAF_SUITE codeloader.repository_url

#include "codeloader/repository_url.hpp"

#include <string>
#include <vector>

#include "codeloader/loader.hpp"
#include "codeloader/network_address.hpp"
#include "codeloader/repository_policy.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;
using namespace std::string_literals;

namespace {

struct spelling {
  std::string typed;
  std::string normal;
};

const repository_policy everything{{"http://*", "https://*", "ssh://*", "file:*"}, {}};

std::string outcome(const std::string& url, const repository_policy& policy) {
  auto checked = check_repository(url, policy);
  return checked ? *checked : describe(checked.error().code).name.data();
}

void check_refused(const std::string& url, ec code, const repository_policy& policy) {
  auto checked = check_repository(url, policy);
  if (checked) {
    CAF_ERROR("accepted " << url << " as " << *checked);
  } else if (checked.error().code != code) {
    CAF_ERROR(url << " is refused with " << to_string(checked.error()));
  } else {
    CAF_CHECK(!checked.error().text.empty());
  }
}

} // namespace

CAF_TEST(every spelling of an address becomes the same one) {
  const std::vector<spelling> table{
      {"https://github.com/owner/name", "https://github.com/owner/name"},
      {"https://github.com/owner/name.git", "https://github.com/owner/name.git"},
      {"https://github.com/owner/name/", "https://github.com/owner/name"},
      {"HTTPS://GitHub.COM/owner/name", "https://github.com/owner/name"},
      {"hTTps://github.com./owner/name", "https://github.com/owner/name"},
      {"https://github.com:443/owner/name", "https://github.com/owner/name"},
      {"https://github.com:0443/owner/name", "https://github.com/owner/name"},
      {"https://github.com:8443/owner/name", "https://github.com:8443/owner/name"},
      {"https://github.com//owner///name", "https://github.com/owner/name"},
      {"https://github.com/%6fwner/name", "https://github.com/owner/name"},
      {"https://github.com/owner/na%20me", "https://github.com/owner/na%20me"},
      {"https://github.com/owner/na me", "https://github.com/owner/na%20me"},
      {"https://github.com/owner/na%c3%a9", "https://github.com/owner/na%C3%A9"},
      {"https://github.com/radiantone/pyfi-processors#egg=ext-processor",
       "https://github.com/radiantone/pyfi-processors"},
      {"http://git.example.org:80/x", "http://git.example.org/x"},
      {"http://git.example.org:443/x", "http://git.example.org:443/x"},
      {"https://8.8.8.8/x", "https://8.8.8.8/x"},
      {"https://[2606:4700:0:0::1111]/x", "https://[2606:4700::1111]/x"},
      {"https://[2606:4700::1111]:8443/x", "https://[2606:4700::1111]:8443/x"},
      {"ssh://git@github.com/owner/name.git", "ssh://git@github.com/owner/name.git"},
      {"SSH://git@GitHub.com:22/owner/name.git", "ssh://git@github.com/owner/name.git"},
      {"ssh://github.com/owner/name.git", "ssh://github.com/owner/name.git"},
      {"ssh://git@host.example.org:2222/~user/name", "ssh://git@host.example.org:2222/~user/name"},
      {"git@github.com:owner/name.git", "git@github.com:owner/name.git"},
      {"git@GITHUB.com:owner//name.git", "git@github.com:owner/name.git"},
      {"github.com:owner/name", "github.com:owner/name"},
      {"git@example.org:/srv/git/name.git", "ssh://git@example.org/srv/git/name.git"},
      {"file:///srv/git/name.git", "file:///srv/git/name.git"},
      {"FILE:///srv/git/name.git", "file:///srv/git/name.git"},
      {"file://localhost/srv/git", "file:///srv/git"},
      {"file:///srv/a%20b", "file:///srv/a%20b"},
      {"/srv/git/name.git", "file:///srv/git/name.git"},
      {"/srv/git//name/", "file:///srv/git/name"},
      {"/srv/100%25/x", "file:///srv/100%2525/x"},
      {"/srv/a b", "file:///srv/a%20b"},
      {"/srv/git/name#egg=name", "file:///srv/git/name"},
  };
  for (const auto& [typed, normal] : table) {
    CAF_CHECK_EQUAL(outcome(typed, everything), normal);
    CAF_CHECK_EQUAL(outcome(normal, everything), normal);
  }
}

CAF_TEST(addresses that could run programs leave the list or hide a secret are malformed) {
  const std::vector<std::string> table{
      "",
      " https://github.com/a/b",
      "https://github.com/a/b ",
      "ext::sh -c touch% /tmp/pwned",
      "EXT::sh -c id",
      "fd::17/foo",
      "ext::ssh://github.com/a/b",
      "ext:sh",
      "fd:17",
      "git::https://github.com/a/b",
      "a::b",
      "git://github.com/a/b",
      "ftp://github.com/a/b",
      "git+https://github.com/a/b",
      "git+ssh://git@github.com/a/b",
      "javascript://github.com/a/b",
      "://github.com/a/b",
      "https:/github.com/a/b",
      "https:github.com/a/b",
      "http:x",
      "ssh:x/y",
      "file:/srv/git",
      "file:srv/git",
      "file://server/share/x",
      "file:///srv/git/../../etc",
      "file:///srv/git/%2e%2e/etc",
      "file:///",
      "file://",
      "/",
      "/srv/../etc",
      "/srv/./git",
      "/-x",
      ".",
      "..",
      "./repo",
      "../repo",
      "repo",
      "owner/name",
      "~/repo",
      "C:\\repo",
      "\\\\server\\share",
      "-oProxyCommand=id",
      "--upload-pack=touch /tmp/x",
      "ssh://-oProxyCommand=id/x",
      "ssh://-oProxyCommand=id@github.com/x",
      "ssh://git@-oProxyCommand=id/x",
      "ssh://git@github.com/-oProxyCommand",
      "ssh://git@github.com/a/-b",
      "git@github.com:-oProxyCommand=id",
      "-git@github.com:a/b",
      "git@-host:a/b",
      "ssh://git@github.com/a'b",
      "ssh://git@github.com/a;id",
      "ssh://git@github.com/$(id)",
      "ssh://git@github.com/a%27b",
      "git@github.com:a`id`",
      "git@github.com:a b",
      "git@github.com:",
      "git@[::1]:x",
      "https://user:password@github.com/a/b",
      "https://token@github.com/a/b",
      "http://x-access-token:ghp_secret@github.com/a/b",
      "ssh://git:password@github.com/a/b",
      "git:password@github.com:a/b",
      "https://:@github.com/a/b",
      "https://@github.com/a/b",
      "https://github.com@evil.example/a/b",
      "https://github.com\\@evil.example/a/b",
      "https://github.com?@evil.example/a/b",
      "https://github.com#@evil.example/a/b",
      "https://github.com/a/b?token=secret",
      "https://github.com/a/b#main",
      "https://github.com/a/b#egg=",
      "https://github.com/a/b#egg=x&subdirectory=y",
      "#egg=x",
      "https://github.com",
      "https://github.com/",
      "https://github.com//",
      "https:///a/b",
      "https://",
      "https://github.com/a/../b",
      "https://github.com/a/%2e%2e/b",
      "https://github.com/a%2f..%2fb",
      "https://github.com/a/%2E/b",
      "https://github.com/a/b%00",
      "https://github.com/a/b%0d%0aHost:%20evil",
      "https://github.com/a%5cb",
      "https://github.com/a/b%",
      "https://github.com/a/b%zz",
      "https://github.com/a\r\nHost: evil/b",
      "https://github.com/a\nb",
      "https://github.com/a\tb",
      "https://git hub.com/a",
      "https://github..com/a",
      "https://.github.com/a",
      "https://-github.com/a",
      "https://github-.com/a",
      "https://githüb.com/a",
      "https://git%68ub.com/a",
      "https://github.com:/a",
      "https://github.com:0/a",
      "https://github.com:65536/a",
      "https://github.com:-1/a",
      "https://github.com:4a/a",
      "https://2130706433/a",
      "https://0x7f000001/a",
      "https://0x7f.1/a",
      "https://127.1/a",
      "https://0177.0.0.1/a",
      "https://127.0.0.01/a",
      "https://1.2.3.4.5/a",
      "https://256.1.1.1/a",
      "https://[::1/a",
      "https://[127.0.0.1]/a",
      "https://[fe80::1%25eth0]/a",
      "https://[::1]x/a",
      "https://[]/a",
      "https://::1/a",
      "https://github.com/"s + std::string(1, '\0') + "a",
      "https://github.com/" + std::string(2'100, 'a'),
  };
  for (const auto& url : table)
    check_refused(url, ec::bad_repository_url, everything);
}

CAF_TEST(private hosts need an allow pattern that names them) {
  const std::vector<std::string> table{
      "https://localhost/a",
      "https://LOCALHOST./a",
      "https://x.localhost/a",
      "https://intranet/a",
      "https://git.local/a",
      "https://metadata.google.internal/a",
      "https://nas.home.arpa/a",
      "https://127.0.0.1/a",
      "https://127.8.9.10:8443/a",
      "https://0.0.0.0/a",
      "https://10.1.2.3/a",
      "https://172.16.0.1/a",
      "https://172.31.255.255/a",
      "https://192.168.1.1/a",
      "https://169.254.169.254/latest",
      "https://100.64.0.1/a",
      "https://198.18.0.1/a",
      "https://224.0.0.1/a",
      "https://255.255.255.255/a",
      "https://[::1]/a",
      "https://[::]/a",
      "https://[fe80::1]/a",
      "https://[fd00::1]/a",
      "https://[fc12::1]/a",
      "https://[::ffff:127.0.0.1]/a",
      "https://[::ffff:169.254.169.254]/a",
      "https://[64:ff9b::7f00:1]/a",
      "https://[2002:7f00:1::]/a",
      "https://[2001:db8::1]/a",
      "https://[ff02::1]/a",
      "ssh://git@10.0.0.1/a",
      "git@localhost:a",
      "http://127.0.0.1:3000/a",
  };
  for (const auto& url : table) {
    check_refused(url, ec::repository_not_allowed, {});
    check_refused(url, ec::repository_not_allowed, everything);
    check_refused(url, ec::repository_not_allowed, {{"*"}, {}});
    check_refused(url, ec::repository_not_allowed, {{"*://*.*.*/"}, {}});
  }
  CAF_CHECK_EQUAL(outcome("http://127.0.0.1:3000/a", {{"http://127.0.0.1*"}, {}}),
                  "http://127.0.0.1:3000/a");
  CAF_CHECK_EQUAL(outcome("http://127.0.0.1:3000/a", {{"http://127.0.0.1:3000/"}, {}}),
                  "http://127.0.0.1:3000/a");
  CAF_CHECK_EQUAL(outcome("https://10.1.2.3/a", {{"https://10.*"}, {}}), "https://10.1.2.3/a");
  CAF_CHECK_EQUAL(outcome("https://[::1]/a", {{"https://[::1]/"}, {}}), "https://[::1]/a");
  CAF_CHECK_EQUAL(outcome("https://git.internal/a", {{"https://*.internal/"}, {}}),
                  "https://git.internal/a");
  CAF_CHECK_EQUAL(outcome("https://172.32.0.1/a", {}), "https://172.32.0.1/a");
  CAF_CHECK_EQUAL(outcome("https://[2606:4700::1]/a", {}), "https://[2606:4700::1]/a");
  CAF_CHECK(!admit_repository("https://github.com/a", everything)->may_be_private);
  CAF_CHECK(admit_repository("https://git.corp.example/a", {{"https://git.corp.example/"}, {}})
                ->may_be_private);
}

CAF_TEST(an empty allow list means https and ssh of public hosts) {
  CAF_CHECK_EQUAL(outcome("https://github.com/a/b", {}), "https://github.com/a/b");
  CAF_CHECK_EQUAL(outcome("git@github.com:a/b", {}), "git@github.com:a/b");
  check_refused("http://github.com/a/b", ec::repository_not_allowed, {});
  check_refused("file:///srv/a", ec::repository_not_allowed, {});
  check_refused("/srv/a", ec::repository_not_allowed, {});
}

CAF_TEST(allow patterns match whole hosts and whole directories) {
  const repository_policy policy{{"https://github.com/owner", "https://gitlab.com/team/*/public",
                                  "https://*.example.org/", "ssh://git@github.com/owner/one.git",
                                  "file:///srv/git", "bitbucket.org/owner"},
                                 {}};
  const std::vector<std::string> allowed{
      "https://github.com/owner",
      "https://github.com/owner/name",
      "https://gitlab.com/team/a/public",
      "https://gitlab.com/team/a/b/public/x",
      "https://git.example.org/x",
      "https://a.b.example.org/x",
      "git@github.com:owner/one",
      "ssh://git@github.com/owner/one.git",
      "/srv/git/x",
      "file:///srv/git/x/y",
      "https://bitbucket.org/owner/x",
      "git@bitbucket.org:owner/x",
      "http://bitbucket.org/owner/x",
  };
  const std::vector<std::string> refused{
      "https://github.com/ownerx/name",
      "https://github.com/Owner/name",
      "https://github.com:8443/owner/name",
      "http://github.com/owner/name",
      "https://github.com.evil.io/owner/name",
      "https://gitlab.com/team/public",
      "https://gitlab.com/team/a/publicx",
      "https://example.org/x",
      "https://example.org.evil.io/x",
      "https://xexample.org/x",
      "git@github.com:owner/two",
      "ssh://root@github.com/owner/one",
      "ssh://github.com/owner/one",
      "/srv/gitx/x",
      "/srv/x",
      "/srv",
      "https://srv/git",
      "https://bitbucket.org/other/x",
  };
  for (const auto& url : allowed)
    CAF_CHECK_NOT_EQUAL(outcome(url, policy), "repository_not_allowed");
  for (const auto& url : refused)
    check_refused(url, ec::repository_not_allowed, policy);
}

CAF_TEST(deny wins however the address is spelled) {
  const repository_policy policy{
      {"*", "https://*", "file:*", "ssh://*"},
      {"github.com/evil", "https://*.bad.org", "file:///etc", "https://one.org/a/b"}};
  const std::vector<std::string> refused{
      "https://github.com/evil",
      "https://github.com/evil/x",
      "https://github.com/EVIL/x",
      "https://github.com/%65vil/x",
      "https://github.com//evil//x",
      "https://GITHUB.com:8443/evil/x",
      "http://github.com/evil/x",
      "git@github.com:evil/x.git",
      "ssh://someone@github.com:2222/evil/x",
      "https://a.bad.org/x",
      "https://a.bad.org.:444/x",
      "/etc/x",
      "file:///ETC",
      "https://one.org/a/b.git",
      "https://one.org/a/b/c",
  };
  for (const auto& url : refused)
    check_refused(url, ec::repository_not_allowed, policy);
  CAF_CHECK_EQUAL(outcome("https://github.com/evilx/x", policy), "https://github.com/evilx/x");
  CAF_CHECK_EQUAL(outcome("https://one.org/a/bc", policy), "https://one.org/a/bc");
  check_refused("/srv/x", ec::repository_not_allowed, {{"file:*"}, {"*"}});
  check_refused("https://github.com/a", ec::repository_not_allowed, {{}, {"*"}});
}

CAF_TEST(a pattern that cannot be read refuses everything) {
  for (const auto* pattern :
       {"", "https://", "git://github.com/", "https://user:secret@github.com/", "file:relative",
        "https://a b/", "https:///x"}) {
    check_refused("https://github.com/a", ec::bad_config, {{pattern}, {}});
    check_refused("https://github.com/a", ec::bad_config, {{}, {pattern}});
    CAF_CHECK(!check_policy({{}, {pattern}}));
  }
}

CAF_TEST(no message repeats a secret) {
  const std::vector<std::string> table{
      "https://user:hunter2@github.com/a/b",
      "https://hunter2@github.com/a/b",
      "ssh://git:hunter2@github.com/a",
      "git:hunter2@github.com:a",
      "https://user:hun/hunter2@github.com/a/b",
      "https://github.com/a?token=hunter2",
      "https://github.com/a#hunter2",
  };
  for (const auto& url : table) {
    auto checked = check_repository(url, everything);
    CAF_REQUIRE(!checked);
    CAF_CHECK_EQUAL(to_string(checked.error()).find("hunter2"), std::string::npos);
  }
  auto checked = check_repository("https://github.com/a\x1b[2J\nb", everything);
  CAF_CHECK_EQUAL(to_string(checked.error()).find('\x1b'), std::string::npos);
}
