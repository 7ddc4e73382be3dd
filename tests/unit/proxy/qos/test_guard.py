"""A proxy in distress turns the least critical away first, and the most critical never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.guard import (
    ALL_SERVED,
    HELD_SHARE_CALM,
    HELD_SHARE_MAX,
    INTERVAL_S,
    LAG_S_CALM,
    LAG_S_MAX,
    Guard,
)
from proxy.routing.table import Table

STEP_S = INTERVAL_S / 4
LAGS_S = st.sampled_from([0.0, LAG_S_CALM, 0.08, LAG_S_MAX, 0.11, 5.0])
SHARES = st.sampled_from([0.0, HELD_SHARE_CALM, 0.8, HELD_SHARE_MAX, 0.91, 1.0])


class Watch:
    """A guard that is told the same for a while, four times each interval."""

    def __init__(self, classes: int = 4) -> None:
        self.guard = Guard()
        self.classes = classes
        self.now = 0.0

    def see(self, intervals: float, *, lag_s: float = 0.0, held_share: float = 0.0) -> int:
        """The least rank after so many intervals."""
        for _ in range(round(intervals * 4)):
            self.guard.observe(lag_s, held_share, self.now)
            self.now += STEP_S
        return self.guard.least_rank(self.classes)


def test_at_rest_everyone_is_served_the_tickets_of_the_offline_queue_too() -> None:
    """No class has a rank that high."""
    assert Watch().see(10) == ALL_SERVED
    assert Table.OFFLINE.rank < ALL_SERVED


@pytest.mark.parametrize(("lag_s", "held_share"), [(0.11, 0.0), (0.0, 0.91)])
def test_each_interval_of_distress_turns_one_rank_more_away(lag_s: float, held_share: float) -> None:
    """Either mark; never the top class, however long it lasts."""
    watch = Watch()
    assert watch.see(1, lag_s=lag_s, held_share=held_share) == ALL_SERVED
    ranks = [watch.see(1, lag_s=lag_s, held_share=held_share) for _ in range(5)]
    assert ranks == [3, 2, 1, 1, 1]


def test_recovery_lets_them_in_again_one_by_one() -> None:
    """All at once would be the next distress. It takes no longer than the ranks that were turned away."""
    watch = Watch()
    watch.see(50, lag_s=1.0)
    watch.see(0.25)
    assert [watch.see(1) for _ in range(4)] == [2, 3, ALL_SERVED, ALL_SERVED]


@pytest.mark.parametrize(("lag_s", "held_share"), [(0.08, 0.0), (0.0, 0.8), (LAG_S_MAX, HELD_SHARE_MAX)])
def test_between_the_marks_nothing_changes(lag_s: float, held_share: float) -> None:
    """Hysteresis: else each rank let in would be turned away again."""
    watch = Watch()
    assert watch.see(2.25, lag_s=1.0) == 2
    assert watch.see(20, lag_s=lag_s, held_share=held_share) == 2


def test_a_single_pause_turns_nobody_away() -> None:
    """A collection of garbage is over before anything could be done about it."""
    watch = Watch()
    for _ in range(20):
        assert watch.see(0.25, lag_s=0.3) == ALL_SERVED
        assert watch.see(0.75) == ALL_SERVED


def test_distress_that_is_interrupted_does_not_add_up() -> None:
    """'Stays passed' is without a pause; back at the mark the time begins anew."""
    watch = Watch()
    for _ in range(20):
        watch.see(0.75, lag_s=1.0)
        assert watch.see(0.25, lag_s=0.08) == ALL_SERVED


def test_without_declared_classes_only_the_offline_queue_waits() -> None:
    """There every caller is of the top class."""
    watch = Watch(classes=1)
    assert watch.see(20, lag_s=1.0) == 1
    assert watch.see(1.5) == ALL_SERVED


@given(
    st.lists(st.tuples(st.floats(0, 3), LAGS_S, SHARES, st.integers(1, 6)), min_size=1, max_size=200),
)
def test_the_top_class_is_served_and_ranks_move_one_by_one(
    observed: list[tuple[float, float, float, int]],
) -> None:
    """Whatever is observed, and whatever tables come; never down in calm, never up in distress."""
    guard, now = Guard(), 0.0
    for gap_s, lag_s, held_share, classes in observed:
        now += gap_s
        before = min(guard.least_rank(classes), classes)
        guard.observe(lag_s, held_share, now)
        after = min(guard.least_rank(classes), classes)
        assert after >= 1
        assert abs(after - before) <= 1
        if after < before:
            assert lag_s > LAG_S_MAX or held_share > HELD_SHARE_MAX
        if after > before:
            assert lag_s <= LAG_S_CALM
            assert held_share <= HELD_SHARE_CALM
