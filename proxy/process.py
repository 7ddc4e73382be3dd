"""What a process of the proxy asks of the operating system: signals, descriptors, a settled memory."""

import asyncio
import contextlib
import ctypes
import gc
import resource
import signal
import sys
from collections.abc import Callable

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""mallopt(3)'s parameters."""

SWITCH_S = 0.0005
"""How long a thread that computes (it parses a new table, say) may keep the event loop's thread waiting."""


def raise_descriptors() -> None:
    """As many connections as the system allows: the soft limit is often 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def settle_memory() -> None:
    """What was built at the start stays: the collector need not look through it at every turn."""
    keep_memory()
    "localhost".encode("idna")  # imports what the first connection to a model server would wait for
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()


def keep_memory() -> None:
    """Large bodies come and go: given back to the system each time, their pages cost more than all the rest.

    Of glibc's allocator: blocks up to 32 MiB come from the heap, of which up to 128 MiB stay when they are
    free. Elsewhere nothing is changed.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 32 * 1024**2)
        mallopt(M_TRIM_THRESHOLD, 128 * 1024**2)


class Signals:
    """SIGTERM and SIGINT ask to end, a second one to end at once; SIGHUP asks for what `on_hangup` names."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended = asyncio.Event()
        self._loop = loop
        self._hurry: Callable[[], None] = lambda: None
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)

    def _end(self) -> None:
        if self.ended.is_set():
            self._hurry()
        self.ended.set()

    def on_second(self, hurry: Callable[[], None]) -> None:
        """From now on a second signal calls `hurry`."""
        self._hurry = hurry

    def on_hangup(self, act: Callable[[], None]) -> None:
        """From now on SIGHUP does this."""
        self._loop.add_signal_handler(signal.SIGHUP, act)

    def leave_to_parent(self) -> None:
        """Ctrl-C goes to every process of a terminal; one that has a parent waits for its word."""
        self._loop.add_signal_handler(signal.SIGINT, lambda: None)
