"""From what was seen to the measures that pass lines name. Pure.

`good_share.CLASS`, `shed_share.CLASS`, `failed`, `shed` (tickets and failures), `goodput_share` (of the
capacity, in the window), `added_p99_ms` (over the same load without the proxy), `inflight_peak.POOL`,
`calls.POOL` (all that it received, tickets' later tries too), `breaker_s` (from the fault to the first time
that the breaker was seen to reject), `reloads.RESULT`. Where processes are killed: `work_peak.POOL` (at
once at work, for clients that have gone too), `kills.done`, `kills.met` (those that cut a ticket's request
off), `kills.held_peak` and `kills.departed_peak` (in flight by the proxy's page; of processes that were
dead by then), `kills.back_s` (from the last kill until its permits were back), `tickets.promised`,
`tickets.lost`, `tickets.wrong`, `tickets.left` (accepted of anybody, and neither ended well nor on their
way in the end).
"""

from collections.abc import Mapping

import msgspec

from sim.load.part import BUCKET_S
from sim.load.result import Point, Result
from sim.load.scenarios.scenario import PassLine, Scenario


class ClassFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one class; the shape that live and virtual runs share."""

    arrivals: int
    good: int
    late: int
    tickets: int
    failed: int
    p50_ms: float
    p99_ms: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """`throughput`: good answers per second of the schedule, all classes."""

    classes: dict[str, ClassFigures]
    throughput: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a run showed."""

    result: Result
    direct: Result | None = None  # the same load without the proxy
    inflight_peaks: dict[str, int] = {}
    calls: dict[str, int] = {}
    breaker_s: float | None = None
    reloads: dict[str, int] = {}
    work_peaks: dict[str, int] = {}
    killing: dict[str, float] = {}  # measures by their names


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A pass line, and what was measured."""

    line: PassLine
    value: float | None
    passed: bool


def figures_of(result: Result) -> Figures:
    """The shared shape."""
    classes = {
        name: ClassFigures(
            arrivals=each.arrivals,
            good=each.good,
            late=each.late,
            tickets=each.tickets,
            failed=each.failed,
            p50_ms=each.p50_ms,
            p99_ms=each.p99_ms,
        )
        for name, each in result.classes.items()
    }
    return Figures(classes=classes, throughput=result.throughput)


def measures_of(scenario: Scenario, seen: Seen) -> dict[str, float]:
    """All that are known."""
    classes = seen.result.classes
    found: dict[str, float] = {
        "failed": sum(each.failed for each in classes.values()),
        "shed": sum(each.failed + each.tickets for each in classes.values()),
        "goodput_share": goodput(seen.result, scenario.window_s) / scenario.capacity,
    }
    for name, each in classes.items():
        found[f"good_share.{name}"] = each.good / max(1, each.arrivals)
        found[f"shed_share.{name}"] = (each.failed + each.tickets) / max(1, each.arrivals)
    found |= {f"inflight_peak.{name}": peak for name, peak in seen.inflight_peaks.items()}
    found |= {f"calls.{name}": count for name, count in seen.calls.items()}
    found |= {f"reloads.{name}": count for name, count in seen.reloads.items()}
    found |= {f"work_peak.{name}": peak for name, peak in seen.work_peaks.items()}
    found |= seen.killing
    if seen.breaker_s is not None:
        found["breaker_s"] = seen.breaker_s
    if seen.direct is not None:
        found["added_p99_ms"] = _p99_ms(seen.result) - _p99_ms(seen.direct)
    return found


def goodput(result: Result, window_s: tuple[float, float] | None) -> float:
    """Good answers a second in the window, by when they ended."""
    if window_s is None:
        return result.throughput
    start_s, stop_s = window_s
    inside = (point for point in result.series if _inside(point, start_s, stop_s))
    return sum(point.good for point in inside) / (stop_s - start_s)


def judge(scenario: Scenario, measures: Mapping[str, float]) -> list[Judged]:
    """Each pass line."""
    return [
        Judged(line=line, value=measures.get(line.measure), passed=line.passes(measures.get(line.measure)))
        for line in scenario.lines
    ]


def _inside(point: Point, start_s: float, stop_s: float) -> bool:
    middle_s = point.at_s + BUCKET_S / 2
    return start_s <= middle_s < stop_s


def _p99_ms(result: Result) -> float:
    """Of the class with most answers: the added time is the same for all."""
    return max(result.classes.values(), key=lambda each: each.good + each.late).p99_ms
