"""What a server's stall looks like to an open loop and to a closed one: ours and `wrk`, on the same stub.

The stub answers at once, and stands still for 1 s in 20. An open loop counts what was due in that second from
when it was due, so that its p99 is about a second. `wrk` waits for answers before it asks again: it sends
nothing in the second, sees one slow answer for each connection, and then adds by a formula what it believes
that it would have sent (its correction, from the mean pace).
"""

import argparse
import asyncio
import re
import shutil
import subprocess
import sys
import time

import uvloop

from sim.bench.generator import Instant
from sim.load.arrivals import Poisson
from sim.load.crew import run_plan
from sim.load.plan import Plan
from sim.load.report import generator_line
from sim.load.target import read_target

RATE, SECONDS, STALL_S, EVERY_S = 1_000.0, 20.0, 1.0, 20.0
WRK_CONNECTIONS = 16
INVALID = 98
SERVE = "serve"


async def serve(stall_s: float, every_s: float) -> None:
    """Until it is killed; its first stall comes after half of `every_s`."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Instant, "127.0.0.1", 0, backlog=4_096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(every_s / 2)
    while True:
        time.sleep(stall_s)  # noqa: ASYNC251 - the whole server stands still, on purpose
        await asyncio.sleep(every_s - stall_s)


def main() -> int:
    """Both, one after the other, each on a stub of its own."""
    options = _parser().parse_args()
    if options.serve:
        uvloop.run(serve(STALL_S, EVERY_S))
        return 0
    valid = _ours(options.rate, options.seconds)
    _wrk(options.seconds)
    return 0 if valid else INVALID


def _ours(rate: float, seconds: float) -> bool:
    process, url = _stub()
    try:
        result = run_plan(Plan(target=read_target(url), arrivals=Poisson(rate=rate, seconds=seconds)))
    finally:
        process.kill()
        process.communicate()
    each = result.classes["all"]
    print(f"open loop, {rate:,.0f}/s: p50 {each.p50_ms:,.1f} ms, p99 {each.p99_ms:,.1f} ms,")
    print(f"  p99.9 {each.latency.p999_ms:,.1f} ms, max {each.latency.max_ms:,.1f} ms of {each.arrivals:,}")
    print(f"  {generator_line(result.generator)}")
    for complaint in result.invalid:
        print(f"  INVALID: {complaint}")
    return result.valid


def _wrk(seconds: float) -> None:
    if shutil.which("wrk") is None:
        print("wrk: not installed here (Debian package wrk); only the open loop was run")
        return
    process, url = _stub()
    words = ("wrk", "--latency", "-t1", f"-c{WRK_CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "10s", url)
    try:
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    finally:
        process.kill()
        process.communicate()
    shares = ", ".join(f"p{share} {value}" for share, value in re.findall(r"(50|90|99)% +(\S+)", said))
    total = re.search(r"(\d+) requests in", said)
    print(f"wrk, {WRK_CONNECTIONS} connections: {shares} of {int(total[1]) if total else 0:,}")


def _stub() -> "tuple[subprocess.Popen[str], str]":
    words = (sys.executable, "-m", "sim.bench.omission", SERVE)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, f"http://127.0.0.1:{int(process.stdout.readline())}/v2/models/m/infer"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("serve", nargs="?", choices=(SERVE,), help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
