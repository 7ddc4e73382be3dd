"""Figures of what was seen, from records made by hand."""

import numpy as np
import pytest

from sim.load.crew import Told
from sim.replay.errand import Abort
from sim.replay.figures import Course, course_of, figures_of, recovery_s, spike_end_s
from sim.replay.plan import AbortRule
from sim.replay.sight import Sight


def sight(rows: list[tuple[float, float, int]], kinds: list[int] | None = None) -> Sight:
    """Rows: planned, latency (both s), end; sent 10 ms after the planned time."""
    planned, latency, ends = (np.array(each, dtype=np.float64) for each in zip(*rows, strict=True))
    return Sight(
        planned_s=planned, lag_s=planned * 0, sent_s=planned + 0.01, ended_s=planned + latency,
        ends=ends.astype(np.int16), kinds=np.array(kinds or [0] * len(rows), dtype=np.uint8),
    )  # fmt: skip


def course(arrivals: list[int], good: list[int]) -> Course:
    empty, none = [0] * len(arrivals), [0.0] * len(arrivals)
    return Course(
        bin_s=1.0, arrivals=arrivals, good=good, late=empty, deferred=empty, refused=empty, lost=empty,
        p50_ms=none, p99_ms=none, service_p99_ms=none,
    )  # fmt: skip


def test_each_request_has_one_fate_and_they_add_up() -> None:
    """In time by the deadline of its own class; a timeout and a cut connection are lost, a 503 is refused."""
    seen = sight(
        [
            (0, 0.05, 200),
            (0, 0.05, 200),
            (1, 0.2, 200),
            (1, 0.1, 202),
            (2, 0.1, 503),
            (2, 0.1, -4),
            (2, 0.1, -1),
        ],
        [0, 1, 0, 0, 0, 0, 1],
    )
    found = figures_of(seen, np.array([0.1, 0.01]))
    assert (found.good, found.late, found.deferred, found.refused, found.lost) == (1, 2, 1, 1, 2)
    assert found.arrivals == 7
    assert found.ends == {"timed-out": 1, "cut": 1, "200": 3, "202": 1, "503": 1}
    assert found.by_name()["failed"] == 3
    assert found.by_name()["goodput"] == pytest.approx(1 / 7)


def test_latency_counts_from_the_planned_time_with_the_actual_one_beside_it() -> None:
    """10 ms apart here; percentiles are of answers alone."""
    found = figures_of(sight([(0, 0.02 * at, 200) for at in range(1, 101)] + [(0, 60, -4)]), np.array([1.0]))
    assert (found.latency_ms["p50"], found.latency_ms["p99"], found.latency_ms["max"]) == (
        1_000,
        1_980,
        2_000,
    )
    assert found.service_ms["p99"] == pytest.approx(1_970)


def test_over_time_a_request_stands_where_it_was_due() -> None:
    """However late its answer was."""
    found = course_of(sight([(0.05, 5.0, 200), (0.15, 0.01, 200), (0.95, 1, -4)]), np.array([1.0]), 1.0)
    assert found.bin_s == 0.1
    assert (found.arrivals[:2], found.late[:2], found.good[:2], found.lost[9]) == ([1, 1], [1, 0], [0, 1], 1)
    assert found.p99_ms[:3] == [5_000, 10, 0]


def test_nothing_seen_is_no_error() -> None:
    """A class whose weight was 0."""
    none = sight([(0, 0, 200)]).where(np.array([False]))
    assert figures_of(none, np.array([1.0])).latency_ms["p99"] == 0
    assert course_of(none, np.array([1.0]), 2).arrivals == [0] * 20


def test_the_spike_ends_when_the_load_has_fallen_half_of_the_way() -> None:
    """And a load without one has no recovery to speak of."""
    assert spike_end_s(course([10, 10, 100, 90, 10, 10, 10], [0] * 7)) == 4
    assert spike_end_s(course([10, 12, 11, 15], [0] * 4)) is None


@pytest.mark.parametrize(
    ("good", "after"),
    [
        ([10, 10, 40, 10, 10, 10, 10, 10], 0),
        ([10, 10, 40, 2, 5, 10, 10, 10], 2),
        ([10, 10, 40, 10, 5, 10, 10, 10], 2),
        ([10, 10, 40, 2, 10, 2, 10, 2], None),
    ],
)
def test_recovered_is_good_again_for_three_seconds(good: list[int], after: float | None) -> None:
    """A single good second between bad ones is not it."""
    assert recovery_s(course([10, 10, 100, 10, 10, 10, 10, 10], good), 3.0) == after


def test_a_spike_at_the_very_end_leaves_nothing_to_recover_in() -> None:
    """As when a run is ended in the middle of it."""
    assert recovery_s(course([10, 10, 100], [10, 10, 10]), 3.0) is None


def test_the_abort_rule_wants_its_share_for_its_whole_time() -> None:
    """Not for the first bad half-second, and not for an early one long past."""
    abort = Abort(AbortRule(failed_share=0.5, for_s=2))
    told = [abort.told(at, Told(100 * at, 100 * at, failed)) for at, failed in ((1, 100), (2, 100), (3, 101))]
    assert told == [False, False, False]
    assert abort.told(4, Told(400, 400, 250))
    assert "150 of the last 200" in abort.said


def test_the_abort_rule_is_silent_while_nothing_ends() -> None:
    """Of nothing no share failed."""
    abort = Abort(AbortRule(failed_share=0.5, for_s=1))
    assert [abort.told(at, Told(100, 0, 0)) for at in (1.0, 2.0, 3.0)] == [False] * 3
