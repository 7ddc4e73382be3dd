"""The health of an endpoint: whether it is preferred among those of its application.

Two witnesses, kept apart. Calls: an endpoint whose calls fail in a row, or too often, is set aside for a rest
and then probed with one call, by a breaker of its own (outlier detection, as Envoy calls it). Checks: one
that fails `FALL` checks running is down until `RISE` succeed (HAProxy's `fall` and `rise`, with its
defaults). A good check does not bring back what calls have set aside: a server may answer its health page and
fail at its work.

Never more than half of the endpoints (of three, two) are set aside on the word of calls alone, for the load
of those moves to the others; who returns soonest stays in use. A failed check is sure, and is not bounded so.
Where no endpoint is left all are fit (Envoy's panic mode): to refuse everything is the breaker's decision,
not this file's. The endpoint of an application that has only one is thus always fit.
"""

from collections.abc import Sequence
from typing import Final

from proxy.qos.breaker import Breaker
from proxy.routing.table import BreakerLimits

CONSECUTIVE_MAX: Final = 5
"""Failures in a row that set an endpoint aside: Envoy's `consecutive_5xx`. Fewer than the application's ten,
so that one dead endpoint is gone before it speaks against all."""

FALL: Final = 3
"""Failed checks in a row after which an endpoint is down."""

RISE: Final = 2
"""Good checks in a row after which it is up again."""

CHECK_S_MAX: Final = 30.0
"""How long a check's word holds. Who is checked no more is not down for ever."""


class Health:
    """The health of one endpoint. Times are monotonic seconds."""

    __slots__ = ("_breaker", "_checked_s", "_down", "_streak")

    def __init__(self, limits: BreakerLimits) -> None:
        self._breaker = Breaker(endpoint_limits(limits))
        self._down = False
        self._streak = 0  # checks in a row that speak against `_down`
        self._checked_s = 0.0

    def limit(self, limits: BreakerLimits) -> None:
        """Take over the application's new limits; what is known of the endpoint stays."""
        self._breaker.limits = endpoint_limits(limits)

    def fit(self, now: float) -> bool:
        """Whether both witnesses speak for it; also when it is time for the probe. Changes nothing."""
        return self._breaker.admits(now) and not self.down(now)

    def down(self, now: float) -> bool:
        """Whether checks say so."""
        return self._down and now - self._checked_s <= CHECK_S_MAX

    def set_aside_s(self, now: float) -> float:
        """How long calls may still keep it set aside; 0.0 when they do not, or a probe is on its way."""
        return self._breaker.rest_left_s(now)

    def begin(self, now: float) -> bool:
        """A call to it starts. True when it is the probe; a call for want of others is none."""
        return self._breaker.admits(now) and self._breaker.begin()

    def settle(self, *, blamed: bool, slow: bool = False, probe: bool, now: float) -> None:
        """A call to it ended; `blamed`, `slow` and `probe` as with the breaker."""
        self._breaker.settle(blamed=blamed, slow=slow, probe=probe, now=now)

    def forget(self, *, probe: bool) -> None:
        """A call to it was given up by its caller: no evidence."""
        self._breaker.forget(probe=probe)

    def probed(self, ok: bool, now: float) -> None:
        """An active check ended."""
        if now - self._checked_s > CHECK_S_MAX:
            self._down = False
            self._streak = 0
        self._checked_s = now
        if ok != self._down:
            self._streak = 0
            return
        self._streak += 1
        if self._streak >= (RISE if self._down else FALL):
            self._down = not self._down
            self._streak = 0


def endpoint_limits(limits: BreakerLimits) -> BreakerLimits:
    """What an application's limits are for one of its endpoints."""
    return BreakerLimits(
        consecutive=min(limits.consecutive, CONSECUTIVE_MAX),
        ratio=limits.ratio,
        calls_min=limits.calls_min,
        window_s=limits.window_s,
        rest_s=limits.rest_s,
        rest_max_s=limits.rest_max_s,
        slow_s=limits.slow_s,
        slow_ratio=limits.slow_ratio,
    )


def fit_of(healths: Sequence[Health], now: float) -> list[int]:
    """The places of the endpoints that may be drawn: never none, where there is one at all."""
    fit = [place for place, health in enumerate(healths) if health.fit(now)]
    count = len(healths)
    if fit and len(fit) >= count // 2:
        return fit
    aside = [place for place, health in enumerate(healths) if not health.down(now) and place not in fit]
    aside.sort(key=lambda place: healths[place].set_aside_s(now))
    spared = len(aside) - (count + 1) // 2
    if spared > 0:
        fit = sorted(fit + aside[:spared])
    return fit or list(range(count))
