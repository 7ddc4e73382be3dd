"""How the two cores were used while something was measured: by those that should, and by anything else."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from sim.bench.peers.server import Server

_NOT_WORK = (3, 4)
"""Fields of /proc/stat that count idle time; all others, stolen time too, keep the peer from running."""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of a core's time, and the processor seconds of the one that it is for."""

    own_s: float
    busy: float
    others: float


class Meter:
    """Begins to count when it is made. `spent` gives the processor seconds of whom the core is for."""

    def __init__(self, core: int, spent: Callable[[], float]) -> None:
        self._core = core
        self._spent = spent
        self._began_s = time.monotonic()
        self._worked_s = worked_s(core)
        self._spent_s = spent()

    def read(self) -> Use:
        """The use of the core since then. The kernel counts in hundredths of a second."""
        span_s = time.monotonic() - self._began_s
        own_s = self._spent() - self._spent_s
        others_s = worked_s(self._core) - self._worked_s - own_s
        return Use(own_s=own_s, busy=own_s / span_s, others=max(0.0, others_s / span_s))


def load_spent_s(upstream: Server) -> float:
    """What the core of the load is for: the upstreams, this process, and the generators that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return upstream.cpu_s() + sum(each.ru_utime + each.ru_stime for each in used)


def worked_s(core: int) -> float:
    """Seconds that the core was not idle, since the machine began."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *counts = line.split()
        if name == f"cpu{core}":
            work = [int(count) for place, count in enumerate(counts[:8]) if place not in _NOT_WORK]
            return sum(work) / os.sysconf("SC_CLK_TCK")
    raise ValueError(f"no core {core} in /proc/stat")
