"""Time that stands until it is told to go, and timers on it."""

from collections.abc import Callable


class ManualClock:
    """`ports.Clock`: both clocks show `time_s`."""

    def __init__(self, time_s: float = 1000.0) -> None:
        self.time_s = time_s

    def now(self) -> float:
        return self.time_s

    def wall(self) -> float:
        return self.time_s


class ManualTimer:
    """`ports.Timer`: fires when its clock is moved past it."""

    def __init__(self, at_s: float, fire: Callable[[], None]) -> None:
        self.at_s = at_s
        self.fire: Callable[[], None] | None = fire

    def cancel(self) -> None:
        self.fire = None


class ManualTimers:
    """`ports.Timers` over a manual clock; `advance` moves the clock and fires what is due, in order."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._timers: list[ManualTimer] = []
        self.late = False

    def after(self, delay_s: float, fire: Callable[[], None]) -> ManualTimer:
        timer = ManualTimer(self._clock.time_s + delay_s, fire)
        self._timers.append(timer)
        return timer

    @property
    def pending(self) -> int:
        return sum(timer.fire is not None for timer in self._timers)

    def advance(self, span_s: float) -> None:
        end_s = self._clock.time_s + span_s
        while True:
            due = [timer for timer in self._timers if timer.fire is not None and timer.at_s <= end_s]
            if not due:
                break
            timer = min(due, key=lambda each: each.at_s)
            self._clock.time_s = max(self._clock.time_s, timer.at_s)
            fire, timer.fire = timer.fire, None
            assert fire is not None
            fire()
        self._clock.time_s = end_s
