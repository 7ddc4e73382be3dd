"""A timer wheel: one loop timer for the deadlines of all requests.

A timeout is armed per attempt and nearly always cancelled; on the wheel both cost an append and an
assignment. Resolution is one tick; a timer never fires early. What is cancelled leaves its place behind
until its tick, or until there are many of them: timeouts of minutes must not hold millions.
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


CANCELLED_MAX = 50_000
"""So many cancelled timers, and more than are pending, are cleared away: about 2 ms, once in so many."""


class Alarm(Protocol):
    """The one timer of the event loop that the wheel uses."""

    def __call__(self, delay: float, callback: Callable[[], None], /) -> Timer: ...


class Entry:
    """A pending call-back; cancelling lets go of it, and all that it holds, at once."""

    __slots__ = ("_wheel", "fire")

    def __init__(self, fire: Callable[[], None], wheel: "Wheel") -> None:
        self.fire: Callable[[], None] | None = fire
        self._wheel = wheel

    def cancel(self) -> None:
        """Forget the call-back."""
        if self.fire is not None:
            self.fire = None
            self._wheel.cancelled += 1


class Wheel:
    """`ports.Timers` over `now` (monotonic seconds) and `alarm` (the loop's `call_later`).

    `first` is called before timers fire: an answer that has been read is not late. A call-back that raises is
    a bug: it goes to `report`, and the others still fire.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        alarm: Alarm,
        report: Callable[[Exception], None],
        first: Callable[[], None] | None = None,
    ) -> None:
        self._now = now
        self._alarm = alarm
        self._report = report
        self._first = first
        self._slots: dict[int, list[Entry]] = {}
        self._ticks: list[int] = []  # a heap of the keys of `_slots`
        self.cancelled = 0  # entries that were cancelled and still have their places; theirs to count
        self._places = 0
        self.late = False  # see `ports.Timers`
        self._excused = False  # this turn is late, and its timers wait for the next one
        self._armed: tuple[int, Timer] | None = None  # the tick that the alarm is for, and the alarm

    def after(self, delay_s: float, fire: Callable[[], None]) -> Entry:
        """Call `fire` once, between `delay_s` and `delay_s` + one tick (and the loop's lag) from now."""
        now = self._now()
        tick = int((now + delay_s) / TICK_S) + 1
        entry = Entry(fire, self)
        self._places += 1
        if self.cancelled > CANCELLED_MAX and self.cancelled * 2 > self._places:
            self._clear()
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
        if self._first is not None:
            self._first()
        now = self._now()
        self._armed = None
        if not self._ticks:
            return
        self.late = self._excused
        self._excused = not self._excused and now - self._ticks[0] * TICK_S > LAG_S
        if self._excused:
            self._armed = (self._ticks[0], self._alarm(GRACE_S, self._turn))
            return
        while self._ticks and self._ticks[0] * TICK_S <= now:
            slot = self._slots.pop(heapq.heappop(self._ticks))
            self._places -= len(slot)
            for entry in slot:
                self._fire(entry)
        if self._ticks:
            self._arm(self._ticks[0], now)

    def _fire(self, entry: Entry) -> None:
        fire, entry.fire = entry.fire, None
        if fire is None:
            self.cancelled -= 1
            return
        try:
            fire()
        except Exception as error:  # noqa: BLE001 - one request's bug must not stop the others' timers
            self._report(error)

    def _clear(self) -> None:
        """Take the places of what was cancelled."""
        pending = {
            tick: [entry for entry in slot if entry.fire is not None] for tick, slot in self._slots.items()
        }
        self._slots = {tick: slot for tick, slot in pending.items() if slot}
        self._ticks = list(self._slots)
        heapq.heapify(self._ticks)
        self._places = sum(map(len, self._slots.values())) + 1  # and the one about to be taken
        self.cancelled = 0
