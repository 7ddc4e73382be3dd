"""The peak of what an endpoint's calls take: up at once, down slowly."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.peak import PEAK_TAU_S, Peak

CALLS = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 10)), min_size=1, max_size=60)
"""Gaps between their ends, and what they took; seconds."""


def test_the_peak_rises_at_once_and_decays_with_its_tau() -> None:
    """One slow answer is reason enough to prefer another endpoint for a while."""
    peak = Peak()
    for number in range(10):
        peak.learn(0.1, number / 100)
    peak.learn(2.0, 1.0)
    assert peak.peak_s(1.0) == 2.0
    assert peak.peak_s(1.0 + PEAK_TAU_S) == pytest.approx(2.0 / math.e)
    peak.learn(0.0, 1.0 + PEAK_TAU_S)
    assert peak.peak_s(1.0 + PEAK_TAU_S) == pytest.approx(2.0 / math.e)


@given(CALLS)
def test_the_peak_lies_between_the_latest_and_the_slowest(calls: list[tuple[float, float]]) -> None:
    """It is a mean that only ever leans upwards."""
    peak, now = Peak(), 0.0
    assert peak.peak_s(0.0) == 0.0
    for gap_s, elapsed_s in calls:
        now += gap_s
        peak.learn(elapsed_s, now)
        assert elapsed_s <= peak.peak_s(now) <= max(each for _, each in calls)
