"""Looks after the proxy's own health, a few times a second, and tells the pipeline whom to turn away.

Measures how late its own timer is and how much of the memory for bodies is held; `qos/guard.py` decides.
"""

from collections.abc import Callable

from proxy.pipeline import Pipeline
from proxy.ports import Clock, Log
from proxy.qos.guard import ALL_SERVED, Guard
from proxy.timers import Alarm

BEAT_S = 0.1


class Guarding:
    """`beat` once, and it goes on by `alarm` (the loop's `call_later`); `held_share` is 0 to 1."""

    def __init__(
        self, *, pipeline: Pipeline, clock: Clock, alarm: Alarm, held_share: Callable[[], float], log: Log
    ) -> None:
        self._pipeline = pipeline
        self._now = clock.now
        self._alarm = alarm
        self._held_share = held_share
        self._log = log
        self._guard = Guard()
        self._due_s: float | None = None

    def beat(self) -> None:
        """Look, and look again a little later."""
        now = self._now()
        lag_s = 0.0 if self._due_s is None else now - self._due_s
        held_share = self._held_share()
        self._guard.observe(lag_s, held_share, now)
        rank = self._guard.least_rank(len(self._pipeline.snapshot.table.classes))
        if rank != self._pipeline.turned_away_from:
            self._pipeline.turned_away_from = rank
            self._log.warning(
                "guard",
                turned_away_from_rank=None if rank == ALL_SERVED else rank,
                lag_s=round(lag_s, 3),
                held_share=round(held_share, 3),
            )
        self._due_s = now + BEAT_S
        self._timer = self._alarm(BEAT_S, self.beat)

    def stop(self) -> None:
        """Look no more."""
        if self._due_s is not None:
            self._timer.cancel()
