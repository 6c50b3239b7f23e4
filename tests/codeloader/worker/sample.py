"""Functions of every kind, for the tests of the worker host."""

import asyncio
import ctypes
import dataclasses
import enum
import os
import subprocess
import sys
import time
from collections import OrderedDict, namedtuple

from flow import ctx

print("imported")

counter = 0


def noop():
    pass


def echo(*args, **kwargs):
    return [list(args), kwargs]


def identity(value):
    return value


def add(a, b=10, *, c=0):
    return a + b + c


def count():
    global counter
    counter += 1
    return counter


async def later(value):
    await asyncio.sleep(0.001)
    return value


async def fails_later():
    await asyncio.sleep(0)
    raise ValueError("later")


@dataclasses.dataclass
class Point:
    x: int
    tags: list


class Colour(enum.IntEnum):
    RED = 1


def python_kinds():
    return {
        "point": Point(1, ["a"]),
        "colour": Colour.RED,
        "pair": namedtuple("Pair", "a b")(1, 2),
        "ordered": OrderedDict(z=1, a=2),
        "view": memoryview(b"abc"),
        "array": bytearray(b"abc"),
    }


def bad_set():
    return {"items": [1, 2, 3, {4}]}


def bad_key():
    return [{1: 2}]


def bad_surrogate():
    return "x\ud800"


def bad_lambda():
    return lambda: 0


def bad_cycle():
    items = []
    items.append(items)
    return items


def bad_integer():
    return 1 << 1_000_000


def raises():
    helper()


def helper():
    try:
        {}["missing"]
    except KeyError as error:
        raise RuntimeError("no such thing") from error


def exits():
    sys.exit(3)


def interrupts():
    raise KeyboardInterrupt


def recurses():
    return recurses()


class Mute(Exception):
    def __str__(self):
        raise ValueError


def raises_mute():
    raise Mute


def prints():
    print("to stdout")
    print("to stderr", file=sys.stderr)
    sys.stdout.buffer.write(b"bytes\n")


def prints_below():
    os.write(1, b"raw out\n")
    os.write(2, b"raw err\n")
    subprocess.run(["/bin/echo", "from a child"], check=True)


def prints_bad_text():
    os.write(1, b"\xff\xfe")
    print("\ud800")


def prints_a_million_lines():
    for i in range(1_000_000):
        print("line", i)


def floods_descriptors():
    subprocess.run(["/usr/bin/head", "-c", "50000000", "/dev/zero"], check=True)


def prints_then_waits(gate):
    print("early")
    os.write(2, b"early err\n")
    while not os.path.exists(gate):
        time.sleep(0.01)
    print("late")


def waits_for(gate):
    while not os.path.exists(gate):
        time.sleep(0.005)
    return "waited"


def spins_until(gate):
    while not os.path.exists(gate):
        sum(range(1000))
    return "spun"


def opens(gate):
    with open(gate, "w"):
        pass


def with_plugs(n, plugs, output):
    plugs["odd" if n % 2 else "even"] = n
    output["double"] = 2 * n
    return n


def returns_plugs(n):
    return {"result": n, "plugs": {"square": n * n}}


def returns_empty_plugs():
    return {"result": 7, "plugs": {}}


def returns_alike():
    return {"result": 7, "plugs": {}, "more": 1}


def bad_plug(plugs):
    plugs["x"] = {1, 2}


def says_context():
    ctx.log("logged")
    return [ctx.call_id, ctx.attempt, ctx.function]


def big(n):
    return b"x" * n


def big_plugs(n, plugs):
    plugs["a"] = b"x" * n
    return b"y" * n


def dies():
    sys.stderr.write("about to die\n")
    os._exit(7)


def segfaults():
    ctypes.string_at(0)


def forks():
    if os.fork() == 0:
        print("in the child")
        return "child"
    os.wait()
    return "parent"


def environment():
    return dict(os.environ)


def sleeps(seconds):
    time.sleep(seconds)
    return seconds
