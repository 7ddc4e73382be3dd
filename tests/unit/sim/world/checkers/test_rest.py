"""I9: broken on purpose."""

from collections.abc import Callable
from typing import Any

import pytest

from proxy.messages import Reply, Request
from proxy.qos.breaker import Breaker
from proxy.qos.permits import Permits
from proxy.routing.table import Application
from sim.world.checkers.rest import Rest
from sim.world.plan import FaultKind, Phase
from sim.world.world import World
from tests.stand_ins.world import FIRST, SECOND, fault, server, stream, table, violations_of, world_plan

ONLY = world_plan(stream(rate=100.0, until_s=0.3), rest_s=5.0)


class Keeping(Permits):
    """Forgets to take one permit back."""

    kept = False

    def give_back(self) -> None:
        if self.in_flight == 2 and not self.kept:
            self.kept = True
            return
        super().give_back()


def keeping(application: Application) -> Permits:
    """Permits of the forgetful kind."""
    return Keeping(concurrency=application.concurrency, rate=None, burst=None)


def test_a_world_at_rest_is_left_alone() -> None:
    """Nothing is under way, and nothing is held."""
    assert not violations_of(ONLY, (Rest(),))


def test_a_permit_that_never_comes_back_is_seen() -> None:
    """One a day is an outage in a week."""
    found = violations_of(ONLY, (Rest(),), permits_of=keeping)
    assert "1 permits never came back" in found[0].what


def test_an_endpoint_that_is_counted_busy_for_ever_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Choices among endpoints would avoid it for ever."""
    from proxy.qos.gate import Gate

    monkeypatch.setattr(Gate, "release", lambda self, taken, now: self.permits.give_back())
    assert "calls are still counted" in violations_of(ONLY, (Rest(),))[0].what


def test_a_request_that_is_never_answered_is_seen() -> None:
    """Its caller waits for ever."""
    world = World(ONLY, 1, (Rest(),))
    take = world.pipeline.take

    def mute(request: Request, done: Callable[[Reply], None]) -> Any:
        return take(request, (lambda reply: None) if world.taken == 7 else done)

    world.pipeline.take = mute  # type: ignore[method-assign]
    assert "1 requests never end, the first of them #7" in world.run()[0].what


def test_a_breaker_whose_probe_never_resolves_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would never be called again, for nothing else can end its probing."""
    hole = fault(FaultKind.BLACK_HOLE)
    probed = (Phase(from_s=0.0, until_s=1.0, rate=50), Phase(from_s=1.2, until_s=4.0, rate=50))
    plan = world_plan(
        stream(phases=probed, patience_s=0.12, labels=("8",)),
        table=table("breaker: {consecutive: 2, rest: 100, restMax: 100}"),
        servers=(server(FIRST, hole, latency_s=0.0), server(SECOND, hole)),
        drained=False,
    )
    plan_two = world_plan(
        stream(phases=probed, labels=("8",)),
        stream(phases=probed, labels=("8",), patience_s=0.03),
        table=plan.table,
        servers=plan.servers,
        drained=False,
        rest_s=5.0,
    )
    assert not violations_of(plan_two, (Rest(),))
    monkeypatch.setattr(Breaker, "forget", lambda self, *, probe: None)
    assert "waits for a probe that nobody makes" in violations_of(plan_two, (Rest(),))[0].what
