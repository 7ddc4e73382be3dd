"""The probe: what the checkers of lines are told of the gates."""

import random
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from proxy.qos.line import Line as RealLine
from proxy.qos.line import Place, Waiter
from sim.world.checkers.line import CriticalFirst, Line, OneSlot, WorkConserving
from sim.world.checkers.probe import Probe
from sim.world.plan import ReloadPlan
from sim.world.watch import Checker
from tests.stand_ins.world import stream, table, violations_of, world_plan


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
        self.world: Any = SimpleNamespace(pipeline=SimpleNamespace(snapshot=snapshot), loop=self.loop)
        self.probe.opened(self.world)

    def reload(self, gates: dict[str, StandInGate]) -> None:
        after: Any = SimpleNamespace(gates=gates)
        self.probe.reloaded(after, after, accepted=True)

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


def test_a_gate_that_comes_back_with_a_table_is_looked_at_from_where_it_was_left() -> None:
    """Its line may have moved meanwhile."""
    told = Told()
    bench = Bench(told)
    bench.wait(1)
    bench.probe.rested()
    bench.reload({})
    bench.probe.called(bench.flight(0))
    bench.wait(0)
    bench.reload({"1": bench.gate})
    bench.probe.rested()
    assert told.ranks() == [0, 1]


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


def test_lines_that_share_a_book_are_told_of_each_waiter_once() -> None:
    """And both judge."""
    book = CriticalFirst()
    bench = Bench(book)
    sharing = OneSlot(book)
    sharing.report = book.report
    probe = Probe((book, sharing))
    probe.opened(bench.world)
    place = bench.wait(0)
    waited: list[str] = []
    told = book.on_wait
    book.on_wait = lambda *all_: (waited.append("book"), told(*all_))  # type: ignore[method-assign,assignment]
    sharing.on_wait = lambda *all_: waited.append("sharing")  # type: ignore[method-assign]
    probe.called(bench.flight(1))
    probe.called(bench.flight(1))
    assert waited == ["book"]
    assert len(bench.found) == 3, "two went before it, by the one rule, and the second by the other"
    bench.waiting.leave(place)
