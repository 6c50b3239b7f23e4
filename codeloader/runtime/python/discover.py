"""Finds a module in a checkout and describes its functions, by parsing and never by importing.

Reads one JSON object on stdin: checkout (directory), module (dotted), module_path (directory below the
checkout, or empty), replacements (source by function). Writes one JSON object on stdout: import_root, file and functions,
or error with code, text and hint. Standard library only; runs in a sandbox without network, with `-I -S`. The scripts of
other languages (bash/discover.py, native/discover.py) are built on this one.
"""

import ast
import difflib
import io
import json
import os
import sys
import tokenize

SOURCE_BYTES_MAX = 8 << 20
MODULES_SEEN_MAX = 20_000
TEXT_CHARACTERS_MAX = 2_000

# The numbers of inspect.Parameter's kinds.
POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = range(5)
PROVIDED = ("plugs", "output")


class Refusal(Exception):
    def __init__(self, code, text, hint=""):
        super().__init__(text)
        self.code, self.text, self.hint = code, text, hint


# -- where the module is -------------------------------------------------------


def import_roots(module_path):
    """Directories that go on the import path, best first, without repetition."""
    return list(dict.fromkeys([module_path.strip("/"), "", "src"]))


def find_module(checkout, module, module_path):
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        raise Refusal("unknown_module", f'"{module}" is not the dotted name of a module',
                      "write it as in an import statement: package.module")
    for root in import_roots(module_path):
        base = os.path.join(checkout, root, *parts)
        # A package wins over a module of the same name, as it does for the interpreter.
        for candidate in (os.path.join(base, "__init__.py"), base + ".py"):
            if os.path.isfile(candidate):
                return root, os.path.relpath(candidate, checkout)
    raise unknown_module(checkout, module, module_path)


def unknown_module(checkout, module, module_path):
    known = sorted(all_modules(checkout, module_path))
    last = module.rpartition(".")[2]
    near = difflib.get_close_matches(module, known, n=3, cutoff=0.6)
    near += [name for name in known if name.rpartition(".")[2] == last and name not in near]
    if near:
        hint = "did you mean " + " or ".join(near[:5]) + "?"
    elif known:
        hint = "it has " + ", ".join(known[:10]) + (" and more" if len(known) > 10 else "")
    else:
        hint = "it has no Python modules at all"
    return Refusal("unknown_module", f'the repository has no module "{module}" at this commit', hint)


def all_modules(checkout, module_path):
    names = set()
    for root in import_roots(module_path):
        top = os.path.join(checkout, root)
        for directory, below, files in os.walk(top):
            below[:] = [name for name in below if name.isidentifier()]
            package = os.path.relpath(directory, top).replace(os.sep, ".")
            prefix = "" if package == "." else package + "."
            for file in files:
                stem, extension = os.path.splitext(file)
                if extension == ".py" and stem.isidentifier():
                    names.add((prefix + stem) if stem != "__init__" else prefix[:-1])
                if len(names) >= MODULES_SEEN_MAX:
                    return names
    names.discard("")
    # What stands below src/ is found from the root, too, under a name that nobody imports.
    return {name for name in names if not (name.startswith("src.") and name[4:] in names)}


# -- what is in it -------------------------------------------------------------


def find_file(checkout, module, module_path, extensions):
    """A file of another language: `module` is a path without its extension, where dots may stand for directories."""
    for root in import_roots(module_path):
        for name in dict.fromkeys([module, module.replace(".", "/")]):
            for extension in extensions:
                file = os.path.normpath(os.path.join(root, name + extension))
                if not file.startswith("..") and os.path.isfile(os.path.join(checkout, file)):
                    return root, file
    wanted = module + extensions[0]
    beside = sorted(file for file in os.listdir(os.path.join(checkout, module_path)) if file.endswith(extensions[0]))
    raise Refusal("unknown_module", f'the repository has no file "{wanted}" at this commit',
                  "it has " + ", ".join(beside[:10]) if beside else "")


def bytes_of(path, shown):
    if os.path.getsize(path) > SOURCE_BYTES_MAX:
        raise Refusal("bad_module", f"{shown} is larger than {SOURCE_BYTES_MAX} bytes")
    with open(path, "rb") as file:
        return file.read()


def text_of(path, shown):
    return bytes_of(path, shown).decode(errors="replace")


def parse(path, shown):
    return parse_source(bytes_of(path, shown), shown)


def parse_source(source, shown):
    try:
        tree = ast.parse(source, shown)
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        return tree, source.decode(encoding)
    except SyntaxError as problem:
        line = (problem.text or "").strip()
        where = f"{shown}:{problem.lineno or 1}"
        raise Refusal("bad_module", f"{where}: {problem.msg}" + (f": {shortened(line, 200)}" if line else "")) from None
    except (ValueError, LookupError) as problem:
        raise Refusal("bad_module", f"{shown}: {problem}") from None
    except (RecursionError, MemoryError):
        raise Refusal("bad_module", f"{shown} is nested too deeply to be parsed") from None


def shortened(text, most=TEXT_CHARACTERS_MAX):
    text = text.encode("utf-8", "replace").decode()  # an escape in a docstring may be half a character
    return text if len(text) <= most else text[: most - 3] + "..."


class Source:
    """Text of expressions as their author wrote them."""

    def __init__(self, text):
        # ast counts lines as the tokenizer does, which knows fewer line ends than str.splitlines.
        self.lines = [line.encode() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]

    def text_of(self, node):
        if node is None:
            return ""
        if node.lineno == node.end_lineno:
            line = self.lines[node.lineno - 1]
            written = line[node.col_offset : node.end_col_offset].decode(errors="replace")
        else:
            written = ast.unparse(node)
        return shortened(written)


def parameters_of(arguments, source):
    positional = arguments.posonlyargs + arguments.args
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    for index, (argument, default) in enumerate(zip(positional, defaults)):
        kind = POSITIONAL_ONLY if index < len(arguments.posonlyargs) else POSITIONAL_OR_KEYWORD
        yield parameter(argument, kind, default, source)
    if arguments.vararg:
        yield parameter(arguments.vararg, VAR_POSITIONAL, None, source)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        yield parameter(argument, KEYWORD_ONLY, default, source)
    if arguments.kwarg:
        yield parameter(arguments.kwarg, VAR_KEYWORD, None, source)


def parameter(argument, kind, default, source):
    described = {"name": argument.arg, "kind": kind, "annotation": source.text_of(argument.annotation)}
    if default is not None:
        described["default"] = source.text_of(default)
    return described


def describe(function, source):
    parameters = list(parameters_of(function.args, source))
    named = {p["name"] for p in parameters if p["kind"] not in (VAR_POSITIONAL, VAR_KEYWORD)}
    summary = (ast.get_docstring(function) or "").strip().split("\n")[0].strip()
    return {
        "function": function.name,
        "parameters": [p for p in parameters if p["name"] not in named.intersection(PROVIDED)],
        "returns": source.text_of(function.returns),
        "summary": shortened(summary, 200),
        "takes_plugs": "plugs" in named,
        "takes_output": "output" in named,
    }


def functions_of(tree, text):
    source = Source(text)
    found = {}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            found.pop(node.name, None)  # the last definition is the one that stays
            found[node.name] = describe(node, source)
    return list(found.values())


def declared(line):
    """A function of another language by its declaration in Python's form: `add(a: int, b: int = 1) -> int`. SyntaxError."""
    source = f"def {line}: pass"
    tree = ast.parse(source)
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef) or tree.body[0].args.kwarg:
        raise SyntaxError("not one declaration")
    return describe(tree.body[0], Source(source))


def replaced(functions, replacements, parsed):
    """What a replacement declares takes the place of what the module does; `parsed(source, shown)` lists its functions."""
    by_name = {each["function"]: each for each in functions}
    for name, source in replacements.items():
        if name not in by_name:
            raise Refusal("bad_module", f"the module has no function {name} to be replaced",
                          "it has " + ", ".join(list(by_name)[:10]) if by_name else "")
        new = {each["function"]: each for each in parsed(source, f"the replacement of {name}")}
        if name not in new:
            raise Refusal("bad_module", f"the replacement of {name} declares no function of this name")
        by_name[name] = new[name]
    return list(by_name.values())


def discover(request):
    checkout = request["checkout"]
    root, file = find_module(checkout, request["module"], request["module_path"])
    tree, text = parse(os.path.join(checkout, file), file)
    try:
        functions = functions_of(tree, text)
    except (RecursionError, MemoryError):
        raise Refusal("bad_module", f"{file} is nested too deeply to be read") from None
    functions = replaced(functions, request.get("replacements", {}),
                         lambda source, shown: functions_of(*parse_source(source.encode(), shown)))
    return {"import_root": root, "file": file, "functions": functions}


def answer(find):
    try:
        found = find(json.load(sys.stdin))
    except Refusal as refusal:
        found = {"error": {"code": refusal.code, "text": refusal.text, "hint": refusal.hint}}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    answer(discover)
