"""Explain: where requests go, their shares, and why rows are out."""

import json

import pytest

from proxy.routing.explain import explain
from proxy.routing.sight import Sight
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
        "ramp": 1.0,
        "share": pytest.approx(1 / 6),
        "matched": ["2", "1"],
        "out": None,
        "out_in": 0,
        "endpoints_out": {},
    }
    assert first["rows"][1]["share"] == pytest.approx(5 / 6)
    assert first["rows"][1]["timeout_ms"] == 70.5
    assert [row["matched"] for row in second["rows"]] == [["*"]]


def test_a_row_of_weight_0_is_out_for_its_weight(table: Table) -> None:
    """Whatever its application's state."""
    row = explain(table, ("1",), (Sight(bars=dict.fromkeys("abc", "drained")),))["tiers"][0]["rows"][2]
    assert (row["out"], row["share"]) == ("weight", 0)


def test_what_bars_an_application_gives_its_share_to_the_others(table: Table) -> None:
    """As the chain does."""
    first, second = explain(table, ("1",), (Sight(bars={"b": "breaker", "c": "drained"}),))["tiers"]
    assert [(row["share"], row["out"]) for row in first["rows"]] == [(1, None), (0, "breaker"), (0, "weight")]
    assert [(row["share"], row["out"]) for row in second["rows"]] == [(0, "drained")]


def test_an_application_that_comes_back_is_drawn_by_a_part_of_its_weight(table: Table) -> None:
    """The share is what callers meet now, not what the table says."""
    first = explain(table, ("1",), (Sight(parts={"b": 0.1}),))["tiers"][0]["rows"]
    assert [(row["share"], row["ramp"]) for row in first[:2]] == [
        (pytest.approx(10 / 15), 1.0),
        (pytest.approx(5 / 15), 0.1),
    ]


def test_an_application_that_takes_longer_than_the_class_has_is_out(table: Table) -> None:
    """As a request would find it that comes now, with its whole deadline."""
    slow = (Sight(medians_s={"c": 0.2}),)
    assert explain(table, ("gold",), slow)["tiers"][0]["rows"][0]["out"] == "deadline"
    assert explain(table, ("1",), slow)["tiers"][1]["rows"][0]["out"] is None, "its class has no deadline"


def test_the_share_is_over_all_processes_and_the_reason_that_of_any(table: Table) -> None:
    """One of three has its breaker open: two thirds of the callers meet the table's share."""
    told = explain(table, ("1",), (Sight(), Sight(bars={"b": "breaker"}), Sight()))
    first = told["tiers"][0]["rows"]
    assert told["processes"] == 3
    assert [row["share"] for row in first[:2]] == [pytest.approx(4 / 9), pytest.approx(5 / 9)]
    assert (first[1]["out"], first[1]["out_in"]) == ("breaker", 1)


def test_endpoints_that_are_not_drawn_are_told_with_their_reason(table: Table) -> None:
    """The application serves on, with fewer."""
    row = explain(table, ("2",), (Sight(endpoints={"a": {"http://h:1": "health"}}),))["tiers"][0]["rows"][0]
    assert (row["out"], row["endpoints_out"]) == (None, {"http://h:1": "health"})


def test_class_deadline_and_the_rows_that_do_not_match_are_told(table: Table) -> None:
    """A row missing from the tiers is the first question of whoever asks."""
    told = explain(table, ("gold",))
    assert (told["labels"], told["class"], told["deadline_ms"]) == (["gold"], "vip", 150)
    assert (told["rows"], told["rows_without_a_shared_label"]) == (5, 4)
    told = explain(table, ())
    assert (told["class"], told["deadline_ms"]) == ("default", None)


def test_the_whole_is_json(table: Table) -> None:
    """The admin side and `--json` send it as it is."""
    told = explain(table, ("1",), (Sight(bars={"a": "rate"}),))
    assert json.loads(json.dumps(told)) == told
