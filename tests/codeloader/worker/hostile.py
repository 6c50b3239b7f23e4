"""Functions that mean harm. What they can do is returned; what they must not be able to do raises or ends the worker."""

import ctypes
import errno
import os
import signal
import socket
import sys
import time

NODE = 3


def attempt(what):
    try:
        return f"did it: {what()!r}"
    except OSError as error:
        return errno.errorcode[error.errno]


def reads_the_host():
    return [attempt(lambda: os.listdir(path)) for path in ("/root", "/home", "/var", "/sys", "/etc/ssl")] + [
        attempt(lambda: open(path).read()) for path in ("/etc/shadow", "/etc/machine-id", "/proc/kcore")
    ]


def writes(paths):
    return [attempt(lambda: open(path, "w").close()) for path in paths]


def sees_processes():
    return sorted(int(p) for p in os.listdir("/proc") if p.isdigit())


def connects():
    return [attempt(lambda: socket.socket(family).close()) for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)]


def signals_others(pid):
    return [attempt(lambda: os.kill(pid, 0)), attempt(lambda: os.kill(-1, 0))]


def calls_kernel():
    libc = ctypes.CDLL(None, use_errno=True)

    def call(*args):
        if libc.syscall(*args) < 0:
            raise OSError(ctypes.get_errno(), "")

    # ptrace, mount, unshare(CLONE_NEWUSER), bpf, setns
    return [attempt(lambda: call(number, flag, 0, 0, 0, 0)) for number, flag in
            ((101, 0), (165, 0), (272, 0x10000000), (321, 0), (308, 0))]


def reads_others(paths):
    """Files and directories of the daemon and of other processors, by their names on the host."""
    return [attempt(lambda: os.stat(path)) for path in paths]


def reads_processes():
    """Whatever environment can be found: of the first process of the sandbox, of this one, of all others."""
    found = []
    for pid in os.listdir("/proc"):
        try:
            found.append(open(f"/proc/{pid}/environ", "rb").read().decode())
        except OSError:
            pass
    return "\n".join(found)


def follows_links():
    out = []
    for number, target in enumerate(("/etc/shadow", "/proc/1/root/root", "../../../../root", "/proc/self/cwd/../root/.ssh")):
        link = f"/tmp/link{number}"
        os.symlink(target, link)
        out.append(attempt(lambda: os.listdir(link) if os.path.isdir(link) else open(link).read()))
    return out


def becomes_root():
    """By name, by number, and by a program that is setuid on the host."""
    out = [attempt(lambda: os.setuid(0)), attempt(lambda: os.setresgid(0, 0, 0)), attempt(lambda: os.setgroups([0]))]
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return out + [status["NoNewPrivs"].strip(), status["CapEff"].strip(), status["CapBnd"].strip()]


def runs_setuid_program():
    import subprocess

    program = next(path for path in ("/usr/bin/su", "/usr/bin/mount") if os.stat(path).st_mode & 0o4000)
    subprocess.run([program, "--version"], capture_output=True)
    reader = "import os; print(os.geteuid())"
    return subprocess.run(["/usr/bin/python3", "-c", reader], capture_output=True, text=True).stdout.strip()


def logs_a_million_lines():
    for number in range(1_000_000):
        print(number)
    return "logged"


kept = []


def leaves_descriptors_open(count):
    kept.extend(os.open("/dev/null", os.O_RDONLY) for _ in range(count))
    return len(kept)


def fork_bomb():
    n = 0
    try:
        while n < 5000:
            if os.fork() == 0:
                time.sleep(1000)
            n += 1
    except OSError:
        pass
    return n


def hogs_memory():
    hoard = []
    while True:
        hoard.append(bytearray(16 << 20))


def fills_disk():
    with open("/tmp/big", "wb") as f:
        while True:
            f.write(bytes(1 << 20))


def leaves_daemons(marker):
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.execv("/usr/bin/sleep", ["sleep", marker])
            os._exit(0)
    return "left"


def lies_about_length():
    os.write(NODE, b"\xff\xff\xff\xff" + b"x" * 1000)
    time.sleep(1000)


def sends_garbage():
    os.write(NODE, b"\x00\x00\x00\x04abcd")
    time.sleep(1000)


def invents_a_result():
    # [4, [[999, 1, null]]]
    os.write(NODE, b"\x00\x00\x00\x09\x82\x04\x81\x83\x19\x03\xe7\x01\xf6")
    time.sleep(1000)


def closes_everything():
    os.closerange(0, 256)
    time.sleep(1000)


def never_ends():
    while True:
        pass


def prints_for_ever():
    while True:
        print("x" * 1000)
        os.write(2, b"y" * 1000)


def returns_a_gigabyte():
    return b"x" * (1 << 30)


def opens_descriptors():
    kept = []
    while True:
        kept.append(os.open("/dev/null", os.O_RDONLY))


def recurses_without_limit():
    sys.setrecursionlimit(1 << 30)
    return never_returns()


def never_returns():
    return never_returns()
