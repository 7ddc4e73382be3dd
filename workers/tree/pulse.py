"""The pulse of one process of the tree, in memory that it shares with its supervisor. It decides nothing.

A process that hangs is still there: no end of it is seen, and whatever it was asked is answered by nobody.
So its loop moves a count at every turn, twice a second at least, and the supervisor looks (`patience.py`).
"""

import mmap
import os
from typing import Final

import msgspec

TICK_S: Final = 0.5
"""The longest that a loop waits before its next beat."""

_BEATS: Final = 0  # words
_LOADING: Final = 1
_ALLOWED_MS: Final = 2


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a pulse shows."""

    count: int  # 0 = the process has not begun its work yet
    loading: bool  # models: a library may keep the interpreter for itself for long
    allowed_s: float  # how long the loop may stand still while the process computes


class Pulse:
    """A mapping of one. The process writes, its supervisor reads."""

    def __init__(self, file: int) -> None:
        """The descriptor may be closed after this."""
        self._map = mmap.mmap(file, mmap.PAGESIZE)
        self._words = memoryview(self._map).cast("q")

    def beat(self) -> None:
        """The loop has come round."""
        self._words[_BEATS] += 1

    def load(self, *, loading: bool) -> None:
        """Models are being loaded, or no more."""
        self._words[_LOADING] = loading

    def allow(self, still_s: float) -> None:
        """From now on one thing that the loop does may take so long."""
        self._words[_ALLOWED_MS] = int(still_s * 1000)

    def close(self) -> None:
        """Let the memory go."""
        self._words.release()
        self._map.close()

    def look(self) -> Beat:
        """What is there now."""
        count, loading, allowed_ms = self._words[: _ALLOWED_MS + 1].tolist()
        return Beat(count=count, loading=bool(loading), allowed_s=allowed_ms / 1000)


def make_pulse() -> int:
    """A new one, which has not beaten; its descriptor."""
    file = os.memfd_create("penstock-pulse", os.MFD_CLOEXEC)
    os.ftruncate(file, mmap.PAGESIZE)
    return file
