"""Finds a bash file in a checkout and describes its functions, by reading and never by running it.

As python/discover.py, whose parser reads the declarations: a comment above a function that looks like
`# greet(name, times=1) -> str`.
"""

import ast
import os
import re
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "python"))

import discover  # noqa: E402

_HEAD = re.compile(r"^(?:function\s+(?P<word>[\w.-]+)\s*(?:\(\s*\))?|(?P<name>[\w.-]+)\s*\(\s*\))\s*(?:[{(]|$)")
_HEREDOC = re.compile(r"<<-?\s*(?:'(?P<single>[^']+)'|\"(?P<double>[^\"]+)\"|\\?(?P<plain>[\w.-]+))")


def functions_of(text):
    found, comment, heredoc = {}, [], None
    for line in text.split("\n"):
        if heredoc is not None:
            if line.strip("\t") == heredoc:
                heredoc = None
            continue
        head = _HEAD.match(line)
        name = head and (head["word"] or head["name"])
        if name and re.fullmatch(r"[A-Za-z][\w.-]*", name):
            found.pop(name, None)
            found[name] = described(name, comment)
        comment = comment + [line[1:].strip()] if line.startswith("#") else []
        start = _HEREDOC.search(line) if not line.lstrip().startswith("#") and "<<<" not in line else None
        if start:
            heredoc = start["single"] or start["double"] or start["plain"]
    return list(found.values())


def described(name, comment):
    """By the declaration among the comment's lines; without one, any number of arguments."""
    summary, declared = "", None
    for line in comment:
        if line.startswith(name + "("):
            declared = declaration(name, line)
        elif not summary and not line.startswith("!"):
            summary = line
    out = declared or discover.declared("f(*args)")
    return {**out, "function": name, "summary": discover.shortened(summary, 200)}


def declaration(name, line):
    try:
        return discover.declared("f" + line[len(name):])
    except SyntaxError:
        return None  # a sentence that only begins like one


def checked(text, shown):
    """The functions of a source that bash can read; `bash -n` runs nothing of it."""
    done = subprocess.run(["/bin/bash", "-n"], input=text, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        lines = [line.replace("/bin/bash: line ", f"{shown}:") for line in done.stderr.strip().split("\n")]
        raise discover.Refusal("bad_module", discover.shortened("\n".join(lines[:3])))
    return functions_of(text)


def find(request):
    checkout = request["checkout"]
    root, file = discover.find_file(checkout, request["module"], request["module_path"], (".sh", ".bash", ""))
    functions = checked(discover.text_of(os.path.join(checkout, file), file), file)
    functions = discover.replaced(functions, request.get("replacements", {}), checked)
    return {"import_root": root, "file": file, "functions": functions}


if __name__ == "__main__":
    discover.answer(find)
