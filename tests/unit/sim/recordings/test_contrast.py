"""Two tables, or live and simulated, side by side: the first line, the figures, what gets no row any more."""

from typing import Any

import pytest

from proxy.recording.rows import Row
from sim.recordings.contrast import ALL, contrast, figures, rerouted
from tests.stand_ins.recordings import row
from tests.stand_ins.tables import parsed

TABLE = """
version: 1
applications:
  1: {endpoints: "http://a:1"}
  2: {endpoints: "http://b:1"}
routes:
  - {application: 1, timeout: 100, weight: 10, priority: 0, clusterType: http, label: [1, 7]}
  - {application: 2, timeout: 100, weight: 30, priority: 0, clusterType: http, label: [1]}
  - {application: 2, timeout: 100, weight: 30, priority: 1, clusterType: http, label: [7]}
"""


def rows(count: int, **fields: Any) -> list[Row | None]:
    return [row(float(place), deadline_ms=100.0, **fields) for place in range(count)]


def ended(verdict: str, status: int) -> dict[str, Any]:
    return {"verdict": verdict, "status": status, "application": "", "tier": None, "calls": []}


SERVED = rows(10)
LOST = rows(10, **ended("unroutable", 404))
PARKED = rows(10, **ended("parked", 202))


def test_figures_of_one_side_add_up() -> None:
    """Whatever became of each; one that had not ended is among the others."""
    found = figures(
        [*rows(4), *rows(2, ms=150.0), *rows(1, **ended("parked", 202)), *rows(1, **ended("exhausted", 503)),
         *rows(1, **ended("unroutable", 404)), *rows(1, **ended("abandoned", 499)), None], 5.0
    )  # fmt: skip
    assert (found.requests, found.served, found.in_time) == (11, 6, 4)
    assert (found.tickets, found.refused, found.unroutable, found.others) == (1, 1, 1, 2)
    assert (found.throughput, found.p50_ms, found.p99_ms) == (1.2, 10.0, 150.0)


def test_what_gets_no_row_any_more_is_the_first_thing_that_is_said() -> None:
    """With its labels: those callers would get 404 all night."""
    after = [*LOST[:3], *SERVED[3:]]
    found = contrast(["a"] * 10, SERVED, after, 10.0)
    assert found.answer == "REFUSES 3 of 10 requests with 404, which have a row now: labels 1 (3)"
    assert [(each.labels, each.requests) for each in found.unserved] == [(("1",), 3)]


def test_what_had_no_row_before_either_is_no_news() -> None:
    """It is in the figures, and no more."""
    found = contrast(["a"] * 10, LOST, LOST, 10.0)
    assert found.unserved == []
    assert found.answer.startswith("NO CHANGE")


def test_a_class_that_is_worse_is_named_before_one_that_is_better() -> None:
    """In time less often, or with more tickets."""
    classes = ["a"] * 10 + ["b"] * 10
    found = contrast(classes, [*SERVED, *PARKED], [*PARKED, *SERVED], 10.0)
    assert found.answer == (
        "WORSE for a (in time 100.00% -> 0.00%, tickets 0 -> 10);"
        " better for b (in time 0.00% -> 100.00%, tickets 10 -> 0)"
    )
    assert contrast(["b"] * 10, PARKED, SERVED, 10.0).answer.startswith("BETTER for b")


def test_tickets_alone_make_a_class_worse() -> None:
    """Refused or parked, it is not in time either way; but a ticket has to be worked off."""
    refused = rows(10, **ended("exhausted", 503))
    assert contrast(["a"] * 10, refused, PARKED, 10.0).answer.startswith("WORSE for a")


def test_shares_are_of_all_requests_and_calls_are_counted() -> None:
    """A call that failed was load, and answered nobody."""
    after = rows(10, application="2", calls=[("1", 0.0, 5.0, "failed"), ("2", 5.0, 5.0, "ok")])
    first, second = contrast(["a"] * 10, SERVED, after, 10.0).shares
    assert (first.application, first.before, first.after, first.calls_before, first.calls_after) == (
        *("1", 1.0, 0.0),
        *(10, 10),
    )
    assert (second.application, second.before, second.after, second.calls_after) == ("2", 0.0, 1.0, 10)


def test_a_percentile_of_few_answers_is_doubted() -> None:
    """A p99 of ten is their maximum."""
    found = contrast(["a"] * 10, SERVED, SERVED, 10.0)
    assert found.notes == [
        f"{name}: its p99 rests on 10 answers, and 1,000 are needed to believe it" for name in (ALL, "a")
    ]


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ("weight: 10", "weight: 10", 0),
        ("weight: 10", "weight: 20", 2),  # of label 1 the shares; label 7 has one row in its tier
        ("weight: 30, priority: 1", "weight: 3, priority: 1", 0),
        ("timeout: 100, weight: 10", "timeout: 90, weight: 10", 3),
        ("label: [7]}", "label: [8]}", 1),
        ("priority: 1", "priority: 2", 0),  # the order of tiers is the same
    ],
)
def test_a_request_is_rerouted_where_its_rows_shares_or_timeouts_differ(
    old: str, new: str, count: int
) -> None:
    """By the tables alone: the draw of a simulation decides nothing of it."""
    labels = [("1",), ("1",), ("7",)]
    assert rerouted(parsed(TABLE), parsed(TABLE.replace(old, new)), labels) == count
