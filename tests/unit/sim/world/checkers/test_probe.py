"""The probe: what the checkers of lines are told of the gates."""

from types import SimpleNamespace
from typing import Any

from proxy.qos.line import Line as RealLine
from proxy.qos.line import Place, Waiter
from sim.world.checkers.line import CriticalFirst, Line, WorkConserving
from sim.world.checkers.probe import Probe


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
