"""The health of an endpoint: whether it is preferred among those of its application.

An endpoint whose calls fail in a row, or too often, is set aside for a rest and then probed with one call, by
a breaker of its own (outlier detection, as Envoy calls it). Never more than half of the endpoints (of three,
two) are set aside, for the load of those moves to the others; who returns soonest stays in use. The endpoint
of an application that has only one is thus always fit: to refuse everything is the application's breaker's
decision. Where servers are asked themselves (`checkup.py`) one that is `down` is not called, be it the last.
"""

from collections.abc import Sequence
from typing import Final

from proxy.qos.breaker import Breaker
from proxy.routing.table import BreakerLimits

CONSECUTIVE_MAX: Final = 5
"""Failures in a row that set an endpoint aside: Envoy's `consecutive_5xx`. Fewer than the application's ten,
so that one dead endpoint is gone before it speaks against all."""


class Health:
    """The health of one endpoint. Times are monotonic seconds."""

    __slots__ = ("_breaker", "down")

    def __init__(self, limits: BreakerLimits) -> None:
        self._breaker = Breaker(endpoint_limits(limits))
        self.down = False  # it said so itself, or did not answer when it was asked

    def limit(self, limits: BreakerLimits) -> None:
        """Take over the application's new limits; what is known of the endpoint stays."""
        self._breaker.limits = endpoint_limits(limits)

    def fit(self, now: float) -> bool:
        """Whether nothing speaks against it; also when it is time for the probe. Changes nothing."""
        return not self.down and self._breaker.admits(now)

    def steady(self) -> bool:
        """It is fit, and a call now would not be its probe."""
        return not self.down and self._breaker.steady()

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
    """The places of the endpoints that may be drawn: half of all at least, but for those that are down."""
    fit = [place for place, health in enumerate(healths) if health.fit(now)]
    spared = max(1, len(healths) // 2) - len(fit)
    if spared <= 0:
        return fit
    aside = [place for place in range(len(healths)) if place not in fit and not healths[place].down]
    aside.sort(key=lambda place: healths[place].set_aside_s(now))
    return sorted(fit + aside[:spared])
