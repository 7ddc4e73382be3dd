"""Explain: where requests go, their shares, and why rows are out."""

import json

import pytest

from proxy.routing.explain import explain
from proxy.routing.table import Table
from tests.stand_ins.tables import parsed

TEXT = """version: 1
classes: [{name: vip, label: gold, deadline: 150}]
applications: {a: {endpoints: "http://h:1"}, b: {endpoints: "http://h:2"}, c: {endpoints: "http://h:3"}}
routes:
  - {application: a, timeout: 100, weight: 10, priority: 0, clusterType: http, label: [1, 2]}
  - {application: b, timeout: 70.5, weight: 50, priority: 0, clusterType: hsf, label: 1}
  - {application: c, timeout: 100, weight: 0, priority: 0, clusterType: http, label: 1}
  - {application: c, timeout: 100, weight: 5, priority: 1, clusterType: http, label: "*"}
  - {application: c, timeout: 100, weight: 5, priority: 1, clusterType: http, label: 9}
"""


@pytest.fixture
def table() -> Table:
    return parsed(TEXT)


def test_every_row_of_every_tier_is_shown_with_its_share(table: Table) -> None:
    """The founding document's 1/6 and 5/6."""
    first, second = explain(table, ("2", "1"))["tiers"]
    assert first["priority"] == 0
    assert first["rows"][0] == {
        "row": 1,
        "line": 5,
        "application": "a",
        "cluster_type": "http",
        "weight": 10,
        "timeout_ms": 100,
        "share": pytest.approx(1 / 6),
        "matched": ["2", "1"],
        "out": None,
    }
    assert first["rows"][1]["share"] == pytest.approx(5 / 6)
    assert first["rows"][1]["timeout_ms"] == 70.5
    assert [row["matched"] for row in second["rows"]] == [["*"]]


def test_a_row_of_weight_0_is_out_for_its_weight(table: Table) -> None:
    """Whatever its application's state."""
    row = explain(table, ("1",), lambda _: "drained")["tiers"][0]["rows"][2]
    assert (row["out"], row["share"]) == ("weight", 0)


def test_what_bars_an_application_gives_its_share_to_the_others(table: Table) -> None:
    """As the chain does."""
    first, second = explain(table, ("1",), {"a": None, "b": "breaker", "c": "drained"}.get)["tiers"]
    assert [(row["share"], row["out"]) for row in first["rows"]] == [(1, None), (0, "breaker"), (0, "weight")]
    assert [(row["share"], row["out"]) for row in second["rows"]] == [(0, "drained")]


def test_class_deadline_and_the_rows_that_do_not_match_are_told(table: Table) -> None:
    """A row missing from the tiers is the first question of whoever asks."""
    told = explain(table, ("gold",))
    assert (told["labels"], told["class"], told["deadline_ms"]) == (["gold"], "vip", 150)
    assert (told["rows"], told["rows_without_a_shared_label"]) == (5, 4)
    told = explain(table, ())
    assert (told["class"], told["deadline_ms"]) == ("default", None)


def test_the_whole_is_json(table: Table) -> None:
    """The admin side and `--json` send it as it is."""
    told = explain(table, ("1",), lambda _: "rate")
    assert json.loads(json.dumps(told)) == told
