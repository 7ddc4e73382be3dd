"""Decides which rate a server sustains, and which to try next. Pure.

A rate is sustained when callers who know nothing of each other (Poisson) get nearly all answers in time. It
is searched by halving between a share of the knee's throughput that is and one that is not; around the edge
each share is tried until most of its trials agree.
"""

from collections.abc import Sequence

import msgspec

PERCENT_FIRST, PERCENT_MAX, PERCENT_GRAIN = 90, 130, 5
"""Of the knee's throughput."""

TRIAL_S_MAX = 60.0
TRIALS = 3
GOOD_SHARE_MIN = 0.99


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One open-loop step. `rate` is what was sent a second after the warm-up."""

    percent: int
    rate: float
    arrivals: int
    good: int
    late: int
    failed: int
    p50_ms: float
    p99_ms: float

    @property
    def sustained(self) -> bool:
        """Whether nearly all were answered in time."""
        return self.arrivals > 0 and self.good >= GOOD_SHARE_MIN * self.arrivals


def trial_s(seconds: float, deadline_ms: float) -> float:
    """How long a trial must be: so long that one grain too much piles up a wait longer than the deadline.

    A shorter one would take a rate for sustained that only fills the queue: at 105% of the capacity the wait
    grows by 5% of the time.
    """
    return min(max(seconds, deadline_ms / 1e3 * 100 / PERCENT_GRAIN), max(seconds, TRIAL_S_MAX))


def verdict(trials: Sequence[Trial], percent: int) -> bool | None:
    """What most trials of this share say; None for as many on both sides, or no trial."""
    found = [each.sustained for each in trials if each.percent == percent]
    for_it = sum(found)
    return None if 2 * for_it == len(found) else 2 * for_it > len(found)


def sustained_percent(trials: Sequence[Trial]) -> int:
    """The greatest share that is sustained and below all that are not; 0 where none is."""
    return _edge(trials)[0]


def next_percent(trials: Sequence[Trial]) -> int | None:
    """What to try next; None: the edge is known."""
    if not trials:
        return PERCENT_FIRST
    undecided = [each.percent for each in trials if verdict(trials, each.percent) is None]
    if undecided:
        return min(undecided)
    low, high = _edge(trials)
    if high - low > PERCENT_GRAIN:
        return (low + high) // 2 // PERCENT_GRAIN * PERCENT_GRAIN
    return next((each for each in (high, low) if 0 < _count(trials, each) < TRIALS), None)


def _edge(trials: Sequence[Trial]) -> tuple[int, int]:
    """The greatest sustained share below the least that is not, and that one; beyond all where none was."""
    failed = [each.percent for each in trials if verdict(trials, each.percent) is False]
    high = min(failed, default=PERCENT_MAX + PERCENT_GRAIN)
    kept = [each.percent for each in trials if verdict(trials, each.percent) and each.percent < high]
    return max(kept, default=0), high


def _count(trials: Sequence[Trial], percent: int) -> int:
    return sum(each.percent == percent for each in trials)
