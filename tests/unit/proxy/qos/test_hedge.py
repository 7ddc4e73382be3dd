"""Second calls for the most critical class: few, late, and none under load."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.hedge import BALANCE_MAX, LOAD_MAX, SHARE, Hedge, may_hedge


def saved(requests: int) -> Hedge:
    hedge = Hedge(0.0)
    for _ in range(requests):
        hedge.arrive(0.0)
    return hedge


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.integers(0, 300), st.integers(0, 30), st.integers(0, 20)),
        min_size=1,
        max_size=40,
    )
)
def test_never_more_than_a_hundredth_of_the_requests_is_hedged(
    history: list[tuple[float, int, int, int]],
) -> None:
    """From the first request on, at any time, at any load; none at a high one."""
    hedge, now, requests, hedged = Hedge(0.0), 0.0, 0, 0
    for gap_s, came, wishes, in_flight in history:
        now += gap_s
        requests += came
        for _ in range(came):
            hedge.arrive(now)
        got = sum(hedge.take(in_flight, 20, now) for _ in range(wishes))
        hedged += got
        assert hedged <= SHARE * requests + 1e-6
        assert got <= BALANCE_MAX
        if in_flight >= LOAD_MAX * 20:
            assert got == 0


def test_the_hundredth_is_there_to_be_used() -> None:
    """A budget that pays nothing would hedge nothing."""
    hedge = saved(101)  # a sum of hundredths may fall short of one by a rounding
    assert hedge.take(0, 10, 0.0)
    assert not hedge.take(0, 10, 0.0)


def test_what_is_saved_is_bounded() -> None:
    """A quiet hour is no licence for a storm."""
    hedge = saved(100_000)
    assert sum(hedge.take(0, 10, 0.0) for _ in range(1000)) == BALANCE_MAX


@pytest.mark.parametrize(("in_flight", "hedged"), [(6, True), (7, False), (10, False)])
def test_above_seven_tenths_of_the_load_there_is_none(in_flight: int, hedged: bool) -> None:
    """A second call then takes the permit of somebody's first."""
    hedge = saved(200)
    assert hedge.take(in_flight, 10, 0.0) is hedged
    assert hedge.take(0, 10, 0.0), "a refusal was paid for"


def test_without_a_declared_concurrency_there_is_none() -> None:
    """How loaded it is nobody knows."""
    assert not saved(200).take(0, None, 0.0)


def test_the_delay_is_the_percentile_where_it_is_known() -> None:
    """At once would be two calls for each."""
    assert Hedge(0.0).delay_s(0.25) == 0.25
    assert Hedge(0.0).delay_s(0.0) is None


@pytest.mark.parametrize(
    ("rank", "asked", "hedged"), [(0, True, True), (0, False, False), (1, True, False), (1, False, False)]
)
def test_only_the_most_critical_class_is_hedged_and_only_if_asked(
    rank: int, asked: bool, hedged: bool
) -> None:
    """The second call of anybody else would stand before somebody's first."""
    assert may_hedge(rank, asked) is hedged
