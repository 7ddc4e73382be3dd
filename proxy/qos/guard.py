"""The guard: from which class on requests are turned away because the proxy itself is in distress.

Decides by the event loop's lag and by the share of the body memory that is held, by nothing of the servers.
The least critical go first. For each `INTERVAL_S` that a mark stays passed one rank more is turned away; for
each that all is well again one less (as CoDel: what counts is that it lasts, Nichols and Jacobson 2012).
Between the marks nothing changes, so that it does not swing. The top class is never turned away.
Hot path: one comparison with `least_rank`, which is to be asked once per observation.
"""

from typing import Final

LAG_S_MAX: Final = 0.1
"""A loop that lags so much misses the deadlines of critical classes by itself."""

LAG_S_CALM: Final = 0.05
"""The lag at which one rank is let in again."""

HELD_SHARE_MAX: Final = 0.9
"""Of the memory for bodies; at 1.0 every request is refused, critical or not."""

HELD_SHARE_CALM: Final = 0.7
"""The share at which one rank is let in again."""

INTERVAL_S: Final = 0.5
"""How long a mark must stay passed: longer than a full collection of garbage, or a reload."""

ALL_SERVED: Final = 1_000_000
"""A rank that no class has, that of the offline queue's tickets included."""


class Guard:
    """The proxy's own health. Times are monotonic seconds."""

    __slots__ = ("_distressed", "_level", "_since_s", "_steady")

    def __init__(self) -> None:
        self._level = 0  # ranks turned away
        self._steady = True  # between the marks: no side's time runs
        self._distressed = False
        self._since_s = 0.0  # when this side was reached, or last counted

    def observe(self, lag_s: float, held_share: float, now: float) -> None:
        """What the event loop lags by, and which share of the body memory is held. At most one rank each."""
        distressed = lag_s > LAG_S_MAX or held_share > HELD_SHARE_MAX
        calm = lag_s <= LAG_S_CALM and held_share <= HELD_SHARE_CALM
        if not distressed and not calm:
            self._steady = True
        elif self._steady or distressed != self._distressed:
            self._steady = False
            self._distressed = distressed
            self._since_s = now
        elif now - self._since_s >= INTERVAL_S:
            self._since_s = now
            self._level = self._level + 1 if distressed else max(0, self._level - 1)

    def least_rank(self, classes: int) -> int:
        """From this rank on requests are turned away, in a table of so many classes; rank 0 is served.

        What the table has no class for is forgotten: recovery must not take longer than the distress did.
        """
        self._level = min(self._level, max(1, classes - 1))
        return max(1, classes - self._level) if self._level else ALL_SERVED
