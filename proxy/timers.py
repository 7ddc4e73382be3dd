"""A timer wheel: one loop timer for the deadlines of all requests.

A timeout is armed per attempt and nearly always cancelled; on the wheel both cost an append and an
assignment. Resolution is one tick; a timer never fires early.
"""

import heapq
from collections.abc import Callable
from typing import Protocol

from proxy.ports import Timer

TICK_S = 0.001

LAG_S = 0.005
"""A turn that comes this late shows that the loop stood still."""

GRACE_S = 0.0005
"""Then what arrived meanwhile is read first: an answer that waits in the socket is not late."""


class Alarm(Protocol):
    """The one timer of the event loop that the wheel uses."""

    def __call__(self, delay: float, callback: Callable[[], None], /) -> Timer: ...


class Entry:
    """A pending call-back; cancelling lets go of it, and all that it holds, at once."""

    __slots__ = ("fire",)

    def __init__(self, fire: Callable[[], None]) -> None:
        self.fire: Callable[[], None] | None = fire

    def cancel(self) -> None:
        """Forget the call-back."""
        self.fire = None


class Wheel:
    """`ports.Timers` over `now` (monotonic seconds) and `alarm` (the loop's `call_later`).

    A call-back that raises is a bug: it goes to `report`, and the others still fire.
    """

    def __init__(
        self, *, now: Callable[[], float], alarm: Alarm, report: Callable[[Exception], None]
    ) -> None:
        self._now = now
        self._alarm = alarm
        self._report = report
        self._slots: dict[int, list[Entry]] = {}
        self._ticks: list[int] = []  # a heap of the keys of `_slots`
        self._excused = False  # this turn is late, and its timers wait for the next one
        self._armed: tuple[int, Timer] | None = None  # the tick that the alarm is for, and the alarm

    def after(self, delay_s: float, fire: Callable[[], None]) -> Entry:
        """Call `fire` once, between `delay_s` and `delay_s` + one tick (and the loop's lag) from now."""
        now = self._now()
        tick = int((now + delay_s) / TICK_S) + 1
        entry = Entry(fire)
        slot = self._slots.get(tick)
        if slot is not None:
            slot.append(entry)
            return entry
        self._slots[tick] = [entry]
        heapq.heappush(self._ticks, tick)
        self._arm(tick, now)
        return entry

    def _arm(self, tick: int, now: float) -> None:
        if self._armed is not None:
            if self._armed[0] <= tick:
                return
            self._armed[1].cancel()
        self._armed = (tick, self._alarm(max(0.0, tick * TICK_S - now), self._turn))

    def _turn(self) -> None:
        now = self._now()
        self._armed = None
        self._excused = not self._excused and now - self._ticks[0] * TICK_S > LAG_S
        if self._excused:
            self._armed = (self._ticks[0], self._alarm(GRACE_S, self._turn))
            return
        while self._ticks and self._ticks[0] * TICK_S <= now:
            for entry in self._slots.pop(heapq.heappop(self._ticks)):
                self._fire(entry)
        if self._ticks:
            self._arm(self._ticks[0], now)

    def _fire(self, entry: Entry) -> None:
        fire, entry.fire = entry.fire, None
        if fire is None:
            return
        try:
            fire()
        except Exception as error:  # noqa: BLE001 - one request's bug must not stop the others' timers
            self._report(error)
