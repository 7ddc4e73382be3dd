"""How long to wait before a process that ended unasked is started again. Pure."""

from typing import Final

DELAY_S_MIN: Final = 0.25
DELAY_S_MAX: Final = 8.0
LIVED_S: Final = 10.0
"""Who lived so long begins anew: it is started again at once."""


class Backoff:
    """Of one process. At once the first time, then twice as long each time, up to the limit."""

    def __init__(self) -> None:
        self._delay_s = 0.0

    def after(self, lived_s: float) -> float:
        """The seconds to wait after a life of so many."""
        if lived_s >= LIVED_S:
            self._delay_s = 0.0
        delay_s = self._delay_s
        self._delay_s = min(DELAY_S_MAX, max(DELAY_S_MIN, 2 * delay_s))
        return delay_s
