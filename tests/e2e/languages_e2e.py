"""The same functions in every language, made by `flow init`, called on one node; and one of them replaced while it runs."""

import json
import os

from harness import Node, Repository, main, until, workplace

LANGUAGES = {"python": "python", "node": "node", "bash": "bash", "cpp": "native"}

VALUES = [None, True, 0, -1, 2**53, -(2**63), 2**64, 10**40, "", "text", "ä€😀 $(id) `id` \" '\n", [], {}, [1, [2, {"a": []}]],
          {"$bytes": "AAEC/w=="}, {"$float": "nan"}, {"$float": "-inf"}, 1.5]


def started(bin_dir, directory):
    node = Node(bin_dir, directory)
    node.start()
    return node


def add_language(node, directory, starter):
    """What a user types: a module to begin with, committed, added."""
    repository = Repository(directory, starter, other="")
    node.flow("init", starter, repository.path)
    repository.commit()
    name = "hello_" + starter
    node.flow("add", "processor", name, "-g", repository.path, "-m", "hello", "--lang", LANGUAGES[starter], "--sockets", "none")

    def state():
        status = node.verb("object.show", kind="processor", name=name)["status"]
        if status["state"] == "broken":
            raise AssertionError(status["text"])
        return status["state"] == "running"

    until(f"{name} runs", state)
    for function in ("greet", "add", "shout", "sort_out", "divide", *(["echo"] if starter != "python" else [])):
        node.flow("add", "socket", f"{starter}.{function}", "--processor", name, "--task", function, quiet=True)
    return repository


def call(node, socket, *args, **options):
    made = node.connect().call(socket, *args, wait_ms=60_000, **options)
    return made


def value_of(node, socket, *args, **options):
    ended = call(node, socket, *args, **options)
    assert ended["state"] == "finished", ended
    return ended["result"]


def check_language(node, starter):
    assert value_of(node, f"{starter}.greet", "World") == "Hello, World!"
    assert value_of(node, f"{starter}.greet", "World", kwargs={"greeting": "Servus"}) == "Servus, World!"
    assert value_of(node, f"{starter}.add", 2, 40) == 42
    for value in VALUES if starter != "python" else []:
        assert value_of(node, f"{starter}.echo", value) == value, (starter, value)
    shouted = call(node, f"{starter}.shout", "loud")
    assert shouted["result"] == "LOUD", shouted
    logs = json.dumps(node.verb("call.logs", id=shouted["id"]))
    assert "shouting" in logs and "loud" in logs, logs
    failed = call(node, f"{starter}.divide", 1, 0)
    assert failed["state"] == "failed" and "division by zero" in failed["failure"]["message"], failed
    assert failed["failure"]["type"], failed
    missing = node.flow("task", "run", f"{starter}.add", "--args", "[1]", expect=None)
    assert missing.returncode == 2 and "right" in missing.stderr, missing.stderr


def test_languages(bin_dir):
    """one module in four languages: values, keywords, output, failures, named outputs"""
    with workplace("languages") as directory:
        node = started(bin_dir, directory)
        try:
            for starter in LANGUAGES:
                add_language(node, directory, starter)
                check_language(node, starter)
            # From one language into the next, by a named output.
            ring = list(LANGUAGES)
            for source, target in zip(ring, ring[1:] + ring[:1]):
                node.flow("add", "plug", f"{source}_{target}", "--source", f"{source}.sort_out", "--target", f"{target}.shout", "--on", "odd",
                          expect=None)
            for starter in ring:
                made = call(node, f"{starter}.sort_out", 7)
                assert made["state"] == "finished", made
            signatures = node.verb("object.list", kind="task")["items"]
            assert sum(task["name"] == "hello.greet" for task in signatures) == 4
        finally:
            assert node.stop() == 0


def test_replaced(bin_dir):
    """a function is replaced, tried, versioned, survives a restart, and comes back"""
    with workplace("mixin") as directory:
        node = started(bin_dir, directory)
        for starter in ("python", "node"):
            add_language(node, directory, starter)
        replacements = {"python": "def add(left, right, more=1):\n    return ['replaced', left, right, more]\n",
                        "node": "function add(left, right, more = 1) { return ['replaced', left, right, more]; }\n"}
        for starter, source in replacements.items():
            path = os.path.join(directory, "add." + starter)
            with open(path, "w", encoding="utf-8") as file:
                file.write(source)
            words = ["task", "code", "hello.add", "--processor", "hello_" + starter]
            assert "(version 1)" in node.flow(*words, "-f", path)
            until("it is replaced", lambda: value_of(node, f"{starter}.add", 1, 2) == ["replaced", 1, 2, 1])
            until("its signature counts", lambda: value_of(node, f"{starter}.add", 1, 2, kwargs={"more": 3}) == ["replaced", 1, 2, 3])
            broken = node.flow(*words, "-f", "-", data="def add(:", expect=None)
            assert broken.returncode != 0 and "the replacement of add" in broken.stderr, broken.stderr
            assert value_of(node, f"{starter}.add", 1, 2) == ["replaced", 1, 2, 1]
        other = node.flow("task", "code", "hello.add", "--remove", expect=None)
        assert other.returncode != 0 and "several processors" in other.stderr, other.stderr
        shown = [task for task in node.verb("object.list", kind="task")["items"] if task["name"] == "hello.add"]
        assert all(task["status"]["replaced"] and task["status"]["version"] == 1 and "replaced" in task["spec"]["code"] for task in shown)
        node.kill()
        node.start()
        for starter in replacements:
            until("it is replaced still", lambda: value_of(node, f"{starter}.add", 1, 2) == ["replaced", 1, 2, 1])
            removed = node.flow("task", "code", "hello.add", "--processor", "hello_" + starter, "--remove")
            assert "(version 2)" in removed, removed
            until("it is its own again", lambda: value_of(node, f"{starter}.add", 1, 2) == 3)
        assert node.stop() == 0


def test_what_is_wrong(bin_dir):
    """a program that does not compile, a module that does not parse, a language that is not one, an image"""
    with workplace("wrong") as directory:
        node = started(bin_dir, directory)
        repository = Repository(directory, "wrong", other="")
        for name, text in {"bad.js": "exports.f = (", "bad.sh": "f() { if }\n", "CMakeLists.txt": "project(x LANGUAGES CXX)\nadd_executable(x x.cpp)\n",
                           "x.cpp": "int main() { return nothing_here; }\n",
                           "x.functions.json": '{"program": "x", "build": "cmake", "functions": {"f()": ""}}',
                           "y.functions.json": '{"program": "y", "functions": {"f(": ""}}'}.items():
            with open(os.path.join(repository.path, name), "w", encoding="utf-8") as file:
                file.write(text)
        repository.commit()
        for module, language, expected in (("bad", "node", "bad.js:1: "), ("bad", "bash", "bad.sh:1: "), ("x", "native", "nothing_here"),
                                           ("y", "native", 'is not the declaration of a function'), ("none", "node", "it has bad")):
            name = f"{module}_{language}"
            node.flow("add", "processor", name, "-g", repository.path, "-m", module, "--lang", language, expect=None)
            status = until("it is broken", lambda: (s := node.verb("object.show", kind="processor", name=name)["status"])["state"] == "broken" and s)
            assert expected in status["text"], status["text"]
        refused = node.flow("add", "processor", "c", "-g", repository.path, "-m", "bad", "--lang", "cobol", expect=None)
        assert refused.returncode == 2 and "python, node, bash, native" in refused.stderr, refused.stderr
        refused = node.flow("add", "processor", "c", "-g", repository.path, "-m", "bad", "--lang", "node", "--image", "debian:12", expect=None)
        assert refused.returncode != 0 and "OCI" in refused.stderr, refused.stderr
        assert not [p for p in node.verb("object.list", kind="processor")["items"] if p["name"] == "c"]
        assert node.stop() == 0


if __name__ == "__main__":
    main([test_languages, test_replaced, test_what_is_wrong])
