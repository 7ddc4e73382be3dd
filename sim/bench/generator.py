"""Can the generator keep a fast schedule? 10,000 requests a second to a server that answers at once.

The server has the last core, the generator the first (with one core they share it). `--processes N` splits
the schedule. Prints a line per arrival process; exit 98 when a schedule was not kept: a machine too slow or
too busy for it says nothing about servers either. `--profile` shows where one process's time goes.
"""

import argparse
import asyncio
import cProfile
import os
import pstats
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import uvloop

from sim.load.arrivals import AnyArrivals, Constant, Poisson
from sim.load.crew import run_plan
from sim.load.plan import Plan, schedule
from sim.load.process import Job, generate
from sim.load.report import generator_line
from sim.load.target import reached, read_target

RATE, SECONDS, WARM_UP_S = 10_000.0, 5.0, 0.5
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
INVALID = 98
SERVE = "serve"
PROFILE_LINES = 25


class Instant(asyncio.Protocol):
    """Answers whatever arrives, unread; a request of this benchmark comes in one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - asyncio names it
        self._transport.write(ANSWER)


async def serve() -> None:
    """Until it is killed."""
    server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", 0, backlog=4_096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


@contextmanager
def server() -> Iterator[str]:
    """Its URL; it runs on the last core, and who calls on the first."""
    cores = sorted(os.sched_getaffinity(0))
    process = subprocess.Popen(
        [sys.executable, "-m", "sim.bench.generator", SERVE], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        os.sched_setaffinity(process.pid, {cores[-1]})
        os.sched_setaffinity(0, {cores[0]})
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v2/models/m/infer"
    finally:
        os.sched_setaffinity(0, set(cores))
        process.kill()
        process.communicate()


def main() -> int:
    """Run both arrival processes once each."""
    options = _parser().parse_args()
    if options.serve:
        uvloop.run(serve())
        return 0
    kinds: tuple[type[Constant | Poisson], ...] = (Constant, Poisson)
    kept = True
    with server() as url:
        for kind in kinds:
            plan = _plan(url, kind(rate=options.rate, seconds=options.seconds + WARM_UP_S), options.processes)
            if options.profile:
                _profile(plan)
                continue
            result = run_plan(plan)
            print(f"{kind.__name__.lower():9}{generator_line(result.generator)}")
            print(f"  {result.generator.processor_us:.1f} µs of processor a request")
            for name, each in result.classes.items():
                print(f"  {name}: {each.ends}, latency p50 {each.p50_ms:.2f}, p99 {each.p99_ms:.2f} ms")
            for complaint in result.invalid:
                print(f"  INVALID: {complaint}")
            kept = kept and result.valid
    return 0 if kept else INVALID


def _plan(url: str, arrivals: AnyArrivals, processes: int) -> Plan:
    return Plan(target=read_target(url), arrivals=arrivals, processes=processes, warm_up_s=WARM_UP_S)


def _profile(plan: Plan) -> None:
    job = Job(plan=plan, process=0, address=reached(plan.target))
    share = schedule(plan)
    profile = cProfile.Profile()
    before_s = time.process_time()
    profile.runcall(lambda: uvloop.run(generate(job, share, time.monotonic() + 0.2)))
    print(
        f"{(time.process_time() - before_s) / len(share.due_s) * 1e6:.1f} µs of processor a request, profiled"
    )
    pstats.Stats(profile).sort_stats("tottime").print_stats(PROFILE_LINES)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("serve", nargs="?", choices=(SERVE,), help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
