"""The probe: what the checkers of lines are told of the gates."""

import random
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.qos.line import Line as RealLine
from proxy.qos.line import Place, Waiter
from sim.world.checkers.line import CriticalFirst, Line, WorkConserving
from sim.world.checkers.probe import Probe


class StandInGate:
    """A line and a word: whether it is closed."""

    def __init__(self, line: RealLine) -> None:
        self.line = line
        self.free = False

    def closed(self, _now: float) -> str | None:
        return None if self.free else "rate"


class Bench:
    """A world of one gate, whose line the test makes."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.found: list[str] = []
        line.report = lambda checker, what: self.found.append(what)
        self.waiting = RealLine("1")
        self.gate = StandInGate(self.waiting)
        self.loop = SimpleNamespace(now_s=1.0)
        self.probe = Probe((line,))
        snapshot = SimpleNamespace(gates={"1": self.gate})
        self.pipeline = SimpleNamespace(snapshot=snapshot)
        world: Any = SimpleNamespace(pipeline=self.pipeline, loop=self.loop)
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
    bench.gate.free = True
    bench.wait(0)
    bench.probe.rested()
    bench.loop.now_s = 2.0
    bench.probe.rested()
    assert len(bench.found) == 1


class Told(Line):
    """Remembers by rank who waits, as it is told."""

    def ranks(self) -> list[int]:
        return sorted(each.rank for each in self.lines.get("1", {}).values())


@pytest.mark.parametrize("looks_every", [1, 3])
def test_what_is_told_of_a_line_is_who_stands_in_it(looks_every: int) -> None:
    """Also where several came and left between two looks; one alone is found without reading all of it."""
    rng, told = random.Random(1), Told()
    bench = Bench(told)
    standing: list[Place] = []
    for turn in range(400):
        if standing and rng.random() < 0.45:
            bench.waiting.leave(standing.pop(rng.randrange(len(standing))))
        else:
            standing.append(bench.wait(rng.randrange(4)))
        if turn % looks_every == 0:
            bench.probe.rested()
            assert told.ranks() == sorted(place.rank for place in standing)


def test_who_is_sent_away_from_a_full_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One leaves at the end and one comes somewhere before, or stands at the end itself: in one instant."""
    monkeypatch.setattr("proxy.qos.line.WAITERS_MAX", 3)
    for ranks, comes in (([1, 3, 3], 0), ([1, 3, 3], 2), ([3, 3, 3], 1), ([0, 1, 2], 1)):
        told = Told()
        bench = Bench(told)
        for rank in ranks:
            bench.wait(rank)
        bench.probe.rested()
        bench.wait(comes)
        bench.probe.rested()
        assert told.ranks() == sorted([*sorted(ranks)[:2], comes])


def test_a_gate_that_comes_back_with_a_table_is_looked_at_from_where_it_was_left() -> None:
    """Its line may have moved meanwhile."""
    told = Told()
    bench = Bench(told)
    bench.wait(1)
    bench.probe.rested()
    bench.pipeline.snapshot = SimpleNamespace(gates={})
    bench.probe.called(bench.flight(0))
    bench.wait(0)
    bench.pipeline.snapshot = SimpleNamespace(gates={"1": bench.gate})
    bench.probe.rested()
    assert told.ranks() == [0, 1]
