"""How a peer's core was used while something was measured: by the peer, and by anything else."""

import os
import time
from pathlib import Path

import msgspec

from sim.bench.peers.server import Server

_NOT_WORK = (3, 4)
"""Fields of /proc/stat that count idle time; all others, stolen time too, keep the peer from running."""


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the core's time, and the peer's own processor seconds."""

    peer_s: float
    busy: float
    others: float


class Meter:
    """Begins to count when it is made."""

    def __init__(self, core: int, server: Server) -> None:
        self._core = core
        self._server = server
        self._began_s = time.monotonic()
        self._worked_s = worked_s(core)
        self._peer_s = server.cpu_s()

    def read(self) -> Use:
        """The use of the core since then. The kernel counts in hundredths of a second."""
        span_s = time.monotonic() - self._began_s
        peer_s = self._server.cpu_s() - self._peer_s
        others_s = worked_s(self._core) - self._worked_s - peer_s
        return Use(peer_s=peer_s, busy=peer_s / span_s, others=max(0.0, others_s / span_s))


def worked_s(core: int) -> float:
    """Seconds that the core was not idle, since the machine began."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *counts = line.split()
        if name == f"cpu{core}":
            work = [int(count) for place, count in enumerate(counts[:8]) if place not in _NOT_WORK]
            return sum(work) / os.sysconf("SC_CLK_TCK")
    raise ValueError(f"no core {core} in /proc/stat")
