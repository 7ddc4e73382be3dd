"""One process of the proxy beside two: requests per second, in turns, the same work for both.

`python -m sim.bench.processes [SECONDS]`: wrk over 64 connections, an nginx that answers at once, a table
with limits of concurrency and rate, so that two processes pay for sharing them. Rounds of one and of two
alternate; medians and their ratio are printed. The model server stays on the last core, the rest runs where
the system puts it: where the machine has hardly more cores than there are processes here, they share them,
and the ratio says more about the machine than about the proxy.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from sim.bench.peers.payload import small_requests
from sim.bench.peers.penstock import ROWS_FEW, table
from sim.bench.peers.server import free_ports
from sim.bench.peers.upstream import Upstreams, start_upstreams
from sim.bench.peers.wrk import run_wrk

ROUNDS = 5
PROCESSES = (1, 2)
CONNECTIONS = 64
SECONDS = 5


@contextmanager
def serving(processes: int, ports: Upstreams, folder: Path) -> Iterator[int]:
    """A proxy of so many processes; its port."""
    file = folder / "table.yaml"
    file.write_bytes(msgspec.json.encode(table(ports, ROWS_FEW)))
    port, admin = free_ports(2)
    addresses = ("--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}")
    more = ("--queue", "memory://", "--log-level", "error", "--processes", str(processes))
    proxy = subprocess.Popen(
        [sys.executable, "-m", "proxy.cli", "serve", str(file), *addresses, *more], stdout=subprocess.PIPE
    )
    try:
        assert proxy.stdout is not None
        line = proxy.stdout.readline()
        assert line.startswith(b"penstock ready"), line
        yield port
    finally:
        proxy.terminate()
        proxy.wait()


def main(seconds: int) -> None:
    """Print the table."""
    nginx = shutil.which("nginx", path=f"/usr/sbin:{os.environ['PATH']}")
    if nginx is None or shutil.which("wrk") is None:
        sys.exit("needs nginx and wrk: apt-get install nginx-light wrk")
    per_s: dict[int, list[float]] = {processes: [] for processes in PROCESSES}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream, ports = start_upstreams(nginx, max(os.sched_getaffinity(0)), folder)
        stack.callback(upstream.stop)
        for number in range(ROUNDS):
            for processes in PROCESSES if number % 2 == 0 else reversed(PROCESSES):
                with serving(processes, ports, folder) as port:
                    told = run_wrk(
                        f"http://127.0.0.1:{port}",
                        small_requests(),
                        connections=CONNECTIONS,
                        seconds=seconds,
                        folder=folder,
                    )
                per_s[processes].append(told.good / (told.duration_us / 1e6))
                print(
                    f"round {number + 1}, {processes} process(es): {per_s[processes][-1]:>8,.0f} per s,"
                    f" p50 {told.p50_us / 1e3:6.2f} ms, p99 {told.p99_us / 1e3:6.2f} ms,"
                    f" trouble: {told.trouble or 'none'}",
                    flush=True,
                )
    medians = {processes: statistics.median(each) for processes, each in per_s.items()}
    for processes, median in medians.items():
        print(f"{processes} process(es), median: {median:>8,.0f} per s")
    print(f"ratio 2 : 1 on {len(os.sched_getaffinity(0))} cores: {medians[2] / medians[1]:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
