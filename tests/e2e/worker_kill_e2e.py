"""Kills workers, by signal and from inside, under load and alone."""

import contextlib
import os
import random
import signal

from harness import Node, Repository, add_processor, all_calls, main, seed_of_this_run, until, workplace

KILLS = 15

MODULE = """
import os, time

def quick(n):
    return n

def suicide(n):
    os._exit(3)

def endless(n):
    while True:
        pass

def slow(n):
    time.sleep(0.01)
    return n
"""


def workers_of(node, processor):
    rows = node.verb("object.list", kind="worker", limit=100)["items"]
    return [row["status"]["pid"] for row in rows if row["spec"]["processor"] == processor and row["status"]["state"] == "ready"]


def killed_workers_lose_nothing(bin_dir):
    """kill -9 of workers at random under load: every call finishes, the other processor does not notice"""
    choose = random.Random(seed_of_this_run())
    with workplace("workers") as directory:
        repository = Repository(directory, mod=MODULE)
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "victim", repository, cpus=2)
        add_processor(node, "bystander", repository, sockets="none")
        node.verb("object.add", kind="socket", name="calm", spec={"processor": "bystander", "task": "quick"})
        before = workers_of(node, "bystander")
        total = 2000
        with contextlib.closing(node.connect()) as client:
            ids = [client.call("mod.slow", n)["id"] for n in range(total // 10)]
            ids += node.flow("task", "run", "mod.quick", "--jsonl", "--detach",
                             data="".join(f"{n}\n" for n in range(total))).split()
            for _ in range(KILLS):
                pids = until("a worker to kill", lambda: workers_of(node, "victim"))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(choose.choice(pids), signal.SIGKILL)
                assert client.call("calm", 1, wait_ms=20000)["result"] == 1
        until("all have ended", lambda: not node.verb("call.list", unfinished=True, limit=1)["items"])
        states = {}
        for call in all_calls(node):
            states.setdefault(call["state"], []).append(call["id"])
        assert set(states) == {"finished"}, {state: len(some) for state, some in states.items()}
        assert set(ids) <= set(states["finished"])
        assert workers_of(node, "bystander") == before, "the other processor's worker was disturbed"
        assert node.stop() == 0


def a_call_that_kills_its_worker_fails(bin_dir):
    """A function that ends its own process fails after a few deaths, and the next call runs"""
    with workplace("suicide") as directory:
        repository = Repository(directory, mod=MODULE)
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "mod", repository)
        with contextlib.closing(node.connect()) as client:
            ended = client.call("mod.suicide", 1, wait_ms=60000)
            assert ended["state"] == "failed", ended
            assert "F0204" in str(ended), ended
            assert client.call("mod.quick", 7, wait_ms=60000)["result"] == 7
        status = node.verb("object.show", kind="processor", name="mod")["status"]
        assert status["restarts"] >= 3, status
        letters = node.verb("dlq.list")["items"]
        assert [letter["socket"] for letter in letters] == ["mod.suicide"], letters
        assert node.stop() == 0


def an_endless_call_is_ended_by_its_limit(bin_dir):
    """A time limit kills the function; calls behind it run"""
    with workplace("endless") as directory:
        repository = Repository(directory, mod=MODULE)
        node = Node(bin_dir, directory)
        node.start()
        add_processor(node, "mod", repository, time_limit_ms=500)
        with contextlib.closing(node.connect()) as client:
            behind = client.call("mod.endless", 1)["id"]
            after = client.call("mod.quick", 2, wait_ms=30000)
            assert after["result"] == 2, after
            ended = client.request("GET", f"/api/v1/calls/{behind}?wait_ms=30000")
            assert ended["state"] == "timed_out", ended
        assert node.stop() == 0


if __name__ == "__main__":
    main([killed_workers_lose_nothing, a_call_that_kills_its_worker_fails, an_endless_call_is_ended_by_its_limit])
