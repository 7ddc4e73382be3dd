"""YAML as this table's parser understands it: lines, scalars, aliases, and what is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing import document
from proxy.routing.document import Items, Pairs, builtins, compose, kind
from proxy.routing.problems import Problem, Reports
from proxy.routing.scalars import quoted


def read(text: str | bytes, **environ: str) -> object:
    reports = Reports()
    source = text.encode() if isinstance(text, str) else text
    root = compose(source, environ, reports)
    assert not reports.found
    assert root is not None
    return builtins(root)


def faults(text: str | bytes, **environ: str) -> list[Problem]:
    reports = Reports()
    compose(text.encode() if isinstance(text, str) else text, environ, reports)
    return list(reports.problems().found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-12", -12),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        (".5e1", 5.0),
        ("true", True),
        ("False", False),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-11-11", "2026-11-11"),
        ('"12"', "12"),
        ("'true'", "true"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("9" * 5000, math.inf),
        ("\u0665", "\u0665"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    """The older rules make 90 of 1:30, and false of no: labels would change their name."""
    assert read(f"[{text}]" if "\n" not in text else text) == ([value] if "\n" not in text else value)


def test_not_a_number_is_read_as_such() -> None:
    """So that the reader of a weight can refuse it."""
    value = read(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


def test_keys_are_text() -> None:
    """1 and "1" are one key."""
    assert read('{1: a, "x": b, 1.5: [null, ~, ]}') == {"1": "a", "x": "b", "1.5": [None, None]}


def test_every_value_knows_its_line() -> None:
    """Inside flow mappings too, and past Windows' line ends."""
    root = compose(b"a: 1\r\nb: {c: 2,\r\n  d: [3,\r\n  4]}\r\n", {}, Reports())
    assert isinstance(root, Pairs)
    inner = root.pairs[1][1]
    assert isinstance(inner, Pairs)
    listed = inner.pairs[1][1]
    assert isinstance(listed, Items)
    assert [node.line for node in (root, inner, listed, *listed.nodes)] == [1, 2, 3, 3, 4]
    assert inner.line_of("d") == 3
    assert inner.line_of("unheard-of") == 2


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "~", "\ufeff"])
def test_an_empty_file_is_called_empty(text: str) -> None:
    """A truncated file is the commonest half-written one."""
    (problem,) = faults(text)
    assert problem == Problem(1, "the file is empty", "a table begins with 'version: 1'")


def test_a_byte_order_mark_is_passed_over() -> None:
    """Some editors write one."""
    assert read("\ufeffa: 1".encode()) == {"a": 1}


def test_bytes_that_are_not_utf_8_are_named_with_their_line() -> None:
    """A table saved in another encoding."""
    (problem,) = faults(b"a: 1\nb: \xff\n")
    assert (problem.line, problem.message) == (2, "byte 0xff is not UTF-8")


def test_control_characters_are_refused_each_with_its_line() -> None:
    """They hide things from whoever reads the file; two of them would even shift the line numbers."""
    found = faults("a: 1\nb: \x00\rc: 1\r\nd: \u2028 \x1b\n")
    assert [(each.line, each.message) for each in found] == [
        (2, "control character U+0000"),
        (4, "control character U+2028"),
        (4, "control character U+001B"),
    ]


def test_reports_of_control_characters_are_bounded() -> None:
    """A binary file must not become a million lines of problems."""
    assert len(faults("\x00" * 10_000)) == 100


def test_a_file_over_the_size_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """8 MiB hold 100,000 rows."""
    monkeypatch.setattr(document, "TABLE_BYTES_MAX", 10)
    assert read("a: 3456789") == {"a": 3456789}
    (problem,) = faults("a: 34567890")
    assert problem.message == "11 bytes are too many"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1,\n  2}\n", 2), ("a: 'x\n", 2), ("\tb: 1", 1), ("a: 1\n- b\n", 2), ("%YAML 3.0\n---\n", 1)],
)
def test_what_is_not_yaml_is_said_with_its_line(text: str, line: int) -> None:
    """In libyaml's own words."""
    (problem,) = faults(text)
    assert problem.line == line
    assert problem.message.startswith("not YAML: ")


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("a:\n\t- 1\n", 2, "indent with spaces, not with a tab"),
        ("a:\n  - b: 1\n  \tc: 1\n", 3, "indent with spaces, not with a tab"),
        ("a: {b: *}\n", 1, 'quote it: "*"'),
        ("a: *\nb: 1\n", 1, 'quote it: "*"'),
        ("a: [${NAME}]\n", 1, 'quote what holds a variable: "${NAME}"'),
        ("a: [1 2, ]]\n", 1, ""),
    ],
)
def test_slips_that_libyaml_has_no_good_words_for_get_a_hint(text: str, line: int, hint: str) -> None:
    """`cannot start any token` tells nobody to take out a tab."""
    (problem,) = faults(text)
    assert (problem.line, problem.hint) == (line, hint), problem.message


def test_a_second_document_is_refused() -> None:
    """Which of them would be served?"""
    (problem,) = faults("a: 1\n---\nb: 1\n")
    assert (problem.line, problem.message) == (2, "a second document begins")


def test_nesting_is_bounded() -> None:
    """Nothing in a table is deep; a deep file is an attack on the stack."""
    assert read("[" * 32 + "]" * 32) is not None
    (problem,) = faults("[\n" * 33 + "]" * 33)
    assert (problem.line, problem.message) == (33, "nested too deeply")


def test_nesting_through_aliases_is_bounded_too() -> None:
    """Each of these lines is shallow; what the last stands for is not."""
    lines = ["- &a0 [1]"] + [f"- &a{place} [*a{place - 1}]" for place in range(1, 40)]
    (problem,) = faults("\n".join(lines))
    assert problem == Problem(32, "nested too deeply", "at most 32 levels")


def test_the_number_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for a file is bounded, however dense."""
    monkeypatch.setattr(document, "NODES_MAX", 5)
    assert read("[1, 2, 3, 4]") == [1, 2, 3, 4]
    (problem,) = faults("[1, 2, 3, 4,\n 5, 6]")
    assert (problem.line, problem.message) == (2, "too many values")


def test_an_alias_stands_for_its_anchor_on_its_own_line() -> None:
    """So that a problem with it is reported where it is used."""
    root = compose(b"- &row {a: 1}\n- 2\n- *row\n", {}, Reports())
    assert isinstance(root, Items)
    assert builtins(root) == [{"a": 1}, 2, {"a": 1}]
    assert [node.line for node in root.nodes] == [1, 2, 3]


@pytest.mark.parametrize("text", ["- *a\n- &a 1", "- &a [*a]"])
def test_an_alias_needs_a_whole_anchor_before_it(text: str) -> None:
    """A value within itself has no end."""
    (problem,) = faults(text)
    assert (problem.line, problem.message) == (1, "alias *a has no anchor before it")


def test_a_bomb_of_aliases_is_refused_on_its_line() -> None:
    """Nine of nine of nine: a kilobyte that stands for billions."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{place}: &a{place} [{', '.join([f'*a{place - 1}'] * 9)}]" for place in range(1, 10)]
    (problem,) = faults("\n".join(lines))
    assert problem == Problem(6, "aliases stand for too many values", "at most 100000 in one file")


@pytest.mark.parametrize("text", ["!!python/object:os.system x", "- !!str 5", "a: !x {}", "!<tag:%0a> []"])
def test_tags_are_refused(text: str) -> None:
    """A table is data: nothing in it chooses a type, let alone runs."""
    (problem,) = faults(text)
    assert problem.line == 1
    assert problem.message.startswith("tag '")
    assert problem.message.isprintable()


def test_a_key_that_stands_twice_is_reported_with_the_first_ones_line() -> None:
    """Most parsers let the last win without a word."""
    (problem,) = faults('a: 1\nb: 2\n"a": 3\n')
    assert problem == Problem(3, "key 'a' stands here twice", "first on line 1")


@pytest.mark.parametrize(("text", "what"), [("? [1]\n: 2", "a list"), ("? {a: 1}\n: 2", "a mapping")])
def test_a_key_that_is_no_word_is_reported(text: str, what: str) -> None:
    """Python could not even hold it."""
    (problem,) = faults("x: 1\n" + text)
    assert (problem.line, problem.message) == (2, f"{what} stands as a key")


def test_variables_are_filled_in_within_values_and_not_within_keys() -> None:
    """What is filled in stays text, even where it looks like a number."""
    assert read("${A}: ${A}\nb: ['x${B}y']", A="1", B="") == {"${A}": "1", "b": ["xy"]}


def test_a_fault_in_a_value_shows_the_variable_and_not_what_it_stands_for() -> None:
    """It may be a secret."""
    root = compose(b"[ 'x${SECRET}' ]", {"SECRET": "hunter2"}, Reports())
    assert isinstance(root, Items)
    assert kind(root.nodes[0]) == "'x${SECRET}'"


def test_quoted_text_is_short_and_on_one_line() -> None:
    """A message is one line, whatever stands in the file."""
    assert quoted("a\nb") == "'a\\nb'"
    assert quoted("x" * 100) == "'" + "x" * 60 + "...'"
    assert quoted("x", plain=True) == "x"


def test_kinds_are_named_for_people() -> None:
    """'not a mapping' says more than a type's name."""
    root = compose(b"[[], {}, ~, 5, 'x']", {}, Reports())
    assert isinstance(root, Items)
    assert [kind(node) for node in root.nodes] == ["a list", "a mapping", "nothing", "5", "'x'"]


_LEAVES = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(st.characters(codec="ascii"))
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from("abc")), inner),
    max_leaves=20,
)


@given(_TREES.filter(lambda tree: tree is not None))
def test_json_is_read_as_json(tree: object) -> None:
    """JSON is YAML: a table may come as JSON from a program."""
    import json

    assert read(json.dumps(tree).replace("${", "$ {")) == json.loads(json.dumps(tree).replace("${", "$ {"))


@given(st.binary(max_size=200) | st.text("[]{}:,-&*!|>'\"%@`#?\n ab1$", max_size=60).map(str.encode))
def test_whatever_the_bytes_there_is_a_tree_or_a_problem(source: bytes) -> None:
    """Never an exception: the text may come over the network."""
    reports = Reports()
    root = compose(source, {}, reports)
    assert root is not None or reports.found
    assert all(problem.line >= 1 and problem.message.isprintable() for problem in reports.found)
