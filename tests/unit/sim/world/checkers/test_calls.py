"""I7: broken on purpose."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

import proxy.pipeline
from proxy.messages import Reply, Request
from proxy.qos.budget import Budget as Bucket
from proxy.qos.gate import Gate
from proxy.qos.hedge import Hedging
from proxy.qos.permits import Permits
from proxy.tiers.chain import Chain
from proxy.tiers.race import Race
from sim.world.checkers.calls import Budget, Tiers
from sim.world.checkers.hedges import Hedges
from sim.world.plan import FaultKind, WorldPlan
from sim.world.world import World
from tests.stand_ins.world import FIRST, SECOND, THIRD, fault, server, stream, violations_of, world_plan

FALLING = world_plan(
    stream(rate=50.0), servers=(server(FIRST, fault(FaultKind.REFUSING)), server(SECOND)), drained=False
)


class Wrapping(Chain):
    """Begins again behind its last tier."""

    __slots__ = ()

    def advance(self) -> None:
        if self._next == len(self._tiers) and len(self.attempts) < 5:
            self._next = 0
        super().advance()


class Repeating(Chain):
    """Tries the tier that failed once more."""

    __slots__ = ()

    def advance(self) -> None:
        if len(self.attempts) == 1:
            self._next = 0
        super().advance()


def test_a_chain_that_goes_down_is_left_alone() -> None:
    """Two tiers, two calls."""
    assert not violations_of(FALLING, (Tiers(),))


@pytest.mark.parametrize("chain", [Wrapping, Repeating])
def test_a_tier_that_is_called_twice_is_seen(chain: type[Chain], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a tier lies between."""
    monkeypatch.setattr(proxy.pipeline, "Chain", chain)
    dead = world_plan(
        stream(rate=50.0),
        servers=(server(FIRST, fault(FaultKind.REFUSING)), server(SECOND, fault(FaultKind.REFUSING))),
    )
    assert violations_of(dead, (Tiers(),))[0].rule == "I7 tiers"


def test_a_row_of_no_weight_is_not_to_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weight 0 takes a row out of service."""
    plan = world_plan()
    idle = world_plan(table=plan.table.replace("weight: 1, priority: 0", "weight: 0, priority: 0"))
    assert not violations_of(idle, (Tiers(),))
    monkeypatch.setattr(
        Chain, "_eligible", lambda self, rows, now: rows if rows[0].application == "1" else ()
    )
    monkeypatch.setattr("proxy.tiers.chain.choose", lambda rows, u: rows[0])
    assert violations_of(idle, (Tiers(),))


def test_calls_beyond_the_budget_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls a request are more than 1.2 and ten a second, once the reserve is used up."""
    endless = table_without_breakers()
    assert not violations_of(endless, (Budget(),))
    for look in ("affords", "take"):
        monkeypatch.setattr(Bucket, look, lambda self, now: True)
    assert violations_of(endless, (Budget(),))[0].rule == "I7 budget of calls"


HEDGED_TABLE = (
    FALLING.table.replace('"http://first:1", ', '["http://first:1", "http://third:1"], ')
    .replace("concurrency: 4", "concurrency: 20")
    .replace("deadline: 300", "deadline: 300, hedge: true")
)
ONE_SLOW = fault(FaultKind.SLOW, share=0.1, factor=8.0)
HEDGED = world_plan(
    stream(rate=300.0, until_s=4.0),
    table=HEDGED_TABLE,
    servers=(server(FIRST, ONE_SLOW), server(THIRD), server(SECOND)),
    drained=False,
)


def checkers() -> tuple[Tiers, Hedges]:
    return Tiers(), Hedges()


def test_a_hedge_is_no_second_call_of_its_row() -> None:
    """Beside a call that is open, on the other endpoint: that is left alone, and it happens."""
    both = checkers()
    assert not violations_of(HEDGED, both)
    assert both[1].seconds > 3


def test_a_second_call_of_another_class_is_seen() -> None:
    """Nobody asked for it: with the table's word it is a hedge, without it a row that is called twice."""
    world = World(HEDGED, 1, checkers())
    take = world.take

    def unasked(request: Request, done: Callable[[Reply], None]) -> Any:
        trip, exchange = take(request, done)
        trip.plan = replace(trip.plan, qos=replace(trip.plan.qos, hedge=False))
        return trip, exchange

    world.take = unasked  # type: ignore[method-assign]
    assert world.run()[0].rule == "I7 tiers"


def test_a_second_call_on_the_same_endpoint_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server is the one that is late."""
    monkeypatch.setattr(Gate, "other", lambda self, taken, now, u: taken.endpoint)
    assert violations_of(HEDGED, checkers())[0].rule == "I7 tiers"


def test_a_second_call_once_the_first_one_is_over_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """That would be a retry on the same row."""
    begin = Race.begin

    def again(race: Race, budget_s: float) -> None:
        begin(race, budget_s)
        first = race._first
        race._ground.timers.after(0.005, first.cancel if first is not None else race.cancel)

    monkeypatch.setattr(Race, "begin", again)
    assert violations_of(HEDGED, checkers())[0].rule == "I7 tiers"


def test_more_than_one_in_a_hundred_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budget is what keeps an overload from growing."""
    monkeypatch.setattr(Hedging, "allows", lambda self, in_flight, concurrency, very_late, now: True)
    monkeypatch.setattr(Hedging, "take", lambda self, now: True)
    found = violations_of(HEDGED, checkers())[0]
    assert found.rule == "I7 hedges"
    assert "second calls for" in found.what


def test_a_second_call_under_high_load_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would make other calls late."""
    monkeypatch.setattr(
        Hedging, "allows", lambda self, in_flight, concurrency, very_late, now: self._budget.holds(1.0, now)
    )
    busy = msgspec.structs.replace(
        HEDGED,
        table=HEDGED_TABLE.replace("concurrency: 20", "concurrency: 8"),
        streams=(stream(rate=400.0, until_s=4.0),),
    )
    assert not violations_of(HEDGED, checkers())
    assert any("permits taken" in each.what for each in violations_of(busy, checkers()))


def test_a_second_call_while_somebody_waits_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The permit was the waiting one's."""
    monkeypatch.setattr(Gate, "bar", Gate.closed)
    monkeypatch.setattr(Permits, "shortage", lambda self, now: None)
    checker = Hedges()
    world = World(HEDGED, 1, (Tiers(), checker))
    world.pipeline.snapshot.gates["1"].line.waiting = 1
    monkeypatch.setattr(Gate, "pump", lambda self, now: None)
    assert any("wait for it" in each.what for each in world.run())


def table_without_breakers() -> WorldPlan:
    """Every request falls through, for the breaker never opens."""
    text = FALLING.table.replace(
        "concurrency: 4", "concurrency: 4, breaker: {consecutive: 100000, calls: 100000}"
    )
    return msgspec.structs.replace(FALLING, table=text, streams=(stream(rate=200.0, until_s=2.0),))
