"""Tickets go on: broken on purpose."""

import pytest

from proxy.messages import Fallback
from proxy.offline.memory import MemoryStore
from proxy.offline.store import Claims
from sim.world.checkers.liveness import Liveness
from sim.world.plan import FaultKind
from tests.stand_ins.world import FIRST, SECOND, fault, server, stream, violations_of, world_plan

DEAD = (server(FIRST, fault(FaultKind.REFUSING)), server(SECOND, fault(FaultKind.REFUSING)))
PARKED = world_plan(stream(rate=10.0, fallback=Fallback.AT_ONCE), servers=DEAD, rest_s=70.0)


def test_tickets_that_nobody_serves_are_tried_again_and_left_alone() -> None:
    """An outage is no standstill."""
    assert not violations_of(PARKED, (Liveness(),))


def test_a_ticket_without_a_row_may_rest() -> None:
    """Only another table helps it."""
    lost = stream(rate=10.0, fallback=Fallback.AT_ONCE, labels=("9",))
    assert not violations_of(world_plan(lost, rest_s=70.0), (Liveness(),))


def test_a_ticket_that_is_never_taken_in_hand_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is durable, and nothing will ever come of it."""
    claim = MemoryStore.claim

    def forgetful(store: MemoryStore, limit: int, lease_s: float) -> Claims:
        return [] if store._clock.wall() > 1_700_001_003.0 else claim(store, limit, lease_s)

    monkeypatch.setattr(MemoryStore, "claim", forgetful)
    assert "wait untried" in violations_of(PARKED, (Liveness(),))[0].what
