"""How like a live run its simulation is, and where a run breaks: from outcomes that are changed by hand."""

from typing import Any

import msgspec
import pytest

from sim.replay.answer import edge_of
from sim.replay.comparison import comparison
from sim.replay.likeness import Likeness, likeness, likeness_of
from sim.replay.outcome import Outcome
from sim.replay.threshold import Judged
from sim.simulate.errand import simulate
from tests.unit.sim.simulate.nights import PLAN, ground_of, plan_of

STAGES = PLAN.replace("rate: 40, seconds: 4", "rate: 120, seconds: 20").replace("rate: 150", "rate: 600")


@pytest.fixture(scope="module")
def virtual() -> Outcome:
    """A quiet stage at 60% of both pools, and one of three times what they serve."""
    return simulate(plan_of("", STAGES), ground_of())[0]


def live_of(virtual: Outcome, stage: str, **changes: Any) -> Outcome:
    """The same as if it had been live, with these figures of one stage."""
    told = virtual.classes["all"]
    latency = {**told.stages[stage].latency_ms, **changes.pop("latency_ms", {})}
    figures = msgspec.structs.replace(told.stages[stage], latency_ms=latency, **changes)
    classes = {"all": msgspec.structs.replace(told, stages={**told.stages, stage: figures})}
    return msgspec.structs.replace(virtual, simulated=None, classes=classes)


def row(rows: list[Likeness], stage: str, figure: str) -> Likeness:
    return next(each for each in rows if (each.stage, each.of, each.figure) == (stage, "all", figure))


def test_a_run_is_like_itself(virtual: Outcome) -> None:
    """No error anywhere, and the load is told as a share of what all machines serve."""
    rows = likeness(live_of(virtual, "quiet"), virtual)
    assert {each.error for each in rows} == {0.0}
    assert False not in {each.within for each in rows}
    assert row(rows, "quiet", "p50").load == pytest.approx(120 / 200)
    assert row(rows, "peak", "p50").load == pytest.approx(600 / 200)


@pytest.mark.parametrize(("figure", "most"), [("p50", 0.05), ("p99", 0.10)])
def test_an_error_is_signed_and_a_share_of_the_live_figure(
    virtual: Outcome, figure: str, most: float
) -> None:
    """Below 0 where the simulation promises less than there was; just past what is allowed is a miss."""
    found = virtual.classes["all"].stages["quiet"].latency_ms[figure]
    for error, within in ((-most * 0.99, True), (-most * 1.01, False), (most * 1.01, False)):
        live = live_of(virtual, "quiet", latency_ms={figure: found / (1 + error)})
        each = row(likeness(live, virtual), "quiet", figure)
        assert each.error == pytest.approx(error)
        assert (each.within, each.most) == (within, most)


def test_throughput_is_of_good_answers(virtual: Outcome) -> None:
    """By 2% below 80% of the load."""
    good = virtual.classes["all"].stages["quiet"].good
    each = row(likeness(live_of(virtual, "quiet", good=round(good / 1.03)), virtual), "quiet", "throughput")
    assert each.error == pytest.approx(0.03, abs=0.001)
    assert each.within is False


def test_in_the_spike_the_slow_end_and_the_deferred_share_are_judged(virtual: Outcome) -> None:
    """Points of deferred requests, and p99 by 20%; the median of a queue is anybody's."""
    figures = virtual.classes["all"].stages["peak"]
    moved = round(0.03 * figures.arrivals)
    live = live_of(virtual, "peak", deferred=figures.deferred - moved)
    rows = likeness(live, virtual)
    assert row(rows, "peak", "deferred").error == pytest.approx(0.03, abs=0.001)
    assert row(rows, "peak", "deferred").within is False
    assert row(rows, "peak", "deferred").shown[5].startswith("+3.0")
    assert row(rows, "peak", "p50").within is None
    assert row(rows, "quiet", "deferred").within is None


def test_a_percentile_of_few_answers_is_told_and_not_judged(virtual: Outcome) -> None:
    """The 99th of 300 is the third slowest."""
    rows = likeness(live_of(virtual, "quiet", good=300, late=0), virtual)
    assert (row(rows, "quiet", "p99").within, row(rows, "quiet", "p50").within) == (None, True)


def test_only_a_live_run_and_a_simulated_one_are_judged_in_either_order(virtual: Outcome) -> None:
    """Two of a kind are compared without errors."""
    live = live_of(virtual, "quiet", latency_ms={"p50": 1.0})
    assert likeness_of(live, live) == likeness_of(virtual, virtual) == []
    assert likeness_of(live, virtual) == likeness_of(virtual, live)
    assert "Simulated beside live" in comparison(live, virtual)
    assert "1 of" in comparison(virtual, live)
    assert "Simulated beside live" not in comparison(virtual, virtual)


def judged(stage: str, *, met: bool) -> Judged:
    return Judged(
        of="all", text=f"goodput > 99% in {stage}", found=0, shown="", met=met, believed=True, sample=1,
        sample_min=0,
    )  # fmt: skip


def test_where_it_breaks_is_told_when_only_higher_loads_missed(virtual: Outcome) -> None:
    """The answer of a probe; a low load that missed as well is no edge."""
    probe = msgspec.structs.replace(virtual, judged=[judged("quiet", met=True), judged("peak", met=False)])
    assert edge_of(probe) == "Holds 120 requests/s (quiet), breaks at 600 (peak)"
    odd = msgspec.structs.replace(virtual, judged=[judged("quiet", met=False), judged("peak", met=True)])
    whole = msgspec.structs.replace(virtual, judged=[judged("quiet", met=True), judged("peak", met=True)])
    assert edge_of(odd) == edge_of(whole) == ""
