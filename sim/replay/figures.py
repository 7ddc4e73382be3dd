"""Figures of what was seen: of a class or all, in a stage or the whole run, and over time. Pure.

Each request is counted at its planned time, whenever it ended: late answers stand where their cause is.
"""

from dataclasses import dataclass
from itertools import pairwise

import msgspec
import numpy as np

from sim.load.ends import word
from sim.replay.sight import Flags, Sight
from sim.replay.threshold import PERCENTILES
from sim.shapes.sheet import Floats

POINTS_MAX = 300
SETTLED_SHARE, SETTLED_S, LOOK_S, SPIKE_SHARE = 0.95, 3.0, 1.0, 2.0
"""Recovered: that share is good in each second of so many. A spike: so many times the median load."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Counts add up: arrivals = good + late + deferred + refused + lost. Latency in ms, of the 200s.

    `lost`: no whole answer at all; `refused`: a status other than 200 and 202; `deferred`: a ticket, 202.
    """

    arrivals: int
    good: int
    late: int
    deferred: int
    refused: int
    lost: int
    latency_ms: dict[str, float]  # from the planned time
    service_ms: dict[str, float]  # from the actual sending
    ends: dict[str, int]

    def by_name(self) -> dict[str, float]:
        """As thresholds name them."""
        arrivals = max(self.arrivals, 1)
        return {
            "arrivals": self.arrivals, "good": self.good, "late": self.late, "deferred": self.deferred,
            "refused": self.refused, "lost": self.lost, "failed": self.refused + self.lost,
            "answers": self.good + self.late, "goodput": self.good / arrivals,
            "answered": (self.good + self.late) / arrivals, **self.latency_ms,
        }  # fmt: skip


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """Over time, a value for each bin of `bin_s`; percentiles in ms, 0 where nothing was answered."""

    bin_s: float
    arrivals: list[int]
    good: list[int]
    late: list[int]
    deferred: list[int]
    refused: list[int]
    lost: list[int]
    p50_ms: list[float]
    p99_ms: list[float]
    service_p99_ms: list[float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fates:
    """How each request ended, as flags."""

    good: Flags
    late: Flags
    deferred: Flags
    refused: Flags
    lost: Flags

    @classmethod
    def of(cls, sight: Sight, deadlines_s: Floats) -> "Fates":
        """`deadlines_s`: of each class."""
        answered = sight.ends == 200
        in_time = sight.latency_s <= deadlines_s[sight.kinds] if len(sight) else answered
        return cls(
            good=answered & in_time,
            late=answered & ~in_time,
            deferred=sight.ends == 202,
            refused=(sight.ends > 0) & ~answered & (sight.ends != 202),
            lost=sight.ends <= 0,
        )


def figures_of(sight: Sight, deadlines_s: Floats) -> Figures:
    """Of all that is in sight."""
    fates = Fates.of(sight, deadlines_s)
    answered = sight.where(sight.ends == 200)
    ends, counts = np.unique(sight.ends, return_counts=True)
    return Figures(
        **{name: int(getattr(fates, name).sum()) for name in ("good", "late", "deferred", "refused", "lost")},
        arrivals=len(sight),
        latency_ms=_percentiles_ms(answered.latency_s),
        service_ms=_percentiles_ms(answered.service_s),
        ends={word(end): count for end, count in zip(ends.tolist(), counts.tolist(), strict=True)},
    )


def course_of(sight: Sight, deadlines_s: Floats, seconds: float) -> Course:
    """Of all that is in sight, over so many seconds."""
    bin_s = bin_of(seconds)
    bins = max(1, int(np.ceil(seconds / bin_s - 1e-9)))
    at = np.minimum((sight.planned_s / bin_s).astype(np.int64), bins - 1)
    fates = Fates.of(sight, deadlines_s)

    def counted(which: Flags) -> list[int]:
        found: list[int] = np.bincount(at[which], minlength=bins).tolist()
        return found

    answered = sight.ends == 200
    edges = np.searchsorted(at[answered], np.arange(bins + 1))
    latency_s, service_s = sight.latency_s[answered], sight.service_s[answered]
    return Course(
        bin_s=bin_s,
        arrivals=counted(np.ones(len(sight), dtype=bool)),
        **{name: counted(getattr(fates, name)) for name in ("good", "late", "deferred", "refused", "lost")},
        p50_ms=_over(latency_s, edges, 0.5),
        p99_ms=_over(latency_s, edges, 0.99),
        service_p99_ms=_over(service_s, edges, 0.99),
    )


def bin_of(seconds: float) -> float:
    """How wide the bins of a run of this length are, s: as fine as can be seen, of round numbers."""
    return next(
        (each for each in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0) if seconds / each <= POINTS_MAX), 60.0
    )


def spike_end_s(course: Course) -> float | None:
    """When the load fell back to half of the way from its median to its peak; None where it had no spike."""
    load = np.array(course.arrivals, dtype=np.float64)
    usual, peak = float(np.median(load)), float(load.max(initial=0.0))
    if peak < SPIKE_SHARE * max(usual, 1.0):
        return None
    high = np.flatnonzero(load >= (usual + peak) / 2)
    return float((high[-1] + 1) * course.bin_s)


def recovery_s(course: Course, from_s: float) -> float | None:
    """How long after `from_s` answers were good again, and stayed so; None where that never came."""
    first = round(from_s / course.bin_s)
    look = max(1, round(LOOK_S / course.bin_s))
    looks = max(1, round(SETTLED_S / (look * course.bin_s)))
    if len(course.arrivals) - first < look:
        return None
    arrivals = np.convolve(course.arrivals[first:], np.ones(look), "valid")
    good = np.convolve(course.good[first:], np.ones(look), "valid")
    settled = good >= SETTLED_SHARE * arrivals
    for place in range(len(settled) - look * (looks - 1)):
        if settled[place : place + look * looks : look].all():
            return round(place * course.bin_s, 3)
    return None


def _percentiles_ms(times_s: Floats) -> dict[str, float]:
    """Nearest-rank, so that each is a time that was measured."""
    names = [*PERCENTILES, "max"]
    if not len(times_s):
        return dict.fromkeys(names, 0.0)
    found = np.quantile(times_s, [*PERCENTILES.values(), 1.0], method="inverted_cdf")
    return {name: round(float(each) * 1e3, 3) for name, each in zip(names, found, strict=True)}


def _over(
    times_s: Floats, edges: np.ndarray[tuple[int, ...], np.dtype[np.int64]], share: float
) -> list[float]:
    parts = (times_s[start:stop] for start, stop in pairwise(edges))
    return [round(float(np.quantile(each, share)) * 1e3, 3) if len(each) else 0.0 for each in parts]
