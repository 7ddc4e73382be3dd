"""When a process that is still there is given up: its loop stands still, and nothing explains that. Pure.

It counts looks, not seconds: where the whole machine stood still, so did whoever looks. A loop that stands
while its process computes may be at one long thing, a batch that lets no other thread run: that is waited for
until a stated limit. One that neither moves nor computes is stopped, or waits for a lock that nobody opens:
no work explains it, and it is given up after a few looks.
"""

from typing import Final

from workers.tree.pulse import Beat

LOOK_S: Final = 0.5  # between two looks
STILL_LOOKS_MAX: Final = 10  # neither a beat nor processor time
COMPUTES_PART: Final = 0.05  # of the time between two looks; threads that wait for a lock spend less
BUSY_LOOKS_MAX: Final = 20  # no beat, but processor time; more where the process says so
LOADING_LOOKS_MAX: Final = 240  # while it starts or loads: libraries are imported, files are read


class Patience:
    """With one life of one process."""

    def __init__(self) -> None:
        self._count = 0
        self._processor_s = 0.0
        self._no_beat = 0  # looks in a row
        self._nothing = 0  # those without processor time either

    def look(self, beat: Beat, processor_s: float) -> str:
        """Why it is given up, in words; empty: it is not. `processor_s`: what its threads spent so far."""
        moved, computed = beat.count != self._count, processor_s - self._processor_s >= COMPUTES_PART * LOOK_S
        self._count, self._processor_s = beat.count, processor_s
        self._no_beat = 0 if moved else self._no_beat + 1
        self._nothing = 0 if moved or computed else self._nothing + 1
        if beat.loading or not beat.count:
            if self._no_beat >= LOADING_LOOKS_MAX:
                return f"it did not come to its work for {self._no_beat * LOOK_S:.0f} s"
        elif self._nothing >= STILL_LOOKS_MAX:
            return f"it did nothing at all for {self._nothing * LOOK_S:.0f} s"
        elif self._no_beat >= max(BUSY_LOOKS_MAX, beat.allowed_s / LOOK_S):
            return f"it was at one thing for {self._no_beat * LOOK_S:.0f} s"
        return ""
