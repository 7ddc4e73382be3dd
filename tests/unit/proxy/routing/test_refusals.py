"""What is no table: every fault with its line and a hint, all of them at once, and never a secret."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.parse import parse_table
from proxy.routing.problems import Problem, Problems
from proxy.routing.table import LabelerSpec, Table
from tests.stand_ins.tables import APPLICATIONS, MINIMAL, ROUTE, parsed, refused, with_application, with_route


def only(text: str, environ: dict[str, str] | None = None) -> Problem:
    found = refused(text, environ)
    assert len(found) == 1, found
    return found[0]


def unkeyed(problem: Problem) -> str:
    """What is wrong with a value, without the key that it stands at."""
    return re.sub(r"^[a-zA-Z]+: ", "", problem.message)


@pytest.mark.parametrize(
    ("key", "written", "message"),
    [
        ("timeout", "0", "0 is too small (it must be above 0)"),
        ("timeout", "-5", "-5 is too small (it must be above 0)"),
        ("timeout", "600001", "600001 is too large (at most 600000)"),
        ("timeout", ".nan", ".nan is not a finite number ()"),
        ("timeout", ".inf", ".inf is not a finite number ()"),
        ("timeout", "1e999", "1e999 is not a finite number ()"),
        ("timeout", "true", "a number is wanted here, not true ()"),
        ("timeout", '"100"', "a number is wanted here, not '100' ()"),
        ("timeout", "[100]", "a number is wanted here, not a list ()"),
        ("timeout", "", "a number is wanted here, not nothing ()"),
        ("weight", "-1", "-1 is too small (at least 0)"),
        ("weight", "1e10", "1e10 is too large (at most 1000000000)"),
        ("priority", "1.5", "a whole number is wanted here, not 1.5 ()"),
        ("priority", "false", "a whole number is wanted here, not false ()"),
        ("priority", "{}", "a whole number is wanted here, not a mapping ()"),
        ("priority", "1000001", "1000001 is out of range (from -1000000 to 1000000)"),
        ("clusterType", "htp", "htp is not a clusterType (did you mean 'http'?)"),
        ("clusterType", "grpc", "grpc is not a clusterType (known: hsf, http)"),
        ("clusterType", "[http]", "a list is not a clusterType (known: hsf, http)"),
        ("application", "3", "no application '3' under applications (known: 1, 2)"),
        (
            "application",
            "a b",
            "'a b' is not an application's id (1 to 64 of the characters A-Z a-z 0-9 . _ : / @ + -)",
        ),
        ("application", "[1]", "a list is not an application's id (a number or a word is)"),
        (
            "application",
            "'*'",
            "'*' is not an application's id (1 to 64 of the characters A-Z a-z 0-9 . _ : / @ + -)",
        ),
        ("label", "true", "true is not a label (quote it if the word is meant)"),
        ("label", "1.5", "1.5 is not a label (quote it if the word is meant)"),
        ("label", "007", "007 is not a label (quote it if the word is meant)"),
        ("label", "~", "nothing is not a label ()"),
        ("label", "{a: 1}", "a mapping is not a label (a number or a word is)"),
        ("label", "[]", "no label (name at least one)"),
        ("label", "[1, [2]]", "a list is not a label (a number or a word is)"),
        ("label", '"1,,2"', "an empty label in '1,,2' (remove the comma too many)"),
        ("label", '""', "an empty label in '' (remove the comma too many)"),
        ("label", '["1,2"]', "'1,2' is not a label (1 to 64 of the characters A-Z a-z 0-9 . _ : / @ + -)"),
        ("label", "广告", "'广告' is not a label (1 to 64 of the characters A-Z a-z 0-9 . _ : / @ + -)"),
        ("label", '"a\\nb"', "'a\\nb' is not a label (1 to 64 of the characters A-Z a-z 0-9 . _ : / @ + -)"),
        (
            "label",
            "x" * 65,
            f"'{'x' * 60}...' is not a label (1 to 64 of the characters A-Z a-z 0-9 . _ : / @ + -)",
        ),
        ("label", str(list(range(1001))), "1001 labels are too many (at most 1000)"),
    ],
)
def test_a_wrong_value_in_a_route_is_said(key: str, written: str, message: str) -> None:
    """On the row's line, with what would be right."""
    problem = only(with_route(**{key: written}))
    said = f"{problem.message} ({problem.hint})"
    assert problem.line == 3
    assert said in (f"{key}: {message}", message)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ("model: ''", "'' is not a model name", "1 to 256 of the characters"),
        ("model: a/b", "a/b is not a model name", "1 to 256 of the characters"),
        ("model: [a]", "a list is not a model name", "1 to 256 of the characters"),
        ("concurrency: 0", "0 is out of range", "from 1 to 1000000000"),
        ("rate: 0", "0 is too small", "above 0"),
        ("rate: -1.5", "-1.5 is too small", "above 0"),
        ("burst: 3", "burst means nothing without rate", "state both"),
        ("rate: 1, burst: 0", "0 is out of range", "from 1"),
        ("breaker: 5", "a breaker is a mapping, not 5", "keys: consecutive, ratio"),
        ("breaker: {ratio: 1.5}", "1.5 is too large", "at most 1"),
        (
            "breaker: {rest: 100, restMax: 99}",
            "the breaker's first rest is longer than restMax",
            "raise restMax",
        ),
        ("breaker: {restmax: 99}", "unknown key restmax in a breaker", "did you mean 'restMax'?"),
        ("headers: [a]", "header fields are a mapping, not a list", "{Name: value}"),
        ("headers: {a b: c}", "a b is not a header's name", "letters"),
        ("headers: {transfer-Encoding: c}", "header transfer-Encoding cannot be set by a table", "hop"),
        ("headers: {Content-Length: '5'}", "header Content-Length cannot be set by a table", "hop"),
        ("headers: {A: 5}", "the value of header A is not a string", "quote it"),
        ("headers: {A: [x]}", "the value of header A is not a string", "quote it"),
        ('headers: {A: "x\\r\\nB: y"}', "the value of header A has a line break", "line break"),
        ("headers: {A: é}", "the value of header A has a line break or a character outside ASCII", ""),
        ("headers: {A: x, a: y}", "header a stands here twice", "first on line 2"),
        (f"headers: {{A: {'x' * 8193}}}", "the value of header A is too long", "at most 8192"),
        (
            f"headers: {{{', '.join(f'A{n}: x' for n in range(65))}}}",
            "65 header fields are too many",
            "at most 64",
        ),
        ("concurency: 5", "unknown key concurency in an application", "did you mean 'concurrency'?"),
        ("<<: {rate: 5}", "unknown key << in an application", ""),
    ],
)
def test_a_wrong_value_in_an_application_is_said(options: str, message: str, hint: str) -> None:
    """Limits that are no limits are worse than none."""
    problem = only(with_application(options))
    assert problem.line == 2
    assert unkeyed(problem).startswith(message)
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://h:1", "https endpoints are not spoken yet"),
        ("h:1", "the address does not begin with http://"),
        ("//h:1", "the address does not begin with http://"),
        ("ftp://h:1", "the address does not begin with http://"),
        ("http:h:1", "the address does not begin with http://"),
        ("http://h", "the address has no port"),
        ("http://h:", "the address has no port"),
        ("http://h:0", "the address has no port"),
        ("http://:1", "the address has no proper host"),
        ("http://-h:1", "the address has no proper host"),
        ("http://a..b:1", "the address has no proper host"),
        ("http://" + "a" * 64 + ":1", "the address has no proper host"),
        ("http://[:::]:1", "this is not an address"),
        ("http://[v1.a:b]:1", "the address has no proper host"),
        ("http://[::1:1", "this is not an address"),
        ("http://[::1]x:1", "this is not an address"),
        ("http://h:99999", "this is not an address"),
        ("http://h:01", "this is not an address"),
        ("http://h:x", "this is not an address"),
        ("http://me:hunter2@h:1", "a user or password stands in the address"),
        ("http://@h:1", "a user or password stands in the address"),
        ("http://h:1/?a=b", "a query or fragment stands in the address"),
        ("http://h:1/?", "a query or fragment stands in the address"),
        ("http://h:1/#a", "a query or fragment stands in the address"),
        ('http://h:1/"x"', "the address has an odd path"),
        ("http://h:1/a b", "a character in the address does not belong there"),
        ("http://h\\\\:1", "a character in the address does not belong there"),
        ("http://h:1/\\r\\nX: y", "a character in the address does not belong there"),
        ("http://\u0430.example:1", "a character in the address does not belong there"),
        ("http://h:1/" + "x" * 502, "the address is too long"),
    ],
)
def test_a_wrong_endpoint_is_said_and_not_repeated(address: str, message: str) -> None:
    """An address may hold a password; and one read wrongly sends traffic to the wrong place."""
    escaped = address.replace('"', '\\"')
    problem = only(f'version: 1\napplications: {{1: {{endpoints: "{escaped}"}}}}\n{ROUTE}')
    assert (problem.line, problem.message) == (2, f"endpoints: {message}")
    assert "hunter2" not in problem.message + problem.hint


def test_endpoints_that_are_no_strings_empty_or_twice_are_said() -> None:
    """Each on its own line."""
    text = """version: 1
applications:
  1: {endpoints: []}
  2:
    endpoints:
      - http://h:1
      - http://h:1/
      - 5
  3: {endpoints: {a: b}}
"""
    assert [(each.line, unkeyed(each)) for each in refused(text + ROUTE)] == [
        (3, "the list of endpoints is empty"),
        (7, "http://h:1/ stands here twice"),
        (8, "an address is wanted here, not 5"),
        (9, "an address is wanted here, not a mapping"),
    ]


def test_too_many_endpoints_are_refused() -> None:
    """A thousand machines behind one row are enough for anybody; a list without end is a mistake."""
    addresses = ", ".join(f'"http://h:{port}"' for port in range(1, 1002))
    assert (
        only(f"version: 1\napplications: {{1: {{endpoints: [{addresses}]}}}}\n{ROUTE}").hint == "at most 1000"
    )


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[1]", 1, "a table is a mapping, not a list"),
        ("just words", 1, "a table is a mapping, not just words"),
        (MINIMAL[11:], 1, "a table has no version"),
        (MINIMAL.replace("version: 1", "version: 2"), 1, "2 is out of range"),
        (MINIMAL.replace("version: 1", "version: '1'"), 1, "a whole number is wanted here, not '1'"),
        ("version: 1\n" + ROUTE, 1, "a table has no applications"),
        ("version: 1\n" + APPLICATIONS, 1, "a table has no routes"),
        ("version: 1\napplications: {}\n" + ROUTE, 2, "0 entries"),
        ("version: 1\napplications: []\n" + ROUTE, 2, "a mapping is wanted here, not a list"),
        ("version: 1\n" + APPLICATIONS + "routes: []", 3, "0 entries"),
        ("version: 1\n" + APPLICATIONS + "routes:", 3, "a list is wanted here, not nothing"),
        ("version: 1\n" + APPLICATIONS + "routes: [5]", 3, "a route is a mapping, not 5"),
        (MINIMAL + "rutes: 5", 4, "unknown key rutes in a table"),
        (MINIMAL + "classes: 5", 4, "a list is wanted here, not 5"),
        (MINIMAL + "classes: [{label: 1}]", 4, "a class has no name"),
        (MINIMAL + "classes: [{name: a}]", 4, "a class has no label"),
        (MINIMAL + "classes: [{name: a, label: '*'}]", 4, "'*' is not a label"),
        (MINIMAL + "classes: [{name: a, label: 1, deadline: 0}]", 4, "0 is too small"),
        (MINIMAL + "classes: [{name: default, label: 1}]", 4, "class name 'default' is taken"),
        (MINIMAL + "classes: [{name: offline, label: 1}]", 4, "class name 'offline' is taken"),
        (MINIMAL + "classes: [{name: catalog, label: 1}]", 4, "class name 'catalog' is taken"),
        (
            MINIMAL + "classes:\n- {name: a, label: 1}\n- label: 2\n  name: a",
            7,
            "class 'a' is declared twice",
        ),
        (MINIMAL + "labelers: [{path: x}]", 4, "a labeler has no use"),
        (MINIMAL + "labelers: [{use: 5}]", 4, "5 is not a labeler's name"),
        (MINIMAL + "labelers: [{use: x, default: true}]", 4, "true is not a label"),
        (MINIMAL + "labelers: [{use: x, budget: 0}]", 4, "0 is too small"),
        (MINIMAL.replace("applications: {1", "applications: {x y"), 2, "'x y' is not an application's id"),
        (MINIMAL.replace("{1: {endpoints", "{1: {endpoint"), 2, "unknown key endpoint in an application"),
    ],
)
def test_a_fault_in_the_frame_is_said(text: str, line: int, message: str) -> None:
    """Missing, unknown, of the wrong kind."""
    problem = refused(text)[0]
    assert problem.line == line
    assert unkeyed(problem).startswith(message)


def test_a_row_that_repeats_another_names_the_line_that_it_repeats() -> None:
    """Copied by mistake: twice the traffic. The order and the form of its labels make no difference."""
    row = "- {{application: {}, timeout: 100, weight: {}, priority: 0, clusterType: http, label: {}}}\n"
    rows = (
        row.format(1, 5, '"7,8"')
        + row.format(2, 5, '"7,8"')
        + row.format("'1'", 6, "[8, 7]")
        + row.format(1, 5, '"7,8"')
    )
    found = refused(MINIMAL.replace(ROUTE, "routes:\n" + rows))
    assert [(each.line, unkeyed(each)) for each in found] == [
        (6, "this row repeats the row on line 4"),
        (7, "this row repeats the row on line 4"),
    ]


def test_an_unquoted_comma_string_in_a_flow_mapping_gets_the_hint_that_helps() -> None:
    """`{label: 1,44}` is YAML for a label 1 and a key 44: what everybody writes at first."""
    problem = only(with_route(label="1,44"))
    assert (problem.message, problem.hint) == ("unknown key 44 in a route", 'quote lists with commas: "1,44"')


def test_an_application_that_is_there_but_wrong_is_not_called_unknown() -> None:
    """One fault, one problem."""
    assert (
        only(MINIMAL.replace("http://h:1", "https://h:1")).message
        == "endpoints: https endpoints are not spoken yet"
    )


def test_without_a_section_of_applications_no_row_is_blamed() -> None:
    """10,000 rows would each repeat the one fault."""
    assert (
        only("version: 1\napplications: 5\n" + ROUTE).message
        == "applications: a mapping is wanted here, not 5"
    )


def test_a_missing_variable_is_one_problem_wherever_it_stands() -> None:
    """Not a second one for the value that it leaves empty."""
    for text in (
        with_route(label="'${NOPE}'"),
        with_route(label="['1', '${NOPE}']"),
        with_route(clusterType="'${NOPE}'"),
        with_route(application="'${NOPE}'"),
        with_route(timeout="'${NOPE}'"),
        with_route(priority="'${NOPE}'"),
        with_application("model: '${NOPE}'"),
        with_application("breaker: '${NOPE}'"),
        with_application("headers: {A: '${NOPE}'}"),
        MINIMAL.replace('"http://h:1"', "'${NOPE}'"),
        MINIMAL + "labelers: [{use: '${NOPE}'}]",
        MINIMAL + "labelers: [{use: x, words: {a: [{b: '${NOPE}'}]}}]",
        MINIMAL + "classes: [{name: '${NOPE}', label: 1}]",
    ):
        assert (
            refused(text, check_labeler=_refuse_all)[0].message == "environment variable NOPE is not set"
        ), text
        assert len(refused(text, check_labeler=_refuse_all)) == 1, text


def _refuse_all(_: LabelerSpec) -> str | None:
    return "no"


def test_what_a_variable_stands_for_is_never_repeated() -> None:
    """Problems go to logs and screens; secrets must not."""
    secret = {"SECRET": "hunter2 \r\n,x y?@"}
    for text in (
        with_route(label="'${SECRET}'"),
        with_route(label="['${SECRET}']"),
        with_route(clusterType="'${SECRET}'"),
        with_route(application="'${SECRET}'"),
        with_route(timeout="'${SECRET}'"),
        with_route(priority="'${SECRET}'"),
        with_application("model: '${SECRET}'"),
        with_application("rate: '${SECRET}'"),
        with_application("breaker: '${SECRET}'"),
        with_application("headers: {A: '${SECRET}'}"),
        with_application("headers: '${SECRET}'"),
        MINIMAL.replace('"http://h:1"', "'${SECRET}'"),
        MINIMAL.replace('"http://h:1"', "'http://${SECRET}:1'"),
        MINIMAL + "labelers: [{use: '${SECRET}'}]",
        MINIMAL + "classes: [{name: '${SECRET}', label: 1}]",
        MINIMAL + "classes: '${SECRET}'",
        "'${SECRET}'",
    ):
        found = refused(text, secret)
        assert "hunter2" not in "\n".join(Problems(tuple(found)).lines("t")), text


def test_a_labeler_s_own_complaint_stands_on_its_line() -> None:
    """With the labeler's name."""

    def check(spec: LabelerSpec) -> str | None:
        return None if spec.use == "good" else f"wants a path, not {spec.options}"

    text = MINIMAL + "labelers:\n- use: good\n- use: bad\n  x: 1\n"
    assert refused(text, check_labeler=check) == [Problem(6, "labeler bad: wants a path, not {'x': 1}")]


def test_text_that_is_no_unicode_is_refused_as_bytes_are() -> None:
    """A lone surrogate, from a program that broke a character in two."""
    assert refused("version: 1\n\ud800")[0] == Problem(2, "byte 0xed is not UTF-8", "save the file as UTF-8")


def test_all_problems_come_at_once_in_the_order_of_lines() -> None:
    """Whoever edits a table wants to correct it in one go."""
    text = """version: 3
labelers: [{path: x}]
classes: [{name: default, label: [1, true]}]
applications:
  1: {endpoints: "https://h:1", concurency: 5}
routes:
  - {application: 1, timeout: 0, weight: 1, priority: 0, clusterType: http, label: 7}
  - application: 9
    timeout: 100
    weight: -1
    weight: 5
    priority: x
    clusterType: htp
extra: !tag 5
"""
    lines = list(Problems(tuple(refused(text))).lines("t"))
    assert [int(line.split(":")[1]) for line in lines] == [1, 2, 3, 3, 5, 5, 7, 8, 8, 10, 11, 12, 13, 14, 14]


@given(st.integers(0, len(MINIMAL)), st.text("[]{}:,-&*!|'\"\n ab1$", max_size=8), st.integers(0, 12))
def test_whatever_is_done_to_a_table_the_parser_answers(place: int, put: str, cut: int) -> None:
    """A table or problems, each with a line of the file and a message on one line; never an exception."""
    text = MINIMAL[:place] + put + MINIMAL[place + cut :]
    result = parse_table(text, {})
    if isinstance(result, Table):
        assert result.rows
    else:
        assert result.found
        assert all(
            1 <= each.line <= text.count("\n") + 2 and each.message.isprintable() for each in result.found
        )


def test_the_minimal_table_is_one() -> None:
    """Else the tests above would find faults that nobody made."""
    assert len(parsed(MINIMAL).rows) == 1


def test_a_wrong_value_is_said_with_its_key() -> None:
    """ "-100 is too small" alone would leave the reader to search the row for it."""
    assert only(MINIMAL.replace("timeout: 100", "timeout: -100")).message.startswith("timeout: -100")
    assert only(
        "version: 1\napplications: {1: {endpoints: 'http://h:1', breaker: {rest: 0}}}\n" + ROUTE
    ).message.startswith("rest: 0")
