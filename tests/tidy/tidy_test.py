"""Plants one violation at a time into a small sound project: each must be found, and nothing else."""

import pathlib
import tempfile
import unittest

import rules
import tidy

SOUND = {
    "docs/architecture.md": "The writer is `actors/journal_actor.cpp`, see [data](data.md).\n",
    "docs/data.md": "Bytes.\n",
    "docs/errors/F0101.md": '# F0101 bad_usage\n\n    error[F0101]: no command "lst"\n',
    "flows/CMakeLists.txt": "millrace_library(flows\n  SOURCES error.cpp\n  HEADERS error.hpp)\n",
    "flows/error.hpp": "enum class ec : uint16_t {\n  none = 0,\n  bad_usage = 101,\n};\n",
    "flows/error.cpp": '#include "flows/error.hpp"\n{ec::bad_usage, "bad_usage", "no such command"},\n',
    "actors/CMakeLists.txt": "millrace_library(actors SOURCES journal_actor.cpp)\n",
    "actors/journal_actor.cpp": '#include "caf/actor.hpp"\n#include "flows/error.hpp"\nself->system().spawn(f);\n',
    "tests/flows/CMakeLists.txt": "millrace_tests(flows_tests LABEL unit SOURCES error_test.cpp)\n",
    "tests/flows/error_test.cpp": '#define CAF_SUITE flows.error\n#include "flows/error.hpp"\n#include "caf/test/dsl.hpp"\n'
                                  "CAF_TEST(a code has a name) {}\n",
}

# check, file, its new text (None: the file is gone; "+...": appended), a part of the expected line
PLANTED = [
    ("paths", "docs/architecture.md", "+`flows/gone.cpp`\n", "docs/architecture.md:2: names flows/gone.cpp"),
    ("paths", "docs/architecture.md", "+├── hub    actors/hub_actor.cpp  tells\n", "names actors/hub_actor.cpp"),
    ("paths", "docs/data.md", None, "links to data.md"),
    ("paths", "actors/plug_actor.cpp", "", "actors/plug_actor.cpp has no place"),
    ("errors", "docs/errors/F0101.md", None, "docs/errors/F0101.md: missing"),
    ("errors", "docs/errors/F0101.md", "# F0101 bad\nerror[F0101]: x\n", "must begin with"),
    ("errors", "docs/errors/F0101.md", "# F0101 bad_usage\n", "needs an example"),
    ("errors", "docs/errors/F0199.md", "# F0199 retired\n", "no code has this number"),
    ("errors", "flows/error.cpp", "", "one row for each code"),
    ("errors", "flows/error.cpp", '{ec::bad_usage, "usage", ""},\n', 'is called "usage"'),
    ("errors", "flows/error.hpp", "", "cannot be found"),
    ("listed", "flows/ids.cpp", "", "flows/ids.cpp: listed in no"),
    ("listed", "flows/ids.hpp", "", "flows/ids.hpp: listed in no"),
    ("listed", "flows/CMakeLists.txt", "# error.cpp error.hpp\n", "flows/error.cpp: listed in no"),
    ("listed", "tests/flows/ids_test.cpp", "", "tests/flows/ids_test.cpp: listed in no"),
    ("listed", "tests/e2e/run_test.py", "", "tests/e2e/run_test.py: listed in no"),
    ("suites", "tests/flows/error_test.cpp", "#define CAF_SUITE flows.errors\n#include \"caf/test/dsl.hpp\"\nCAF_TEST(a) {}\n", "needs"),
    ("suites", "tests/flows/error_test.cpp", "+#include <map>\n", "must be its last include"),
    ("suites", "tests/flows/error_test.cpp", "#define CAF_SUITE flows.error\n#include \"caf/test/dsl.hpp\"\n", "has no test"),
    ("includes", "flows/error.hpp", '+#include "storage/store.hpp"\n', "flows must not include storage"),
    ("includes", "storage/a.cpp", '#include "codeloader/loader.hpp"\n', "storage must not include codeloader"),
    ("includes", "cli/main.cpp", '#include "actors/x.hpp"\n', "cli must not include actors"),
    ("includes", "actors/journal_actor.cpp", '+#include "nodes/node.hpp"\n', "actors must not include nodes"),
    ("includes", "nodes/main.cpp", '#include "tests/support/x.hpp"\n', "nodes must not include tests"),
    ("includes", "actors/journal_actor.cpp", "+#include <rocksdb/db.h>\n", "is known by storage/rocks_store.cpp"),
    ("includes", "storage/rocks_store.hpp", "#include <rocksdb/db.h>\n", "is known by storage/rocks_store.cpp"),
    ("includes", "tests/flows/error_test.cpp", "+#include <rocksdb/db.h>\n", "is known by storage/rocks_store.cpp"),
    ("includes", "storage/rocks_store.cpp", "#include <caf/all.hpp>\n", "storage and codeloader are plain C++"),
    ("includes", "actors/journal_actor.cpp", '+#include "caf/io/all.hpp"\n', "between nodes travel bytes"),
    ("includes", "flows/error.hpp", "+#include <nlohmann/json.hpp>\n", "flow::value"),
    ("includes", "codeloader/sandbox.cpp", "#include <boost/process.hpp>\n", "codeloader/process.cpp"),
    ("length", "flows/error.hpp", "+" + "\n" * rules.LINES_MAX, "split it by meaning"),
    ("bans", "flows/error.cpp", '+  std::system("ls");\n', "shell"),
    ("bans", "flows/error.cpp", '+  if (system(line.c_str()) != 0) return;\n', "shell"),
    ("bans", "flows/error.cpp", '+  auto* pipe = popen("ls", "r");\n', "shell"),
    ("bans", "tests/e2e/run.py", 'os.system("ls")\n', "shell"),
    ("bans", "codeloader/runtime/worker.py", "value = eval(text)\n", "eval"),
    ("bans", "tests/flows/error_test.cpp", "+std::this_thread::sleep_for(1s);\n", "sleep"),
    ("bans", "flows/error.cpp", "+using namespace std;\n", "namespace"),
    ("bans", "flows/error.cpp", "+int n = rand();\n", "random"),
    ("bans", "flows/error.hpp", "+#define LIMIT 3\n", "limit"),
    ("bans", "flows/error.hpp", "+int get_size() const;\n", "name"),
    ("bans", "docs/data.md", "+TO" "DO: the rest\n", "unfinished"),
    ("bans", "docs/data.md", "+see /wo" "rk/main/flows\n", "machine path"),
    ("bans", "flows/error.cpp", '+const char* dir = "/ho' 'me/builder/flow";\n', "machine path"),
    ("bans", "docs/data.md", "+https://pypi." "org/simple\n", "registry"),
]


def problems_of(files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        project = tidy.Project(root)
        return {name: list(check(project)) for name, check in tidy.CHECKS.items()}


class TidyTest(unittest.TestCase):
    def test_a_sound_project_has_no_problem(self):
        self.assertEqual(problems_of(SOUND), {name: [] for name in tidy.CHECKS})

    def test_each_planted_violation_is_found_by_its_check(self):
        for check, name, text, expected in PLANTED:
            with self.subTest(check=check, file=name, text=text):
                files = dict(SOUND)
                if text is None:
                    del files[name]
                else:
                    files[name] = SOUND[name] + text[1:] if text.startswith("+") else text
                found = problems_of(files)[check]
                self.assertTrue(any(expected in line for line in found), f"expected {expected!r} in {found}")

    def test_every_check_and_every_ban_has_a_planted_violation(self):
        self.assertEqual({check for check, *_ in PLANTED}, set(tidy.CHECKS))
        self.assertEqual({expected for check, *_, expected in PLANTED if check == "bans"}, {ban.name for ban in rules.BANS})

    def test_an_exception_needs_a_reason(self):
        line = "std::this_thread::sleep_for(1s); // tidy: allow sleep because"
        for reason, count in (("", 1), (" the kernel's timer is what is tested", 0)):
            files = {**SOUND, "tests/flows/error_test.cpp": SOUND["tests/flows/error_test.cpp"] + line + reason + "\n"}
            self.assertEqual(len(problems_of(files)["bans"]), count, reason)


if __name__ == "__main__":
    unittest.main()
