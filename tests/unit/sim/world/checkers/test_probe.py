"""The probe: what the checkers of lines are told of the gates."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from proxy.qos.line import Line as RealLine
from proxy.qos.line import Place, Waiter
from sim.world.checkers.line import CriticalFirst, Line, WorkConserving
from sim.world.checkers.probe import Probe
from sim.world.plan import ReloadPlan
from sim.world.watch import Checker
from tests.stand_ins.world import stream, table, violations_of, world_plan


class Bench:
    """A world of one gate, whose line the test makes."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.found: list[str] = []
        line.report = lambda checker, what: self.found.append(what)
        self.waiting = RealLine("1")
        self.free = False
        gate = SimpleNamespace(line=self.waiting, closed=lambda now: None if self.free else "rate")
        self.loop = SimpleNamespace(now_s=1.0)
        self.probe = Probe((line,))
        snapshot = SimpleNamespace(gates={"1": gate})
        world: Any = SimpleNamespace(pipeline=SimpleNamespace(snapshot=snapshot), loop=self.loop)
        self.probe.opened(world)

    def wait(self, rank: int) -> Place:
        place = self.waiting.join(
            Waiter(
                rank=rank,
                deadline=100.0,
                since_s=self.loop.now_s,
                request_id="r",
                wake=lambda application, now: True,
                evict=lambda application: None,
            )
        )
        assert place is not None
        return place

    def flight(self, rank: int, application: str = "1") -> Any:
        plan = SimpleNamespace(application=application)
        trip = SimpleNamespace(number=7, plan=SimpleNamespace(qos=SimpleNamespace(rank=rank)))
        return SimpleNamespace(server=SimpleNamespace(plan=plan), trip=trip)


def test_a_dispatch_is_judged_by_who_waits_at_that_moment() -> None:
    """Who has left the line is the one who is dispatched."""
    bench = Bench(CriticalFirst())
    critical = bench.wait(0)
    bench.wait(2)
    bench.waiting.leave(critical)
    bench.probe.called(bench.flight(0))
    assert not bench.found
    bench.wait(1)
    bench.probe.called(bench.flight(2))
    assert len(bench.found) == 1
    bench.probe.called(bench.flight(2, application="gone"))
    assert len(bench.found) == 1


def test_the_end_of_an_instant_tells_whether_a_permit_is_free() -> None:
    """A free one beside a waiter is a rule broken."""
    bench = Bench(WorkConserving())
    bench.free = True
    bench.wait(0)
    bench.probe.rested()
    bench.loop.now_s = 2.0
    bench.probe.rested()
    assert len(bench.found) == 1


FULL = world_plan(
    stream(rate=400.0, until_s=0.5, labels=("7",), deadline_s=0.3),
    stream(rate=400.0, until_s=0.5, labels=("8",), deadline_s=0.3),
    table=table("concurrency: 1", "concurrency: 1"),
    waiters_max=3,
    drained=False,
)
"""The urgent and the others want far more than there is, and lines of three."""


def lines() -> list[Checker]:
    """Who looks at lines."""
    checkers = [CriticalFirst()]
    return [*checkers, Probe(checkers)]


def test_in_full_lines_the_least_critical_are_shed() -> None:
    """And it happens: evictions and refusals alike."""
    checkers = lines()
    assert not violations_of(FULL, checkers)
    probe = checkers[-1]
    assert isinstance(probe, Probe)
    assert probe.sheds > 20


def test_a_line_that_sheds_its_most_critical_waiter_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Production code broken on purpose: whoever comes takes the place of the first."""

    def join(self: RealLine, waiter: Waiter) -> Place | None:
        if self.waiting >= self.waiters_max:
            first = self._places[0]
            self.leave(first)
            self.shed(first.waiter)
            first.waiter.evict(self.application)
        return sound(self, waiter)

    sound = RealLine.join
    monkeypatch.setattr(RealLine, "join", join)
    found = violations_of(FULL, lines())
    assert found[0].rule == CriticalFirst.rule
    assert "is shed" in found[0].what


def test_a_line_that_refuses_the_most_critical_newcomer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """First come, first served would be a fair line, and a wrong one."""

    def join(self: RealLine, waiter: Waiter) -> Place | None:
        if self.waiting >= self.waiters_max:
            self.shed(waiter)
            return None
        return sound(self, waiter)

    sound = RealLine.join
    monkeypatch.setattr(RealLine, "join", join)
    assert "a newcomer of rank 0 is shed" in violations_of(FULL, lines())[0].what


def test_lines_of_applications_that_a_reload_brings_are_listened_to() -> None:
    """A gate is new then, and so is its line."""
    later = FULL.table
    before = later.replace("1: {", "0: {").replace("application: 1", "application: 0")
    plan = msgspec.structs.replace(
        FULL, table=before, reloads=(ReloadPlan(at_s=0.0, table=later),), servers=FULL.servers
    )
    checkers = lines()
    assert not violations_of(plan, checkers)
    probe = checkers[-1]
    assert isinstance(probe, Probe)
    assert probe.sheds > 400, "the line that was there before sheds 301"
