"""Finds the manifest of a native program in a checkout: MODULE.functions.json, which says what the program offers.

    {"program": "hello", "build": "cmake", "functions": {"add(a: int, b: int = 1) -> int": "The sum."}}

`program` is the executable: a path in the repository, or with `build` ("cmake" or "make") what the build makes, relative to the
directory that it fills. `functions` are declarations in Python's form, each with a sentence.
"""

import json
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "python"))

import discover  # noqa: E402

_BUILDS = ("", "cmake", "make")


def refusal(shown, text):
    return discover.Refusal("bad_module", f"{shown}: {text}",
                            'it looks like {"program": "hello", "build": "cmake", "functions": {"add(a, b) -> int": "The sum."}}')


def functions_of(declared, shown):
    found = {}
    for line, summary in declared.items():
        try:
            described = discover.declared(line)
        except SyntaxError:
            raise refusal(shown, f'"{line}" is not the declaration of a function') from None
        described["summary"] = discover.shortened(str(summary), 200)
        found[described["function"]] = described
    return list(found.values())


def find(request):
    checkout = request["checkout"]
    root, file = discover.find_file(checkout, request["module"], request["module_path"], (".functions.json",))
    try:
        manifest = json.loads(discover.text_of(os.path.join(checkout, file), file))
    except json.JSONDecodeError as problem:
        raise refusal(f"{file}:{problem.lineno}", problem.msg) from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("functions"), dict):
        raise refusal(file, "it has no map of functions")
    program, build = manifest.get("program"), manifest.get("build", "")
    if not isinstance(program, str) or not program or program.startswith("/") or ".." in program.split("/"):
        raise refusal(file, "its program is not a path inside the repository")
    if build not in _BUILDS:
        raise refusal(file, f"its build is {build!r}, which is not cmake or make")
    if request.get("replacements"):
        raise discover.Refusal("bad_module", "functions of a native program cannot be replaced", "remove the replacement")
    beside = os.path.dirname(file)
    return {"import_root": root, "file": file, "functions": functions_of(manifest["functions"], file),
            "program": program if build else os.path.join(beside, program), "build": build, "source": beside}


if __name__ == "__main__":
    discover.answer(find)
