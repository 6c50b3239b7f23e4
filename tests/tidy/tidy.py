#!/usr/bin/env python3
"""House rules that a compiler does not see. `tidy.py [CHECK...]` prints one line for each violation and exits with 1.

A check is a function from a project to its problems; tidy_test.py plants a violation for each of them.
"""

import pathlib
import re
import sys

import rules

SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__"}
TEXT_SUFFIXES = {".cpp", ".hpp", ".py", ".md", ".txt", ".json", ".sh", ".toml", ".yaml", ".yml", ".ts", ".tsx", ".cmake", ""}
CODE_SUFFIXES = {".cpp", ".hpp", ".py", ".sh", ".ts", ".tsx"}


class Project:
    """All text files below `root`, by path relative to it."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.texts = {}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root)
            if SKIPPED_FOLDERS.isdisjoint(name.parts) and path.is_file() and path.suffix in TEXT_SUFFIXES:
                self.texts[name.as_posix()] = path.read_text(encoding="utf-8", errors="replace")

    def exists(self, name):
        return (self.root / name).exists()

    def files(self, *suffixes, under=("",)):
        """Names and texts of files with one of the suffixes, below one of the folders."""
        return [(name, text) for name, text in self.texts.items() if name.endswith(suffixes) and name.startswith(tuple(under))]


def numbered(text):
    return enumerate(text.splitlines(), start=1)


# -- documents -----------------------------------------------------------------


def check_paths(project):
    """Every path that a document names exists, and the architecture page names every actor."""
    folders = "|".join((*rules.FOLDERS, "examples", "tests", "docs"))
    in_code = re.compile(rf"`((?:{folders})/[\w./-]*)`")
    in_drawing = re.compile(rf"(?<![`\w./-])((?:{folders})/[\w./-]+\.(?:cpp|hpp|py))(?![\w/])")
    link = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
    for name, text in project.files(".md"):
        folder = pathlib.PurePosixPath(name).parent
        is_quoted_code = False
        for number, line in numbered(text):
            is_quoted_code ^= line.lstrip().startswith("```")
            for path in in_code.findall(line) + in_drawing.findall(line):
                if not project.exists(path):
                    yield f"{name}:{number}: names {path}, which does not exist"
            for target in [] if is_quoted_code else link.findall(line):  # a lambda looks like a link
                if "://" not in target and not project.exists(folder / target):
                    yield f"{name}:{number}: links to {target}, which does not exist"
    architecture = project.texts.get("docs/architecture.md", "")
    for name, _ in project.files("_actor.cpp", under=("actors/", "nodes/")):
        if name not in architecture:
            yield f"docs/architecture.md: {name} has no place in it; add it to the picture of the actors"


def error_codes(project):
    """From flows/error.hpp: number -> name."""
    body = re.search(r"enum class ec\b[^{]*{(.*?)};", project.texts.get("flows/error.hpp", ""), re.S)
    found = re.findall(r"^\s*(\w+) = (\d+),", body.group(1), re.M) if body else []
    return {int(number): name for name, number in found if number != "0"}


def check_errors(project):
    """Each code of flows/error.hpp has one row in flows/error.cpp and one page, and no page stands alone."""
    codes = error_codes(project)
    if not codes:
        yield "flows/error.hpp: the enumeration of codes cannot be found"
    rows = re.findall(r'{ec::(\w+),\s*"(\w+)"', project.texts.get("flows/error.cpp", ""))
    for code, name in rows:
        if code != name:
            yield f'flows/error.cpp: ec::{code} is called "{name}"; the name is the enumerator'
    if [code for code, _ in rows] != [codes[number] for number in sorted(codes)]:
        yield "flows/error.cpp: the table must have one row for each code of flows/error.hpp, in ascending order"
    pages = {name for name, _ in project.files(".md", under=("docs/errors/F",))}
    for number, code in sorted(codes.items()):
        page = f"docs/errors/F{number:04}.md"
        text = project.texts.get(page)
        if text is None:
            yield f"{page}: missing; write what {code} means, what causes it and what to do"
            continue
        if not text.startswith(f"# F{number:04} {code}\n"):
            yield f'{page}: must begin with "# F{number:04} {code}"'
        if f"error[F{number:04}]: " not in text:
            yield f'{page}: needs an example message, "error[F{number:04}]: ..."'
        pages.discard(page)
    for page in sorted(pages):
        yield f"{page}: no code has this number; numbers of retired codes stay in flows/error.hpp"


# -- the build -----------------------------------------------------------------


def lists(project, folder, name):
    """Whether the CMakeLists.txt of `folder` names the file."""
    text = re.sub(r"#.*", "", project.texts.get((folder / "CMakeLists.txt").as_posix(), ""))
    relative = pathlib.PurePosixPath(name).relative_to(folder).as_posix()
    words = [word.strip('"') for word in re.split(r"[\s()]+", text)]
    return any(word == relative or word.endswith(("}/" + relative, "}/" + name)) for word in words)


def check_listed(project):
    """Every source, every header of a library and every test is in a CMakeLists.txt above it: sources are never globbed."""
    for name, _ in project.files(".cpp", ".hpp", "_test.py", under=[f"{folder}/" for folder in (*rules.FOLDERS, "examples", "tests")]):
        if name.endswith(".hpp") and name.startswith(("tests/", "examples/")):
            continue
        if not any(lists(project, folder, name) for folder in pathlib.PurePosixPath(name).parents):
            yield f"{name}: listed in no CMakeLists.txt, so it is not built or run"


def check_suites(project):
    """The suite of a test file is its path, or ctest selects nothing and reports success."""
    for name, text in project.files("_test.cpp", under=("tests/",)):
        suite = name.removeprefix("tests/").removesuffix("_test.cpp").replace("/", ".")
        named = re.search(r"^#define CAF_SUITE (\S+)", text, re.M)
        if named is None or named.group(1) != suite:
            yield f'{name}: needs "#define CAF_SUITE {suite}"'
        includes = re.findall(r'^#include ["<]([^">]+)', text, re.M)
        if not includes or not re.fullmatch(r"caf/test/\w+\.hpp", includes[-1]):
            yield f"{name}: caf/test/dsl.hpp must be its last include; its macros break other headers"
        if not re.search(r"^\s*(CAF_TEST|TEST)\w*\(", text, re.M):
            yield f"{name}: has no test"


# -- includes ------------------------------------------------------------------


def check_includes(project):
    """Folders include only what lies below them, and each third-party library is known by few files."""
    for name, text in project.files(".cpp", ".hpp"):
        folder = name.split("/", 1)[0]
        for number, line in numbered(text):
            include = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
            if not include:
                continue
            header = include.group(1)
            target = header.split("/", 1)[0]
            if target in rules.MAY_INCLUDE and target not in rules.MAY_INCLUDE.get(folder, rules.MAY_INCLUDE):
                yield f"{name}:{number}: {folder} must not include {target} ({header}); move what it needs to flows, or turn the call around"
            for library in rules.LIBRARIES:
                if not re.match(library.headers, header) or folder == "tests" and library.tests_may:
                    continue
                if not re.fullmatch(library.known_by, name):
                    yield f"{name}:{number}: {header} is known by {library.where}; use that"


# -- text ----------------------------------------------------------------------


def check_length(project):
    """A file that is too long does two things."""
    for name, text in project.files(*CODE_SUFFIXES - {""}):
        lines = text.count("\n")
        if lines > rules.LINES_MAX:
            yield f"{name}: {lines} lines; split it by meaning (limit {rules.LINES_MAX})"
    for name in ("dev", ".ci/run"):
        if project.texts.get(name, "").count("\n") > rules.LINES_MAX:
            yield f"{name}: more than {rules.LINES_MAX} lines"


def check_bans(project):
    """Each ban says what to use in its place. A line may claim an exception: `tidy: allow NAME because REASON`."""
    for name, text in project.texts.items():
        bans = [ban for ban in rules.BANS if re.fullmatch(ban.files, name)]
        for number, line in numbered(text):
            for ban in bans:
                if re.search(ban.pattern, line) and not re.search(rf"tidy: allow {ban.name} because \w+", line):
                    yield f"{name}:{number}: {ban.name}: {ban.instead}"


CHECKS = {name.removeprefix("check_"): check for name, check in list(globals().items()) if name.startswith("check_")}


def main(arguments):
    project = Project(pathlib.Path(__file__).resolve().parents[2])
    unknown = [name for name in arguments if name not in CHECKS]
    if unknown:
        sys.exit(f"no such check: {unknown[0]}; there are: {' '.join(CHECKS)}")
    problems = [problem for name in arguments or CHECKS for problem in CHECKS[name](project)]
    print("\n".join(problems) if problems else f"{len(project.texts)} files keep the house rules")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
