"""Real daemons, real repositories, real clients, for tests that a new user could have typed. Python's standard library only."""

import contextlib
import http.client
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_S_MAX = 60
SETTLE_S_MAX = 120


class Refused(Exception):
    """The node said no: `status` of HTTP and the problem that came with it."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status = status
        self.code = problem.get("code", "")
        self.problem = problem


def seed_of_this_run():
    """Printed, so that MILLRACE_SEED=<it> replays the run."""
    seed = int(os.environ.get("MILLRACE_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"MILLRACE_SEED={seed}", flush=True)
    return seed


def until(what, condition, seconds=SETTLE_S_MAX, every_s=0.05):
    """Waits for a condition, never for a time; the only place where anything waits."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}; last answer: {answer!r}")
        select.select([], [], [], every_s)


class Repository:
    """A git repository with one module."""

    def __init__(self, directory, name="mod", **files):
        self.path = os.path.join(directory, name)
        os.makedirs(self.path)
        self.git("init", "-q", "-b", "main")
        self.commit(**files)

    def git(self, *words):
        env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
        identity = ["-c", "user.email=test@example.org", "-c", "user.name=test", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *words], cwd=self.path, env=env, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"git {words}: {done.stderr}")
        return done.stdout.strip()

    def commit(self, message="change", **files):
        for name, text in files.items():
            with open(os.path.join(self.path, name + ".py"), "w", encoding="utf-8") as out:
                out.write(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


def free_port():
    """Below the ports that the system gives to clients: one of those, trying to connect while the daemon is down, may
    be given the daemon's own port."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Node:
    """One daemon on a directory; may be killed and started again, on the same port."""

    def __init__(self, bin_dir, directory, *options, name="lab", allow=None):
        self.bin_dir = bin_dir
        self.data = os.path.join(directory, "data")
        self.options = ["--name", name, "--allow-repo", allow or f"file://{directory}/*", *options]
        self.address = f"127.0.0.1:{free_port()}"
        self.process = None
        self.log = os.path.join(directory, "node.log")

    def start(self, expect_ready=True):
        command = [os.path.join(self.bin_dir, "flow-node"), "--data", self.data, "--api", self.address, *self.options]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        line = self._first_line()
        if not expect_ready:
            return line
        if " ready " not in line:
            self.process.wait(timeout=START_S_MAX)
            raise AssertionError(f"no ready line but {line!r}; log: {self.log_text()[-2000:]}")
        self.address = next(w for w in line.split() if w.startswith("api="))[4:]
        return line

    def _first_line(self):
        deadline = time.monotonic() + START_S_MAX
        line = b""
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            if not readable:
                raise AssertionError("the daemon said nothing")
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                break
            line += piece
        return line.decode()

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code

    @property
    def token(self):
        with open(os.path.join(self.data, "admin.token"), encoding="ascii") as file:
            return file.read().strip()

    # -- REST -------------------------------------------------------------------

    def connect(self):
        return Client(self)

    def verb(self, verb, **params):
        with contextlib.closing(self.connect()) as client:
            return client.verb(verb, **params)

    # -- the command line -------------------------------------------------------

    def flow(self, *words, data=None, expect=0, quiet=False):
        """Runs `flow`; `expect` is the exit code, or None for any. Returns stdout (or the finished process for None)."""
        env = dict(os.environ, FLOW_ADDRESS=self.address, FLOW_TOKEN_FILE=os.path.join(self.data, "admin.token"),
                   FLOW_CONFIG_DIR=os.path.join(os.path.dirname(self.data), "config"))
        stdin = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run([os.path.join(self.bin_dir, "flow"), *words], env=env, capture_output=True, text=True,
                              timeout=SETTLE_S_MAX, **stdin)
        if not quiet:
            print("$ flow " + " ".join(words), f"-> {done.returncode}", flush=True)
        if expect is None:
            return done
        if done.returncode != expect:
            raise AssertionError(f"flow {words}: exit {done.returncode}, not {expect}\n{done.stdout}\n{done.stderr}")
        return done.stdout


class Client:
    """One HTTP connection, kept alive; a broken one raises OSError and is opened again by the next request."""

    def __init__(self, node):
        self.node = node
        self.http = None

    def request(self, method, path, body=None):
        if self.http is None:
            host, port = self.node.address.rsplit(":", 1)
            self.http = http.client.HTTPConnection(host, int(port), timeout=SETTLE_S_MAX)
        try:
            headers = {"Authorization": "Bearer " + self.node.token, "Content-Type": "application/json"}
            self.http.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self.http.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as lost:
            self.close()
            raise OSError(f"connection lost: {lost!r}") from lost
        parsed = json.loads(text) if text else {}
        if answer.status >= 400:
            raise Refused(answer.status, parsed)
        return parsed

    def verb(self, verb, **params):
        return self.request("POST", f"/api/v1/verbs/{verb}", params)

    def call(self, socket, *args, **options):
        return self.request("POST", "/api/v1/calls", {"socket": socket, "args": list(args), **options})

    def close(self):
        if self.http is not None:
            self.http.close()
            self.http = None


def all_calls(node, filter_text=""):
    """Every call, page by page."""
    calls, cursor = [], None
    with contextlib.closing(node.connect()) as client:
        while True:
            params = {"limit": 5000}
            if filter_text:
                params["filter"] = filter_text
            if cursor:
                params["cursor"] = cursor
            page = client.verb("call.list", **params)
            calls += page["items"]
            cursor = page["next"]
            if not cursor:
                return calls


def settled(node, name):
    """The status of a processor that has left the states that pass by themselves."""
    def status():
        found = node.verb("object.show", kind="processor", name=name)["status"]
        return found if found["state"] in ("running", "broken", "stopped") else None
    return until(f"processor {name} runs, or is broken", status)


def names(node, kind):
    return set(node.flow("ls", kind, "-o", "name", quiet=True).split())


def add_processor(node, name, repository, module="mod", **spec):
    done = node.verb("object.add", kind="processor", name=name,
                     spec={"repository": repository.path, "module": module, **spec})
    until(f"processor {name} runs", lambda: node.verb("object.show", kind="processor", name=name)["status"]["state"] == "running")
    return done


@contextlib.contextmanager
def workplace(prefix):
    """A directory that goes when the test has passed, and stays, with its name printed, when it has not."""
    directory = tempfile.mkdtemp(prefix=f"millrace-{prefix}-")
    os.chmod(directory, 0o755)
    try:
        yield directory
    except BaseException:
        print(f"left for inspection: {directory}", flush=True)
        raise
    shutil.rmtree(directory, ignore_errors=True)


def main(tests):
    """Runs the named tests of a file, in order; the bin directory is the first argument."""
    bin_dir = os.path.abspath(sys.argv[1])
    chosen = sys.argv[2:]
    for test in tests:
        if chosen and test.__name__ not in chosen:
            continue
        began = time.monotonic()
        print(f"== {test.__name__}: {test.__doc__}", flush=True)
        test(bin_dir)
        print(f"== {test.__name__}: passed in {time.monotonic() - began:.1f} s", flush=True)
