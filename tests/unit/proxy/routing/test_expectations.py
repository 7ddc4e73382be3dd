"""Expectations as data: met, or said with line, what was expected and what the table says."""

import re

import pytest

from proxy.routing.expectations import check_expectations
from proxy.routing.problems import Problem
from proxy.routing.table import Table
from tests.stand_ins.tables import parsed

TEXT = """version: 1
classes: [{name: vip, label: gold, deadline: 150}]
applications: {a: {endpoints: "http://h:1"}, b: {endpoints: "http://h:2"}, c: {endpoints: "http://h:3"}}
routes:
  - {application: a, timeout: 100, weight: 10, priority: 0, clusterType: http, label: [1, 2]}
  - {application: a, timeout: 100, weight: 1.5, priority: 0, clusterType: http, label: 1}
  - {application: b, timeout: 100, weight: 50, priority: 0, clusterType: hsf, label: [1, gold]}
  - {application: c, timeout: 100, weight: 0, priority: 1, clusterType: http, label: 1}
"""


@pytest.fixture
def table() -> Table:
    return parsed(TEXT)


@pytest.mark.parametrize(
    "expectation",
    [
        "{labels: [1], class: default, tiers: [{a: 11.5, b: 50}, {c: 0}]}",
        "{labels: 1, tiers: [{b: 50, a: 11.5}, {c: 0}], never: c, unroutable: false}",
        "{labels: '2', never: [b, c]}",
        "{labels: gold, class: vip, deadline: 150}",
        "{labels: [], unroutable: true, tiers: []}",
    ],
)
def test_a_met_expectation_is_silent(table: Table, expectation: str) -> None:
    """Two rows of one application add up; a row of weight 0 reaches nothing."""
    assert check_expectations(table, f"- {expectation}") == []
    assert check_expectations(table, f"- {expectation}".encode()) == []


@pytest.mark.parametrize(
    ("expectation", "message", "hint"),
    [
        ("{labels: 2, class: vip}", "labels 2: expected class vip", "the table says: class default"),
        (
            "{labels: gold, deadline: 100}",
            "labels gold: expected a deadline of 100 ms",
            "the table says: 150 ms",
        ),
        ("{labels: 2, deadline: 100}", "labels 2: expected a deadline of 100 ms", "the table says: none"),
        (
            "{labels: 2, tiers: [{a: 5}, {b: 1, c: 2}]}",
            "labels 2: expected tiers [{a: 5}, {b: 1, c: 2}]",
            "the table says: tiers [{a: 10}]",
        ),
        (
            "{labels: 2, unroutable: true}",
            "labels 2: expected no matching row",
            "the table says: tiers [{a: 10}]",
        ),
        (
            "{labels: [], unroutable: false}",
            "labels none: expected a matching row",
            "the table says: tiers []",
        ),
        (
            "{labels: [2, gold], never: b}",
            "labels 2, gold: expected never application b",
            "the table says: tiers [{a: 10, b: 50}]",
        ),
    ],
)
def test_an_expectation_that_is_not_met_says_both_sides(
    table: Table, expectation: str, message: str, hint: str
) -> None:
    """On its line."""
    found = check_expectations(table, f"- {{labels: 1, class: default}}\n- {expectation}\n")
    assert found == [Problem(2, message, hint)]


def test_an_empty_file_is_told_how_expectations_begin(table: Table) -> None:
    """Not how a table does."""
    (found,) = check_expectations(table, "")
    assert found.hint.startswith("expectations are a list: - {labels:")


def test_an_unmet_key_is_reported_on_its_own_line(table: Table) -> None:
    """Expectations may span lines."""
    found = check_expectations(table, "- labels: 2\n  tiers:\n  - {a: 5}\n  class: vip\n")
    assert [each.line for each in found] == [3, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("- [", "not YAML"),
        ("5", "a list is wanted here, not 5"),
        ("[]", "0 entries"),
        ("- 5", "an expectation is a mapping, not 5"),
        ("- {class: default}", "an expectation has no labels"),
        ("- {labels: 1}", "this expects nothing"),
        ("- {labels: 1, klass: a}", "unknown key klass in an expectation"),
        ("- {labels: '*', class: default}", "'*' is not a label"),
        ("- {labels: 1, tiers: {a: 1}}", "tiers are a list, not a mapping"),
        ("- {labels: 1, tiers: [a]}", "a tier is a mapping, not a"),
        ("- {labels: 1, tiers: [{a: -1}]}", "-1 is too small"),
        ("- {labels: 1, tiers: [{a b: 1}]}", "'a b' is not an application's id"),
        ("- {labels: 1, unroutable: 5}", "5 is neither true nor false"),
        ("- {labels: 1, never: d}", "the table has no application 'd'"),
    ],
)
def test_a_faulty_expectation_is_a_problem(table: Table, text: str, message: str) -> None:
    """An expectation that is not understood must not pass for one that is met."""
    found = check_expectations(table, text)
    assert len(found) == 1
    assert re.sub(r"^[a-z]+: ", "", found[0].message).startswith(message)


def test_all_unmet_expectations_come_at_once(table: Table) -> None:
    """By line."""
    expected = ("class: vip", "class: default", "unroutable: true, never: a")
    text = "".join(f"- {{labels: 2, {each}}}\n" for each in expected)
    assert [each.line for each in check_expectations(table, text)] == [1, 3, 3]
