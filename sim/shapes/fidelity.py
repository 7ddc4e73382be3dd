"""How true a schedule is to its trace: the count, the burstiness of arrivals, the busiest minute."""

import numpy as np

from sim.shapes.clients import Flow
from sim.shapes.sheet import Floats

MINUTE_S = 60.0
GAPS_MIN = 100
"""Of fewer gaps the coefficient of variation says little: their window counts in the sum alone."""


class Likeness:
    """`wanted` is the trace's figure, `found` the schedule's."""

    __slots__ = ("found", "name", "share_max", "wanted")

    def __init__(self, name: str, wanted: float, found: float, share_max: float) -> None:
        self.name = name
        self.wanted = wanted
        self.found = found
        self.share_max = share_max

    @property
    def off(self) -> float:
        """By which share it is off, signed."""
        return (self.found - self.wanted) / self.wanted if self.wanted else float(self.found != 0)

    @property
    def kept(self) -> bool:
        """Whether it is near enough."""
        return abs(self.off) <= self.share_max


def cv_of(times_s: Floats) -> float:
    """The coefficient of variation of the gaps; 0 for fewer than two."""
    gaps = np.diff(times_s)
    mean = float(gaps.mean()) if len(gaps) > 1 else 0.0
    return float(gaps.std()) / mean if mean > 0 else 0.0


def peak_of(times_s: Floats, width_s: float = MINUTE_S) -> int:
    """How many arrivals the busiest of the intervals of this width has, counted from 0."""
    if not len(times_s):
        return 0
    return int(np.bincount((times_s // width_s).astype(np.int64)).max())


def compared_to_log(log_s: Floats, due_s: Floats) -> list[Likeness]:
    """A log replayed as it was."""
    return [
        Likeness("requests", len(log_s), len(due_s), 0.0),
        Likeness("inter-arrival CV", cv_of(log_s), cv_of(due_s), 0.02),
        Likeness("busiest minute", peak_of(log_s), peak_of(due_s), 0.01),
    ]


def compared_to_clients(
    counts: Floats, starts_s: Floats, width_s: float, drawn: list[Flow]
) -> list[Likeness]:
    """Clients: `counts` and `starts_s` of their windows, and what was drawn of them.

    The trace knows no minutes: the busiest one is that of the busiest window, a mean of its minutes.
    """
    minutes = width_s / MINUTE_S
    wanted = np.bincount((starts_s // width_s).astype(np.int64), weights=counts)
    whole = np.sort(np.concatenate([flow.times_s for flow in drawn]))
    large = [flow for flow in drawn if len(flow.times_s) > GAPS_MIN]
    weights = np.array([len(flow.times_s) for flow in large], dtype=np.float64)
    stated, found = (
        np.array(each) for each in zip(*((flow.cv, cv_of(flow.times_s)) for flow in large), strict=True)
    )
    return [
        Likeness("requests", float(counts.sum()), len(whole), 0.0),
        Likeness("clients' inter-arrival CV", float(np.average(stated, weights=weights)),
                 float(np.average(found, weights=weights)), 0.02),
        Likeness("busiest minute", float(wanted.max()) / minutes, peak_of(whole, width_s) / minutes, 0.01),
    ]  # fmt: skip
