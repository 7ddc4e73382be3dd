"""Where the knee is found, on servers whose capacity is known."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.calibrate.knee import LEVELS_MAX, REPEATS, greatest, knee, next_concurrency, powers
from sim.calibrate.level import Level

Server = Callable[[int], tuple[float, float]]
"""Throughput a second and mean latency in seconds at a concurrency."""


def slots(count: int, service_s: float) -> Server:
    """Closed, without thinking, one station of `count` servers: n are always inside."""
    return lambda n: (min(n, count) / service_s, service_s * max(1.0, n / count))


def universal(alpha: float, beta: float) -> Server:
    """Gunther's universal scalability law: contention alpha, coherency beta; latency by Little's law."""

    def serve(n: int) -> tuple[float, float]:
        throughput = 100 * n / (1 + alpha * (n - 1) + beta * n * (n - 1))
        return throughput, n / throughput

    return serve


def level(concurrency: int, throughput: float, latency_s: float, *, failed: int = 0) -> Level:
    good = round(throughput * 1_000)  # a long step: rounding is not what is tested
    ms = latency_s * 1e3
    return Level(
        concurrency=concurrency,
        seconds=1_000,
        good=good,
        late=0,
        failed=failed,
        mean_ms=ms,
        p50_ms=ms,
        p99_ms=ms,
        ends={},
    )


def found_on(server: Server, **how: Any) -> int:
    found = knee(searched(server, **how))
    assert found is not None
    return found


def searched(server: Server, *, noise: float = 0.0, seed: int = 0, concurrency_max: int = 512) -> list[Level]:
    rng = random.Random(seed)
    levels: list[Level] = []
    while (concurrency := next_concurrency(levels, concurrency_max)) is not None:
        throughput, latency_s = server(concurrency)
        shake = 1 + rng.uniform(-noise, noise)  # a slow step has less throughput and more latency: Little
        levels.append(level(concurrency, throughput * shake, latency_s / shake))
    return levels


@given(count=st.integers(1, 200), service_ms=st.floats(1, 500))
def test_the_knee_of_a_server_with_slots_is_their_number(count: int, service_ms: float) -> None:
    """To the grain: one, or 5%."""
    found = found_on(slots(count, service_ms / 1e3))
    assert abs(found - count) <= max(1, 0.07 * count)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 12, 16])
def test_few_slots_are_found_exactly(count: int) -> None:
    """Where one more or less is much."""
    assert knee(searched(slots(count, 0.02))) == count


@given(count=st.integers(2, 100), seed=st.integers(0, 2**32))
def test_noise_of_three_percent_moves_it_little(count: int, seed: int) -> None:
    """A machine is never quiet; power, a quotient, doubles the noise."""
    found = found_on(slots(count, 0.02), noise=0.03, seed=seed)
    assert abs(found - count) <= max(1, 0.2 * count)


@given(alpha=st.floats(0.01, 0.3), beta=st.floats(0, 0.001))
def test_where_the_curve_is_smooth_the_power_found_is_nearly_the_greatest_there_is(
    alpha: float, beta: float
) -> None:
    """The place is then of less moment than what it gives."""
    server = universal(alpha, beta)
    found = found_on(server)

    def power(n: int) -> float:
        throughput, latency_s = server(n)
        return throughput / latency_s

    assert power(found) >= 0.95 * max(power(n) for n in range(1, 512))


def test_without_coherency_the_knee_is_where_theory_has_it() -> None:
    """(1 - alpha) / alpha: the elasticity of throughput is a half there. The least that is as good: below."""
    found = found_on(universal(0.05, 0.0))
    assert 0.7 * 19 <= found <= 19


def test_a_knee_at_the_limit_is_the_limit() -> None:
    """More was not allowed to be tried."""
    levels = searched(slots(64, 0.02), concurrency_max=20)
    assert knee(levels) == 20
    assert max(each.concurrency for each in levels) == 20


def test_a_server_that_fails_under_load_is_climbed_no_further() -> None:
    """Eight at once are refused: what is measured is below, and the knee lies there."""
    levels: list[Level] = []
    while (concurrency := next_concurrency(levels, 512)) is not None:
        throughput, latency_s = slots(100, 0.02)(concurrency)
        levels.append(level(concurrency, throughput, latency_s, failed=10**6 if concurrency >= 6 else 0))
    assert knee(levels) == 5
    assert max(each.concurrency for each in levels) == 8


def test_a_server_that_always_fails_has_no_knee_and_is_asked_once() -> None:
    """There is nothing to climb."""
    levels = [level(1, 100, 0.01, failed=10**6)]
    assert knee(levels) is None
    assert next_concurrency(levels, 512) is None


def test_the_best_are_measured_often_enough_for_a_median() -> None:
    """One lucky step must not make a knee."""
    levels: list[Level] = []
    while (concurrency := next_concurrency(levels, 512)) is not None:
        lucky = concurrency == 16 and not any(each.concurrency == 16 for each in levels)
        levels.append(level(concurrency, *((10_000, 0.001) if lucky else slots(4, 0.02)(concurrency))))
    assert sum(each.concurrency == 16 for each in levels) > 1
    assert sum(each.concurrency == 4 for each in levels) == REPEATS
    assert knee(levels) == 4


@given(count=st.integers(1, 300), noise=st.floats(0, 0.3), seed=st.integers(0, 2**32))
def test_the_search_ends_whatever_it_is_told(count: int, noise: float, seed: int) -> None:
    """A calibration loads a server: it must not go on for ever on a noisy one."""
    assert len(searched(slots(count, 0.02), noise=noise, seed=seed)) <= LEVELS_MAX


def test_the_greatest_throughput_is_of_medians() -> None:
    """One lucky step is no capacity."""
    levels = [level(1, 100, 0.02), level(2, 150, 0.02), level(2, 400, 0.02), level(2, 160, 0.02)]
    assert greatest(levels) == pytest.approx(160)


def test_power_is_throughput_over_latency_and_the_median_of_repeats() -> None:
    """100 a second at 20 ms: 5,000."""
    levels = [level(1, 100, 0.02), level(1, 10, 0.02), level(1, 110, 0.02)]
    assert powers(levels) == {1: pytest.approx(5_000)}
