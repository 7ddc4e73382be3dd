"""Bursts: a fault that repeats is logged at once, then once per window with its count.

Never drops the last count silently: `flush` (called by `tell`, and by whoever sweeps) writes the summary of
every window that has ended.
"""

from typing import Any

from proxy.ports import Clock, Log

WINDOW_S = 10.0
KEYS_MAX = 1024
"""Faults told apart at once; one more and all counts so far are written out."""


class Burst:
    """The log of one kind of event, thinned out by key."""

    __slots__ = ("_clock", "_ends_s", "_event", "_log", "_more", "_window_s")

    def __init__(self, event: str, *, clock: Clock, log: Log, window_s: float = WINDOW_S) -> None:
        self._event = event
        self._clock = clock
        self._log = log
        self._window_s = window_s
        self._ends_s: dict[tuple[str, ...], float] = {}
        self._more: dict[tuple[str, ...], tuple[int, dict[str, Any]]] = {}

    def tell(self, key: tuple[str, ...], **fields: Any) -> None:
        """Log the first event of `key` with its fields; count those that follow within the window."""
        now = self._clock.now()
        ends_s = self._ends_s.get(key)
        if ends_s is not None and now >= ends_s:
            self._summarise(key, now)
            ends_s = self._ends_s.get(key)
        if ends_s is not None:
            self._more[key] = (self._more[key][0] + 1 if key in self._more else 1, fields)
            return
        if len(self._ends_s) >= KEYS_MAX:
            self._write_all()
        self._ends_s[key] = now + self._window_s
        self._log.warning(self._event, **fields)

    def flush(self) -> None:
        """Write the summaries of the windows that have ended."""
        now = self._clock.now()
        for key in [key for key, ends_s in self._ends_s.items() if now >= ends_s]:
            self._summarise(key, now)

    def _summarise(self, key: tuple[str, ...], now: float) -> None:
        """End a window. One with repeats is followed by another: a burst that goes on is not told anew."""
        more = self._more.pop(key, None)
        if more is None:
            del self._ends_s[key]
            return
        self._ends_s[key] = now + self._window_s
        count, fields = more
        self._log.warning(self._event, **fields, repeated=count, window_s=self._window_s)

    def _write_all(self) -> None:
        for key in list(self._more):
            self._summarise(key, self._clock.now())
        self._ends_s.clear()
