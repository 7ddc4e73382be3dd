"""The watchdog of the labelers' time budgets: it breaks off a labeler that hangs on the event loop's thread.

One interval timer of the operating system (SIGALRM), wound up only when none is running, so that on the
happy path a labeler costs two assignments and no system call but the reading of the thread's own time. Its
handler runs in the main thread between two instructions of the hanging code and raises `Overrun` there.

What makes it safe: it raises only when the budget has passed, by the clock and by evidence that the labeler
is to blame for it (processor time used, or many rings), and while `labelers.labels.collect` is on the stack.
All that runs below `collect` is the user's; whoever calls `collect` catches. A signal that comes late, or
between two labelers, finds neither and does nothing.

What it cannot do: interrupt C code that does not return (a catastrophic regular expression). Such a labeler
is struck when it returns, and suspended when it does so again (`labeling.py`).
"""

import _thread
import gc
import math
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, Protocol

from labelers.labels import collect
from proxy.clock import LiveClock

GRACE_S = 0.002
"""Between the rings after the time has run out."""

WARNINGS_MAX = 10
"""A labeler that has not used its budget of processor time is struck only after so many rings: it sleeps, or
waits for something. On a busy machine a process may stand still for longer than any budget; each ring shows
that this thread runs again, and an innocent labeler needs microseconds of it."""

BASELINE_S = 0.001
"""How old the reading of the thread's own time may be that a labeler is judged by: it is a system call, and
several times dearer than the rest. A labeler is forgiven as much."""

RETRY_S = 0.005
"""A labeler that caught `Overrun` has this long to clean up; then it is struck at every step it takes."""

STRIKES_SINGLE = 1
"""The first strike is a single one; those that follow come in a storm."""

SURELY_S = 1.0
"""A labeler that took this long is to blame even if it used no processor: it waited for something."""


class Overrun(BaseException):
    """The labeler's time is over. Not an `Exception`, so that a labeler's own handlers let it pass."""


class Watching(Protocol):
    """What the labeling needs of a watchdog. Times are monotonic seconds."""

    def arm(self, now: float, deadline: float) -> None:
        """A labeler begins."""
        ...

    def disarm(self) -> None:
        """It has ended."""
        ...

    def blames(self, elapsed_s: float, budget_s: float) -> bool:
        """Tell whether a labeler that ended, but late, is to blame (or the process was not running)."""
        ...


class NoWatchdog:
    """Where no signal can be had (the simulation, threads): overruns are seen after the fact."""

    def arm(self, now: float, deadline: float) -> None:
        """Do nothing."""

    def disarm(self) -> None:
        """Do nothing."""

    def blames(self, elapsed_s: float, budget_s: float) -> bool:
        """Time is the clock's alone."""
        return elapsed_s > budget_s


class Watchdog:
    """Breaks off labelers of the main thread; `start` and `stop` are called there too."""

    __slots__ = (
        *(
            "_before",
            "_budget_s",
            "_deadline",
            "_live",
            "_now",
            "_read_s",
            "_rings",
            "_spent",
            "_spent_before_s",
        ),
        *("_collecting", "_collecting_since_s", "strikes", "warnings"),
    )

    def __init__(
        self, *, now: Callable[[], float] = LiveClock.now, spent: Callable[[], float] = LiveClock.spent
    ) -> None:
        self._now = now
        self._spent = spent  # processor seconds of this thread
        self._live = False  # without a handler SIGALRM would end the process
        self._deadline = math.inf  # inf = no labeler is running
        self._rings = math.inf  # when the timer rings; inf = it is not running
        self._spent_before_s = 0.0
        self._read_s = -math.inf  # when the thread's own time was last read
        self._budget_s = 0.0
        self._collecting = False
        self._collecting_since_s = 0.0
        self._before: object = signal.SIG_DFL
        self.strikes = 0  # at the labeler that is running
        self.warnings = 0  # rings since its time ran out

    def start(self) -> None:
        """Take SIGALRM. Raises `ValueError` outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("signals are handled in the main thread only")
        self._before = signal.signal(signal.SIGALRM, self._ring)
        gc.callbacks.append(self._collects)
        self._live = True

    def stop(self) -> None:
        """Give SIGALRM back."""
        if self._live:
            gc.callbacks.remove(self._collects)
        self._live = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        self._deadline = self._rings = math.inf
        signal.signal(signal.SIGALRM, self._before)  # type: ignore[arg-type]

    def arm(self, now: float, deadline: float) -> None:
        """A labeler begins. A timer left over from an earlier one, if it rings in time, will look again."""
        self.strikes = self.warnings = 0
        if now - self._read_s > BASELINE_S or now < self._read_s:
            self._read_s = now
            self._spent_before_s = self._spent()
        self._budget_s = deadline - now
        self._deadline = deadline
        if not now <= self._rings <= deadline:  # not running, too late, or taken away by other code
            self._wind(now, deadline - now)

    def disarm(self) -> None:
        """It has ended."""
        self._deadline = math.inf

    def blames(self, elapsed_s: float, budget_s: float) -> bool:
        """By the processor time that it used, or by having taken absurdly long."""
        return elapsed_s >= SURELY_S or self._has_spent(budget_s)

    def _has_spent(self, budget_s: float) -> bool:
        return self._spent() - self._spent_before_s >= budget_s + BASELINE_S

    def _guilty(self) -> bool:
        if self._collecting:
            return False
        return self.strikes > 0 or self.warnings >= WARNINGS_MAX or self._has_spent(self._budget_s)

    def _collects(self, phase: str, _info: dict[str, int]) -> None:
        """The collector of garbage runs wherever the next object is made: its time is not the labeler's."""
        if phase == "start":
            self._collecting_since_s = self._spent()
            self._collecting = True
        else:
            self._spent_before_s += self._spent() - self._collecting_since_s
            self._collecting = False  # only now: a signal that waited is handled as soon as this is called

    def _wind(self, now: float, delay_s: float) -> None:
        if self._live:
            self._rings = now + delay_s
            signal.setitimer(signal.ITIMER_REAL, max(delay_s, 0.000_001))

    def _ring(self, _signum: int, frame: FrameType | None) -> None:
        now = self._now()
        if self._deadline == math.inf:
            self._rings = math.inf
        elif now < self._deadline:
            self._wind(now, self._deadline - now)
        elif not self._guilty() or not _may_strike(frame):
            self.warnings += 1
            self._wind(now, GRACE_S)
        else:
            self.strikes += 1
            self._wind(now, RETRY_S)
            if self.strikes > STRIKES_SINGLE:
                _strike_again()
            raise Overrun


def _strike_again() -> NoReturn:
    """Raise, and have the signal pending once more, so that no nest of `except:` in a loop can hold out.

    The call is made by `map`, in C, and the `raise` follows it without a call or a jump back: between the
    two the interpreter does not look for signals. The next look is in the labeler's own code.
    """
    for _ in map(_thread.interrupt_main, (signal.SIGALRM,)):
        raise Overrun
    raise Overrun


def _may_strike(frame: FrameType | None) -> bool:
    """Only a labeler's code is broken off, and no import in it: that would stay half done."""
    while frame is not None:
        if frame.f_code is collect.__code__:
            return True
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return False
        frame = frame.f_back
    return False
