"""The ramp: how much of its weight an application gets after it has been ill.

Decides a share of a weight, never whether there may be a call. Linear, as Envoy's `slow_start` with its
default aggression of 1 and HAProxy's `slowstart`; from a tenth on, Envoy's default `min_weight_percent`.
Envoy states no default span and HAProxy none either. Ten seconds is the breaker's default window: who falls
ill again on the way up is judged by calls of the ramp alone, and no overload outlasts it unnoticed.
"""

from math import inf
from typing import Final

SHARE_MIN: Final = 0.1
"""The share at the moment of recovery: enough to learn from, too little to hurt."""

SPAN_S: Final = 10.0
"""From recovery to the whole weight."""


class Ramp:
    """The ramp of one application. Times are monotonic seconds; one that was never ill stands at 1.0."""

    __slots__ = ("_began_s", "_span_s", "_whole_s")

    def __init__(self, span_s: float = SPAN_S) -> None:
        self._span_s = span_s
        self._began_s = -inf
        self._whole_s = -inf

    def restart(self, now: float) -> None:
        """The application has just recovered."""
        self._began_s = now
        self._whole_s = now + self._span_s

    def share(self, now: float) -> float:
        """The share of its weight that the application gets: `SHARE_MIN` to 1.0."""
        if now >= self._whole_s:
            return 1.0
        return SHARE_MIN + (1.0 - SHARE_MIN) * (now - self._began_s) / self._span_s
