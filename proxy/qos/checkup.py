"""The checkup: what asking a model server itself says of it, and when it is asked next.

Decides whether an endpoint is down: after so many failed checks in a row, until so many good ones in a row.
Until then it is taken to be well: a new one is served at once. Calls are the breaker's to judge
(`health.py`), and neither knows of the other. Never asks anybody.
"""

from typing import Final

from proxy.routing.table import HealthCheck

JITTER: Final = 0.2
"""The part of the interval that chance decides: proxies that began together must not ask together."""


class Checkup:
    """The checks of one endpoint. `down` is what they came to."""

    __slots__ = ("_against", "down", "limits")

    def __init__(self, limits: HealthCheck) -> None:
        self.limits = limits
        self.down = False
        self._against = 0  # checks in a row that speak against `down` as it is

    def hear(self, good: bool) -> bool:
        """How a check ended. True where that changed `down`."""
        if good != self.down:
            self._against = 0
            return False
        self._against += 1
        if self._against < (self.limits.up if self.down else self.limits.down):
            return False
        self._against = 0
        self.down = not self.down
        return True

    def first_s(self, u: float) -> float:
        """Seconds until the first check; `u` is uniform in [0, 1)."""
        return self.limits.every_s * u

    def next_s(self, took_s: float, u: float) -> float:
        """Seconds from the end of a check that took so long until the next one; none overtakes another."""
        return max(0.0, self.limits.every_s * (1.0 + JITTER * (u - 0.5)) - took_s)
