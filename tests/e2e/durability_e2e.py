"""Kills the daemon with SIGKILL at random points, dozens of times, under load over a plugged two-socket flow, and counts."""

import os
import random
import threading

from harness import Node, Refused, Repository, add_processor, all_calls, main, seed_of_this_run, until, workplace

KILLS = int(os.environ.get("MILLRACE_KILLS", "36"))
CLIENTS = 4
ENDED = {"finished", "failed", "timed_out", "cancelled", "dead"}

MODULE = """
def first(n):
    return n + 1

def second(n):
    return n * 2
"""


def submit_until_acknowledged(node, stop, acknowledged, client_number):
    """Calls with a key each; a call counts as acknowledged only when the node has answered with its id."""
    client = node.connect()
    number = 0
    while not stop.is_set():
        key = f"c{client_number}-{number}"
        try:
            answer = client.call("mod.first", number, key=key)
        except (OSError, Refused):
            # The node is down, or going down: the same key again, which must never make a second call.
            stop.wait(0.01)
            continue
        acknowledged[key] = answer["id"]
        number += 1
    client.close()


def is_settled(node):
    if node.verb("call.list", unfinished=True, limit=1)["items"]:
        return False
    parents = {call["id"] for call in all_calls(node, 'socket="mod.first"')}
    children = {call["parent"] for call in all_calls(node, 'socket="mod.second"')}
    return parents <= children


def check(node, acknowledged):
    """What must hold once everything has ended: I1 and I2 of the invariants."""
    # A child on its way from socket to socket is in neither list for a moment: what counts is that nothing stays undone.
    until("every parent has its child and nothing is in flight", lambda: is_settled(node))
    calls = all_calls(node)
    by_id = {call["id"]: call for call in calls}
    assert len(by_id) == len(calls), "a call is listed twice"
    lost = [key for key, call_id in acknowledged.items() if call_id not in by_id]
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged calls are lost, such as {lost[:3]}"
    keys = [call["key"] for call in calls if call["socket"] == "mod.first"]
    assert len(keys) == len(set(keys)), "a key has made two calls"
    wrong = [call for call in calls if call["state"] != "finished"]
    assert not wrong, f"{len(wrong)} calls did not finish, such as {wrong[:2]}"
    children = {}
    for call in calls:
        if call["socket"] == "mod.second":
            children.setdefault(call["parent"], []).append(call["id"])
    parents = [call for call in calls if call["socket"] == "mod.first"]
    for parent in parents:
        made = children.pop(parent["id"], [])
        assert len(made) == 1, f"call {parent['id']} has {len(made)} children"
    assert not children, f"{len(children)} children without a parent"
    return len(parents)


def no_acknowledged_call_is_lost(bin_dir):
    """SIGKILL at random points under load: no acknowledged call lost, no doubled child, no call stuck"""
    choose = random.Random(seed_of_this_run())
    with workplace("durability") as directory:
        repository = Repository(directory, mod=MODULE)
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "mod", repository)
        node.verb("object.add", kind="plug", name="p", spec={"source": "mod.first", "target": "mod.second"})
        acknowledged, stop = {}, threading.Event()
        threads = [threading.Thread(target=submit_until_acknowledged, args=(node, stop, acknowledged, i)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            for kill in range(KILLS):
                goal = len(acknowledged) + choose.randrange(1, 400)
                moment = choose.random() * 0.4
                stop.wait(moment)  # a random point of the load, not a condition
                until(f"some calls before kill {kill + 1}", lambda: len(acknowledged) >= min(goal, len(acknowledged) + 1), 60, 0.005)
                node.kill()
                node.start()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        parents = check(node, acknowledged)
        print(f"{KILLS} kills: {len(acknowledged)} acknowledged, {parents} calls with one child each, 0 lost, 0 doubled", flush=True)
        assert node.stop() == 0


def a_killed_stream_of_lines_goes_on(bin_dir):
    """flow task run --jsonl with keys, killed on the way and run again: each line is one call"""
    with workplace("lines") as directory:
        repository = Repository(directory, mod=MODULE)
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "mod", repository)
        lines = "".join(f"{n}\n" for n in range(3000))
        node.flow("task", "run", "mod.first", "--jsonl", "--detach", "--key-prefix", "k", data=lines)
        node.kill()
        node.start()
        node.flow("task", "run", "mod.first", "--jsonl", "--detach", "--key-prefix", "k", data=lines)
        until("all have ended", lambda: not node.verb("call.list", unfinished=True, limit=1)["items"])
        calls = all_calls(node)
        assert len(calls) == 3000, f"{len(calls)} calls for 3000 keys"
        assert {call["state"] for call in calls} == {"finished"}
        assert node.stop() == 0


if __name__ == "__main__":
    main([no_acknowledged_call_is_lost, a_killed_stream_of_lines_goes_on])
