"""The breaker opens on failure and on slowness, never on load, and every probe resolves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.breaker import BUCKETS, RECENT_BUCKETS, Breaker, State, Window
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


def test_a_call_that_was_no_probe_is_forgotten_without_a_trace() -> None:
    """Its caller left: the probe that is on its way stays the only one."""
    breaker = opened()
    breaker.begin()
    breaker.forget(probe=False)
    assert not breaker.admits(1.0)


def test_late_failures_of_calls_from_before_do_not_prolong_the_rest() -> None:
    """A burst of timeouts that was in flight says nothing new."""
    breaker = opened()
    breaker.settle(blamed=True, probe=False, now=0.9)
    assert breaker.admits(1.0)


SLOW = BreakerLimits(slow_s=0.2)
"""The defaults, and what is slow."""


def opens_after_s(
    *, before_s: float, after_s: float, per_second: float, ill_s: float, limits: BreakerLimits
) -> float | None:
    """Open load on an application that turns slow at `ill_s`: how much later its breaker opens."""
    breaker = Breaker(limits)
    starts = [call / per_second for call in range(int((ill_s + 10) * per_second))]
    ends = [(start + (before_s if start < ill_s else after_s), start) for start in starts]
    for now, start in sorted(ends):
        breaker.settle(blamed=False, slow=breaker.is_slow(now - start), probe=False, now=now)
        if not breaker.admits(now):
            return now - ill_s
    return None


@given(ill_s=st.floats(15, 16), per_second=st.floats(20, 300), before_s=st.floats(0.05, 0.1))
def test_five_times_slower_without_an_error_opens_it_within_two_seconds(
    ill_s: float, per_second: float, before_s: float
) -> None:
    """Gray failure: at any phase of the window, at any rate from 20 calls a second on."""
    opened_s = opens_after_s(
        before_s=before_s, after_s=5 * before_s, per_second=per_second, ill_s=ill_s, limits=SLOW
    )
    assert opened_s is not None
    assert opened_s <= 2.0


@pytest.mark.parametrize(
    ("after_s", "limits"), [(0.2, SLOW), (0.5, BreakerLimits())], ids=["not too slow", "not asked for"]
)
def test_what_is_not_called_slow_never_opens_it(after_s: float, limits: BreakerLimits) -> None:
    """Without a limit in the table no call is slow; at the limit it is not yet."""
    assert opens_after_s(before_s=0.1, after_s=after_s, per_second=50, ill_s=15.0, limits=limits) is None


def test_a_call_at_the_limit_is_not_slow_yet() -> None:
    """The table says what a call may take."""
    breaker = Breaker(SLOW)
    assert not breaker.is_slow(0.2)
    assert breaker.is_slow(0.201)


@pytest.mark.parametrize("first", [1500, 1900, 2000])
def test_a_stall_that_all_recover_from_does_not_open_it(first: int) -> None:
    """At a thousand calls a second twenty slow ones in a row are a pause of a garbage collector."""
    breaker = Breaker(SLOW)
    for call in range(3000):
        breaker.settle(blamed=False, slow=first <= call < first + 200, probe=False, now=call * 0.001)
    assert breaker.state(3.0) is State.ADMITTING


def test_few_calls_are_not_called_slow_together() -> None:
    """Nineteen slow calls of nineteen may be nineteen large pictures."""
    breaker = Breaker(SLOW)
    for call in range(19):
        breaker.settle(blamed=False, slow=True, probe=False, now=call * 0.01)
    assert breaker.admits(1.0)
    breaker.settle(blamed=False, slow=True, probe=False, now=1.0)
    assert not breaker.admits(1.0)


def test_a_quiet_application_is_judged_by_more_of_its_window() -> None:
    """At three calls a second the youngest fifth holds six of them."""
    assert opens_after_s(before_s=0.1, after_s=0.5, per_second=3, ill_s=15.0, limits=SLOW) is not None


def test_a_slow_probe_is_a_failed_one() -> None:
    """What is ill without errors answers its probe: only too late."""
    breaker = opened()
    breaker.settle(blamed=False, slow=True, probe=breaker.begin(), now=1.0)
    assert not breaker.admits(2.9)
    assert breaker.admits(3.0)


def test_slow_calls_alone_do_not_count_as_failures() -> None:
    """Each has a ratio of its own: a quarter of each is none of them."""
    breaker = Breaker(SLOW)
    for call in range(400):
        breaker.settle(blamed=call % 4 == 0, slow=call % 4 == 2, probe=False, now=call * 0.01)
    assert breaker.state(4.0) is State.ADMITTING


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), min_size=1, max_size=200), st.integers(1, 40))
def test_lately_means_the_youngest_steps_that_hold_enough(
    calls: list[tuple[float, bool]], calls_min: int
) -> None:
    """The twin keeps every call and its step."""
    window, now = Window(10.0), 0.0
    kept: list[tuple[int, bool]] = []
    for gap_s, slow in calls:
        now += gap_s
        window.add(False, now, slow=slow)
        kept.append((int(now / 1.0), slow))
        reach = RECENT_BUCKETS
        while True:
            inside = [each for step, each in kept if step > int(now / 1.0) - reach]
            if len(inside) >= calls_min or reach == BUCKETS:
                break
            reach += 1
        assert window.lately(calls_min) == (len(inside), sum(inside))
