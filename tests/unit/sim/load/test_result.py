"""From what happened to each request to the figures of a run."""

import msgspec
import pytest

from sim.load.arrivals import Constant
from sim.load.ends import CUT, UNSENT
from sim.load.mix import RequestClass
from sim.load.part import Part, sum_up
from sim.load.plan import Plan, Schedule, schedule
from sim.load.record import Record
from sim.load.result import merged
from sim.load.target import read_target

CLASSES = (RequestClass(name="a", deadline_ms=50), RequestClass(name="b", deadline_ms=200))
PLAN = Plan(
    target=read_target("http://127.0.0.1:9/"), arrivals=Constant(rate=100, seconds=2), classes=CLASSES
)


def lived(share: Schedule, *, lag_s: float = 0.0001) -> Record:
    """Each request answered 100 ms after it was planned; of each ten one ticket, one cut, one never sent."""
    record = Record(share)
    for number, planned_s in enumerate(share.due_s):
        record.lag_s[number] = lag_s
        if round(planned_s * 100) % 10 == 3:
            record.ended_s[number], record.ends[number] = 5.0, UNSENT
            continue
        record.sent_s[number] = planned_s + 0.001
        record.ended_s[number] = planned_s + 0.1
        record.ends[number] = {1: 202, 2: CUT}.get(round(planned_s * 100) % 10, 200)
    return record


def parts(processes: int, **how: float) -> list[Part]:
    plan = msgspec.structs.replace(PLAN, processes=processes)
    return [
        sum_up(lived(schedule(plan, number), **how), CLASSES, plan.seconds, plan.warm_up_s)
        for number in range(processes)
    ]


def test_goodput_is_a_200_within_the_deadline_of_its_class() -> None:
    """100 ms are late for a and good for b; a ticket, a cut and an unsent request are neither."""
    result = merged(PLAN, parts(1))
    a, b = result.classes["a"], result.classes["b"]
    assert (a.good, b.late) == (0, 0)
    assert a.late + b.good == 140
    assert a.tickets + b.tickets == 20
    assert a.failed + b.failed == 40
    assert a.arrivals + b.arrivals == 200
    assert {end for each in (a, b) for end in each.ends} == {"200", "202", "cut", "unsent"}
    assert b.p99_ms == pytest.approx(100, rel=0.01)
    assert result.throughput == pytest.approx(b.good / 2)


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_parts_add_up_to_what_one_process_would_have_found(processes: int) -> None:
    """How many processes there are is the generator's matter alone."""
    one, many = merged(PLAN, parts(1)), merged(PLAN, parts(processes))
    assert many.classes == one.classes
    assert many.series == one.series
    assert many.generator.lag == one.generator.lag
    assert many.generator.processes == processes


def test_the_series_counts_every_request_once_when_sent_and_once_when_ended() -> None:
    """Per 100 ms."""
    series = merged(PLAN, parts(1)).series
    assert sum(point.sent for point in series) == 180
    assert sum(point.good + point.late + point.tickets + point.failed for point in series) == 200
    assert series[0].at_s == 0.0
    assert series[50].failed == 20  # the unsent, at 5 s


def test_what_is_due_in_the_warm_up_is_not_counted() -> None:
    """It stands in the series alone."""
    plan = msgspec.structs.replace(PLAN, warm_up_s=1.0)
    result = merged(plan, [sum_up(lived(schedule(plan)), CLASSES, 2.0, 1.0)])
    assert sum(each.arrivals for each in result.classes.values()) == 100
    assert sum(point.sent for point in result.series) == 180


def test_a_schedule_that_was_kept_is_valid() -> None:
    """Whatever the server did with it."""
    result = merged(PLAN, parts(1))
    assert result.valid
    assert result.generator.kept_share == 1.0
    assert result.generator.sent_rate == pytest.approx(90, rel=0.01)


@pytest.mark.parametrize(
    ("lag_s", "said"),
    [
        (0.002, ["half of the requests had a lag of 2.0"]),
        (0.5, ["half of the requests", "1% of the requests", "of the schedule was kept"]),
    ],
)
def test_a_late_generator_makes_its_run_invalid(lag_s: float, said: list[str]) -> None:
    """Its lateness must not be read as the server's."""
    result = merged(PLAN, parts(1, lag_s=lag_s))
    assert not result.valid
    assert [any(words in each for each in result.invalid) for words in said] == [True] * len(said)


def test_requests_that_waited_for_the_limit_of_connections_make_a_run_invalid() -> None:
    """A loop with a limit is half closed: the server was spared what callers would have sent."""
    (part,) = parts(1)
    result = merged(PLAN, [msgspec.structs.replace(part, held=3)])
    assert result.invalid == ["1.5% waited for the limit of connections; 1.0% is allowed"]


def test_a_run_of_nothing_is_invalid() -> None:
    """It would pass everything."""
    empty = sum_up(Record(Schedule(due_s=PLAN_DUE[:0], kinds=b"")), CLASSES, 2.0, 0.0)
    assert merged(PLAN, [empty]).invalid == ["nothing was planned"]


PLAN_DUE = schedule(PLAN).due_s
