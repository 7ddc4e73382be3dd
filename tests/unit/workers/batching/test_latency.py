"""The fitted line: what it learns, and what it says before it has learnt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.batching.latency import LatencyModel

PAIRS = st.lists(st.tuples(st.integers(1, 512), st.floats(0, 10)), max_size=60)


def taught(*pairs: tuple[int, float]) -> LatencyModel:
    model = LatencyModel()
    for cost, took_s in pairs:
        model.saw(cost, took_s)
    return model


@given(st.floats(1e-5, 0.01), st.floats(0, 0.1))
def test_a_line_is_found_again(a: float, b: float) -> None:
    """Two sizes are enough when there is no noise."""
    found = taught(*((n, a * n + b) for n in (1, 8, 32))).line()
    assert found == pytest.approx((a, b), rel=1e-4, abs=1e-7)


@given(PAIRS, st.integers(1, 512), st.integers(1, 512))
def test_a_larger_batch_is_never_predicted_faster(
    pairs: list[tuple[int, float]], one: int, other: int
) -> None:
    """Else a batch would be made larger to be in time."""
    model = taught(*pairs)
    assert 0 <= model.bound_s(min(one, other)) <= model.bound_s(max(one, other))


def test_of_one_size_only_the_line_goes_through_the_origin() -> None:
    """Nothing is known of the constant part, and half of nothing must not refuse a small batch."""
    model = taught((8, 0.08), (8, 0.08))
    assert model.line() == pytest.approx((0.01, 0.0))


def test_with_nothing_seen_everything_is_hoped_for() -> None:
    """A new model would else refuse its first request."""
    assert LatencyModel().bound_s(100) == 0


def test_what_was_long_ago_is_forgotten() -> None:
    """A device that was shared and is free now is believed after some dozens of batches."""
    model = taught(*((n, 1.0) for n in (1, 4)), *((n, 0.01) for n in (1, 4) for _ in range(200)))
    assert model.bound_s(4) < 0.2


def test_noise_raises_the_bound_and_not_the_line() -> None:
    """A deadline is kept by the slow batches too."""
    model = taught(*((n, 0.01 * n + noise) for n in (1, 8, 16) for noise in (-0.002, 0.002)))
    assert model.line() == pytest.approx((0.01, 0.0), abs=0.001)
    assert model.bound_s(8) == pytest.approx(0.08 + 2 * 0.002, abs=0.001)
