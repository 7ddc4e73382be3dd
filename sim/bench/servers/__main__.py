"""An identity model over HTTP JSON: our worker, MLServer and Triton's Python backend, in one run.

`python -m sim.bench.servers [--rounds N] [--seconds S] [--connections N] [--only WORD]`. All servers run on
the first core, `wrk` on the last; they are measured in turns, so that the machine's moods meet all. Medians
of the rounds: requests a second, processor microseconds a request of all of a server's processes, and how
many times as much ours does. A server that is not installed is named and left out.
"""

import argparse
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

from sim.bench.peers.wrk import find_wrk, run_wrk
from sim.bench.servers.contender import ALL, OURS, Absent, Running

ROUNDS, SECONDS, CONNECTIONS = 5, 5, 32


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One round of one server."""

    rate: float  # good answers a second
    processor_us: float  # a good answer
    p50_ms: float
    p99_ms: float
    errors: int


def measure(running: Running, connections: int, seconds: int, folder: Path) -> Figure:
    """One round."""
    before_s = running.spent_s()
    told = run_wrk(
        running.url, [running.contender.request], connections=connections, seconds=seconds, folder=folder
    )
    spent_s = running.spent_s() - before_s
    return Figure(
        rate=told.good / (told.duration_us / 1e6),
        processor_us=spent_s / max(1, told.good) * 1e6,
        p50_ms=told.p50_us / 1000,
        p99_ms=told.p99_us / 1000,
        errors=told.errors,
    )


def main() -> int:
    """Print a line per server."""
    options = _parser().parse_args()
    if find_wrk() is None:
        print("wrk is not installed here", file=sys.stderr)
        return 1
    cores = sorted(os.sched_getaffinity(0))
    found: dict[str, list[Figure]] = {}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        running = []
        for number, contender in enumerate(each for each in ALL if options.only in each.name):
            place = Path(folder, str(number))
            place.mkdir()
            try:
                running.append(stack.enter_context(Running(contender, place, cores[0])))
            except Absent as error:
                print(error)
        os.sched_setaffinity(0, {cores[-1]})
        for number in range(options.rounds + 1):
            for each in running:
                figure = measure(each, options.connections, options.seconds if number else 1, Path(folder))
                if number:  # the first round only warms up
                    found.setdefault(each.contender.name, []).append(figure)
    for name, figures in found.items():
        print(line(name, figures, found.get(OURS.name)))
    return 0


def line(name: str, figures: list[Figure], ours: list[Figure] | None) -> str:
    """A server's medians."""
    rate = statistics.median(figure.rate for figure in figures)
    us = statistics.median(figure.processor_us for figure in figures)
    p50, p99 = (statistics.median(getattr(each, key) for each in figures) for key in ("p50_ms", "p99_ms"))
    errors = sum(figure.errors for figure in figures)
    ratio = f"   ours {statistics.median(each.rate for each in ours) / rate:5.2f} x" if ours else ""
    text = f"{name:38}{rate:9,.0f}/s {us:7.0f} us  p50 {p50:6.2f}  p99 {p99:6.2f} ms{ratio}"
    return text + (f"   {errors} errors" if errors else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--only", default="", metavar="WORD", help="servers with this in their name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
