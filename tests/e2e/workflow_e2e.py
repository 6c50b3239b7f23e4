"""Workflows from the command line and over REST: the worked values, what goes wrong, and daemons killed in the middle of each kind."""

import contextlib
import json
import os
import random
import subprocess

from harness import Node, Refused, Repository, add_processor, all_calls, main, seed_of_this_run, until, workplace

KILLS = int(os.environ.get("MILLRACE_KILLS", "10"))

MODULE = '''
def t(*args):
    return list(args)

def fail(*args):
    raise ValueError("no " + repr(args))

def one(value):
    return value
'''

WORKED = [
    ("pipeline([m.t(1),m.t(2),m.t(3)])()", [[[1], 2], 3]),
    ("pipeline([m.t(0),m.t(),m.t()])()", [[[0]]]),
    ("pipeline([m.t(0),parallel([m.t(1),m.t(2)]),m.t(4)])()", [[[[0], 1], [[0], 2]], 4]),
    ('funnel([m.t(1),m.t(2)])(m.t("b"))', [[[1], [2]], "b"]),
    ("parallel([m.t(0),parallel([m.t(1),m.t(2)]),m.t(5)])()", [[0], [1], [2], [5]]),
    ("pipeline([m.t(0),m.t(1)])('X')", [["X", 0], 1]),
    ("parallel([m.t(0),m.t(1)])('X')", [["X", 0], ["X", 1]]),
    ("pipeline([m.t(9),parallel([m.t(0)]),m.t(1)])()", [[[[9], 0]], 1]),
    ("pipeline([parallel([m.t(1),m.t(2)]),parallel([m.t(3),m.t(4)]),m.t(5)])", [[[[[1], [2]], 3], [[[1], [2]], 4]], 5]),
    ("pipeline([m.t(0),funnel([m.t(1),m.t(2)],m.t('b')),m.t(4)])()", [[[[[0], 1], [[0], 2]], "b"], 4]),
    ("funnel([])(m.t(1))", [[], 1]),
    ("parallel([])", []),
    ("segment(m.t,[(1,),(2,),(3,)],2)", [[[1], [2]], [[3]]]),
    ("pipeline([m.t(1), m.t(2).only(), m.t(k=3).only()])", None),  # t takes no keywords
]


@contextlib.contextmanager
def network(bin_dir, prefix, *more_modules):
    """A node with the module `m`, and others of the same functions."""
    with workplace(prefix) as directory:
        node = Node(bin_dir, directory, "--cpus", "2")
        node.start()
        for name in ("m", *more_modules):
            add_processor(node, name, Repository(directory, name=name, **{name: MODULE}), module=name, cpus=2)
        yield node
        assert node.stop() == 0


def launch(node, text, **options):
    with contextlib.closing(node.connect()) as client:
        return client.request("POST", "/api/v1/calls", {"flow": text, **options})


def end_of(node, call_id):
    with contextlib.closing(node.connect()) as client:
        return client.request("GET", f"/api/v1/calls/{call_id}?wait_ms=100000")


def drawn(tree):
    """The steps below a workflow, in the order in which they are drawn."""
    return [child["call"]["via"] for child in tree["children"]]


def worked_values_hold_everywhere(bin_dir):
    """The same expressions, from the command line and over REST, come to the values of the specification"""
    with network(bin_dir, "worked") as node:
        for text, value in WORKED:
            if value is None:
                node.flow("task", "run", "--flow", text, expect=2)
                continue
            assert json.loads(node.flow("task", "run", "--flow", text, "-o", "json")) == value, text
            answer = launch(node, text, wait_ms=100_000)
            assert (answer["state"], answer["result"]) == ("finished", value), (text, answer)
        # What it is given may come from the text, from an option, from a pipe, or from the body.
        assert json.loads(node.flow("task", "run", "--flow", "parallel([m.t(0), m.t])", "--data", "'X'")) == [["X", 0], ["X"]]
        assert json.loads(node.flow("task", "run", "--flow", "pipeline([m.t(0)])", data="piped\n")) == ["piped", 0]
        assert launch(node, "pipeline([m.t(0)])", args=["X"], wait_ms=100_000)["result"] == ["X", 0]
        node.flow("task", "run", "--flow", "pipeline([m.t])('X')", "--data", "1", expect=2)
        with open(os.path.join(node.data, "..", "w.flow"), "w", encoding="utf-8") as file:
            file.write("pipeline([\n  m.t(1),  # first\n  m.t(2),\n])\n")
        assert json.loads(node.flow("task", "run", "--flow", "@" + file.name)) == [[1], 2]


def typed_workflows_come_to_the_same(bin_dir):
    """The worked values from C++ with types; the program exits, and its last workflow is fetched by id"""
    with network(bin_dir, "typed") as node:
        done = subprocess.run([os.path.join(bin_dir, "workflow_client"), node.address,
                               os.path.join(node.data, "admin.token"), "m.t"], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        *values, call_id = done.stdout.split()
        assert [json.loads(value) for value in values] == [
            [[[1], 2], 3], [[[[0], 1], [[0], 2]], 4], [[[1], [2]], "b"], [[0], [1], [2], [5]], [["X", 0], ["X", 1]],
            [[[1], [2]], [[3]]], [[[[1], 2], 3]] * 2], values
        assert end_of(node, call_id)["result"] == [[[1], 2], 3]


def the_client_may_exit(bin_dir):
    """Detached, the id alone is enough: for the result, the trees, and why it waits"""
    with network(bin_dir, "detached", "held") as node:
        node.verb("proc.pause", name="held")
        text = "pipeline([m.t(1), parallel([held.t(2), m.t(3)]), m.t(4)])"
        call_id = node.flow("task", "run", "--flow", text, "--detach").strip()
        until("only the held member is left", lambda: len(all_calls(node, 'state="queued"')) == 1
              and len(all_calls(node, 'state="finished"')) == 2)
        shown = node.verb("call.show", id=call_id)
        assert (shown["state"], shown["socket"], shown["root"]) == ("running", "workflow", call_id), shown
        assert shown["flow"] == text and shown["function"] == "pipeline", shown
        why = node.verb("call.why", id=call_id)["why"]
        assert why.startswith("it waits for 1 step: pipeline[1].parallel[0] (call "), why
        node.flow("call", "result", call_id, expect=5)
        node.verb("proc.resume", name="held")
        assert json.loads(node.flow("call", "wait", call_id, "-o", "json")) == [[[[1], 2], [[1], 3]], 4]
        assert json.loads(node.flow("call", "result", call_id, "-o", "json")) == [[[[1], 2], [[1], 3]], 4]
        steps = ["pipeline[0]", "pipeline[1].parallel[0]", "pipeline[1].parallel[1]", "pipeline[2]"]
        tree = node.verb("call.tree", id=call_id)
        assert drawn(tree) == steps, drawn(tree)
        member = tree["children"][1]["call"]
        assert member["root"] == call_id and member["parent"] == call_id, member
        assert drawn(node.verb("call.graph", id=member["id"])) == steps
        assert drawn(node.verb("call.flow", id=member["id"])) == steps
        text = node.flow("ls", "call", member["id"], "--flow")
        assert text.splitlines()[0].startswith("workflow") and text.count("m.t") == 3 and text.count("held.t") == 1, text
        assert node.flow("task", "run", "--flow", "parallel([m.t(1)])", "--tree").strip() == "[[1]]"
        lone = node.flow("task", "run", "m.one", "--data", "1", "--detach").strip()
        node.flow("call", "wait", lone)
        node.flow("ls", "call", lone, "--flow", expect=5)


def errors_say_where(bin_dir):
    """Errors carry the path of their step; what cannot run is refused before it is acknowledged"""
    with network(bin_dir, "errors") as node:
        done = node.flow("task", "run", "--flow", "pipeline([m.t(1), parallel([m.t, m.fail]), m.t])", expect=None)
        assert done.returncode == 1 and "step pipeline[1].parallel[1] (m.fail): no ([1],)" in done.stderr, done.stderr
        answer = launch(node, "parallel([m.t(1), m.fail(2)], on_error='collect')", wait_ms=100_000)
        assert answer["state"] == "finished" and answer["result"][0] == [1], answer
        error = answer["result"][1]["error"]
        assert (error["type"], error["path"], error["message"]) == ("ValueError", "parallel[1]", "no (2,)"), error
        assert node.verb("call.show", id=error["call"])["state"] == "failed"
        assert launch(node, "parallel([m.fail, m.t(1)], on_error='skip')", wait_ms=100_000)["result"] == [[1]]
        before = len(all_calls(node))
        for text, status, code, words in [
                ("pipeline([])", 400, "F0116", "a pipeline has at least one step"),
                ("pipeline([m.t", 400, "F0116", "line 1, column 14"),
                ("pipeline([m.t, m.tt])", 404, "F0301", "step pipeline[1]: no socket \"m.tt\""),
                ("funnel([m.t], m.one(2))", 400, "F0105", "step funnel.body: one(value)"),
                ("pipeline([m.one])", 400, "F0105", "step pipeline[0]: one(value)")]:
            try:
                launch(node, text)
                raise AssertionError(f"accepted: {text}")
            except Refused as refused:
                assert (refused.status, refused.code) == (status, code), (text, refused)
                assert words in refused.problem["detail"], refused.problem
        assert len(all_calls(node)) == before
        assert "did you mean" in node.flow("task", "run", "--flow", "pipeline([m.tt])", expect=None).stderr
        assert node.flow("task", "run", "--flow", "pipeline([])", expect=None).returncode == 2
        # A failed workflow can be retried as a whole.
        call_id = launch(node, "pipeline([m.t(1), m.fail])")["id"]
        assert end_of(node, call_id)["state"] == "failed"
        node.flow("call", "retry", call_id)
        until("its second life has ended", lambda: node.verb("call.show", id=call_id)["generation"] == 1
              and node.verb("call.show", id=call_id)["state"] == "failed")
        assert len(drawn(node.verb("call.tree", id=call_id))) == 4


def cancel_reaches_the_members(bin_dir):
    """A cancelled workflow takes its members along, also over a crash; a key makes one workflow"""
    with network(bin_dir, "cancel", "held") as node:
        node.verb("proc.pause", name="held")
        call_id = launch(node, "pipeline([parallel([m.t(1), held.t(2)]), m.t(3)])")["id"]
        until("one member has ended", lambda: all_calls(node, 'state="finished"'))
        node.flow("call", "cancel", call_id)
        assert end_of(node, call_id)["state"] == "cancelled"
        states = [child["call"]["state"] for child in node.verb("call.tree", id=call_id)["children"]]
        assert states == ["finished", "cancelled"], states
        first = launch(node, "pipeline([held.t(1), m.t(2)])", key="k")["id"]
        assert launch(node, "pipeline([held.t(1), m.t(2)])", key="k")["id"] == first
        node.kill()
        node.start()
        assert launch(node, "pipeline([held.t(1), m.t(2)])", key="k")["id"] == first
        later = launch(node, "m.t(1)", delay_ms=3_600_000)["id"]
        assert node.verb("call.show", id=later)["state"] == "scheduled"
        node.flow("call", "cancel", first, later)
        assert end_of(node, first)["state"] == end_of(node, later)["state"] == "cancelled"


def each_kind_resumes_after_a_kill(bin_dir):
    """SIGKILL in the middle of a pipeline, a parallel, a funnel, its body and a segment: each goes on"""
    middle = [
        ("pipeline([m.t(1), held.t(2), m.t(3)])", [[[1], 2], 3], 1),
        ("parallel([m.t(1), held.t(2), m.t(3)])", [[1], [2], [3]], 2),
        ("funnel([m.t(1), held.t(2)])(m.t('b'))", [[[1], [2]], "b"], 1),
        ("funnel([m.t(1), m.t(2)])(held.t('b'))", [[[1], [2]], "b"], 2),
        ("segment(held.t, [1, 2, 3], 2)", [[[1], [2]], [[3]]], 0),
        ("pipeline([parallel([m.t(1), m.t(2)]), parallel([held.t(3), m.t(4)]), m.t(5)])",
         [[[[[1], [2]], 3], [[[1], [2]], 4]], 5], 3),
    ]
    with network(bin_dir, "kinds", "held") as node:
        node.verb("proc.pause", name="held")
        ids = [launch(node, text)["id"] for text, _, _ in middle]
        goal = sum(count for _, _, count in middle)
        until("all stand in their middle", lambda: len(all_calls(node, 'state="finished"')) == goal)
        node.kill()
        node.start()
        node.verb("proc.resume", name="held")
        for call_id, (text, value, _) in zip(ids, middle):
            answer = end_of(node, call_id)
            assert (answer["state"], answer["result"]) == ("finished", value), (text, answer)


def nothing_is_lost_or_doubled(bin_dir):
    """Workflows under load, the daemon killed at random: each comes to its value, each step was one call"""
    choose = random.Random(seed_of_this_run())
    shapes = [(text, value) for text, value in WORKED if value is not None]
    calls_of = {text: text.count("m.t") if "segment" not in text else 3 for text, _ in shapes}
    with network(bin_dir, "kills") as node:
        launched = {}
        for kill in range(KILLS):
            for n in range(12):
                text, value = choose.choice(shapes)
                launched[launch(node, text, key=f"{kill}-{n}")["id"]] = (text, value)
            goal = len(all_calls(node, 'state="finished"')) + choose.randrange(30)
            until("some have ended", lambda: len(all_calls(node, 'state="finished"')) >= goal
                  or not node.verb("call.list", unfinished=True, limit=1)["items"], every_s=0.005)
            node.kill()
            node.start()
        for call_id, (text, value) in launched.items():
            answer = end_of(node, call_id)
            assert (answer["state"], answer["result"]) == ("finished", value), (text, answer)
        calls = all_calls(node)
        assert len({call["id"] for call in calls}) == len(calls)
        by_workflow = {}
        for call in calls:
            if call["parent"]:
                by_workflow.setdefault(call["parent"], []).append(call["via"])
        for call_id, (text, _) in launched.items():
            steps = by_workflow.get(call_id, [])
            assert len(steps) == len(set(steps)) == calls_of[text], (text, steps)
        print(f"{KILLS} kills, {len(launched)} workflows of {len(calls)} calls", flush=True)


def ten_thousand_members(bin_dir):
    """A funnel of 10,000 members ends, and its tree has them all"""
    with network(bin_dir, "many") as node:
        members = 10_000
        answer = launch(node, "funnel([" + ",".join(f"m.t({n})" for n in range(members)) + "], m.one)", wait_ms=600_000)
        assert answer["state"] == "finished" and answer["result"] == [[n] for n in range(members)], answer["state"]


main([worked_values_hold_everywhere, typed_workflows_come_to_the_same, the_client_may_exit, errors_say_where, cancel_reaches_the_members,
      each_kind_resumes_after_a_kill, nothing_is_lost_or_doubled, ten_thousand_members])
