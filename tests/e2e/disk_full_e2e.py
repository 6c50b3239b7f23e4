"""A device that fills up under load: callers are told, nothing acknowledged is lost, and room is enough to go on."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading

from harness import START_S_MAX, Node, Refused, Repository, add_processor, all_calls, main, until, workplace

NOT_RUN = 77
DEVICE_BYTES = 64 << 20
RECOVER_S_MAX = 60
PAYLOAD_BYTES = 2 << 10
CLIENTS = 3

MODULE = """
def size(text):
    return len(text)
"""


@contextlib.contextmanager
def small_device(directory):
    """A file system of its own size, gone at the end however that comes."""
    place = os.path.join(directory, "device")
    os.makedirs(place)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DEVICE_BYTES},mode=755", "tmpfs", place],
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        print(f"not run: cannot mount a tmpfs: {mounted.stderr.strip()}", flush=True)
        sys.exit(NOT_RUN)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(path):
    """Takes what is left of the device, to the last byte."""
    with open(path, "ab", buffering=0) as file:
        for piece in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * piece) == piece:
                    pass


def health(node):
    host, port = node.address.rsplit(":", 1)
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=START_S_MAX)) as connection:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


class Callers:
    """Clients that call without end, each call with a key of its own, and keep what was answered."""

    def __init__(self, node):
        self.node = node
        self.stop = threading.Event()
        self.acknowledged = {}
        self.refusals = []
        self.surprises = []
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _run(self, client_number):
        client, number = self.node.connect(), 0
        while not self.stop.is_set():
            key = f"c{client_number}-{number}"
            try:
                self.acknowledged[key] = client.call("mod.size", key.ljust(PAYLOAD_BYTES, "x"), key=key)["id"]
                number += 1
            except Refused as no:
                self.refusals.append((no.status, no.code))
                if no.code != "F0703":
                    self.surprises.append(str(no))
                self.stop.wait(0.02)  # the same key again
            except OSError as lost:
                self.surprises.append(str(lost))
                self.stop.wait(0.02)
        client.close()

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def a_full_device_loses_nothing(bin_dir):
    """Full while called: F0703, reads go on, 503; room again: calls go on without a restart, every acknowledged one finished"""
    with workplace("disk-full") as directory:
        os.chmod(directory, 0o755)
        with small_device(directory) as device:
            node = Node(bin_dir, directory)
            node.data = os.path.join(device, "data")
            node.start()
            try:
                fill_and_recover(node, Repository(directory, mod=MODULE), os.path.join(device, "filler"))
                assert node.stop() == 0, node.log_text()[-2000:]
            finally:
                if node.process.poll() is None:
                    node.kill()


def fill_and_recover(node, repository, filler):
    add_processor(node, "mod", repository)
    assert health(node)[0] == 200, health(node)
    callers = Callers(node)
    try:
        until("some calls", lambda: len(callers.acknowledged) > 100)
        for turn in (1, 2):
            one_turn(node, callers, filler, turn)
    finally:
        callers.end()
    assert not callers.surprises, f"{len(callers.surprises)}, such as {callers.surprises[:3]}"
    until("no call is in flight", lambda: not node.verb("call.list", unfinished=True, limit=1)["items"])
    until("every call is in the history", lambda: check_nothing_is_lost(node, callers))
    node.kill()
    node.start()
    assert check_nothing_is_lost(node, callers), "calls are lost by a restart after the device was full"
    print(f"{len(callers.acknowledged)} acknowledged, all finished; {len(callers.refusals)} refused", flush=True)


def one_turn(node, callers, filler, turn):
    fill(filler)
    refused = len(callers.refusals)
    until("callers are told", lambda: (fill(filler), len(callers.refusals) > refused + CLIENTS)[1])
    assert set(callers.refusals) == {(507, "F0703")}, set(callers.refusals)
    # What is read goes on being read.
    until("health tells of it", lambda: health(node)[0] == 503)
    some_id = next(iter(callers.acknowledged.values()))
    assert some_id in node.flow("show", "call", some_id, "-o", "json")
    assert node.flow("ls", "calls", "--limit", "5", "-o", "name").split()
    assert "mod" in node.flow("ls", "processor", "-o", "name").split()
    full = node.flow("task", "run", "mod.size", "--data", '"x"', expect=None)
    assert full.returncode == 7 and "error[F0703]" in full.stderr and not full.stdout, (full.returncode, full.stderr)

    had = len(callers.acknowledged)
    os.remove(filler)
    until(f"calls go on after turn {turn}", lambda: len(callers.acknowledged) > had + 50, RECOVER_S_MAX)
    until("health is good again", lambda: health(node)[0] == 200, RECOVER_S_MAX)
    assert node.flow("task", "run", "mod.size", "--data", '"four"') == "4\n"


def check_nothing_is_lost(node, callers):
    """Whether every acknowledged call has finished; a doubled or failed one is an error at once."""
    calls = {call["id"]: call for call in all_calls(node)}
    keys = [call["key"] for call in calls.values() if call["key"]]
    assert len(keys) == len(set(keys)), "a key has made two calls"
    wrong = [call for call in calls.values() if call["state"] in ("failed", "timed_out", "cancelled", "dead")]
    assert not wrong, f"{len(wrong)} calls did not finish, such as {wrong[:2]}"
    lost = [key for key, call_id in callers.acknowledged.items() if calls.get(call_id, {}).get("state") != "finished"]
    if lost:
        print(f"not (yet) finished: {len(lost)} of {len(callers.acknowledged)}, such as {lost[:3]}", flush=True)
    return not lost


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("not run: needs root, to mount a small file system", flush=True)
        sys.exit(NOT_RUN)
    main([a_full_device_loses_nothing])
