"""The commands about calls, processors, dead letters, lists and events, typed against a real node."""

import contextlib
import json
import os
import subprocess
import time

from harness import Node, Refused, Repository, add_processor, all_calls, main, until, workplace

SHOP = '''
import os
import sys
import time

def price(item, qty=1):
    print("pricing", item)
    print("warning", file=sys.stderr)
    return {"item": item, "total": qty * 3}

def label(item):
    return "label of " + item

def hold(path):
    print("holding", flush=True)
    while not os.path.exists(path):
        time.sleep(0.01)
    return "released"

def boom(item):
    return {}[item]
'''


@contextlib.contextmanager
def shop(bin_dir, name, **spec):
    with workplace(name) as directory:
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "shop", Repository(directory, shop=SHOP), module="shop", **spec)
        node.directory = directory
        yield node
        assert node.stop() == 0, node.log_text()[-2000:]


def as_json(node, *words, **options):
    return json.loads(node.flow(*words, "-o", "json", **options))


def stderr_of(node, exit_code, *words, **options):
    done = node.flow(*words, expect=None, **options)
    assert done.returncode == exit_code and not done.stdout, (words, done.returncode, done.stdout, done.stderr)
    return done.stderr


def state_of(node, call):
    return as_json(node, "show", "call", call, quiet=True)["state"]


def every_form_of_input_arrives(bin_dir):
    """task run: --data as JSON, literal, file and stdin; --args, --arg, --nodata, a pipe, --jsonl with keys, --in, --timeout"""
    with shop(bin_dir, "input", cpus=2) as node:
        flow = node.flow
        file = os.path.join(node.directory, "item.json")
        with open(file, "w", encoding="ascii") as out:
            out.write('"cup"\n')
        for words, data in ((("--data", '"cup"'), None), (("-d", "'cup'"), None), (("--data", "@" + file), None),
                            (("--data", "-"), "'cup'\n"), (("--args", "['cup']"), None), (("--args", '["cup"]'), None),
                            (("--arg", "item=cup"), None), (("--arg", 'item="cup"'), None), ((), "cup\n")):
            assert flow("task", "run", "shop.label", *words, data=data) == "label of cup\n", words
        assert as_json(node, "task", "run", "shop.price", "--data", '"cup"', "--arg", "qty=2") == {"item": "cup", "total": 6}
        assert "label(item)" in stderr_of(node, 2, "task", "run", "shop.label", "--nodata", data="cup\n")
        would = as_json(node, "task", "run", "shop.label", "--data", '"cup"', "--dry-run")
        assert would == {"socket": "shop.label", "args": ["cup"], "kwargs": {}}, would

        # Lines: results in order, a failure in its place; with a prefix of keys the same lines make no call twice.
        lines = flow("task", "run", "shop.label", "--jsonl", data='"a"\n5\n\n"c"', expect=8)
        first, failed, last = (json.loads(line) for line in lines.splitlines())
        assert (first, last) == ("label of a", "label of c") and failed["error"]["type"] == "TypeError", lines
        many = "".join(json.dumps(f"x{n}") + "\n" for n in range(40))
        keyed = [flow("task", "run", "shop.label", "--jsonl", "--key-prefix", "k", "--detach", data=many) for _ in range(2)]
        assert keyed[0] == keyed[1] and len(set(keyed[0].split())) == 40
        assert sum((call["key"] or "").startswith("k") for call in all_calls(node)) == 40

        # Later, and not at all.
        later = flow("task", "run", "shop.label", "--data", '"z"', "--in", "1h", "--detach").strip()
        assert "scheduled to start in" in flow("call", "why", later)
        assert flow("ls", "calls", "-u", "-o", "name").split() == [later]
        assert "cancelled" in flow("call", "cancel", later)
        assert "every call has ended" in stderr_of(node, 0, "ls", "calls", "-u")
        gate = os.path.join(node.directory, "never")
        told = stderr_of(node, 6, "task", "run", "shop.hold", "--data", json.dumps(gate), "--timeout", "200ms")
        assert "F0601" in told and "flow call wait" in told, told
        flow("call", "cancel", "--filter", "socket=shop.hold", "-y")


def nobodys_id():
    """Of a call that could have been made just now, and was not: of an older one nobody knows any more."""
    made = f"{int(time.time() * 1000):012x}"
    return f"{made[:8]}-{made[8:]}-7000-8000-000000000001"


def a_call_can_be_followed(bin_dir):
    """call wait, result, logs, why, cancel and retry; ls call --tree, --graph, --result; exit codes"""
    with shop(bin_dir, "calls", cpus=1) as node:
        flow = node.flow
        node.flow("add", "plug", "to-label", "-s", "shop.hold", "-t", "shop.label")
        gate = os.path.join(node.directory, "sandboxed")
        running = flow("task", "run", "shop.hold", "--data", json.dumps(gate), "--detach").strip()
        until("the call runs", lambda: state_of(node, running) == "running")
        waiting = flow("task", "run", "shop.label", "--data", '"x"', "--detach").strip()
        shown = as_json(node, "show", "call", running)
        assert shown["node"] == "lab" and shown["worker"] and shown["started_ms"], shown
        assert "runs since" in flow("call", "why", running)
        assert "queue of socket" in flow("call", "why", waiting) or "next at a worker" in flow("call", "why", waiting)
        assert as_json(node, "ls", "worker")["items"][0]["status"]["current"] == running
        assert "nothing yet" in stderr_of(node, 0, "call", "logs", running)
        assert "has not ended" in stderr_of(node, 5, "call", "result", running)
        # A worker is killed for it, and the one behind it runs.
        assert flow("call", "cancel", running) == f"{running} cancelled\n"
        assert flow("call", "wait", waiting) == "label of x\n"
        assert "task cancelled: shop.hold" in stderr_of(node, 1, "call", "wait", running)
        assert "it has ended: cancelled" in stderr_of(node, 5, "call", "cancel", running)

        priced = flow("task", "run", "shop.price", "--data", '"cup"', "--detach").strip()
        assert json.loads(flow("call", "wait", priced)) == {"item": "cup", "total": 3}
        assert flow("call", "logs", priced) == "pricing cup\nwarning\n"
        assert [row["stream"] for row in as_json(node, "call", "logs", priced)["items"]] == ["stdout", "stderr"]
        assert as_json(node, "ls", "call", "--id", priced, "--result") == {"item": "cup", "total": 3}
        told = stderr_of(node, 1, "task", "run", "shop.boom", "--data", '"cup"')
        failed = as_json(node, "ls", "calls", "--filter", "state=failed")["items"][0]
        assert "KeyError: 'cup'" in told and "flow call retry " + failed["id"][:13] in told, told
        assert failed["reason"] == "KeyError: 'cup'" and failed["attempt"] == 1, failed
        assert "attempt 1/1" in stderr_of(node, 1, "call", "result", failed["id"])
        assert flow("call", "retry", failed["id"]) == f"{failed['id']} retried\n"
        stderr_of(node, 1, "call", "wait", failed["id"])
        assert as_json(node, "show", "call", failed["id"])["generation"] == 1
        assert flow("call", "wait", failed["id"], priced, expect=8).count("\n") == 3
        for words in (("call", "wait", "0000"), ("show", "call", nobodys_id()),
                      ("call", "cancel", nobodys_id())):
            assert "F0303" in stderr_of(node, 3, *words), words

        # What led to what, from above and from the middle.
        root = flow("task", "run", "shop.hold", "--data", '"/proc/self/stat"', "--detach").strip()
        children = until("the child has ended", lambda: [call for call in all_calls(node) if call["parent"] == root and
                                                         call["state"] == "finished"])
        assert as_json(node, "ls", "call", root, "--tree")["children"][0]["call"]["id"] == children[0]["id"]
        graph = flow("ls", "call", children[0]["id"], "--graph")
        assert "shop.hold" in graph and "└── shop.label" in graph, graph
        assert as_json(node, "ls", "call", children[0]["id"], "--tree")["children"] == []


def lists_are_filtered_and_paged(bin_dir):
    """--filter by short names, unknown fields and columns named, --limit and --cursor to the last page, nearest names"""
    with shop(bin_dir, "lists", cpus=2) as node:
        flow = node.flow
        flow("task", "run", "shop.label", "--jsonl", data="".join(json.dumps(f"x{n}") + "\n" for n in range(23)))
        stderr_of(node, 1, "task", "run", "shop.boom", "--data", "1")
        every = {call["id"] for call in all_calls(node)}
        for words in (("ls", "calls"), ("ls", "sockets"), ("dlq", "ls")):
            seen, cursor = [], ()
            while True:
                page = as_json(node, *words, "--limit", "5", *cursor, quiet=True)
                assert len(page["items"]) <= 5
                seen += [item.get("name") or item["id"] for item in page["items"]]
                if not page["next"]:
                    break
                assert len(page["items"]) == 5
                cursor = ("--cursor", page["next"])
            assert len(seen) == len(set(seen)), seen
            if words == ("ls", "calls"):
                assert set(seen) == every, (len(seen), len(every))
        assert len(flow("dlq", "ls", "-o", "name").split()) == 1

        def count(kind, condition):
            return len(flow("ls", kind, "--filter", condition, "-q").split())
        assert count("calls", 'state=failed and queue~"shop.*" and started>-1h') == 1
        assert count("calls", "started<-1h") == 0 and count("calls", "failure.type=KeyError") == 1
        assert count("processors", "state=running and cpus=2 and created>-1h") == 1
        assert count("sockets", "processor=shop and task=boom") == 1
        for kind, condition, hint in (("calls", "stat=failed", '"state"'), ("sockets", "proccessor=shop", '"processor"')):
            told = stderr_of(node, 2, "ls", kind, "--filter", condition)
            assert "F0103" in told and f"did you mean {hint}" in told, told
        assert 'did you mean "state"' in stderr_of(node, 2, "ls", "calls", "--columns", "id,stat")
        assert 'did you mean "name"' in stderr_of(node, 2, "ls", "calls", "--sort-by", "nam")
        assert flow("ls", "calls", "--columns", "name,state", "--filter", "state=failed") == "NAME       STATE\nshop.boom  failed\n"

        # A page without room for an item is an error, not the end of the node.
        assert "F0102" in stderr_of(node, 2, "ls", "calls", "--limit", "0")
        for ask in (lambda client: client.verb("call.list", limit=0), lambda client: client.verb("dlq.list", limit=0),
                    lambda client: client.verb("object.list", kind="socket", limit=0),
                    lambda client: client.request("GET", "/api/v1/calls?limit=0")):
            with contextlib.closing(node.connect()) as client:
                try:
                    ask(client)
                    raise AssertionError("a limit of 0 was taken")
                except Refused as no:
                    assert (no.status, no.code) == (400, "F0102"), no

        for words, code, hint in ((("lss", "queues"), 2, '"ls"'), (("ls", "sokcets"), 2, '"sockets"'),
                                  (("ls", "calls", "--fliter", "x=1"), 2, '"--filter"'), (("call", "cancell", "x"), 2, '"cancel"'),
                                  (("proc", "pause", "shp"), 3, '"shop"'), (("show", "worker", "shop.9"), 3, '"shop.1"'),
                                  (("show", "task", "shop.prise"), 3, '"shop.price"'), (("listen", "shop.prise"), 3, '"shop.price"')):
            told = stderr_of(node, code, *words)
            assert "did you mean " + hint in told, told


def processors_and_dead_letters_are_kept(bin_dir):
    """proc pause, resume, stop, start, restart, scale, remove; dlq ls, replay, drop; deleting asks for what it takes along"""
    with shop(bin_dir, "procs", cpus=1) as node:
        flow = node.flow
        assert as_json(node, "show", "processor", "shop")["by"] == "admin"
        for verb, state in (("pause", "paused"), ("stop", "stopped")):
            flow("proc", verb, "shop")
            until(f"it is {state}", lambda: as_json(node, "show", "processor", "shop", quiet=True)["status"]["state"] == state)
            held = flow("task", "run", "shop.label", "--data", '"x"', "--detach").strip()
            assert f'processor "shop" is {state}' in flow("call", "why", held)
            assert "holds 1 call" in stderr_of(node, 5, "proc", "remove", "shop")
            flow("proc", "resume" if verb == "pause" else "start", "shop")
            assert flow("call", "wait", held) == "label of x\n"
        flow("proc", "restart", "shop")
        flow("proc", "scale", "shop", "2")
        until("two workers are ready", lambda: as_json(node, "show", "processor", "shop", quiet=True)["status"]["workers_ready"] == 2)
        assert "F0102" in stderr_of(node, 2, "proc", "scale", "shop", "0")

        stderr_of(node, 1, "task", "run", "shop.boom", "--data", '"x"')
        letter = as_json(node, "dlq", "ls")["items"][0]
        assert letter["reason"] == "KeyError: 'x'" and letter["dead_letter"], letter
        flow("dlq", "replay", letter["id"])
        until("it has failed again", lambda: as_json(node, "dlq", "ls", quiet=True)["items"])
        assert "1 call would be dropped" in node.flow("dlq", "drop", "--filter", "socket=shop.boom", "--dry-run", expect=None).stderr
        assert "1 call will be dropped" in stderr_of(node, 2, "dlq", "drop", "--filter", "socket=shop.boom")
        flow("dlq", "drop", "--filter", "socket=shop.boom", "-y")
        assert as_json(node, "dlq", "ls")["items"] == []
        assert "not among the dead letters" in stderr_of(node, 5, "dlq", "drop", letter["id"])

        told = stderr_of(node, 2, "delete", "processor", "shop")
        assert "socket/shop.price" in told and "-y" in told, told
        assert "socket/shop.price would be deleted" in flow("delete", "processor", "shop", "--dry-run")
        assert "processor/shop deleted" in flow("delete", "processor", "shop", "-y")
        assert flow("ls", "sockets", "-o", "name") == ""
        # What is left of its calls is history; over REST an ended call is no longer to be cancelled.
        with contextlib.closing(node.connect()) as client:
            for call, status, code in ((letter["id"], 409, "F0503"), (nobodys_id(), 404, "F0303")):
                try:
                    client.request("DELETE", "/api/v1/calls/" + call)
                    raise AssertionError("an ended call was cancelled")
                except Refused as no:
                    assert (no.status, no.code) == (status, code) and no.problem["detail"], no


@contextlib.contextmanager
def listening(node, *words):
    """`flow listen`, from when it hears; gives what it has printed, once it has ended by --limit."""
    env = dict(os.environ, FLOW_ADDRESS=node.address, FLOW_TOKEN_FILE=os.path.join(node.data, "admin.token"),
               FLOW_CONFIG_DIR=os.path.join(os.path.dirname(node.data), "config"))
    process = subprocess.Popen([os.path.join(node.bin_dir, "flow"), "listen", *words], env=env, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    heard = []
    try:
        assert "listening" in process.stderr.readline()
        yield heard
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, (words, process.returncode, out, err)
        heard += out.splitlines()
        print("$ flow listen", *words, "->", heard, flush=True)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def what_happens_is_heard(bin_dir):
    """listen on each channel, by processor, socket, queue and the older form; --exec gets lines of JSON"""
    with shop(bin_dir, "listen", cpus=1) as node:
        def call():
            return json.loads(node.flow("task", "run", "shop.price", "--data", '"cup"', quiet=True))
        for name in ("shop", "shop.price", "shop.price.shop", "shop.price.shop.price"):
            with listening(node, name, "--limit", "3", "-o", "json") as heard:
                call()
            assert [json.loads(line)["state"] for line in heard] == ["queued", "taken", "finished"], heard
        with listening(node, "shop.price", "--channel", "result", "--limit", "1", "-o", "json") as heard:
            call()
        assert json.loads(heard[0])["result"] == {"item": "cup", "total": 3}, heard
        with listening(node, "shop.price", "--channel", "log", "--limit", "2") as heard:
            call()
        assert [line.split("  ")[1:] for line in heard] == [["stdout", "pricing cup"], ["stderr", "warning"]], heard
        # What a long call prints is heard while it runs, and once.
        gate = "/proc/self/no-such-file"
        with listening(node, "shop", "--channel", "log", "--limit", "1", "-o", "json") as heard:
            held = node.flow("task", "run", "shop.hold", "--data", json.dumps(gate), "--detach").strip()
        assert json.loads(heard[0])["text"] == "holding\n" and state_of(node, held) == "running", heard
        node.flow("call", "cancel", held)
        with listening(node, "--channel", "event", "--limit", "2") as heard:
            node.flow("add", "queue", "news")
            node.flow("delete", "queue", "news")
        assert [line.split("  ")[1:] for line in heard] == [["queue/news", "added"], ["queue/news", "deleted"]], heard
        with listening(node, "shop", "--channel", "event", "--limit", "1") as heard:
            node.flow("proc", "pause", "shop")
        assert "processor/shop" in heard[0], heard
        node.flow("proc", "resume", "shop")
        kept = os.path.join(node.directory, "kept")
        with listening(node, "shop.price", "--channel", "result", "--limit", "1", "--exec", "cp /dev/stdin", "--", kept):
            call()
        with open(kept, encoding="utf-8") as file:
            assert json.loads(file.read())["result"]["total"] == 3


if __name__ == "__main__":
    main([every_form_of_input_arrives, a_call_can_be_followed, lists_are_filtered_and_paged,
          processors_and_dead_letters_are_kept, what_happens_is_heard])
