"""Histograms of latencies."""

import random

import pytest

from sim.load.histogram import Histogram


def test_quantiles_are_right_to_three_digits() -> None:
    """From 10 µs to a minute."""
    rng = random.Random(1)
    times_s = sorted(10 ** rng.uniform(-5, 1.7) for _ in range(5_000))
    histogram = Histogram.of(times_s)
    for share in (0.5, 0.9, 0.99, 0.999):
        exact_s = times_s[int(share * len(times_s)) - 1]
        assert histogram.quantile_ms(share) == pytest.approx(exact_s * 1e3, rel=2e-3, abs=1e-3)
    assert histogram.count == 5_000


def test_histograms_of_parts_add_up_to_that_of_the_whole() -> None:
    """That is what quantiles themselves cannot."""
    times_s = [0.001 * each for each in range(1, 1_000)]
    together = Histogram.decode(Histogram.of(times_s[::2]).encode())
    together.add(Histogram.of(times_s[1::2]))
    whole = Histogram.of(times_s)
    assert together.count == whole.count
    assert [together.quantile_ms(share) for share in (0.1, 0.5, 0.99)] == [
        whole.quantile_ms(share) for share in (0.1, 0.5, 0.99)
    ]


def test_what_is_too_short_or_too_long_is_counted_at_the_ends() -> None:
    """A time of 0, or of days, must not be lost."""
    histogram = Histogram.of([0.0, 1e6])
    assert histogram.count == 2
    assert histogram.quantile_ms(1.0) == pytest.approx(3_600_000, rel=2e-3)


def test_of_nothing_every_quantile_is_0() -> None:
    """A class that nobody answered has no latency."""
    assert Histogram.of([]).quantile_ms(0.99) == 0.0
