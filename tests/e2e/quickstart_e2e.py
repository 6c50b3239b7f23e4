"""What a new user types first, word for word: the guide, the README, a flow of plugs, the example program."""

import json
import os
import re
import subprocess

from harness import Node, Repository, all_calls, main, names, settled, until, workplace

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SAMPLE = '''
def do_something(message):
    return "something: " + str(message)

def do_this(message):
    return "this: " + str(message)

def measure(message):
    return {"length": len(message)}
'''

JOINED = '''
def source(n):
    return n

def left(n):
    return n + 1

def right(n):
    return n * 10

def total(a, b):
    return [a, b]

def unjoined(n):
    return n
'''

def sample_repository(directory):
    """The module pyfi.processors.sample: a package in a package."""
    repository = Repository(directory, "pyfi", unrelated="")
    package = os.path.join(repository.path, "pyfi", "processors")
    os.makedirs(package)
    repository.commit(**{"pyfi/__init__": "", "pyfi/processors/__init__": "", "pyfi/processors/sample": SAMPLE})
    return repository


def the_documented_lines_work(bin_dir):
    """The lines of the guide, word for word but for the repository's address; kill -9, and on; SIGTERM ends with 0"""
    with workplace("quickstart") as directory:
        repository = sample_repository(directory)
        node = Node(bin_dir, directory)
        node.start()
        flow = node.flow
        flow("add", "queue", "-n", "pyfi.queue1", "-t", "direct")
        flow("add", "processor", "-n", "proc1", "-g", repository.path, "-m", "pyfi.processors.sample", "-h", "localhost", "-c", "5")
        assert settled(node, "proc1")["state"] == "running"
        assert node.verb("object.show", kind="processor", name="proc1")["spec"]["cpus"] == 5
        for task in ("do_something", "do_this", "measure"):
            flow("add", "socket", "-n", f"pyfi.processors.sample.{task}", "-q", "pyfi.queue1", "-pn", "proc1", "-t", task)
        here = node.verb("object.show", kind="socket", name="pyfi.processors.sample.measure")
        assert here["spec"]["queue"] == "pyfi.queue1", here

        # Three functions, one processor: each gives what is its own. Nothing else is on stdout.
        something, this, measure = (f"pyfi.processors.sample.{task}" for task in ("do_something", "do_this", "measure"))
        assert flow("task", "run", "--socket", something, "--data", "['some data']") == "something: ['some data']\n"
        assert flow("task", "run", this, "--data", '"x"') == "this: x\n"
        assert json.loads(flow("task", "run", measure, "--data", '"four"')) == {"length": 4}
        assert flow("task", "run", this, "--args", "['y']") == "this: y\n"
        assert flow("task", "run", this, "--arg", "message=z") == "this: z\n"
        assert json.loads(flow("task", "run", this, "--data", '"x"', "-o", "json")) == "this: x"

        # A pipe of two, as in a shell.
        first = flow("task", "run", "-s", something, data="HI THERE!\n")
        assert first == "something: HI THERE!\n", first
        assert flow("task", "run", "-s", this, data=first) == "this: something: HI THERE!\n"

        # A stream of lines: results in the order of the lines.
        lines = flow("task", "run", measure, "--jsonl", data="".join(json.dumps("x" * n) + "\n" for n in range(50)))
        assert [json.loads(line) for line in lines.splitlines()] == [{"length": n} for n in range(50)], lines

        # Apart from the caller.
        call = flow("task", "run", this, "--data", '"later"', "--detach").strip()
        flow("call", "wait", call)
        assert flow("call", "result", call) == "this: later\n"
        assert flow("ls", "call", "--id", call, "--result") == "this: later\n"
        again = [flow("task", "run", this, "--data", '"keyed"', "--key", "k1", "--detach").strip() for _ in range(2)]
        assert again[0] == again[1], again
        assert sum(call["key"] == "k1" for call in all_calls(node)) == 1

        before = {call["id"]: call["state"] for call in all_calls(node)}
        node.kill()
        node.start()
        after = {call["id"]: call["state"] for call in all_calls(node)}
        assert set(before) == set(after), set(before) ^ set(after)
        assert flow("call", "result", call) == "this: later\n"
        assert flow("task", "run", "--socket", something, "--data", "['more']") == "something: ['more']\n"
        assert flow("task", "run", this, "--data", '"keyed"', "--key", "k1", "--detach").strip() == again[0]
        assert node.stop() == 0, node.log_text()[-2000:]


def one_call_leads_to_others(bin_dir):
    """A plug's tree of calls; two plugs that feed two arguments of one call"""
    with workplace("plugs") as directory:
        repository = Repository(directory, joined=JOINED)
        node = Node(bin_dir, directory)
        node.start()
        flow = node.flow
        flow("add", "processor", "joined", "-g", repository.path, "-m", "joined", "-c", "2")
        assert settled(node, "joined")["state"] == "running"
        for name, source, target in (("to-left", "source", "left"), ("to-right", "source", "right"),
                                     ("from-left", "left", "total"), ("from-right", "right", "total")):
            flow("add", "plug", "-n", name, "-s", f"joined.{source}", "-t", f"joined.{target}")
        flow("add", "argument", "-p", "from-left", "-t", "total", "-a", "a")
        flow("add", "argument", "-p", "from-right", "-t", "total", "-a", "b")
        assert names(node, "argument") == {"from-left.a", "from-right.b"}

        results = {}
        for number in (1, 2, 3):
            root = flow("task", "run", "joined.source", "--data", str(number), "--detach").strip()
            def totals():
                return [call for call in all_calls(node) if call["socket"] == "joined.total" and call["root"] == root]
            until("the last call of the tree has finished", lambda: [call["state"] for call in totals()] == ["finished"])
            results[number] = json.loads(flow("call", "result", totals()[0]["id"]))
            tree = flow("ls", "call", "--id", root, "--tree")
            for line in ("joined.source", "joined.left", "joined.right", "joined.total"):
                assert line in tree, tree
        assert results == {n: [n + 1, n * 10] for n in (1, 2, 3)}, results
        assert node.stop() == 0


def commands_of_readme():
    """The lines after `$` of the section "By hand" and, for each, what the page shows below it."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        section = file.read().split("## By hand", 1)[1].split("\n## ", 1)[0]
    typed = []
    for block in re.findall(r"```console\n(.*?)```", section, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                typed.append((line[2:], []))
            else:
                typed[-1][1].append(line)
    return typed


def the_page_of_the_project_works(bin_dir):
    """README.md, section "By hand": every line typed as it stands, every output as it is shown"""
    with workplace("readme") as directory:
        home = os.path.join(directory, "home")
        os.makedirs(home)
        typed = commands_of_readme()
        assert len(typed) > 10, typed
        # Only the place of the built programs differs.
        script = "\n".join(["set -e", "trap 'flow down -q --force' EXIT"]
                           + [command.replace("$PWD/build/release/bin", bin_dir) for command, _ in typed])
        with open(os.path.join(home, ".gitconfig"), "w", encoding="ascii") as config:
            config.write("[user]\nname = new\nemail = new@example.org\n")
        env = {"PATH": os.environ["PATH"], "HOME": home}
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
        print(done.stdout, flush=True)
        assert done.returncode == 0, done.stderr
        for command, shown in typed:
            for line in shown:
                assert line in done.stdout.splitlines(), f"{command}: no line {line!r} in {done.stdout}"
        assert "note: " not in done.stderr, f"the page teaches older spellings: {done.stderr}"


def the_example_program_runs(bin_dir):
    """examples/client against the module of examples/hello: a call, a launch, a cancel, a thousand at once, from an actor"""
    with workplace("client") as directory:
        with open(os.path.join(ROOT, "examples", "hello", "hello.py"), encoding="utf-8") as file:
            repository = Repository(directory, "hello", hello=file.read())
        node = Node(bin_dir, directory)
        node.start()
        node.flow("add", "processor", "hello", "-g", repository.path, "-m", "hello", "--cpus", "2")
        assert settled(node, "hello")["state"] == "running"
        command = [os.path.join(bin_dir, "hello_client"), node.address, os.path.join(node.data, "admin.token"), "hello.greet"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        print(done.stdout, flush=True)
        assert done.returncode == 0 and not done.stderr, (done.returncode, done.stderr)
        for line in ("connected to lab as admin", "called: Hello, world!", "result: Hello, later!", "cancelled: cancelled",
                     "many: 1000 of 1000 finished", "actor: Hello, actor!"):
            assert line in done.stdout.splitlines(), f"no line {line!r} in {done.stdout}"
        launched = [call for call in all_calls(node) if call["key"] == "order-17"]
        assert len(launched) == 1 and launched[0]["priority"] == 7, launched
        assert node.stop() == 0


if __name__ == "__main__":
    main([the_documented_lines_work, one_call_leads_to_others, the_page_of_the_project_works, the_example_program_runs])
