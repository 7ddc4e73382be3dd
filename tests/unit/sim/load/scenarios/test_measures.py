"""What a run is measured by, and when a pass line is met."""

import msgspec
import pytest

from sim.load.part import sum_up
from sim.load.plan import Plan, schedule
from sim.load.record import Record
from sim.load.result import Result, merged
from sim.load.scenarios.catalog import SCENARIOS, STEADY, STEP
from sim.load.scenarios.measures import Judged, Seen, figures_of, goodput, judge, measures_of
from sim.load.scenarios.report import judged_line, spread_line
from sim.load.scenarios.scenario import PassLine, Scenario
from sim.load.target import read_target
from tests.stand_ins.tables import parsed


def played(scenario: Scenario = STEADY, *, latency_s: float = 0.02, tickets: int = 0) -> Result:
    """All answered 200 after so long, the first so many by a ticket."""
    plan = Plan(
        target=read_target("http://127.0.0.1:9/"), arrivals=scenario.arrivals, classes=scenario.classes
    )
    record = Record(schedule(plan))
    for number, planned_s in enumerate(record.planned_s):
        record.lag_s[number] = 0.0
        record.sent_s[number] = planned_s
        record.ended_s[number] = planned_s + latency_s
        record.ends[number] = 202 if number < tickets else 200
    return merged(plan, [sum_up(record, plan.classes, plan.seconds, 0.0)])


def test_a_run_where_all_is_well_meets_every_line() -> None:
    """The added time is that over the same load without the proxy."""
    seen = Seen(result=played(latency_s=0.022), direct=played(latency_s=0.02), inflight_peaks={"gpu": 4})
    measures = measures_of(STEADY, seen)
    assert measures["added_p99_ms"] == pytest.approx(2, abs=0.1)
    assert measures["good_share.A"] == 1
    assert all(each.passed for each in judge(STEADY, measures))


def test_each_line_that_is_missed_is_told_with_its_value() -> None:
    """Three tickets are three shed; 65 calls are one too many; seven milliseconds are two too many."""
    seen = Seen(
        result=played(latency_s=0.027, tickets=3), direct=played(latency_s=0.02), inflight_peaks={"gpu": 65}
    )
    judged = judge(STEADY, measures_of(STEADY, seen))
    assert [each.passed for each in judged] == [False, False, False]
    assert [each.value for each in judged] == [3, pytest.approx(7, abs=0.1), 65]


def test_goodput_is_counted_inside_the_window() -> None:
    """Of a step, not of the quiet around it: all were answered, ten times the capacity."""
    result = played(STEP)
    inside = goodput(result, STEP.window_s) / STEP.capacity
    assert inside == pytest.approx(10, rel=0.1)
    assert goodput(result, None) == result.throughput < inside * STEP.capacity


def test_goodput_is_a_share_of_the_capacity_that_was_measured() -> None:
    """What callers get who do nothing but ask, where it was measured; slots over service time, where not."""
    result = played(STEP)
    computed = measures_of(STEP, Seen(result=result))
    measured = measures_of(STEP, Seen(result=result, capacity=0.9 * STEP.capacity))
    assert (computed["capacity"], measured["capacity"]) == (STEP.capacity, 0.9 * STEP.capacity)
    assert measured["goodput_share"] == pytest.approx(computed["goodput_share"] / 0.9)


def test_what_is_added_is_seen_over_all_classes_together() -> None:
    """Served in another order, one class waits less and another more, and nothing was added."""
    steady, other = played(latency_s=0.02), played(latency_s=0.03)
    swapped = [
        msgspec.structs.replace(
            steady, classes={name: (other if name == slow else steady).classes[name] for name in "ABC"}
        )
        for slow in "BC"
    ]
    seen = Seen(result=swapped[1], direct=swapped[0])
    assert measures_of(STEADY, seen)["added_p99_ms"] == pytest.approx(0, abs=0.1)


def test_what_was_not_measured_passes_no_line() -> None:
    """A breaker that was never seen to reject."""
    line = PassLine(measure="breaker_s", says="", most=2)
    assert not line.passes(None)
    assert line.passes(2.0)
    assert not line.passes(2.1)
    assert not PassLine(measure="a", says="", least=1).passes(0.9)


def test_the_figures_have_the_shape_that_virtual_runs_share() -> None:
    """By class: arrivals, good, late, tickets, failed, p50_ms, p99_ms."""
    told = msgspec.to_builtins(figures_of(played(tickets=10)))
    assert set(told) == {"classes", "throughput"}
    assert set(told["classes"]) == {"A", "B", "C"}
    for each in told["classes"].values():
        assert list(each) == ["arrivals", "good", "late", "tickets", "failed", "p50_ms", "p99_ms"]
    assert sum(each["tickets"] for each in told["classes"].values()) == 10


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_every_scenario_has_a_table_that_agrees_with_its_classes(scenario: Scenario) -> None:
    """A deadline that the table does not know would measure something else."""
    pools = {pool.name.upper(): "http://127.0.0.1:9" for pool in scenario.pools}
    table = scenario.table
    for name, url in pools.items():
        table = table.replace(f"${{{name}}}", url)
    found = parsed(table)
    deadlines = {each.name: (each.deadline_s or 0) * 1e3 for each in found.classes if each.name in "ABC"}
    assert deadlines == {each.name: each.deadline_ms for each in scenario.classes}
    for each in scenario.classes:
        assert found.plan((each.label,), drained=False).tiers
    for fault in scenario.faults:
        assert fault.pool in {pool.name for pool in scenario.pools}


def test_several_seeds_are_told_by_their_spread_and_how_many_met_the_line() -> None:
    """One run of a random load is an anecdote."""
    line = PassLine(measure="a", says="share in time", least=0.99)
    group = [Judged(line=line, value=value, passed=line.passes(value)) for value in (0.98, 1.0, 0.995)]
    assert spread_line(group) == "share in time: 0.995 [0.98 to 1] (at least 0.99), met in 2 of 3"
    assert judged_line(group[0]) == "MISSED share in time: 0.98 (at least 0.99)"
    assert spread_line([Judged(line=line, value=None, passed=False)]).startswith("share in time: unknown")
