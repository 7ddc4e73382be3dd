"""The machine, in words: figures without it are worth nothing."""

import os
import platform
import resource
import sys
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the figures depend on."""

    processor: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    files_max: int
    load: float  # of the last minute, before the run
    peer_core: int
    load_core: int  # of the generator and the upstreams

    @property
    def text(self) -> str:
        """In one line."""
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gib:.0f} GiB, Linux {self.kernel}, Python"
            f" {self.python}; at most {self.files_max:,} open files; load before {self.load:.1f};"
            f" peers on core {self.peer_core}, generator and upstreams on core {self.load_core}"
        )


def describe() -> Machine:
    """The machine that this runs on. The first two cores that this process may use are the run's."""
    cores = sorted(os.sched_getaffinity(0))
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(Path("/proc/cpuinfo").read_text()),
        cores=len(cores),
        memory_gib=pages / 2**30,
        kernel=platform.release(),
        python=sys.version.split()[0],
        files_max=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        load=os.getloadavg()[0],
        peer_core=cores[0],
        load_core=cores[1 % len(cores)],
    )


def _processor(cpuinfo: str) -> str:
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()
