#define CAF_SUITE codeloader.ssh

#include <csignal>
#include <cstdio>

#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>

#include "codeloader/loader.hpp"
#include "codeloader/process.hpp"
#include "tests/codeloader/git_fixture.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;
using namespace codeloader_test;

namespace {

/// The home directory that libgit2 reads known_hosts from: named before it starts, for all tests.
const std::string& home() {
  static const temp_dir dir;
  static const std::string path = dir.path().string();
  static const bool is_set
      = (fs::create_directory(path + "/.ssh"), ::setenv("HOME", path.c_str(), 1) == 0);
  return is_set ? path : throw std::runtime_error("setenv failed");
}

/// Of another program's making; it may be taken before that program binds it, which is then tried
/// again.
int free_port() {
  descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0
      || ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    CAF_FAIL("no free port");
  return ntohs(address.sin_port);
}

/// A program that runs until the end of the test and says on stderr when it serves.
class running_program {
public:
  running_program() = default;
  ~running_program() {
    if (!child_.pidfd) return;
    signal_process(child_, SIGKILL);
    reap(child_);
  }

  bool start(const std::vector<std::string>& argv, const std::string& ready) {
    auto pipe = make_pipe();
    if (!pipe) return false;
    process_command command;
    command.argv = argv;
    command.environment = {"PATH=/usr/sbin:/usr/bin:/bin"};
    command.descriptors = {-1, pipe->write.get(), pipe->write.get()};
    auto child = start_process(command);
    if (!child) CAF_FAIL(to_string(child.error()));
    child_ = std::move(*child);
    pipe->write.close();
    output_ = std::move(pipe->read); // open as long as it runs: it goes on writing
    pollfd waiting{output_.get(), POLLIN, 0};
    for (char c = 0; said_.find(ready) == std::string::npos;) {
      if (::poll(&waiting, 1, 20'000) != 1) return false;
      auto n = ::read(output_.get(), &c, 1);
      if (n < 0 && errno == EAGAIN) continue;
      if (n != 1) return false;
      said_ += c;
    }
    return true;
  }
  const std::string& said() const { return said_; }

private:
  child_process child_;
  descriptor output_;
  std::string said_;
};

/// An OpenSSH server on loopback with a host key of its own, and an agent that holds the one key it
/// lets in.
struct fixture {
  temp_dir dir;
  git_repository origin{dir / "sample"};
  running_program server;
  running_program agent;
  int port = 0;
  std::string first, second;

  fixture() {
    home();
    first = origin.add("m.py", "def f(): pass\n");
    origin.git("tag -a -m x v1");
    origin.git("branch old");
    second = origin.add("m.py", "def g(): pass\n");
    for (const auto* name : {"host", "user", "stranger"})
      output_of({"/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", dir / name});
    if (!agent.start({"/usr/bin/ssh-agent", "-D", "-a", dir / "agent"}, "SSH_AUTH_SOCK"))
      CAF_FAIL("no ssh agent: " << agent.said());
    hold_key("user");
    ::setenv("SSH_AUTH_SOCK", (dir / "agent").c_str(), 1);
    serve();
    know("host");
  }
  ~fixture() { ::unsetenv("SSH_AUTH_SOCK"); }

  void hold_key(const std::string& name) {
    std::vector<std::string> with_agent{"PATH=/usr/bin:/bin", "SSH_AUTH_SOCK=" + (dir / "agent")};
    output_of({"/usr/bin/ssh-add", "-D"}, "/", "/dev/null", with_agent);
    output_of({"/usr/bin/ssh-add", "-q", dir / name}, "/", "/dev/null", with_agent);
  }

  void serve() {
    // Where it gives up its rights; Debian makes it when the service starts.
    std::error_code ignored;
    fs::create_directories("/run/sshd", ignored);
    for (int tries = 0; tries < 5; ++tries) {
      port = free_port();
      std::ofstream{dir / "sshd_config"}
          << "ListenAddress 127.0.0.1\nPort " << port << "\nHostKey " << dir / "host"
          << "\nAuthorizedKeysFile " << dir / "user.pub"
          << "\nPidFile none\nUsePAM no\n"
          << "StrictModes no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
          << "KbdInteractiveAuthentication no\n";
      if (server.start({"/usr/sbin/sshd", "-D", "-e", "-f", dir / "sshd_config"},
                       "Server listening on"))
        return;
    }
    CAF_FAIL("no ssh server: " << server.said());
  }

  /// What this node knows of the server: the public key of a file, or nothing.
  void know(const std::string& key) {
    std::ofstream out{home() + "/.ssh/known_hosts"};
    if (!key.empty()) out << "[127.0.0.1]:" << port << " " << text_of_file(dir / (key + ".pub"));
  }

  module_request wanted() const {
    module_request out;
    auto* user = ::getpwuid(::geteuid());
    out.repository = "ssh://" + std::string{user->pw_name} + "@127.0.0.1:" + std::to_string(port)
                     + origin.path();
    out.module = "m";
    return out;
  }

  result<loaded_module> load(const module_request& request,
                             const repository_policy& policy = {{"ssh://127.0.0.1*"}, {}}) {
    auto code = make_loader({dir / "data", CODELOADER_RUNTIME_DIR, "/usr/bin/python3", policy});
    if (!code) CAF_FAIL(to_string(code.error()));
    return (*code)->load(request, {});
  }

  std::string commit(const module_request& request) {
    auto loaded = load(request);
    return loaded ? loaded->commit : to_string(loaded.error());
  }

  error refusal(const module_request& request,
                const repository_policy& policy = {{"ssh://127.0.0.1*"}, {}}) {
    auto loaded = load(request, policy);
    if (loaded) CAF_FAIL("loaded " << loaded->checkout_dir);
    CAF_CHECK(fs::is_empty(dir / "data/checkouts"));
    return loaded.error();
  }
};

bool mentions(const error& why, const std::string& word) {
  return to_string(why).find(word) != std::string::npos;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(ssh_tests, fixture)

CAF_TEST(a repository is fetched over ssh by branch tag commit and default) {
  auto request = wanted();
  auto loaded = load(request);
  if (!loaded) CAF_FAIL(to_string(loaded.error()));
  CAF_CHECK_EQUAL(loaded->commit, second);
  CAF_REQUIRE_EQUAL(loaded->functions.size(), 1u);
  CAF_CHECK_EQUAL(loaded->functions[0].function, "g");
  request.branch = "old";
  CAF_CHECK_EQUAL(commit(request), first);
  request.branch.clear();
  request.tag = "v1";
  CAF_CHECK_EQUAL(commit(request), first);
  request.tag.clear();
  request.commit = second.substr(0, 8);
  CAF_CHECK_EQUAL(commit(request), second);
  request.commit.clear();
  request.branch = "nowhere";
  auto refused = load(request);
  CAF_REQUIRE(!refused);
  CAF_CHECK_EQUAL(refused.error().code, ec::unknown_reference);
}

CAF_TEST(a server that is not known is not spoken to) {
  know("");
  auto why = refusal(wanted());
  CAF_CHECK_EQUAL(why.code, ec::unknown_repository);
  CAF_CHECK(mentions(why, "known_hosts"));
}

CAF_TEST(a server whose key has changed is not spoken to) {
  know("stranger");
  auto why = refusal(wanted());
  CAF_CHECK_EQUAL(why.code, ec::unknown_repository);
  CAF_CHECK(mentions(why, "known_hosts"));
}

CAF_TEST(a key that the server does not let in is told as such) {
  hold_key("stranger");
  auto why = refusal(wanted());
  CAF_CHECK_EQUAL(why.code, ec::unknown_repository);
  CAF_CHECK(mentions(why, "refuses the keys of the node's ssh agent"));
  ::unsetenv("SSH_AUTH_SOCK");
  CAF_CHECK(mentions(refusal(wanted()), "the node has no ssh agent"));
}

CAF_TEST(the lists hold for ssh as for all others) {
  auto why = refusal(wanted(), {{"ssh://127.0.0.1*"}, {"ssh://127.0.0.1*"}});
  CAF_CHECK_EQUAL(why.code, ec::repository_not_allowed);
  CAF_CHECK_EQUAL(refusal(wanted(), {}).code, ec::repository_not_allowed); // loopback is not named
}

CAF_TEST_FIXTURE_SCOPE_END()
