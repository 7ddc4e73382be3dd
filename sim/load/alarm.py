"""An alarm more precise than the loop's timers: libuv rounds those to a millisecond, longer than a gap is.

Linux has it as a file (timerfd); elsewhere the loop's own timers must do.
"""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

_MONOTONIC = 1
_ABSOLUTE = 1
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class Alarm(Protocol):
    """Rings once, no earlier than the time it was last set to."""

    def set(self, at_s: float) -> None:
        """Of `time.monotonic`; a time that has passed rings at once."""
        ...

    def close(self) -> None:
        """It rings no more."""
        ...


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanos", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerFile:
    """`Alarm` by timerfd."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._settime = libc.timerfd_settime
        self._file = libc.timerfd_create(_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._ring = ring
        self._loop = loop
        self._spec = _Itimerspec()
        self._pointer = ctypes.byref(self._spec)
        loop.add_reader(self._file, self._fired)

    def set(self, at_s: float) -> None:
        seconds = int(at_s)
        self._spec.value.seconds = seconds
        self._spec.value.nanos = int((at_s - seconds) * 1e9) or 1  # all zeros would disarm it
        self._settime(self._file, _ABSOLUTE, self._pointer, None)

    def close(self) -> None:
        self._loop.remove_reader(self._file)
        os.close(self._file)

    def _fired(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:  # set anew since
            return
        self._ring()


class LoopTimer:
    """`Alarm` by the loop's timers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, at_s: float) -> None:
        self.close()
        self._handle = self._loop.call_later(max(0.0, at_s - time.monotonic()), self._ring)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()


def make_alarm(loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> Alarm:
    """The most precise that there is."""
    return TimerFile(loop, ring) if sys.platform == "linux" else LoopTimer(loop, ring)
