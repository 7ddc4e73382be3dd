"""Pauses that end when they should: the loop's own timers round to a millisecond, a twentieth of 20 ms.

Resolution: that of `sim/load/alarm.py`, and of the loop's turn. One alarm for all pauses of a loop.
"""

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush

from sim.load.alarm import make_alarm


class Pause:
    """A pending call-back."""

    __slots__ = ("fire",)

    def __init__(self, fire: Callable[[], None]) -> None:
        self.fire: Callable[[], None] | None = fire

    def cancel(self) -> None:
        """Forget the call-back."""
        self.fire = None


class AlarmTimers:
    """`ports.Timers` over one precise alarm of the running loop. `close` it at the end."""

    late = False

    def __init__(self) -> None:
        self._alarm = make_alarm(asyncio.get_running_loop(), self._ring)
        self._heap: list[tuple[float, int, Pause]] = []
        self._made = 0

    def after(self, delay_s: float, fire: Callable[[], None]) -> Pause:
        """Call `fire` once, no earlier than `delay_s` from now."""
        pause = Pause(fire)
        self._made += 1
        at_s = time.monotonic() + delay_s
        heappush(self._heap, (at_s, self._made, pause))
        if self._heap[0][2] is pause:
            self._alarm.set(at_s)
        return pause

    def close(self) -> None:
        """None of them fires any more."""
        self._alarm.close()

    def _ring(self) -> None:
        heap, now_s = self._heap, time.monotonic()
        while heap and heap[0][0] <= now_s:
            fire = heappop(heap)[2].fire
            if fire is not None:
                fire()
        if heap:
            self._alarm.set(heap[0][0])
