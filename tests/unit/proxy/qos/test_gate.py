"""The gate: what a reload keeps, and what comes back after a call."""

from proxy.messages import Outcome
from proxy.qos.gate import HOLD_S_MAX, Bar, Gate
from proxy.qos.permits import Shortage
from proxy.routing.table import Application, BreakerLimits
from tests.stand_ins.permits import ScriptedPermits


def test_a_reload_keeps_counts_breaker_and_back_off_of_what_stays() -> None:
    """Otherwise each reload would let a full application be called again."""
    gate = Gate(Application(id="a", endpoints=("http://one", "http://two"), concurrency=2))
    gate.endpoints[1].held_until_s = 50.0
    gate.enter(0.0, 0.0)
    gate.breaker.settle(blamed=True, probe=False, now=0.0)
    kept = gate.endpoints[1]
    gate.adopt(
        Application(
            id="a",
            endpoints=("http://two", "http://three"),
            model="m",
            concurrency=1,
            breaker=BreakerLimits(consecutive=2),
        )
    )
    assert [each.target.url for each in gate.endpoints] == ["http://two", "http://three"]
    assert gate.endpoints[0] is kept
    assert kept.target.model == "m"
    assert gate.bar(0.0) is Bar.CONCURRENCY
    gate.breaker.settle(blamed=True, probe=False, now=0.0)
    assert gate.bar(0.0) is Bar.BREAKER


def test_a_call_to_an_endpoint_that_a_reload_dropped_still_gives_its_permit_back() -> None:
    """The request keeps the table it began with; the permit belongs to the application."""
    gate = Gate(Application(id="a", endpoints=("http://one",), concurrency=1))
    taken = gate.enter(0.0, 0.0)
    gate.adopt(Application(id="a", endpoints=("http://two",), concurrency=1))
    assert gate.bar(0.0) is Bar.CONCURRENCY
    gate.leave(taken, Outcome.OK, 0.0)
    assert gate.bar(0.0) is None


def test_a_retry_after_is_honoured_up_to_its_limit() -> None:
    """A server that asks for an hour is asked again sooner."""
    gate = Gate(Application(id="a", endpoints=("http://one",)))
    gate.leave(gate.enter(0.0, 0.0), Outcome.THROTTLED, 0.0, retry_after_s=3600.0)
    assert gate.bar(HOLD_S_MAX - 0.1) is Bar.HELD
    assert gate.bar(HOLD_S_MAX) is None


def test_an_abandoned_probe_lets_the_next_one_in() -> None:
    """A half-open breaker must never be stuck because a caller left."""
    gate = Gate(
        Application(id="a", endpoints=("http://one",), breaker=BreakerLimits(consecutive=1, rest_s=1))
    )
    gate.leave(gate.enter(0.0, 0.0), Outcome.FAILED, 0.0)
    probe = gate.enter(1.0, 0.0)
    assert gate.bar(1.0) is Bar.BREAKER
    gate.abandon(probe, 1000.0)
    assert gate.bar(1.0) is None


def test_a_permit_that_another_process_took_first_changes_nothing() -> None:
    """Between the look and the take there may be somebody quicker; a breaker's probe is not spent on it."""
    permits = ScriptedPermits(Shortage.RATE, Shortage.CONCURRENCY)
    breaker = BreakerLimits(consecutive=1, rest_s=1)
    gate = Gate(Application(id="a", endpoints=("http://one",), breaker=breaker), lambda _: permits)
    gate.breaker.settle(blamed=True, probe=False, now=0.0)
    assert gate.bar(1.0) is None
    assert gate.enter(1.0, 0.0) is Bar.RATE
    assert gate.enter(1.0, 0.0) is Bar.CONCURRENCY
    assert gate.endpoints[0].pending == 0
    assert gate.bar(1.0) is None
    assert gate.enter(1.0, 0.0).probe
