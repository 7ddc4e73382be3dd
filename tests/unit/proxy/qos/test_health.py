"""Sick endpoints are left alone, as long as there are others."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.health import CHECK_S_MAX, CONSECUTIVE_MAX, FALL, RISE, Health, endpoint_limits, fit_of
from proxy.routing.table import BreakerLimits

LIMITS = BreakerLimits()


def healths(count: int) -> list[Health]:
    return [Health(LIMITS) for _ in range(count)]


def fail(health: Health, now: float, calls: int = CONSECUTIVE_MAX) -> None:
    for _ in range(calls):
        health.settle(blamed=True, probe=health.begin(now), now=now)


def check(health: Health, ok: bool, times: int, now: float) -> None:
    for _ in range(times):
        health.probed(ok, now)


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


@pytest.mark.parametrize(("rounds", "down"), [(FALL - 1, False), (FALL, True)])
def test_so_many_failed_checks_take_an_endpoint_down(rounds: int, down: bool) -> None:
    """One lost check is a lost packet."""
    health = Health(LIMITS)
    check(health, False, rounds, 1.0)
    assert health.down(1.0) is down
    assert health.fit(1.0) is not down


def test_so_many_good_checks_bring_it_back() -> None:
    """A server on its way up answers now and then."""
    health = Health(LIMITS)
    check(health, False, FALL, 1.0)
    check(health, True, RISE - 1, 2.0)
    check(health, False, 1, 3.0)
    check(health, True, RISE - 1, 4.0)
    assert health.down(4.0)
    check(health, True, 1, 5.0)
    assert not health.down(5.0)


def test_a_good_check_between_bad_ones_starts_the_count_anew() -> None:
    """In a row means in a row."""
    health = Health(LIMITS)
    for _ in range(5):
        check(health, False, FALL - 1, 1.0)
        check(health, True, 1, 1.0)
    assert health.fit(1.0)


def test_the_word_of_a_check_does_not_hold_for_ever() -> None:
    """Should the checks end, the calls are to find out."""
    health = Health(LIMITS)
    check(health, False, FALL, 1.0)
    assert health.down(1.0 + CHECK_S_MAX)
    assert not health.down(1.1 + CHECK_S_MAX)
    check(health, False, FALL - 1, 2.0 + CHECK_S_MAX)
    assert not health.down(2.0 + CHECK_S_MAX)
    check(health, False, 1, 2.0 + CHECK_S_MAX)
    assert health.down(2.0 + CHECK_S_MAX)


def test_a_good_check_does_not_bring_back_what_calls_set_aside() -> None:
    """The health page is not the work."""
    health = Health(LIMITS)
    fail(health, 0.0)
    check(health, True, 10, 0.5)
    assert not health.fit(0.5)


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


def test_where_none_is_left_all_are_fit() -> None:
    """Panic: an application's only endpoint, and endpoints that are all down, are called all the same."""
    alone = healths(1)
    fail(alone[0], 0.0)
    assert fit_of(alone, 0.0) == [0]
    down = healths(4)
    for health in down:
        check(health, False, FALL, 0.0)
    assert fit_of(down, 0.0) == [0, 1, 2, 3]
    assert fit_of([], 0.0) == []


def test_of_those_set_aside_who_returns_soonest_stays_in_use() -> None:
    """Half of four: the third and the fourth to fall ill are the last to return."""
    four = healths(4)
    for place, now in ((2, 0.0), (0, 0.1), (3, 0.2)):
        fail(four[place], now)
    assert fit_of(four, 0.2) == [1, 2]


def test_one_endpoint_that_is_left_by_checks_carries_the_load() -> None:
    """What is known to be dead is not called for the sake of a share."""
    four = healths(4)
    for health in four[1:]:
        check(health, False, FALL, 0.0)
    assert fit_of(four, 0.0) == [0]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 0.9)), min_size=1, max_size=12))
def test_who_is_fit_is_in_use_and_calls_alone_set_at_most_half_aside(
    endpoints: list[tuple[bool, bool, float]],
) -> None:
    """Whatever is known of the endpoints: the rule, spelled out."""
    crowd = healths(len(endpoints))
    for health, (failing, checked_out, at_s) in zip(crowd, endpoints, strict=True):
        if failing:
            fail(health, at_s)
        if checked_out:
            check(health, False, FALL, at_s)
    now = 0.9
    used = set(fit_of(crowd, now))
    fit = {place for place, health in enumerate(crowd) if health.fit(now)}
    down = {place for place, health in enumerate(crowd) if health.down(now)}
    everyone = set(range(len(crowd)))
    assert fit <= used
    assert used
    assert len(everyone - used - down) <= (len(crowd) + 1) // 2
    assert used.isdisjoint(down) or used == everyone
    if len(everyone - fit - down) <= (len(crowd) + 1) // 2:
        assert used == (fit or everyone)
