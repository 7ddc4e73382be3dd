"""The gate: what a reload keeps, and what comes back after a call."""

import pytest

from proxy.messages import Outcome
from proxy.qos.gate import HOLD_S_MAX, Bar, Gate, Pass
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
        ),
        5.0,
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
    gate.adopt(Application(id="a", endpoints=("http://two",), concurrency=1), 5.0)
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


def adaptive(concurrency: int = 100) -> Application:
    return Application(id="a", endpoints=("http://one",), concurrency=concurrency, adaptive=True)


def test_an_adaptive_application_that_throttles_is_called_less() -> None:
    """Never more than the table says; without the option the limit stays."""
    for application, limit in (
        (adaptive(), 90),
        (Application(id="a", endpoints=("http://one",), concurrency=100), 100),
    ):
        gate = Gate(application)
        gate.leave(entered(gate, 5.0), Outcome.THROTTLED, 5.0)
        assert gate.permits.concurrency == limit


def test_an_adaptive_application_that_gets_slower_is_called_less() -> None:
    """Twice the median that it had is borne, not more."""
    gate = Gate(adaptive())
    for elapsed_s, now in ((0.01, 1.0), (0.01, 3.0), (0.1, 5.0), (0.1, 7.0)):
        for number in range(12):
            moment = now + number * 0.1
            gate.leave(entered(gate, moment), Outcome.OK, moment, elapsed_s)
    assert gate.permits.concurrency is not None
    assert gate.permits.concurrency < 100


def test_failures_do_not_lower_an_adaptive_ceiling() -> None:
    """They say nothing of the load: that is the breaker's."""
    gate = Gate(adaptive())
    gate.leave(entered(gate, 5.0), Outcome.REFUSED, 5.0)
    assert gate.permits.concurrency == 100


def test_a_lowered_ceiling_survives_a_reload_and_goes_with_the_option() -> None:
    """What was learnt is kept; an operator who takes the option away means it."""
    gate = Gate(adaptive())
    gate.leave(entered(gate, 5.0), Outcome.THROTTLED, 5.0)
    gate.adopt(adaptive(200), 5.0)
    assert gate.permits.concurrency == 90
    gate.adopt(Application(id="a", endpoints=("http://one",), concurrency=200), 5.0)
    assert gate.permits.concurrency == 200
    gate.adopt(adaptive(50), 5.0)
    assert gate.permits.concurrency == 50


def entered(gate: Gate, now: float) -> Pass:
    taken = gate.enter(now, 0.0)
    assert isinstance(taken, Pass)
    return taken


def pool(*urls: str) -> Gate:
    return Gate(Application(id="a", endpoints=urls))


def test_the_quicker_of_two_endpoints_is_preferred_by_what_a_call_more_would_take() -> None:
    """Peak-EWMA times the calls in flight: a slow one with few calls is no better."""
    gate = pool("http://slow", "http://quick")
    for endpoint, elapsed_s in zip(gate.endpoints, (0.1, 0.01), strict=True):
        endpoint.learn(elapsed_s, 1.0, answered=True)
    taken = [entered(gate, 1.0).endpoint.target.url for _ in range(10)]
    assert taken == ["http://quick"] * 9 + ["http://slow"]


def test_an_endpoint_whose_calls_fail_is_set_aside_and_probed_later() -> None:
    """The other one serves; the application's own breaker has not opened yet."""
    gate = pool("http://dead", "http://well")
    dead = gate.endpoints[0]
    for number in range(5):
        while (taken := entered(gate, 1.0 + number)).endpoint is not dead:
            gate.leave(taken, Outcome.OK, 1.0 + number, 0.01)
            dead.service = type(dead.service)()
            gate.endpoints[1].pending += 1
        gate.leave(taken, Outcome.REFUSED, 1.0 + number)
    assert not dead.health.fit(5.5)
    gate.endpoints[1].pending = 50
    assert entered(gate, 5.5).endpoint is not dead
    probe = entered(gate, 6.5)
    assert probe.endpoint is dead
    assert probe.endpoint_probe
    gate.leave(probe, Outcome.OK, 6.5, 0.01)
    assert dead.health.fit(6.5)


def test_where_the_fit_endpoint_is_held_back_another_one_is_used() -> None:
    """One that was set aside is better than none."""
    gate = pool("http://dead", "http://held")
    for _ in range(5):
        gate.endpoints[0].health.settle(blamed=True, probe=False, now=1.0)
    gate.endpoints[1].held_until_s = 10.0
    assert gate.bar(1.5) is None
    assert entered(gate, 1.5).endpoint is gate.endpoints[0]


def test_an_application_that_was_ill_comes_back_by_and_by() -> None:
    """The probe that closes the breaker begins the ramp."""
    gate = Gate(
        Application(id="a", endpoints=("http://one",), breaker=BreakerLimits(consecutive=1, rest_s=1))
    )
    assert gate.share(0.0) == 1.0
    gate.leave(entered(gate, 0.0), Outcome.FAILED, 0.0)
    gate.leave(entered(gate, 1.0), Outcome.OK, 1.0, 0.01)
    assert gate.share(1.0) == pytest.approx(0.1)
    assert gate.share(12.0) == 1.0


def test_how_long_one_waits_is_told_by_the_pace_of_calls_or_by_the_rate() -> None:
    """The declared rate is a ceiling; a pace that is not known promises nothing against it."""
    gate = Gate(Application(id="a", endpoints=("http://one",), concurrency=2))
    assert gate.wait_s(5, 1.0) == 0.0
    for _ in range(30):
        gate.service.learn(0.1, 1.0)
    assert gate.wait_s(9, 1.0) == pytest.approx(0.5)
    limited = Gate(Application(id="a", endpoints=("http://one",), rate=10.0))
    assert limited.wait_s(4, 1.0) == pytest.approx(0.5)
    limited.leave(entered(limited, 1.0), Outcome.OK, 1.0, 0.01)
    limited.leave(entered(limited, 2.0), Outcome.OK, 2.0, 0.01)
    assert limited.wait_s(4, 2.0) == pytest.approx(0.5)  # one call a second came; ten could


def test_an_application_of_a_rate_that_few_ask_is_waited_for() -> None:
    """Its next permit comes by its rate, however few calls there were."""
    gate = Gate(Application(id="a", endpoints=("http://one",), rate=800.0, burst=1))
    for number in range(30):
        gate.leave(entered(gate, number * 0.1), Outcome.OK, number * 0.1, 0.01)
    assert gate.wait_s(0, 3.0) == pytest.approx(1 / 800)
