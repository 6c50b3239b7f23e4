"""What a new user gets wrong: a clear error that names what, where, why and the way out, and nothing half-made."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess

from harness import START_S_MAX, Node, Refused, Repository, add_processor, all_calls, main, names, settled, workplace

FAULTY = '''
def fine(n):
    return n

def a_lambda():
    return lambda: 1

def a_file():
    return open("/proc/self/stat")

def a_socket():
    import socket
    return socket.socketpair()[0]

def large():
    return "x" * (65 << 20)

def fails(n):
    raise KeyError("cup")
'''

PAYLOAD_BYTES_MAX = 64 << 20


def refused(node, code, exit_code, *words, says=(), data=None):
    """Runs `flow`: it must end with this exit code, an error of this code that names what it is about, and an empty stdout."""
    done = node.flow(*words, expect=None, data=data)
    where = f"flow {words}: exit {done.returncode}, stdout {done.stdout[:500]!r}, stderr {done.stderr[:2000]!r}"
    assert done.returncode == exit_code, f"expected exit {exit_code}: {where}"
    assert done.stdout == "", where
    assert not code or f"error[{code}]" in done.stderr, f"expected {code}: {where}"
    for word in says:
        assert word in done.stderr, f"does not say {word!r}: {where}"
    assert "Traceback" not in done.stderr or exit_code == 1, where
    # The same as one JSON object for programs.
    again = node.flow(*words, "-o", "json", expect=None, data=data, quiet=True)
    assert again.returncode == exit_code and again.stdout == "", (again.returncode, again.stdout)
    if code:
        problem = json.loads(again.stderr)
        assert problem["code"] == code and problem["message"], problem
    return done


def posted(node, body):
    """A call over REST whose body may be refused before all of it was sent: the answer is there to read all the same."""
    host, port = node.address.rsplit(":", 1)
    http_connection = http.client.HTTPConnection(host, int(port), timeout=START_S_MAX)
    with contextlib.closing(http_connection):
        headers = {"Authorization": "Bearer " + node.token, "Content-Type": "application/json"}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            http_connection.request("POST", "/api/v1/calls", json.dumps(body), headers)
        answer = http.client.HTTPResponse(http_connection.sock, method="POST")
        answer.begin()
        return answer.status, json.loads(answer.read())


def kept_code(node):
    """What the node keeps of repositories: names of directories, two levels deep."""
    kept = set()
    for place, directories, _ in os.walk(os.path.join(node.data, "code")):
        kept.update(os.path.join(place, name) for name in directories)
        if os.path.relpath(place, node.data).count(os.sep) >= 1:
            directories.clear()
    return kept


def bad_input_gets_a_clear_error(bin_dir):
    """Wrong repositories, modules, names, arguments, results and sizes: exit code, error code, the thing named; nothing half-made"""
    with workplace("bad-input") as directory:
        repository = Repository(directory, faulty=FAULTY, unparsable="def f(:\n    pass\n",
                                raising="raise RuntimeError('the flux is missing')\n")
        path = repository.path
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "good", repository, module="faulty")
        kinds = ("processor", "socket", "queue", "plug", "argument")
        before, code_before = {kind: names(node, kind) for kind in kinds}, kept_code(node)
        assert len(before["socket"]) == 6, before

        nowhere, sha = os.path.join(directory, "nowhere"), "deadbeef" * 5
        add = ("add", "processor", "bad", "-m", "faulty", "-g")
        refused(node, "F0305", 3, *add, nowhere, says=[nowhere])
        refused(node, "F0306", 3, *add, path, "--branch", "nobranch", says=["nobranch", path])
        refused(node, "F0306", 3, *add, path, "--commit", sha, says=[sha, path])
        refused(node, "F0306", 3, *add, path, "--tag", "v9", says=["v9", path])
        refused(node, "F0403", 4, *add, "https://example.org/x.git", says=["https://example.org/x.git", "--allow-repo"])
        refused(node, "F0501", 5, "add", "processor", "good", "-g", path, "-m", "faulty", says=["good"])
        refused(node, "F0304", 3, "add", "socket", "s", "--processor", "good", "-t", "nofunction", says=["nofunction", "good", "a_lambda"])
        refused(node, "F0113", 2, "add", "socket", "s", "--processor", "nobody", "-t", "fine", says=["nobody"])
        refused(node, "F0113", 2, "add", "plug", "p", "-s", "faulty.fine", "-t", "faulty.nothere", says=["faulty.nothere"])
        refused(node, "F0302", 3, "show", "processor", "goood", says=["goood", 'did you mean "good"'])
        refused(node, "F0101", 2, "frobnicate", says=["frobnicate"])
        assert {kind: names(node, kind) for kind in kinds} == before, "something half-made is left"
        assert kept_code(node) == code_before, "code of what was refused is left"

        refused(node, "F0105", 2, "task", "run", "faulty.fine", "--arg", "wrong=1", says=["wrong", "fine(n)"])
        refused(node, "F0105", 2, "task", "run", "faulty.fine", "--nodata", says=['"n"', "fine(n)"])
        refused(node, "F0105", 2, "task", "run", "faulty.fine", "--args", "[1, 2]", says=["fine(n)"])
        refused(node, "F0105", 2, "task", "run", "faulty.fine", "--args", "[1]", "--arg", "n=2", says=['"n"', "fine(n)"])
        refused(node, "F0107", 2, "task", "run", "faulty.fine", "--data", "[1", says=["--data"])
        refused(node, "F0301", 3, "task", "run", "faulty.fien", "--data", "1", says=["faulty.fien", "did you mean", "faulty.fine"])
        refused(node, "F0303", 3, "show", "call", "0192f3a1-7c44", says=["0192f3a1-7c44"])
        refused(node, "F0115", 2, "call", "wait", "zzz", says=["zzz"])
        assert all_calls(node) == [], "a refused call was kept"

        # Calls that fail: exit code 1, and why.
        refused(node, None, 1, "task", "run", "faulty.a_lambda", "--nodata", says=["faulty.a_lambda", "not a value", "function"])
        refused(node, None, 1, "task", "run", "faulty.a_file", "--nodata", says=["faulty.a_file", "not a value", "TextIOWrapper"])
        refused(node, None, 1, "task", "run", "faulty.a_socket", "--nodata", says=["faulty.a_socket", "not a value", "socket"])
        refused(node, None, 1, "task", "run", "faulty.large", "--nodata", says=["faulty.large", "larger than 67108864 bytes"])
        refused(node, None, 1, "task", "run", "faulty.fails", "--data", "1", says=["KeyError: 'cup'", "faulty.py", "flow call retry"])

        # Too large: the command line sees it by itself; REST is refused by the node, which goes on.
        large = os.path.join(directory, "large.json")
        with open(large, "w", encoding="ascii") as out:
            out.write('"' + "x" * (PAYLOAD_BYTES_MAX + (1 << 20)) + '"')
        refused(node, "F0106", 2, "task", "run", "faulty.fine", "--data", "@" + large, says=[large, "64 MiB"])
        status, problem = posted(node, {"socket": "faulty.fine", "args": ["x" * (PAYLOAD_BYTES_MAX + (1 << 20))]})
        assert status == 413 and problem["code"] == "F0106", (status, problem)
        assert node.flow("task", "run", "faulty.fine", "--data", "7") == "7\n"
        assert {kind: names(node, kind) for kind in kinds} == before
        assert node.stop() == 0
        refused(node, "F0701", 7, "ls", "queue", says=[node.address])


def a_broken_module_is_told_of(bin_dir):
    """A module that is not there, does not parse or raises at import: its processor says so, the others go on"""
    with workplace("broken") as directory:
        repository = Repository(directory, faulty=FAULTY, unparsable="def f(:\n    pass\n",
                                raising="raise RuntimeError('the flux is missing')\n")
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "good", repository, module="faulty")
        sockets = names(node, "socket")
        for name, module, says in (("missing", "nomodule", ("F0307", "nomodule")),
                                   ("unparsable", "unparsable", ("F0109", "unparsable.py:1", "invalid syntax")),
                                   ("raising", "raising", ("RuntimeError: the flux is missing", "raising.py"))):
            added = node.flow("add", "processor", name, "-g", repository.path, "-m", module, expect=None)
            assert added.returncode == 0 and f"processor/{name} is broken" in added.stderr, added.stderr
            status = settled(node, name)
            assert status["state"] == "broken", status
            shown = node.flow("show", "processor", name)
            for words in says:
                assert words in shown, f"{words!r} not in: {shown}"
            assert json.loads(node.flow("show", "processor", name, "-o", "json"))["status"]["text"] == status["text"]
            assert node.flow("task", "run", "faulty.fine", "--data", "7") == "7\n"
        assert names(node, "socket") == sockets, "a broken module has sockets"
        # Mended: a new commit, and the processor runs.
        repository.commit(raising="def mended(n):\n    return n\n")
        node.flow("delete", "processor", "raising", "-y")
        node.flow("add", "processor", "raising", "-g", repository.path, "-m", "raising")
        assert settled(node, "raising")["state"] == "running"
        assert node.flow("task", "run", "raising.mended", "--data", "8") == "8\n"
        assert node.stop() == 0


def a_full_queue_refuses(bin_dir):
    """Five calls fit; the sixth is refused and not kept; the five run when the processor does"""
    with workplace("full") as directory:
        repository = Repository(directory, faulty=FAULTY)
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "slow", repository, module="faulty", sockets="none")
        node.flow("add", "queue", "five", "--max-length", "5", "--overflow", "reject")
        node.flow("add", "socket", "s", "--processor", "slow", "-t", "fine", "-q", "five")
        node.flow("proc", "stop", "slow")
        assert settled(node, "slow")["state"] == "stopped"
        taken = [node.flow("task", "run", "s", "--data", str(n), "--detach").strip() for n in range(5)]
        refused(node, "F0702", 7, "task", "run", "s", "--data", "5", "--detach", says=['"s"', "5 calls"])
        assert {call["id"] for call in all_calls(node)} == set(taken)
        node.flow("proc", "start", "slow")
        assert [node.flow("call", "wait", call) for call in taken] == [f"{n}\n" for n in range(5)]
        assert node.flow("task", "run", "s", "--data", "5") == "5\n"
        assert node.stop() == 0


def daemon_refuses(bin_dir, data, address, code, exit_code, *says):
    command = [os.path.join(bin_dir, "flow-node"), "--data", data, "--api", address]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=START_S_MAX)
    where = f"{command}: exit {done.returncode}, stdout {done.stdout!r}, stderr {done.stderr!r}"
    assert done.returncode == exit_code, f"expected exit {exit_code}: {where}"
    assert " ready " not in done.stdout and f"error[{code}]" in done.stderr, f"expected {code}: {where}"
    for words in says:
        assert words in done.stderr, f"does not say {words!r}: {where}"


def a_daemon_refuses_what_is_not_its_own(bin_dir):
    """A directory in use, a directory of something else, a port in use: an error that names it, and nothing touched"""
    with workplace("foreign") as directory:
        node = Node(bin_dir, directory)
        node.start()
        daemon_refuses(bin_dir, node.data, "127.0.0.1:0", "F0505", 5, node.data, str(node.process.pid))
        other = os.path.join(directory, "other")
        daemon_refuses(bin_dir, other, node.address, "F0506", 5, node.address, "--api")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            daemon_refuses(bin_dir, other, address, "F0506", 5, address)
        daemon_refuses(bin_dir, other, "0.0.0.0:0", "F0402", 4, "0.0.0.0:0", "--insecure")
        assert not os.path.exists(other), "a node that did not start has left a directory"
        foreign = os.path.join(directory, "foreign")
        os.makedirs(os.path.join(foreign, "store"))
        letter = os.path.join(foreign, "store", "letter.txt")
        with open(letter, "w", encoding="ascii") as out:
            out.write("dear")
        daemon_refuses(bin_dir, foreign, "127.0.0.1:0", "F0904", 9, foreign, "letter.txt")
        assert os.listdir(os.path.join(foreign, "store")) == ["letter.txt"]
        with open(letter, encoding="ascii") as left:
            assert left.read() == "dear"
        # A directory that is somebody's home: nothing of a node is in it, so none is made there.
        home = os.path.join(directory, "home")
        os.makedirs(home, mode=0o755)
        with open(os.path.join(home, "letter.txt"), "w", encoding="ascii") as out:
            out.write("dear")
        daemon_refuses(bin_dir, home, "127.0.0.1:0", "F0904", 9, home, "letter.txt", "--data")
        assert os.listdir(home) == ["letter.txt"] and os.stat(home).st_mode & 0o777 == 0o755
        node.flow("ls", "queue")  # the first one was not disturbed
        assert node.stop() == 0


def older_data_is_noticed(bin_dir):
    """A store that was put back to yesterday's copy: refused with the way out, opened when the loss is accepted"""
    with workplace("stale") as directory:
        repository = Repository(directory, faulty=FAULTY)
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "good", repository, module="faulty")
        first = node.flow("task", "run", "faulty.fine", "--data", "1", "--detach").strip()
        node.flow("call", "wait", first)
        assert node.stop() == 0
        store = os.path.join(node.data, "store")
        copy = os.path.join(directory, "yesterday")
        shutil.copytree(os.path.join(store, "data"), copy)
        node.start()
        node.flow("task", "run", "faulty.fine", "--data", "2")
        assert node.stop() == 0
        shutil.rmtree(os.path.join(store, "data"))
        shutil.copytree(copy, os.path.join(store, "data"))
        daemon_refuses(bin_dir, node.data, "127.0.0.1:0", "F0905", 9, store, "--accept-loss")
        # A stray file beside a store that is there is told of, and left alone.
        with open(os.path.join(node.data, "notes.txt"), "w", encoding="ascii") as out:
            out.write("mine")
        node.options.append("--accept-loss")
        node.start()
        assert [call["id"] for call in all_calls(node)] == [first]
        assert node.flow("task", "run", "faulty.fine", "--data", "3") == "3\n"
        assert "notes.txt is not the node's" in node.log_text(), node.log_text()
        assert os.path.exists(os.path.join(node.data, "notes.txt"))
        assert node.stop() == 0


def flip(path, at, length=64):
    with open(path, "r+b") as file:
        file.seek(at)
        old = file.read(length)
        file.seek(at)
        file.write(bytes(byte ^ 0xFF for byte in old))


def damage_is_never_served_as_less(bin_dir):
    """Bytes flipped in each file of the store: the daemon refuses, or serves every call with its result"""
    with workplace("corrupt") as directory:
        repository = Repository(directory, faulty=FAULTY)
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "good", repository, module="faulty")
        # A part in sorted files, by a clean end; a part in the log only, by a kill.
        lines = "".join(json.dumps([n, "x" * 500]) + "\n" for n in range(300))
        node.flow("task", "run", "faulty.fine", "--jsonl", data=lines)
        assert node.stop() == 0
        node.start()
        node.flow("task", "run", "faulty.fine", "--jsonl", data=lines)
        whole = {call["id"]: call["state"] for call in all_calls(node)}
        assert len(whole) == 600 and set(whole.values()) == {"finished"}
        node.kill()

        kept = node.data + ".kept"
        os.rename(node.data, kept)
        store = os.path.join(kept, "store", "data")
        files = sorted(name for name in os.listdir(store)
                       if name.endswith((".sst", ".log", ".blob")) or name.startswith("MANIFEST"))
        sizes = {name: os.path.getsize(os.path.join(store, name)) for name in files}
        damaged = [name for name in files if sizes[name] > 0]
        assert any(name.endswith(".sst") for name in damaged) and any(name.endswith(".log") for name in damaged), sizes
        outcomes = {}
        for name in damaged:
            for part in (0.1, 0.5, 0.9):
                shutil.copytree(kept, node.data, symlinks=True)
                flip(os.path.join(node.data, "store", "data", name), int(sizes[name] * part))
                outcomes[name, part] = outcome_of_damage(node, whole, f"{name} at {part}")
                shutil.rmtree(node.data)
        for (name, part), outcome in outcomes.items():
            print(f"{name} ({sizes[name]} bytes) at {part}: {outcome}", flush=True)
        assert any(outcome == "refused" for outcome in outcomes.values()), "no damage was found at all"


def outcome_of_damage(node, whole, what):
    line = node.start(expect_ready=False)
    if " ready " not in line:
        code = node.process.wait(timeout=START_S_MAX)
        node.process.stdout.close()
        said = node.log_text()[-2000:]
        assert code == 9 and ("F0902" in said or "F0905" in said), f"{what}: exit {code}, log {said}"
        return "refused"
    node.address = next(word for word in line.split() if word.startswith("api="))[4:]
    try:
        calls = {call["id"]: call["state"] for call in all_calls(node)}
        assert calls == whole, f"{what}: served {len(calls)} calls of {len(whole)}"
        with_result = 0
        for call in whole:
            with_result += "result" in node.verb("call.show", id=call)
        assert with_result == len(whole), f"{what}: {with_result} results of {len(whole)}"
        return "served whole"
    except Refused as no:
        assert no.code in ("F0902", "F0903"), f"{what}: {no}"
        return f"refused on reading: {no.code}"
    finally:
        node.process.send_signal(signal.SIGKILL)
        node.process.wait()
        node.process.stdout.close()


if __name__ == "__main__":
    main([bad_input_gets_a_clear_error, a_broken_module_is_told_of, a_full_queue_refuses,
          a_daemon_refuses_what_is_not_its_own, older_data_is_noticed, damage_is_never_served_as_less])
