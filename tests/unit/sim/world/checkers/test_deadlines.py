"""I6: broken on purpose."""

import math

import pytest

import proxy.pipeline
import proxy.tiers.chain
from proxy.qos.service import ServiceTime
from sim.world.checkers.deadlines import Deadlines, Predictions
from sim.world.plan import FaultKind, Service
from tests.stand_ins.world import FIRST, SECOND, fault, server, stream, table, violations_of, world_plan

LATE = world_plan(
    stream(rate=50.0, deadline_s=0.15),
    servers=(server(FIRST, fault(FaultKind.BLACK_HOLE)), server(SECOND, service=Service(base_s=0.2))),
    drained=False,
)


def test_calls_that_end_with_their_deadline_are_left_alone() -> None:
    """Timeouts have ticks of a millisecond."""
    assert not violations_of(LATE, (Deadlines(),))


def test_a_pipeline_that_forgets_the_deadline_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checker reckons the deadline itself."""
    monkeypatch.setattr(proxy.pipeline, "deadline_of", lambda request, qos: math.inf)
    assert violations_of(LATE, (Deadlines(),))[0].rule == "I6 deadlines"


def test_an_attempt_that_is_given_too_much_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row's timeout alone does not do."""
    monkeypatch.setattr(proxy.tiers.chain, "attempt_budget", lambda timeout_s, left_s, reserve_s: timeout_s)
    assert violations_of(LATE, (Deadlines(),))


def test_an_attempt_that_is_not_ended_in_time_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer that fires late keeps the next tier from its chance."""
    from proxy.timers import Wheel

    after = Wheel.after
    monkeypatch.setattr(Wheel, "after", lambda self, delay_s, fire: after(self, delay_s + 0.05, fire))
    assert violations_of(LATE, (Deadlines(),))


def test_a_call_that_must_be_expected_to_miss_its_deadline_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service of 35 ms for a request that has 30."""
    plan = world_plan(
        stream(rate=100.0, until_s=2.0, labels=("8",)),
        stream(rate=20.0, until_s=2.0, labels=("8",), deadline_s=0.03),
        table=table("breaker: {consecutive: 1000, ratio: 1.0}"),
        servers=(server(FIRST, service=Service(base_s=0.035)), server(SECOND)),
    )
    assert not violations_of(plan, (Predictions(),))
    monkeypatch.setattr(ServiceTime, "median_s", lambda self, now: 0.0)
    assert violations_of(plan, (Predictions(),))[0].rule == "I6 predicted finish"
