"""I7: broken on purpose."""

import msgspec
import pytest

import proxy.pipeline
from proxy.qos.budget import Budget as Bucket
from proxy.tiers.chain import Chain
from sim.world.checkers.calls import Budget, Tiers
from sim.world.plan import FaultKind, WorldPlan
from tests.stand_ins.world import FIRST, SECOND, fault, server, stream, violations_of, world_plan

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


def table_without_breakers() -> WorldPlan:
    """Every request falls through, for the breaker never opens."""
    text = FALLING.table.replace(
        "concurrency: 4", "concurrency: 4, breaker: {consecutive: 100000, calls: 100000}"
    )
    return msgspec.structs.replace(FALLING, table=text, streams=(stream(rate=200.0, until_s=2.0),))
