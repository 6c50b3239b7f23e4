#define CAF_SUITE codeloader.sandbox

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codeloader/sandbox.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;

namespace {

namespace fs = std::filesystem;

// A directory of 0700, as daemons have them: what is inside must still reach the sandbox.
struct private_dir {
  fs::path path;
  private_dir() {
    std::string name = "/tmp/millrace-test-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~private_dir() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

sandbox_command python(std::string code) {
  sandbox_command command;
  command.argv = {"/usr/bin/python3", "-I", "-c", std::move(code)};
  command.time_ms_max = 60'000;
  return command;
}

process_outcome run(const sandbox_command& command) {
  auto outcome = run_sandboxed(command);
  if (!outcome) CAF_FAIL(to_string(outcome.error()));
  if (!outcome->err.empty()) CAF_MESSAGE(outcome->err);
  return *outcome;
}

// The code prints what it could do; nothing it tries may succeed.
std::string attempt(std::string code, bool network = false) {
  auto command = python("import os, socket, ctypes, errno\n"
                        "def attempt(f):\n"
                        "  try:\n"
                        "    return f'did it: {f()!r}'\n"
                        "  except OSError as e:\n"
                        "    return errno.errorcode[e.errno]\n"
                        "libc = ctypes.CDLL(None, use_errno=True)\n"
                        "def syscall(*args):\n"
                        "  if libc.syscall(*args) < 0: raise OSError(ctypes.get_errno(), 'no')\n"
                        + std::move(code));
  command.limits.network = network;
  return run(command).out;
}

} // namespace

CAF_TEST(output and exit code of a program come back) {
  auto command = python("import sys; print('out'); print('err', file=sys.stderr); "
                        "print(sys.stdin.read()); sys.exit(3)");
  command.input = "typed";
  std::vector<std::string> lines;
  command.on_line = [&](std::string_view line) { lines.emplace_back(line); };
  auto done = run(command);
  CAF_CHECK_EQUAL(done.exit_code, 3);
  CAF_CHECK_EQUAL(done.out, "out\ntyped\n");
  CAF_CHECK_EQUAL(done.err, "err\n");
  std::sort(lines.begin(), lines.end());
  CAF_CHECK_EQUAL(lines, (std::vector<std::string>{"err", "out", "typed"}));
  CAF_CHECK(!done.succeeded());
}

CAF_TEST(a program that dies by a signal is told so) {
  CAF_CHECK_EQUAL(run(python("import os; os.abort()")).signal, SIGABRT);
}

CAF_TEST(the environment is what was asked for) {
  ::setenv("MILLRACE_TEST_LEAK", "1", 1);
  sandbox_command command;
  command.argv = {"/usr/bin/env"};
  command.environment = {{"TOKEN", "s3cret"}, {"LANG", "C"}, {"LD_PRELOAD", "/nonexistent.so"}};
  auto done = run_sandboxed(command);
  CAF_REQUIRE(done.has_value());
  CAF_CHECK(done->out.find("TOKEN=s3cret\n") != std::string::npos);
  CAF_CHECK(done->out.find("LANG=C\n") != std::string::npos);
  CAF_CHECK(done->out.find("LEAK") == std::string::npos);
}

CAF_TEST(the program has no rights and a user of its own) {
  auto done = run(
      python("import os\n"
             "print(os.getuid(), os.getgid(), os.getpid() < 10)\n"
             "print({l.split()[1] for l in open('/proc/self/status') if l.startswith('Cap')})\n"
             "print([l.split()[1] for l in open('/proc/self/status') if "
             "l.startswith(('NoNewPrivs', 'Seccomp:'))])\n"
             "print(len([p for p in os.listdir('/proc') if p.isdigit()]) <= 3)"));
  CAF_CHECK_EQUAL(done.out, "65534 65534 True\n{'0000000000000000'}\n['1', '2']\nTrue\n");
}

CAF_TEST(files of the host cannot be read or written) {
  CAF_CHECK_EQUAL(
      attempt("for f in '/etc/shadow', '/root', '/home', '/var/log', '/sys', '/etc/machine-id':\n"
              "  print(attempt(lambda: os.stat(f)))"),
      "ENOENT\nENOENT\nENOENT\nENOENT\nENOENT\nENOENT\n");
  CAF_CHECK_EQUAL(attempt("for f in '/x', '/usr/x', '/etc/x', '/dev/x', "
                          "'/proc/sys/kernel/hostname', '/etc/passwd':\n"
                          "  print(attempt(lambda: os.open(f, os.O_CREAT | os.O_WRONLY)))"),
                  "EROFS\nEROFS\nEROFS\nEROFS\nEACCES\nEACCES\n");
  CAF_CHECK_EQUAL(attempt("print(attempt(lambda: open('/tmp/x', 'w').write('ok')), attempt(lambda: "
                          "open('/dev/shm/x', 'w').write('ok')))"),
                  "did it: 2 did it: 2\n");
}

CAF_TEST(forbidden system calls are denied) {
  // ptrace, mount, unshare(NEWUSER), bpf, io_uring_setup, keyctl, userfaultfd, clone3
  CAF_CHECK_EQUAL(
      attempt(
          "import platform\nassert platform.machine() == 'x86_64'\n"
          "for c in (101, 0), (165,), (272, 0x10000000), (321,), (425,), (250,), (323,), (435,):\n"
          "  print(attempt(lambda: syscall(*c, *(0,) * (6 - len(c)))))"),
      "EPERM\nEPERM\nEPERM\nEPERM\nEPERM\nEPERM\nEPERM\nENOSYS\n");
  CAF_CHECK_EQUAL(
      attempt(
          "import fcntl, termios\nprint(attempt(lambda: fcntl.ioctl(0, termios.TIOCSTI, b'x')))"),
      "EPERM\n");
  CAF_CHECK_EQUAL(attempt("print(attempt(lambda: os.setuid(0)))"), "EINVAL\n");
}

CAF_TEST(the network is there only when asked for) {
  std::string code
      = "for f in socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, "
        "socket.AF_PACKET, 38:\n"
        "  print(attempt(lambda: socket.socket(f, socket.SOCK_RAW if f == socket.AF_NETLINK else"
        " socket.SOCK_STREAM).close()))";
  CAF_CHECK_EQUAL(attempt(code), "did it: None\nEPERM\nEPERM\nEPERM\nEPERM\nEPERM\n");
  CAF_CHECK_EQUAL(attempt(code, true),
                  "did it: None\ndid it: None\ndid it: None\ndid it: None\nEPERM\nEPERM\n");
}

CAF_TEST(a read only directory inside a private one is seen and not written) {
  private_dir dir;
  fs::create_directories(dir.path / "code");
  std::ofstream{dir.path / "code" / "hello"} << "hi";
  auto command = python("import os, sys; d = sys.argv[1]; print(open(d + '/hello').read())\n"
                        "try: open(d + '/new', 'w')\nexcept OSError as e: print(e.errno)");
  command.argv.push_back(dir.path / "code");
  command.binds = {{dir.path / "code"}};
  CAF_CHECK_EQUAL(run(command).out, "hi\n30\n");
  command.binds = {{dir.path / "code", "/module"}};
  command.argv.back() = "/module";
  CAF_CHECK_EQUAL(run(command).out, "hi\n30\n");
}

CAF_TEST(a writable directory is filled and belongs to the daemon afterwards) {
  private_dir dir;
  fs::create_directories(dir.path / "build");
  std::ofstream{dir.path / "outside"} << "mine";
  auto command
      = python("import os; os.chdir('/build'); os.makedirs('a/b'); open('a/b/c', 'w').write('x')\n"
               "os.symlink('/outside', 'link'); os.chmod('a/b/c', 0o6755)");
  command.binds = {{dir.path / "build", "/build", true}};
  auto done = run(command);
  CAF_CHECK(done.succeeded());
  for (const char* name : {"build", "build/a", "build/a/b", "build/a/b/c", "build/link"}) {
    struct stat info {};
    CAF_CHECK_EQUAL(::lstat((dir.path / name).c_str(), &info), 0);
    CAF_CHECK_EQUAL(info.st_uid, ::geteuid());
    if (::geteuid() == 0 && S_ISREG(info.st_mode)) CAF_CHECK_EQUAL(info.st_mode & 06000, 0u);
  }
}

CAF_TEST(a bind that does not exist is an error with its name) {
  auto command = python("pass");
  command.binds = {{"/nonexistent/dir"}};
  auto done = run_sandboxed(command);
  CAF_REQUIRE(!done.has_value());
  CAF_CHECK(done.error().text.find("/nonexistent/dir") != std::string::npos);
}

CAF_TEST(a bind that its user cannot read is an error with the way out) {
  private_dir dir;
  auto command = python("import os, sys; print(os.listdir(sys.argv[1]))");
  command.argv.push_back(dir.path);
  command.binds = {{dir.path}};
  auto done = run_sandboxed(command);
  if (::geteuid() != 0) {
    CAF_CHECK_EQUAL(done->out, "[]\n");
    return;
  }
  CAF_REQUIRE(!done.has_value());
  CAF_CHECK(done.error().hint.find("chmod -R o+rX " + dir.path.string()) != std::string::npos);
}

CAF_TEST(the time limit ends the whole tree) {
  auto marker = "9" + std::to_string(::getpid());
  auto command = python(
      "import subprocess, os, time\n"
      "subprocess.Popen(['/usr/bin/sleep', '"
      + marker
      + "'], start_new_session=True)\n"
        "if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0: time.sleep(1000)\n  os._exit(0)\n"
        "time.sleep(1000)");
  command.time_ms_max = 700;
  auto done = run(command);
  CAF_CHECK(done.timed_out);
  CAF_CHECK(!done.succeeded());
  auto alive = [&] {
    for (const auto& entry : fs::directory_iterator{"/proc"}) {
      std::ifstream in{entry.path() / "cmdline"};
      std::string text{std::istreambuf_iterator<char>{in}, {}};
      if (text.find(marker) != std::string::npos) return true;
    }
    return false;
  };
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (alive() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  CAF_CHECK(!alive());
}

CAF_TEST(a request to stop ends the program) {
  std::stop_source source;
  auto command = python("print('up', flush=True); import time; time.sleep(1000)");
  command.stop = source.get_token();
  command.on_line = [&](std::string_view) { source.request_stop(); };
  auto done = run(command);
  CAF_CHECK(done.stopped);
}

CAF_TEST(endless output is capped and its program still timed) {
  auto command = python("while True: print('x' * 1000)");
  command.time_ms_max = 500;
  command.output_bytes_max = 5'000;
  auto done = run(command);
  CAF_CHECK(done.timed_out);
  CAF_CHECK(done.truncated);
  CAF_CHECK_EQUAL(done.out.size(), 5'000u);
}

CAF_TEST(memory processes files and disk are limited) {
  auto command = python("try: b = bytearray(1 << 30)\nexcept MemoryError: print('no memory')");
  command.limits.memory_bytes = 256u << 20;
  CAF_CHECK_EQUAL(run(command).out, "no memory\n");

  command = python("import os, time\nn = 0\ntry:\n"
                   "  for _ in range(500):\n    if os.fork() == 0: time.sleep(100)\n    n += 1\n"
                   "except BlockingIOError: print(n, flush=True)\nos._exit(0)");
  command.limits.processes = 20;
  auto forks = std::atoi(run(command).out.c_str());
  CAF_CHECK(forks >= 15 && forks <= 20);

  command = python("f = []\ntry:\n  while True: f.append(open('/dev/null'))\nexcept OSError as e: "
                   "print(e.errno)");
  command.limits.files = 32;
  CAF_CHECK_EQUAL(run(command).out, "24\n");

  command
      = python("import signal\nf = open('/tmp/big', 'wb')\ntry:\n  while True: f.write(b'x' * "
               "65536)\nexcept OSError as e: print(e.errno, flush=True)\nimport os; os._exit(0)");
  command.limits.tmp_bytes = 1u << 20;
  CAF_CHECK_EQUAL(run(command).out, "28\n");
}

CAF_TEST(a nested user namespace cannot be made) {
  sandbox_command command;
  command.argv = {"/usr/bin/unshare", "--user", "/usr/bin/true"};
  auto done = run(command);
  CAF_CHECK(!done.succeeded());
}

CAF_TEST(the report says what this machine can do and what it cannot) {
  const auto& report = machine_sandbox();
  for (const auto& sentence : report.missing)
    CAF_MESSAGE(sentence);
  CAF_CHECK(report.namespaces);
  CAF_CHECK(report.seccomp);
  CAF_CHECK_EQUAL(report.own_uid, ::geteuid() == 0);
  CAF_CHECK(report.cgroups || !report.missing.empty());
}
