"""Sick endpoints are left alone, as long as there are others."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.health import CONSECUTIVE_MAX, Health, endpoint_limits, fit_of
from proxy.routing.table import BreakerLimits

LIMITS = BreakerLimits()


def healths(count: int) -> list[Health]:
    return [Health(LIMITS) for _ in range(count)]


def fail(health: Health, now: float, calls: int = CONSECUTIVE_MAX) -> None:
    for _ in range(calls):
        health.settle(blamed=True, probe=health.begin(now), now=now)


def test_failures_in_a_row_set_an_endpoint_aside_before_its_application() -> None:
    """One dead server of many must not close the application for all."""
    health = Health(LIMITS)
    fail(health, 0.0, CONSECUTIVE_MAX - 1)
    assert health.fit(0.0)
    fail(health, 0.0, 1)
    assert not health.fit(0.0)
    assert health.set_aside_s(0.25) == LIMITS.rest_s - 0.25
    assert LIMITS.consecutive > CONSECUTIVE_MAX


def test_after_its_rest_one_probe_decides() -> None:
    """The way back costs one call at a time."""
    health = Health(LIMITS)
    fail(health, 0.0)
    assert health.fit(1.0)
    assert health.begin(1.0)
    assert not health.fit(1.0)
    assert not health.begin(1.0)
    health.forget(probe=True)
    assert health.fit(1.0)
    health.settle(blamed=False, probe=health.begin(1.0), now=1.1)
    assert health.fit(1.1)


def test_a_slow_endpoint_is_set_aside_like_a_failing_one() -> None:
    """Gray failure is mostly that of one server."""
    health = Health(BreakerLimits(slow_s=0.1))
    for call in range(20):
        health.settle(blamed=False, slow=True, probe=False, now=call * 0.01)
    assert not health.fit(0.2)


def test_calls_for_want_of_others_do_not_prolong_the_rest() -> None:
    """In panic mode the sick ones are called too; each failure would double their rest."""
    health = Health(LIMITS)
    fail(health, 0.0)
    fail(health, 0.5, 20)
    assert health.fit(1.0)


def test_an_endpoint_takes_over_its_applications_limits() -> None:
    """All but the failures in a row, of which fewer suffice; stricter ones of the table hold."""
    assert endpoint_limits(LIMITS) == msgspec.structs.replace(LIMITS, consecutive=CONSECUTIVE_MAX)
    odd = BreakerLimits(
        consecutive=2, ratio=0.1, calls_min=3, window_s=4, rest_s=5, rest_max_s=6, slow_s=7, slow_ratio=0.8
    )
    assert endpoint_limits(odd) == odd
    health = Health(LIMITS)
    health.limit(odd)
    fail(health, 0.0, 2)
    assert not health.fit(4.9)


def test_never_none_is_left() -> None:
    """An application's only endpoint is called all the same; of several, half."""
    alone = healths(1)
    fail(alone[0], 0.0)
    assert fit_of(alone, 0.0) == [0]
    ill = healths(4)
    for place, health in enumerate(ill):
        fail(health, 0.1 * place)
    assert fit_of(ill, 0.4) == [0, 1]
    assert fit_of([], 0.0) == []


def test_of_those_set_aside_who_returns_soonest_stays_in_use() -> None:
    """Half of four: the third and the fourth to fall ill are the last to return."""
    four = healths(4)
    for place, now in ((2, 0.0), (0, 0.1), (3, 0.2)):
        fail(four[place], now)
    assert fit_of(four, 0.2) == [1, 2]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 0.9)), min_size=1, max_size=12))
def test_who_is_fit_is_in_use_and_at_most_half_are_set_aside(endpoints: list[tuple[bool, float]]) -> None:
    """Whatever is known of the endpoints: the rule, spelled out."""
    crowd = healths(len(endpoints))
    for health, (failing, at_s) in zip(crowd, endpoints, strict=True):
        if failing:
            fail(health, at_s)
    used = set(fit_of(crowd, 0.9))
    fit = {place for place, health in enumerate(crowd) if health.fit(0.9)}
    assert fit <= used
    assert used
    assert len(crowd) - len(used) <= (len(crowd) + 1) // 2
    if len(crowd) - len(fit) <= (len(crowd) + 1) // 2 and fit:
        assert used == fit
