"""The source itself: what no other tool looks after. Each rule is shown to bite on a bad sample."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("proxy", "labelers", "workers", "sim")
FOLDERS = (*PACKAGES, "oip", "tests", "routing_tables", "deploy", ".ci", "docs")
TEXTS = frozenset(
    (".py", ".md", ".yaml", ".yml", ".toml", ".txt", ".sql", ".json", ".sh", ".html", ".css", ".js", "")
)

LINES_MAX = 400
FUNCTION_LINES_MAX = 70
MARKS = tuple(mark.upper() for mark in ("todo", "fixme", "xxx"))
NAMELESS = frozenset(("utils", "util", "helpers", "helper", "common", "manager", "misc"))
LEFT_OUT = frozenset(("skip", "skipif", "xfail", "importorskip"))
MAY_SKIP = frozenset(
    ("tests/triton/conftest.py", "tests/gpu/conftest.py", "tests/unit/sim/shapes/conftest.py")
)
FOREIGN = "tests/triton/examples"
"""Programs of others, kept as they are: their licence is beside them."""
MAY_PRINT = frozenset(("proxy/cli.py", "proxy/app.py"))
MAY_ASK_THE_MACHINE = frozenset(("proxy/clock.py", "proxy/app.py", "proxy/family/child.py"))
CLOCKS = {"time": None, "random": None, "datetime": frozenset(("now", "utcnow", "today"))}
"""Modules whose functions the proxy is handed instead; None = all of them."""
MACHINES = re.compile(
    r"pypi[.]org|pythonhosted[.]org|npmjs[.]org|deb[.]debian[.]org|/[w]ork/|/[r]oot/|/[h]ome/\w|/[U]sers/\w|/[o]pt/(wheels|pypi)"
)
ASSERTS = re.compile(r"(assert|check|expect|verify|eventually)|(raises|warns|fail)$")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One text file: its path from the root, and what is in it."""

    path: str
    text: str

    @property
    def python(self) -> bool:
        return self.path.endswith(".py")

    @property
    def package(self) -> str:
        return self.path.split("/")[0]

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text if self.python else "")


Rule = Callable[[Source], Iterator[str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def short_file(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if source.python and lines > LINES_MAX:
        yield f"{lines} lines, {LINES_MAX} at most"


def short_functions(source: Source) -> Iterator[str]:
    for function in _functions(source.tree):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            yield f"line {function.lineno}: {function.name} has {lines} lines, {FUNCTION_LINES_MAX} at most"


def finished(source: Source) -> Iterator[str]:
    for number, line in enumerate(source.text.splitlines(), 1):
        for mark in MARKS:
            if re.search(rf"\b{mark}\b", line):
                yield f"line {number}: {mark}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Raise) and "NotImplementedError" in ast.dump(node):
            yield f"line {node.lineno}: a stub"


def no_test_left_out(source: Source) -> Iterator[str]:
    if source.path in MAY_SKIP:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in LEFT_OUT and "pytest" in ast.dump(node.value):
            yield f"line {node.lineno}: pytest {node.attr}"


def telling_name(source: Source) -> Iterator[str]:
    for part in Path(source.path).with_suffix("").parts:
        if NAMELESS & set(part.removeprefix("test_").split("_")):
            yield f"{part} says nothing of what is in it"


def module_docstring(source: Source) -> Iterator[str]:
    if source.python and ast.get_docstring(source.tree) is None:
        yield "no docstring"


def public_docstrings(source: Source) -> Iterator[str]:
    if source.package not in ("proxy", "labelers", "workers"):
        return
    for node in source.tree.body:
        named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if named and not node.name.startswith("_") and ast.get_docstring(node) is None:
            yield f"line {node.lineno}: {node.name} has no docstring"


def silent(source: Source) -> Iterator[str]:
    if source.package != "proxy" or source.path in MAY_PRINT:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"line {node.lineno}: print"


def handed_time_and_chance(source: Source) -> Iterator[str]:
    if source.package != "proxy" or source.path in MAY_ASK_THE_MACHINE:
        return
    known: dict[str, str] = {}  # the name in this file, and the module that it stands for
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            known.update({each.asname or each.name: each.name for each in node.names if each.name in CLOCKS})
        elif isinstance(node, ast.ImportFrom) and node.module in CLOCKS:
            names = [each for each in node.names if CLOCKS[node.module] is None]
            yield from (f"line {node.lineno}: {node.module}.{each.name}" for each in names)
            known.update({each.asname or each.name: node.module for each in node.names})
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            module = known.get(ast.unparse(node.value).split(".")[0], "")
            asked = CLOCKS.get(module, frozenset())
            if asked is None or node.attr in asked:
                yield f"line {node.lineno}: {module}.{node.attr}"


def no_machine_named(source: Source) -> Iterator[str]:
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := MACHINES.search(line):
            yield f"line {number}: {found[0]}"


def clean_ends(source: Source) -> Iterator[str]:
    for number, line in enumerate(source.text.split("\n"), 1):
        if line != line.rstrip():
            yield f"line {number}: white space at the end"
    if source.text and not source.text.endswith("\n"):
        yield "no newline at the end"


def nothing_swallowed(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and all(isinstance(each, ast.Pass) for each in node.body):
            kind = ast.unparse(node.type) if node.type else "BaseException"
            if kind in ("Exception", "BaseException"):
                yield f"line {node.lineno}: except {kind}: pass"


def asserting_tests(source: Source) -> Iterator[str]:
    if source.package != "tests":
        return
    functions = list(_functions(source.tree))
    asserting: set[str] = set()
    grown = True
    while grown:  # a test may assert through a function of its file, and that through another
        found = {each.name for each in functions if _asserts(each, asserting)}
        grown = found != asserting
        asserting = found
    for function in functions:
        if function.name.startswith("test_") and function.name not in asserting:
            yield f"line {function.lineno}: {function.name} asserts nothing"


def _asserts(function: Function, asserting: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1].lstrip("_")
            if ASSERTS.match(name) or f"{name}" in asserting or f"_{name}" in asserting:
                return True
    return False


def _functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _sources() -> Iterator[Source]:
    paths = [path for path in ROOT.iterdir() if path.is_file() and not path.name.startswith(".coverage")]
    for folder in FOLDERS:
        paths += (path for path in (ROOT / folder).rglob("*") if path.is_file() and not _foreign(path))
    for path in sorted(paths):
        if path.suffix in TEXTS and not {"__pycache__", "node_modules"} & set(path.parts):
            yield Source(path=path.relative_to(ROOT).as_posix(), text=path.read_text(encoding="utf-8"))


def _foreign(path: Path) -> bool:
    return path.is_relative_to(ROOT / FOREIGN)


SAMPLES: list[tuple[Rule, str, str]] = [
    (short_file, "proxy/a.py", "a = 1\n" * 401),
    (short_functions, "proxy/a.py", "def a():\n" + "    b()\n" * 70),
    *((finished, "proxy/a.sql", f"-- {mark}: later\n") for mark in MARKS),
    (finished, "proxy/a.py", "def a():\n    raise NotImplementedError('a')\n"),
    *((no_test_left_out, "tests/a.py", f"@pytest.mark.{each}\ndef a(): pass\n") for each in sorted(LEFT_OUT)),
    (no_test_left_out, "tests/a.py", "def a():\n    pytest." + "skip" + "('no time')\n"),
    *((telling_name, f"proxy/{each}.py", "") for each in sorted(NAMELESS)),
    (telling_name, "proxy/common/a.py", ""),
    (telling_name, "tests/test_string_utils.py", ""),
    (module_docstring, "sim/a.py", "a = 1\n"),
    (public_docstrings, "labelers/a.py", "def a(): pass\n"),
    (public_docstrings, "workers/a.py", "class A: pass\n"),
    (silent, "proxy/a.py", "print(1)\n"),
    (handed_time_and_chance, "proxy/a.py", "import time\ntime.sleep(1)\n"),
    (handed_time_and_chance, "proxy/a.py", "import time as t\nt.monotonic()\n"),
    (handed_time_and_chance, "proxy/a.py", "from time import time\n"),
    (handed_time_and_chance, "proxy/a.py", "import random\nrandom.random()\n"),
    (handed_time_and_chance, "proxy/a.py", "from datetime import datetime\ndatetime.now(UTC)\n"),
    (handed_time_and_chance, "proxy/a.py", "import datetime\ndatetime.datetime.now(UTC)\n"),
    (no_machine_named, "deploy/a.yaml", "path: /" + "home/somebody\n"),
    (no_machine_named, "README.md", "from pypi" + ".org\n"),
    (clean_ends, "README.md", "a \nb\n"),
    (clean_ends, "README.md", "a"),
    (nothing_swallowed, "sim/a.py", "try:\n    a()\nexcept Exception:\n    pass\n"),
    (nothing_swallowed, "sim/a.py", "try:\n    a()\nexcept:\n    pass\n"),
    (asserting_tests, "tests/a.py", "def test_a():\n    a()\n"),
    (asserting_tests, "tests/a.py", "def b():\n    c()\n\ndef test_a():\n    b()\n"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in SAMPLES))
TIDY = '''"""A module."""

import datetime


def test_a_sum(clock):
    """A public thing."""
    _same(clock.now() + datetime.timedelta(1).total_seconds(), 1)


def _same(one, other):
    try:
        assert one == other
    except AssertionError:
        pass
'''


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule: Rule) -> None:
    """What is not looked at in every file does not stay true."""
    found = [f"{source.path}: {complaint}" for source in _sources() for complaint in rule(source)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("rule", "path", "text"), SAMPLES)
def test_the_rule_bites(rule: Rule, path: str, text: str) -> None:
    """A rule that cannot complain keeps nothing tidy."""
    assert list(rule(Source(path=path, text=text)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", ["proxy/timers.py", "tests/test_timers.py"])
def test_the_rule_leaves_tidy_source_alone(rule: Rule, path: str) -> None:
    """A rule that complains of everything is soon switched off."""
    assert not list(rule(Source(path=path, text=TIDY)))


def test_the_files_looked_at_are_those_of_the_project() -> None:
    """A walk that finds nothing would find nothing wrong."""
    paths = {source.path for source in _sources()}
    assert {"proxy/pipeline.py", "tests/test_tidy.py", "pyproject.toml", ".ci/run", "Makefile"} <= paths


def test_no_compiled_file_defines_a_struct() -> None:
    """Compiled by mypyc it drops what it says to its base: a frozen msgspec value would not be frozen."""
    compiled = re.findall(r'"((?:proxy|labelers)/[a-z_/]+\.py)"', (ROOT / "setup.py").read_text())
    assert "proxy/pipeline.py" in compiled
    assert not [path for path in compiled if "(msgspec.Struct" in (ROOT / path).read_text()]
