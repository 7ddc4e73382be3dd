"""Minutes at saturation, and whether a process of the proxy keeps its size.

`python -m sim.bench.soak [--minutes 10]`: the peer `penstock` of `sim.bench.peers` (its compiled twin where
that is built) on a core of its own serves wrk over 64 connections without a pause, but for the new
connections of each ten seconds. After half a minute of warm-up its resident memory is printed every ten
seconds; at the end the growth by a straight line through all of them, answers per second at the start and at
the end, and errors. Exit 1 when there were errors.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from sim.bench.peers.machine import describe
from sim.bench.peers.nginx import NGINX
from sim.bench.peers.payload import small_requests
from sim.bench.peers.peer import Running, start
from sim.bench.peers.penstock import PENSTOCK, PENSTOCK_COMPILED
from sim.bench.peers.server import pinned
from sim.bench.peers.upstream import start_upstreams
from sim.bench.peers.wrk import find_wrk, run_wrk

SLICE_S = 10
WARM_UP_SLICES = 3
ENDS_SLICES = 3
"""How many slices at the start, and at the end, the speed is the median of."""

MINUTES, MINUTES_MAX = 10, 60
CONNECTIONS = 64


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """What ten seconds gave."""

    minutes: float  # since the start, the warm-up included
    rss_kib: float
    per_s: float
    errors: int
    trouble: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What all slices say together."""

    kib_per_minute: float
    growth: float  # over the whole time, a share of the size at its start; both by the straight line
    per_s_start: float
    per_s_end: float
    errors: int

    @property
    def text(self) -> str:
        """In one line."""
        return (
            f"memory {self.kib_per_minute:+.1f} KiB a minute, {self.growth:+.2%} in all; answers per second"
            f" {self.per_s_start:,.0f} at the start, {self.per_s_end:,.0f} at the end; {self.errors:,} errors"
        )


def verdict(slices: Sequence[Slice]) -> Verdict:
    """Of two slices or more, those of the warm-up left out."""
    line = statistics.linear_regression([each.minutes for each in slices], [each.rss_kib for each in slices])
    first_kib = line.intercept + line.slope * slices[0].minutes
    return Verdict(
        kib_per_minute=line.slope,
        growth=line.slope * (slices[-1].minutes - slices[0].minutes) / first_kib,
        per_s_start=statistics.median(each.per_s for each in slices[:ENDS_SLICES]),
        per_s_end=statistics.median(each.per_s for each in slices[-ENDS_SLICES:]),
        errors=sum(each.errors for each in slices),
    )


def main(minutes: int) -> int:
    """Print a line each slice, then the verdict."""
    nginx, compiled = NGINX.find(), PENSTOCK_COMPILED.find()
    if nginx is None or find_wrk() is None:
        print("needs nginx and wrk: apt-get install nginx-light wrk")
        return 1
    machine = describe()
    peer = PENSTOCK if compiled is None else PENSTOCK_COMPILED
    print(f"{peer.name}; {machine.text}", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-soak-")))
        stack.enter_context(pinned(machine.load_core))
        upstream, ports = start_upstreams(nginx, machine.load_core, folder)
        stack.callback(upstream.stop)
        core = machine.peer_core
        running = start(peer, sys.executable, core=core, folder=folder, upstreams=ports, certificate=None)
        stack.callback(running.server.stop)
        slices = []
        for number, each in enumerate(_slices(running, folder, minutes * 60 // SLICE_S + WARM_UP_SLICES)):
            warm = number >= WARM_UP_SLICES
            print(_line(each) + ("" if warm else "  (warm-up)"), flush=True)
            if warm:
                slices.append(each)
    found = verdict(slices)
    print(found.text)
    return 1 if found.errors else 0


def _slices(running: Running, folder: Path, count: int) -> Iterator[Slice]:
    url, began_s = f"http://127.0.0.1:{running.port}", time.monotonic()
    for _ in range(count):
        told = run_wrk(url, small_requests(), connections=CONNECTIONS, seconds=SLICE_S, folder=folder)
        yield Slice(
            minutes=(time.monotonic() - began_s) / 60,
            rss_kib=running.server.rss_bytes() / 1024,
            per_s=told.good / (told.duration_us / 1e6),
            errors=told.errors,
            trouble=told.trouble,
        )


def _line(found: Slice) -> str:
    return (
        f"{found.minutes:5.1f} min  {found.rss_kib:>9,.0f} KiB  {found.per_s:>8,.0f} per s  {found.trouble}"
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--minutes", type=int, choices=range(1, MINUTES_MAX + 1), default=MINUTES, metavar="N"
    )
    sys.exit(main(options.parse_args().minutes))
