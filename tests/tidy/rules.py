"""The house rules as data; tidy.py checks them."""

import dataclasses

LINES_MAX = 500

# Who may include whom (docs/architecture.md). Tests may include all; nothing includes tests, examples or cli.
FOLDERS = ("flows", "storage", "codeloader", "actors", "nodes", "cli")
MAY_INCLUDE = {
    "flows": {"flows"},
    "storage": {"storage", "flows"},
    "codeloader": {"codeloader", "flows"},
    "actors": {"actors", "storage", "codeloader", "flows"},
    "nodes": {"nodes", "actors", "storage", "codeloader", "flows"},
    "cli": {"cli", "flows"},
    "examples": {"examples", "flows"},
    "tests": {*FOLDERS, "tests", "examples"},
}


@dataclasses.dataclass(frozen=True)
class Library:
    """A third-party library: what its headers look like, and the files (a regular expression) that may include them."""

    headers: str
    known_by: str
    where: str
    tests_may: bool = False


LIBRARIES = (
    Library(r"rocksdb/", r"storage/(internal/)?rocks_\w+\.cpp", "storage/rocks_store.cpp and the rocks_* sources beside it"),
    Library(r"git2(\.h|/)", r"codeloader/(repository|commit_tree|git_\w+)\.cpp", "the sources of codeloader that hold git"),
    Library(r"boost/process", r"codeloader/process\.cpp", "codeloader/process.cpp"),
    Library(r"seccomp\.h", r"codeloader/seccomp_filter\.cpp", "codeloader/seccomp_filter.cpp"),
    Library(r"sodium(\.h|/)", r"(flows|storage|codeloader|nodes)/[\w/]+\.cpp", "sources below cli, never a header"),
    Library(r"boost/beast", r"flows/client_\w+\.cpp|nodes/\w+\.cpp|nodes/internal/\w+\.[ch]pp", "the client's connection and the API server"),
    Library(r"boost/asio", r"flows/client_\w+\.cpp|nodes/\w+\.cpp|nodes/internal/\w+\.[ch]pp|codeloader/process\.cpp", "the client's connection, the API server and codeloader/process.cpp"),
    Library(r"CLI/", r"(cli|nodes)/[\w/]+\.cpp", "the command lines in cli and nodes"),
    Library(r"nlohmann/json\.hpp", r"(flows|codeloader|actors|cli|nodes)/[\w/]+\.cpp", "sources, never a header (there is json_fwd.hpp); values of ours are flow::value", tests_may=True),
    Library(r"re2/", r"flows/pattern\.cpp", "flows/pattern.cpp"),
    Library(r"utf8proc\.h", r"cli/table\.cpp", "cli/table.cpp"),
    Library(r"spdlog/", r"\w+/log\.cpp", "one log.cpp"),
    Library(r"toml\+\+", r"\w+/\w*(config|toml)\w*\.cpp", "the reader of configuration files"),
    Library(r"histedit\.h|editline/", r"cli/[\w/]+\.cpp", "the shell in cli"),
    Library(r"caf/(io|openssl)/", r"nodes/\w+\.cpp", "nodes; between nodes travel bytes", tests_may=True),
    Library(r"caf/", r"(flows|actors|nodes|cli|examples)/.*", "folders with actors; storage and codeloader are plain C++", tests_may=True),
    Library(r"caf/test/", r"tests/.*", "tests", tests_may=True),
)


@dataclasses.dataclass(frozen=True)
class Ban:
    """A pattern that must not stand in the files (a regular expression), and what to do in its place."""

    name: str
    files: str
    pattern: str
    instead: str


CPP = r".*\.[ch]pp"
PYTHON = r"(?!tests/tidy/).*\.py"
HEADER = r"(?:flows|storage|codeloader|actors|nodes|cli)/.*\.hpp"

BANS = (
    Ban("shell", CPP, r"(?:^|[;{}(=!&|,]|\breturn\b)\s*(?:std|)(?:::)?system\s*\(\s*[^)\s]|(?<![\w.>])popen\s*\(",
        "no shell anywhere; start the program with its argument list through codeloader/process.hpp"),
    Ban("shell", PYTHON, r"\bos\.(?:system|popen)\s*\(|shell\s*=\s*True",
        "no shell anywhere; subprocess.run with a list of arguments"),
    Ban("eval", PYTHON, r"(?<![\w.\"'])(?:eval\s*\(|exec\s*\((?!compile\())|\bpickle\.loads?\b|\bimport pickle\b",
        "values are parsed, never evaluated; code is imported from a checkout"),
    Ban("sleep", r"tests/.*\.[ch]pp", r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\b",
        "no test sleeps; advance a manual clock, or wait for the event itself with a deadline"),
    Ban("namespace", CPP, r"\busing\s+namespace\s+std\s*;", "write std::"),
    Ban("random", CPP, r"(?<![\w.:>])(?:std::)?s?rand\s*\(", "take the generator or the seed as a parameter, so that a run can be repeated"),
    Ban("limit", HEADER, r"^#define\s+(?!CAF_)", "a constant in flows/limits.hpp, or a function; macros only for CAF"),
    Ban("name", HEADER, r"(?<![\w.:>])(?:get_(?!blob\b)|do_|handle_)\w+\s*\([^;]*\)[^;]*;",
        "name what it answers or does: size(), apply(), on_result(); no get_, do_, handle_"),
    Ban("unfinished", r"(?!tests/tidy/).*", r"\b(?:TODO|FIXME|XXX)\b", "finish it, or open an issue that says what is missing"),
    Ban("machine path", r"(?!tests/tidy/).*", r"(?<![\w.$})/-])/(?:work|workspace|builds|Users)/|(?<![\w.$})-])/home/(?!(?:flow|joe)\b)\w+/",
        "a path relative to the project, or one given by a parameter"),
    Ban("registry", r"(?!tests/tidy/).*", r"\b(?:pypi\.org|files\.pythonhosted\.org|registry\.npmjs\.org|deb\.debian\.org|crates\.io)\b",
        "ordinary clients find their registry by their own configuration"),
)
