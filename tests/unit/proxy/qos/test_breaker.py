"""The breaker opens on failure alone, and every probe resolves."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.breaker import Breaker, State, Window
from proxy.routing.table import BreakerLimits

LIMITS = BreakerLimits(consecutive=3, ratio=0.5, calls_min=10, window_s=10.0, rest_s=1.0, rest_max_s=4.0)


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(LIMITS)
    for _ in range(3):
        breaker.settle(blamed=True, probe=breaker.begin(), now=at)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    """A dead server is found after a few calls, not after a window."""
    breaker = opened()
    assert breaker.state(0.0) is State.REJECTING
    assert not breaker.admits(0.999)


def test_a_ratio_over_the_window_opens_it_only_with_enough_calls() -> None:
    """One failure of two calls says nothing; five of ten do."""
    breaker = Breaker(LIMITS)
    for step in range(9):
        breaker.settle(blamed=step % 2 == 0, probe=breaker.begin(), now=0.1 * step)
    assert breaker.admits(1.0)
    breaker.settle(blamed=True, probe=breaker.begin(), now=1.0)
    assert not breaker.admits(1.0)


def test_old_failures_leave_the_window() -> None:
    """What happened a minute ago must not open the breaker now."""
    window = Window(10.0)
    for step in range(5):
        window.add(True, 0.1 * step)
    window.add(False, 30.0)
    assert (window.calls, window.failures) == (1, 0)


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), min_size=1, max_size=200))
def test_the_window_agrees_with_a_plain_count_of_its_steps(calls: list[tuple[float, bool]]) -> None:
    """The ring is an optimisation; its twin keeps every call."""
    window = Window(10.0)
    now, kept = 0.0, []
    for gap, failed in calls:
        now += gap
        window.add(failed, now)
        kept.append((int(now / 1.0), failed))
        inside = [each for step, each in kept if step > int(now / 1.0) - 10]
        assert (window.calls, window.failures) == (len(inside), sum(inside))


def test_after_the_rest_one_probe_at_a_time_is_let_through() -> None:
    """A sick server must not be greeted by the whole load."""
    breaker = opened()
    assert breaker.admits(1.0)
    assert breaker.begin()
    assert breaker.state(1.0) is State.PROBING
    assert not breaker.admits(1.0)


def test_a_good_probe_closes_it() -> None:
    """Recovery costs one call."""
    breaker = opened()
    breaker.settle(blamed=False, probe=breaker.begin(), now=1.0)
    assert breaker.state(1.0) is State.ADMITTING
    assert not breaker.begin()


def test_a_bad_probe_doubles_the_rest_up_to_its_limit() -> None:
    """The longer it is down, the less often it is asked; never for ever."""
    breaker, now, rests = opened(), 1.0, []
    for _ in range(4):
        breaker.settle(blamed=True, probe=breaker.begin(), now=now)
        rests.append(next(rest for rest in (1.0, 2.0, 4.0, 8.0) if breaker.admits(now + rest)))
        now += rests[-1]
    assert rests == [2.0, 4.0, 4.0, 4.0]


def test_a_forgotten_probe_lets_the_next_call_probe() -> None:
    """Breakers elsewhere stayed half-open for ever when the probe's caller left."""
    breaker = opened()
    breaker.forget(probe=breaker.begin())
    assert breaker.admits(1.0)


def test_late_failures_of_calls_from_before_do_not_prolong_the_rest() -> None:
    """A burst of timeouts that was in flight says nothing new."""
    breaker = opened()
    breaker.settle(blamed=True, probe=False, now=0.9)
    assert breaker.admits(1.0)
