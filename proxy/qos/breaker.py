"""The breaker: whether an application that keeps failing, or has become slow, is called at all.

`admitting` → too many failures or slow calls → `rejecting` for a rest → `probing`, one call at a time →
`admitting` again on any sign of life, or a doubled rest. A probe always resolves: with a result, or by being
forgotten when its caller left. Load (429) is a sign of life: it never opens the breaker. A slow probe is a
failed one, else what is ill without errors would be let back at once.

Failures and slow calls are counted apart, as in Resilience4j (`slowCallRateThreshold`). The slow ones are
judged by the youngest fifth of the window, and by older calls only where those are fewer than `calls_min`:
with a window of 10 s that many old, fast calls would hide for 5 s that every call is slow now.
"""

import enum
from typing import Final

from proxy.routing.table import BreakerLimits

BUCKETS: Final = 10
"""The window slides in steps of a tenth."""

PATIENCE_S: Final = 1.0
"""How long the most critical class leaves the probe to others, where it has another tier."""

RECENT_BUCKETS: Final = 2
"""The steps, the begun one included, that tell whether calls are slow now; a stall is shorter than one."""


class State(enum.Enum):
    """`penstock_breaker_state`: 0 admitting, 1 probing, 2 rejecting."""

    ADMITTING = 0
    PROBING = 1
    REJECTING = 2


class Breaker:
    """The breaker of one application. Times are monotonic seconds."""

    __slots__ = ("_consecutive", "_probing", "_rest_s", "_rested_s", "_window", "limits")

    def __init__(self, limits: BreakerLimits) -> None:
        self.limits = limits
        self._window = Window(limits.window_s)
        self._consecutive = 0
        self._rest_s = 0.0  # 0 = admitting
        self._rested_s = 0.0  # when the rest is over
        self._probing = False

    def state(self, now: float) -> State:
        """For people and metrics."""
        if not self._rest_s:
            return State.ADMITTING
        return State.PROBING if self._probing or now >= self._rested_s else State.REJECTING

    def admits(self, now: float) -> bool:
        """May a call start now? Changes nothing."""
        return not self._rest_s or (now >= self._rested_s and not self._probing)

    def steady(self) -> bool:
        """It admits, and a call now would not be a probe."""
        return not self._rest_s

    def spares(self, now: float) -> bool:
        """A call would be the probe, and there is still time for a less critical one to be it."""
        return self._rest_s > 0 and now < self._rested_s + PATIENCE_S

    def rest_left_s(self, now: float) -> float:
        """How long no call may start yet; 0.0 also while a probe is on its way."""
        return max(0.0, self._rested_s - now)

    def begin(self) -> bool:
        """A call starts (`admits` said yes in this turn of the loop). True when it is the probe."""
        if self._rest_s:
            self._probing = True
            return True
        return False

    def is_slow(self, elapsed_s: float) -> bool:
        """Whether a call that took this long counts as slow. A throttled or rejected one never should."""
        slow_s = self.limits.slow_s
        return slow_s is not None and elapsed_s > slow_s

    def settle(self, *, blamed: bool, slow: bool = False, probe: bool, now: float) -> None:
        """A call ended; `blamed` when its outcome speaks against it, `slow` when its time does."""
        if probe:
            self._settle_probe(blamed or slow, now)
        elif not self._rest_s:
            self._settle_call(blamed, slow, now)
        # Calls from before the breaker opened say nothing about how the application is now.

    def forget(self, *, probe: bool) -> None:
        """A call was given up by its caller: no evidence. The next call may probe."""
        if probe:
            self._probing = False

    def _settle_probe(self, failed: bool, now: float) -> None:
        self._probing = False
        if failed:
            self._rest_s = min(self._rest_s * 2, self.limits.rest_max_s)
            self._rested_s = now + self._rest_s
        else:
            self._rest_s = 0.0
            self._consecutive = 0
            self._window = Window(self.limits.window_s)

    def _settle_call(self, blamed: bool, slow: bool, now: float) -> None:
        self._consecutive = self._consecutive + 1 if blamed else 0
        self._window.add(blamed, now, slow=slow)
        if (blamed and self._fails()) or (slow and self._lags()):
            self._rest_s = self.limits.rest_s
            self._rested_s = now + self._rest_s

    def _fails(self) -> bool:
        limits, window = self.limits, self._window
        if self._consecutive >= limits.consecutive:
            return True
        return window.calls >= limits.calls_min and window.failures >= limits.ratio * window.calls

    def _lags(self) -> bool:
        calls, slow = self._window.lately(self.limits.calls_min)
        return calls >= self.limits.calls_min and slow >= self.limits.slow_ratio * calls


class Window:
    """Calls, failures and slow calls of the last `span_s` seconds, in `BUCKETS` steps."""

    __slots__ = ("_calls", "_failures", "_slows", "_step", "_step_s", "calls", "failures")

    def __init__(self, span_s: float) -> None:
        self._step_s = span_s / BUCKETS
        self._step = 0
        self._calls = [0] * BUCKETS  # by step; so are the others
        self._failures = [0] * BUCKETS
        self._slows = [0] * BUCKETS
        self.calls = 0
        self.failures = 0

    def add(self, failed: bool, now: float, *, slow: bool = False) -> None:
        """Count one call that ended now."""
        step = int(now / self._step_s)
        if step != self._step:
            self._slide(step)
        place = step % BUCKETS
        self._calls[place] += 1
        self.calls += 1
        if failed:
            self._failures[place] += 1
            self.failures += 1
        if slow:
            self._slows[place] += 1

    def lately(self, calls_min: int) -> tuple[int, int]:
        """Calls and slow calls: of `RECENT_BUCKETS`, and of older steps until there are `calls_min`."""
        calls, slow = 0, 0
        for age in range(BUCKETS):
            if age >= RECENT_BUCKETS and calls >= calls_min:
                break
            place = (self._step - age) % BUCKETS
            calls += self._calls[place]
            slow += self._slows[place]
        return calls, slow

    def _slide(self, step: int) -> None:
        for passed in range(max(self._step + 1, step - BUCKETS + 1), step + 1):
            place = passed % BUCKETS
            self.calls -= self._calls[place]
            self.failures -= self._failures[place]
            self._calls[place] = self._failures[place] = self._slows[place] = 0
        self._step = step
