"""Restraint: broken on purpose."""

import pytest

from proxy.qos.breaker import Breaker
from proxy.qos.gate import Gate
from proxy.tiers import trial
from sim.world.checkers.restraint import Restraint
from sim.world.plan import DrainPlan, FaultKind, WorldPlan
from tests.stand_ins.world import FIRST, SECOND, fault, server, stream, table, violations_of, world_plan

FAILING = world_plan(
    stream(rate=200.0, until_s=3.0),
    table=table("concurrency: 20, breaker: {consecutive: 3, rest: 200, restMax: 200}"),
    servers=(server(FIRST, fault(FaultKind.FAILING, until_s=2.0)), server(SECOND)),
)
THROTTLED = world_plan(
    stream(rate=100.0, until_s=3.0),
    servers=(server(FIRST, fault(FaultKind.THROTTLING, status=429, retry_after_s=1)), server(SECOND)),
)
DRAINED = world_plan(stream(rate=100.0), drains=(DrainPlan(application="1", from_s=0.3, until_s=0.6),))


@pytest.mark.parametrize("plan", [FAILING, THROTTLED, DRAINED])
def test_gates_that_hold_back_are_left_alone(plan: WorldPlan) -> None:
    """Each of the reasons occurs."""
    assert not violations_of(plan, (Restraint(),))


def test_a_probe_that_does_not_wait_for_its_rest_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other at once is as many as without a breaker."""
    monkeypatch.setattr(Breaker, "admits", lambda self, now: not self._rest_s or not self._probing)
    monkeypatch.setattr(Breaker, "spares", lambda self, now: False)
    assert any("rests for" in each.what for each in violations_of(FAILING, (Restraint(),)))


def test_a_second_probe_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is just back must not meet them all."""
    monkeypatch.setattr(Breaker, "admits", lambda self, now: not self._rest_s or now >= self._rested_s)
    assert any("2 probes at once" in each.what for each in violations_of(FAILING, (Restraint(),)))


def test_an_endpoint_that_asked_for_quiet_and_is_called_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It said when it will have time."""
    monkeypatch.setattr(trial, "retry_after_of", lambda answer: None)
    assert any("asked for quiet" in each.what for each in violations_of(THROTTLED, (Restraint(),)))


def test_a_drained_application_that_is_called_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator has taken it out of service."""
    bar = Gate.bar

    def undrained(gate: Gate, now: float) -> object:
        drained, gate.drained = gate.drained, False
        found = bar(gate, now)
        gate.drained = drained
        return found

    monkeypatch.setattr(Gate, "bar", undrained)
    assert any("is drained" in each.what for each in violations_of(DRAINED, (Restraint(),)))


def test_an_endpoint_that_is_down_by_its_own_word_and_is_called_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is asked so that it need not be called."""
    unready = world_plan(
        table=table("concurrency: 4, health: {path: /v2/health/ready, every: 20, timeout: 10}"),
        servers=(server(FIRST, fault(FaultKind.UNREADY)), server(SECOND)),
    )
    assert not violations_of(unready, (Restraint(),))
    monkeypatch.setattr(Gate, "closed", lambda self, now: None)
    assert any("is not well" in each.what for each in violations_of(unready, (Restraint(),)))
